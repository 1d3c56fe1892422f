"""The pause of the cycle collector."""

import gc

import pytest

from shared.collector import collector_paused


def test_the_collector_goes_on_when_the_last_pause_is_over() -> None:
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_goes_on_after_a_failure() -> None:
    with pytest.raises(ValueError, match="no"), collector_paused():
        raise ValueError("no")
    assert gc.isenabled()
