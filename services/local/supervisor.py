"""Keeps child processes running: says when one dies, starts it again, and stops all of them in order."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from services.local.errors import LocalRuntimeError
from services.local.process import Child

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 3.0
_STEADY_SECONDS: Final = 20.0


class Component(Protocol):
    """Something that runs as one child process."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def child(self) -> Child | None:
        """Its process, once launched."""

    async def launch(self) -> None:
        """Start it, or start it again; returns when it is ready, raises LocalRuntimeError when it does not get so."""

    async def stop(self) -> None:
        """Stop it; returns when it has ended."""


class Supervisor:
    """The children of one instance, in the order in which they were started."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._groups: list[Sequence[Component]] = []
        self._watches: list[asyncio.Task[None]] = []

    async def start(self, *groups: Sequence[Component]) -> None:
        """Start all components together and return when all are ready; a later group is stopped before an earlier one.

        Raises as soon as one cannot get ready.
        """
        self._groups.extend(groups)
        launches = [asyncio.create_task(component.launch()) for group in groups for component in group]
        try:
            done, _ = await asyncio.wait(launches, return_when=asyncio.FIRST_EXCEPTION)
            for launch in done:
                launch.result()
        finally:
            for launch in launches:
                launch.cancel()
            await asyncio.gather(*launches, return_exceptions=True)

    def watch(self) -> None:
        """From now on, start again whatever dies."""
        self._watches = [asyncio.create_task(self._keep(component)) for group in self._groups for component in group]

    async def stop(self) -> None:
        """Stop everything, last started first, and return when nothing runs any more."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        for group in reversed(self._groups):
            await asyncio.gather(*(component.stop() for component in group))
        self._groups.clear()

    async def _keep(self, component: Component) -> None:
        delay = _FIRST_DELAY
        while component.child is not None:
            since = time.monotonic()
            await component.child.wait()
            if time.monotonic() - since > _STEADY_SECONDS:
                delay = _FIRST_DELAY
            self._say(f"{component.name} {_ended(component.child.returncode)}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            try:
                await component.launch()
            except (LocalRuntimeError, OSError) as failure:
                self._say(str(failure))
            else:
                self._say(f"{component.name} is ready again")


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
