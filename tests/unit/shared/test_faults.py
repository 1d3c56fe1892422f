"""Fault points: named, declared, and armed by the environment only as they are spelt."""

import re
from collections.abc import Iterator

import pytest

from shared import faults
from shared.faults import POINTS, Injected, arm_from_environment, armed, fault
from shared.testing.cases import ROOT


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """Leave nothing armed behind."""
    yield
    faults._armed.clear()


def test_every_point_in_the_code_is_declared_and_every_declared_one_is_in_the_code() -> None:
    sources = [path.read_text() for folder in ("shared", "services") for path in (ROOT / folder).rglob("*.py")]
    assert {name for text in sources for name in re.findall(r"await fault\(\"([a-z_.]+)\"\)", text)} == set(POINTS)


async def test_a_point_acts_at_the_passing_that_is_named() -> None:
    arm_from_environment({"PMO_FAULTS": "relay.after_claim=raise:3, consumer.after_fetch=raise"})
    with pytest.raises(Injected):
        await fault("consumer.after_fetch")
    for _ in range(2):
        await fault("relay.after_claim")
    with pytest.raises(Injected):
        await fault("relay.after_claim")
    await fault("relay.after_claim")


@pytest.mark.parametrize("wrong", ["relay.after_clain=kill", "relay.after_claim", "relay.after_claim=burn", "a=kill:0"])
def test_what_is_misspelt_is_refused_and_named(wrong: str) -> None:
    with pytest.raises(ValueError, match=re.escape(wrong.partition("=")[0])):
        arm_from_environment({"PMO_FAULTS": f"worker.before_delete=raise,{wrong}"})


async def test_without_being_armed_a_point_does_nothing() -> None:
    for point in POINTS:
        await fault(point)
    with armed(POINTS[0]), pytest.raises(Injected):
        await fault(POINTS[0])
    await fault(POINTS[0])
