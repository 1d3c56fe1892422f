"""A running system as an operator sees it: its processes, its settings, its databases."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx2
import psutil

from services import topology
from services.local import privileges
from shared.testing.cases import ROOT
from shared.testing.eventually import eventually
from tests.system.instance import Caller, System, ended, started

EXAMPLE: Final = ROOT / "examples" / "harbour-terminal.mspdi.xml"
XML: Final = {"Content-Type": "application/xml"}


@contextmanager
def standing(variables: Mapping[str, str] | None = None) -> Iterator[tuple[System, psutil.Process]]:
    """A system of one's own, with these variables besides, and its supervisor; nothing is left of it."""
    parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    parent.chmod(0o711)
    data = parent / "data"
    try:
        process, answer = started(data, variables=variables)
        try:
            with httpx2.Client(base_url=answer["base_url"], timeout=30, trust_env=False) as client:
                yield System(answer["base_url"], data, client), psutil.Process(process.pid)
        finally:
            ended(process)
    finally:
        privileges.remove_home(data / "postgres")
        shutil.rmtree(parent)


@contextmanager
def without_nats(system: System, supervisor: psutil.Process) -> Iterator[None]:
    """NATS killed outright, and not started again while the block runs: the supervisor holds its breath."""
    supervisor.suspend()
    try:
        killed(psutil.Process(child(system, "nats")))
        yield
    finally:
        supervisor.resume()


def killed(process: psutil.Process) -> None:
    """Kill a process and return when it has ended, though nobody may have asked yet how."""
    process.send_signal(signal.SIGKILL)
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


def child(system: System, name: str) -> int:
    """The process id of a part of the system."""
    pid: int = json.loads((system.data / "run/children.json").read_text())[name]["pid"]
    return pid


def environment(system: System) -> dict[str, str]:
    """What an operator's commands for all services need."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PMO_")}
    owners = json.loads((system.data / "postgres/passwords.json").read_text())
    for service in topology.SERVICES:
        own = psutil.Process(child(system, service)).environ()
        for name in ("DATABASE_URL", "RELAY_DATABASE_URL"):
            variables[f"PMO_{service.upper()}_{name}"] = own[f"PMO_{name}"]
        url = urlsplit(own["PMO_DATABASE_URL"])
        role = f"{service}_owner"
        variables[f"PMO_{service.upper()}_MIGRATION_DATABASE_URL"] = url._replace(
            netloc=f"{role}:{owners[role]}@{url.hostname}:{url.port}"
        ).geturl()
        nats = urlsplit(own["PMO_NATS_URL"])
    password = json.loads((system.data / "nats/passwords.json").read_text())["admin"]
    variables["PMO_NATS_ADMIN_URL"] = f"nats://admin:{password}@{nats.hostname}:{nats.port}"
    return variables


async def pmo(variables: dict[str, str], *arguments: str) -> str:
    """Run a command as an operator does, and return what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "services", *arguments),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def imported(caller: Caller) -> dict[str, Any]:
    """Import the example and return the operation's result."""
    response = caller("POST", "/v1/imports?format=mspdi", content=EXAMPLE.read_bytes(), headers=XML)
    assert response.status_code == 202, response.text

    async def done() -> dict[str, Any] | None:
        operation: dict[str, Any] = caller("GET", response.headers["location"]).json()
        assert operation["status"] != "failed", operation
        return operation if operation["status"] == "succeeded" else None

    operation = await eventually(done, seconds=20)
    assert operation is not None
    result: dict[str, Any] = operation["result"]
    return result


@dataclass(frozen=True, slots=True)
class Databases:
    """The four databases, seen as one organization sees them."""

    organization: UUID
    connections: dict[str, asyncpg.Connection]

    @classmethod
    @asynccontextmanager
    async def of(
        cls, system: System, organization: UUID, variables: Mapping[str, str] | None = None
    ) -> AsyncIterator["Databases"]:
        """Connect as the services do; `variables` name the databases of a system that `pmo up` does not run."""
        variables = variables or environment(system)
        connections = {}
        for service in topology.SERVICES:
            url = variables[f"PMO_{service.upper()}_DATABASE_URL"]
            connections[service] = await asyncpg.connect(url)
            await connections[service].execute("select set_config('app.organization', $1, false)", str(organization))
        try:
            yield cls(organization, connections)
        finally:
            for connection in connections.values():
                await connection.close()

    async def ask(self, service: str, sql: str) -> list[tuple[object, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in await self.connections[service].fetch(sql)]

    async def pending(self, condition: str = "true") -> int:
        """Events that are not published."""
        sql = f"select count(*) from outbox_pending where {condition}"
        counts = [await self.ask(service, sql) for service in topology.SERVICES]
        return sum(int(str(count[0][0])) for count in counts)

    async def settled(self) -> bool:
        """Whether every consumer is where every producer is, with nothing waiting, passed over or given up."""
        assert await self.pending() == 0
        for consumer, producers in topology.CONSUMES.items():
            for table in ("inbox_parked", "inbox_gap", "dead_letter", "work_pending"):
                assert await self.ask(consumer, f"select count(*) from {table}") == [(0,)], (consumer, table)
            for producer in producers:
                owner = await self.ask(producer, "select id, version from aggregate where version > 0 order by id")
                position = await self.ask(
                    consumer,
                    "select aggregate_id, version from consumer_position"
                    f" where producer = '{producer}' and not waiting order by 1",
                )
                assert position == owner, f"{consumer} is not where {producer} is"
        return True
