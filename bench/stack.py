"""A stack of one's own for a run: `pmo up` on a fresh folder with durable settings, and ways to reach its parts."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import psutil

from services.local import privileges
from services.local.keys import Keys
from services.topology import SERVICES
from shared.auth import InternalTokenMinter, Principal

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

PARTS: Final = ("postgres", "nats", *SERVICES)
ROLE: Final = "pmo_director"
SUBJECT: Final = "bench"
_SETTLE_SECONDS: Final = 45.0
_PENDING: Final = (
    "select (select count(*) from outbox_pending)"
    " + (select count(*) from work_pending where not_before is null or not_before <= now() + interval '1 second')"
)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running instance."""

    data: Path
    ports: Mapping[str, int]
    pids: Mapping[str, int]
    organization: UUID
    token: str

    @classmethod
    def of(cls, data: Path, base_url: str) -> "Stack":
        """The instance that `pmo up` runs on a folder."""
        children = json.loads((data / "run" / "children.json").read_text())
        pids = {name: children[name]["pid"] for name in PARTS}
        ports = {name: _port(pid) for name, pid in pids.items() if name != "nats"}
        gateway = urlsplit(base_url).port
        assert gateway is not None
        ports["gateway"] = gateway
        organization = UUID((data / "keys" / "organization").read_text().strip())
        return cls(data, ports, pids, organization, Keys(data / "keys").token([ROLE], subject=SUBJECT))

    @property
    def bearer(self) -> dict[str, str]:
        """The header for the gateway."""
        return {"authorization": f"Bearer {self.token}"}

    def internal(self, service: str) -> dict[str, str]:
        """The header for a service itself, as the gateway would send it; good for a minute."""
        minter = InternalTokenMinter.from_pem(Keys(self.data / "keys").internal_private.read_bytes())
        principal = Principal(self.organization, SUBJECT, frozenset({ROLE}))
        return {"authorization": f"Bearer {minter.mint(principal, service)}"}

    def dsn(self, service: str, role: str = "app") -> str:
        """The URL of a service's database for one of its roles, or for the superuser."""
        user = role if role == "postgres" else f"{service}_{role}"
        passwords = json.loads((self.data / "postgres" / "passwords.json").read_text())
        return f"postgresql://{user}:{passwords[user]}@127.0.0.1:{self.ports['postgres']}/pmo_{service}"

    @asynccontextmanager
    async def database(self, service: str, role: str = "app") -> "AsyncIterator[Connection]":
        """A connection to a service's database that sees the bench's organization."""
        settings = {} if role == "postgres" else {"app.organization": str(self.organization)}
        connection = await asyncpg.connect(self.dsn(service, role), server_settings={**settings, "jit": "off"})
        try:
            yield connection
        finally:
            await connection.close()

    def metric(self, service: str, name: str) -> list[tuple[str, float]]:
        """The samples of a metric, by their labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[service]}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return [(labels, float(value)) for labels, value in found]

    async def settle(self, services: Sequence[str] = SERVICES) -> float:
        """Wait until what was recorded is published, consumed and worked off; returns the seconds that it took."""
        began = time.monotonic()
        quiet = 0
        while quiet < 2:
            pending = 0.0
            for service in services:
                async with self.database(service, "postgres") as connection:
                    pending += await connection.fetchval(_PENDING)
                pending += sum(value for _, value in self.metric(service, "pmo_consumer_pending"))
            quiet = quiet + 1 if pending == 0 else 0
            if time.monotonic() - began > _SETTLE_SECONDS:
                sys.stderr.write(f"bench: {pending:.0f} pending after {_SETTLE_SECONDS:.0f} s, going on\n")
                break
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    def cpu_seconds(self, pids: Sequence[int], database: str) -> dict[int, float]:
        """CPU seconds that processes and the backends of one database have used so far, by process."""
        seconds = {}
        for process in [*map(psutil.Process, pids), *psutil.Process(self.pids["postgres"]).children()]:
            with contextlib.suppress(psutil.Error):  # a backend may end while we look
                if process.pid in pids or f" {database} " in " ".join(process.cmdline()):
                    times = process.cpu_times()
                    seconds[process.pid] = times.user + times.system
        return seconds


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU seconds between two looks; what a backend used that ended in between is not known."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


@asynccontextmanager
async def running() -> AsyncIterator[Stack]:
    """Start a stack, and leave nothing of it behind."""
    parent = _folder()
    data = parent / "data"
    command = [sys.executable, "-P", "-m", "services", "up", "--json", "--port", "0", "--data", str(data)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = await process.stdout.readline()
        if not line:
            raise SystemExit((await process.stderr.read()).decode())
        yield Stack.of(data, json.loads(line)["base_url"])
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        privileges.remove_home(data / "postgres")
        shutil.rmtree(parent, ignore_errors=True)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pmo-bench-"))
    folder.chmod(0o711)
    return folder


def _port(pid: int) -> int:
    listening = [c for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    port: int = listening[0].laddr.port
    return port
