"""The pause of the cycle collector."""

import gc
import time

import pytest

from shared.collector import collector_paused


def goes_on() -> bool:
    """Whether it does, once nobody else in the process has a reason for a pause."""
    until = time.monotonic() + 30
    while not gc.isenabled() and time.monotonic() < until:
        time.sleep(0.01)
    return gc.isenabled()


def test_the_collector_goes_on_when_the_last_pause_is_over() -> None:
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert goes_on()


def test_the_collector_goes_on_after_a_failure() -> None:
    with pytest.raises(ValueError, match="no"), collector_paused():
        raise ValueError("no")
    assert goes_on()
