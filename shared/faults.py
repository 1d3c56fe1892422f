"""Named points at which a test, or the environment, may make this process fail; elsewhere they do nothing.

A row, its history, its event and its place in the pending set are one statement, so between the update of an aggregate
and the insert of its event there is nowhere to fail.
"""

import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

Action = Callable[[], Awaitable[None]]

VARIABLE: Final = "PMO_FAULTS"
"""`point=kill` or `point=raise`, comma-separated; `point=kill:3` acts at the third passing."""

POINTS: Final = (
    "transaction.before_begin",
    "write.after_statement",
    "record.after_insert",
    "transaction.before_commit",
    "transaction.after_commit",
    "relay.after_claim",
    "relay.before_publish",
    "relay.after_publish",
    "relay.before_delete",
    "relay.after_delete",
    "consumer.after_fetch",
    "consumer.after_lock",
    "consumer.after_effect",
    "consumer.after_park",
    "consumer.before_commit",
    "consumer.before_ack",
    "consumer.after_resume",
    "consumer.after_gap",
    "worker.before_delete",
)
"""Every point there is, in the order in which an event passes them."""

_SPEC: Final = re.compile(
    r"\s*(?P<point>[a-z_.]+)=(?P<action>kill|raise)(?::(?P<number>[1-9][0-9]{0,5}))?\s*", re.ASCII
)


class Injected(Exception):
    """The failure that an armed point raises."""


_armed: dict[str, Action] = {}


async def fault(point: str) -> None:
    """Do what the point was armed with, which is nothing unless a test said otherwise."""
    if _armed and (action := _armed.get(point)) is not None:
        await action()


async def fail() -> None:
    """Raise Injected: the armed action for an ordinary failure."""
    raise Injected


async def kill() -> None:
    """Kill this process at once, as the kernel or a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def nth(number: int, action: Action) -> Action:
    """Return an action that acts only at the n-th passing."""
    passed = 0

    async def counted() -> None:
        nonlocal passed
        passed += 1
        if passed == number:
            await action()

    return counted


@contextmanager
def armed(point: str, action: Action = fail) -> Iterator[None]:
    """Arm a point for the duration of a block."""
    _armed[point] = action
    try:
        yield
    finally:
        _armed.pop(point, None)


def arm_from_environment(environ: Mapping[str, str]) -> None:
    """Arm the points that the environment names; raises ValueError with every mistake in it."""
    actions: dict[str, Action] = {"kill": kill, "raise": fail}
    mistakes = []
    for entry in filter(None, environ.get(VARIABLE, "").split(",")):
        match = _SPEC.fullmatch(entry)
        if match is None:
            mistakes.append(f"{entry!r} is not of the form point=kill, point=raise or point=kill:3")
        elif match["point"] not in POINTS:
            mistakes.append(f"{match['point']} is none of {', '.join(POINTS)}")
        else:
            _armed[match["point"]] = nth(int(match["number"] or 1), actions[match["action"]])
    if mistakes:
        raise ValueError("; ".join(mistakes))
