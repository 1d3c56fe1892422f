"""One of the four services as a child process, ready when its own `/readyz` says so."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from services.local import probe
from services.local.errors import LocalRuntimeError
from services.local.files import tail
from services.local.process import Child, no_note, spawn

GRACE_SECONDS: Final = 2
_READY_SECONDS: Final = 60.0
_STOP_STEPS: Final = ((signal.SIGTERM, GRACE_SECONDS + 0.5),)


class Service:
    """A service that listens on a loopback port."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int,
        environment: Mapping[str, str],
        log: Path,
        note: Callable[[Child], None] = no_note,
    ) -> None:
        self.name = name
        self.port = port
        self.child: Child | None = None
        self._command = command
        self._environment = environment
        self._log = log
        self._note = note

    async def launch(self) -> None:
        """Start the service; returns when it is ready to work."""
        self.child = child = spawn(self.name, self._command, log=self._log, environment=self._environment)
        self._note(child)
        deadline = time.monotonic() + _READY_SECONDS
        said = "it is silent"
        while child.returncode is None:
            answer = await probe.get(self.port, "/readyz")
            if answer is not None and answer[0] == 200:
                return
            said = answer[1].decode(errors="replace") if answer else said
            if time.monotonic() >= deadline:
                raise self._failure(f"is not ready after {_READY_SECONDS:g} s: {said}")
            await asyncio.sleep(0.05)
        raise self._failure(f"ended with code {child.returncode}")

    async def stop(self) -> None:
        """Stop the service, by force when it does not finish in time."""
        if self.child is not None:
            await self.child.stop(*_STOP_STEPS)
            self.child = None

    def _failure(self, what: str) -> LocalRuntimeError:
        return LocalRuntimeError(f"{self.name} {what}\nThe end of its log, {self._log}:\n{tail(self._log)}")
