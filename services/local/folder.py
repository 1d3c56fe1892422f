"""The data folder of `pmo up`: marked as ours, used by one at a time, and cleared of what a killed run left behind."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.local import privileges
from services.local.errors import LocalRuntimeError
from services.local.files import write_private
from services.local.process import Child, started_at

_PRODUCT: Final = "pmo-backend"
_MARK: Final = "pmo.json"
_LOCK: Final = "lock"
_KEPT: Final = (_MARK, _LOCK)
_LARGEST_LOG: Final = 10 * 2**20
_END_SECONDS: Final = 5.0


class DataFolder:
    """The folder with everything that survives a restart; only `opened` hands one out for writing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.keys = root / "keys"
        self.logs = root / "logs"
        self.postgres = root / "postgres"
        self.nats = root / "nats"
        self._run = root / "run"
        self._running = self._run / "up.json"
        self._children = self._run / "children.json"

    @classmethod
    @contextlib.contextmanager
    def opened(cls, root: Path, *, reset: bool = False) -> "Iterator[DataFolder]":
        """Make the folder if need be and hold it for this process; raises when it is in use or not ours."""
        root = root.absolute()
        if root.exists() and not _is_ours(root) and (not root.is_dir() or any(root.iterdir())):
            raise LocalRuntimeError(
                f"{root} is not empty and was not made by pmo: nothing was touched. Name another folder with --data."
            )
        root.mkdir(parents=True, exist_ok=True)
        # Root's PostgreSQL runs as another user, who has to pass through; what is inside is closed one by one.
        root.chmod(0o711 if os.geteuid() == 0 else 0o700)
        folder = cls(root)
        with (root / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalRuntimeError(f"pmo is already up on {root}: {folder.base_url or 'it is starting'}") from None
            if not _is_ours(root):
                write_private(root / _MARK, json.dumps({"product": _PRODUCT, "format": 1}) + "\n")
            folder._end_leftovers()
            if reset:
                folder._clear()
            folder._make()
            try:
                yield folder
            finally:
                folder._running.unlink(missing_ok=True)

    @property
    def base_url(self) -> str | None:
        """The URL of the instance that runs on this folder, if it got that far."""
        try:
            url: str = json.loads(self._running.read_text())["base_url"]
        except (FileNotFoundError, ValueError, KeyError):
            return None
        return url

    def log(self, name: str) -> Path:
        """The log file of a child process."""
        return self.logs / f"{name}.log"

    def announce(self, base_url: str) -> None:
        """Tell the next `pmo up` on this folder where this one is."""
        write_private(self._running, json.dumps({"base_url": base_url, "pid": os.getpid()}))

    def remember(self, child: Child) -> None:
        """Note a child process, so that the next run can end it if this one is killed."""
        known = self._known_children()
        known[child.name] = {"pid": child.pid, "started": started_at(child.pid)}
        write_private(self._children, json.dumps(known))

    def forget_children(self) -> None:
        """Note that all children have ended."""
        self._children.unlink(missing_ok=True)

    def _known_children(self) -> dict[str, dict[str, int | str | None]]:
        try:
            known: dict[str, dict[str, int | str | None]] = json.loads(self._children.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known

    def _end_leftovers(self) -> None:
        pids = [
            pid
            for child in self._known_children().values()
            if isinstance(pid := child.get("pid"), int) and _is_still(pid, child.get("started"))
        ]
        # SIGINT ends each of them in order: PostgreSQL takes SIGTERM as a wish to wait for its clients.
        for signal_number, send in ((signal.SIGINT, os.kill), (signal.SIGKILL, os.killpg)):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    send(pid, signal_number)
            deadline = time.monotonic() + _END_SECONDS
            while (pids := [pid for pid in pids if started_at(pid) is not None]) and time.monotonic() < deadline:
                time.sleep(0.05)
        self.forget_children()

    def _clear(self) -> None:
        privileges.remove_home(self.postgres)
        for entry in self.root.iterdir():
            if entry.name in _KEPT:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _make(self) -> None:
        for directory in (self.keys, self.logs, self.nats, self._run):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o700)
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _LARGEST_LOG:
                log.replace(log.with_suffix(".log.1"))


def _is_ours(root: Path) -> bool:
    try:
        mark = json.loads((root / _MARK).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and mark.get("product") == _PRODUCT


def _is_still(pid: int, started: int | str | None) -> bool:
    return started is not None and started_at(pid) == started
