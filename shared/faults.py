"""Named points at which a test, or the environment, may make this process fail; elsewhere they do nothing."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

Action = Callable[[], Awaitable[None]]

VARIABLE: Final = "PMO_FAULTS"
"""`point=kill` or `point=raise`, comma-separated; `point=kill:3` acts at the third passing."""


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
    """Arm the points that the environment names."""
    actions: dict[str, Action] = {"kill": kill, "raise": fail}
    for entry in filter(None, environ.get(VARIABLE, "").split(",")):
        point, _, what = entry.partition("=")
        name, _, number = what.partition(":")
        _armed[point.strip()] = nth(int(number or 1), actions[name.strip()])
