"""Child processes of the local runtime: a session of their own, a log file, and no life after their parent's."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that a process runs as."""

    name: str
    uid: int
    gid: int


class Child:
    """A running child process."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self._process = process

    @property
    def pid(self) -> int:
        """The process id, also the id of the child's process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, None while the process runs."""
        return self._process.poll()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until the process has ended; False when it still runs after that many seconds."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while self._process.poll() is None:
            if deadline is not None and time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to the process; nothing happens when it has ended."""
        self._process.send_signal(signal_number)

    async def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal in turn, waiting its seconds for the end; then kill the whole process group."""
        for signal_number, seconds in steps:
            self.send(signal_number)
            if await self.wait(seconds):
                break
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.wait()


def no_note(_: Child) -> None:
    """Take no note of a child that was started."""


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    directory: Path | None = None,
    parent_death: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a command in its own session, output appended to the log; call it from the main thread only.

    On Linux the kernel sends `parent_death` when this process dies in whatever way; elsewhere the pid files tell.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=directory,
            start_new_session=True,
            preexec_fn=_die_with_parent(parent_death, os.getpid()),  # noqa: PLW1509 - one system call, no allocation
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    return Child(name, process)


def run(command: Sequence[str | Path], *, account: Account | None = None, directory: Path | None = None) -> str:
    """Run a command to its end and return its output; CalledProcessError carries the output of a failure."""
    return subprocess.run(
        [str(part) for part in command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    ).stdout


def started_at(pid: int) -> str | None:
    """When the process with this id was started, in the system's own words; None when there is none (or a zombie)."""
    stat = Path(f"/proc/{pid}/stat")
    if sys.platform == "linux" and Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else fields[19]
    answer = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],  # noqa: S607 - a system tool wherever the system keeps it
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"LC_ALL": "C"},
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _die_with_parent(signal_number: signal.Signals, parent: int) -> Callable[[], None] | None:
    library = _LIBC
    if library is None:
        return None

    def in_child() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
