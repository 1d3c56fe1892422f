"""The commands of docs/backup.md, word for word: a backup under load, restored into another installation."""

import asyncio
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.topology import SERVICES
from shared.testing.cases import ROOT
from shared.testing.eventually import eventually
from tests.chaos.ledger import Outcome, writing
from tests.chaos.stage import Databases, imported
from tests.chaos.verdict import judge
from tests.system.fleet import Fleet
from tests.system.instance import DIRECTOR
from tests.system.test_broker_loss import TASKS, figures, push

pytestmark = pytest.mark.timeout(240)

SECTION: Final = re.compile(r"^## (.*?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK: Final = re.compile(r"```sh\n(.*?)```", re.DOTALL)
FORGOTTEN: Final = frozenset({"gateway.consumer_position"})
MOVING: Final = frozenset(f"{service}.consumer_position" for service in SERVICES)
"""When a service has heard something last is not the same in both, once it has heard it again."""


def commands(heading: str) -> str:
    """The commands below a heading of the page."""
    text = (ROOT / "docs/backup.md").read_text()
    (block,) = (block for title, body in SECTION.findall(text) if title == heading for block in BLOCK.findall(body))
    return str(block)


async def operate(fleet: Fleet, folder: Path, heading: str) -> float:
    """Run the commands below a heading as an operator would; returns the seconds that they took."""
    admin = urlsplit(fleet.postgres.dsn("postgres"))
    variables = fleet.variables | {
        "PATH": f"{fleet.postgres.binaries}:{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        "PGHOST": str(admin.hostname),
        "PGPORT": str(admin.port),
        "PGUSER": str(admin.username),
        "PGPASSWORD": str(admin.password),
        "BACKUP_PASSWORD": "it's secret",
    }
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", commands(heading)),
        cwd=folder,
        env=variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return time.monotonic() - began


async def digests(fleet: Fleet, organization: UUID, without: frozenset[str]) -> Mapping[str, tuple[int, str]]:
    """Rows and digest of an organization's part of every table."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(fleet.postgres.dsn(f"pmo_{service}"))
        try:
            rows = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
            tables = {row["tablename"] for row in rows} - {"alembic_version"}
            for table in sorted(table for table in tables if f"{service}.{table}" not in without):
                row = await connection.fetchrow(
                    "select count(*), coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '')"
                    f" from {table} t where organization_id = $1",
                    organization,
                )
                assert row is not None
                found[f"{service}.{table}"] = (row[0], row[1])
        finally:
            await connection.close()
    return found


@dataclass(frozen=True, slots=True)
class Customer:
    """An organization with a plan, progress pushed to it, and an API key."""

    organization: UUID
    project_id: str
    key: str

    @classmethod
    async def of(cls, fleet: Fleet) -> "Customer":
        """Make one, and wait until all services know of it."""
        organization = uuid4()
        director = fleet.system.as_(organization, DIRECTOR)
        plan = await imported(director)
        made = await asyncio.to_thread(
            director, "POST", "/v1/api-clients", json={"name": "site", "scopes": ["read", "ingest"]}
        )
        customer = cls(organization, plan["project_id"], made.json()["key"])
        await customer.push(fleet, 1)
        return customer

    async def push(self, fleet: Fleet, turn: int) -> None:
        """Push progress of ten tasks, and wait for what it does."""
        async with Databases.of(fleet.system, self.organization, fleet.variables) as databases:
            async with fleet.caller(self.key) as client:
                answer = await push(client, {}, self.project_id, [(task, turn) for task in TASKS])
                assert answer.status_code == 202, answer.text
                assert {item["status"] for item in answer.json()["items"]} == {"accepted"}
            await eventually(databases.settled, seconds=60, every=0.2)
            counts = await databases.ask("gateway", "select status, count(*) from inbound_event group by 1")
            assert [status for status, _ in counts] == ["applied"]

    async def figures(self, fleet: Fleet) -> dict[str, Any]:
        """The metrics of the project and the load of its resources."""
        director = fleet.system.as_(self.organization, DIRECTOR)
        return await asyncio.to_thread(figures, director, self.project_id)


async def test_a_backup_under_load_is_restored_by_the_pages_commands(tmp_path: Path) -> None:
    busy = uuid4()
    async with Fleet.standing() as source, Fleet.standing() as target:
        await source.up()
        customers = [await Customer.of(source) for _ in range(2)]
        plan = await imported(source.system.as_(busy, DIRECTOR))
        await operate(source, tmp_path, "Once: a role that reads everything")
        async with writing(source.system, busy, plan["project_id"], list(TASKS), seed=1) as writers:
            await asyncio.sleep(3)
            told = {name for name, outcome in writers.ledger.tasks.items() if outcome is Outcome.ACKNOWLEDGED}
            dumped = await operate(source, tmp_path, "Dump")
        assert writers.ledger.failures() == 0
        assert len(told) > 20

        restored = await operate(target, tmp_path, "Restore")
        for customer in customers:
            expected = await digests(source, customer.organization, FORGOTTEN)
            assert sum(count for count, _ in expected.values()) > 500
            assert await digests(target, customer.organization, FORGOTTEN) == expected

        await target.join()
        replayed = await operate(target, tmp_path, "After a restore")
        began = time.monotonic()
        # Of those who wrote meanwhile: all that was acknowledged before the backup, and every service level with the
        # others, though their databases were dumped one after the other.
        async with Databases.of(target.system, busy, target.variables) as databases:
            verdict = await judge(databases, type(writers.ledger)())
            names = {str(name) for (name,) in await databases.ask("projects", "select name from task")}
        assert verdict.is_clean, verdict
        assert names >= told
        print(
            f"dumped in {dumped:.1f} s, restored in {restored:.1f} s, queued in {replayed:.1f} s,"
            f" level {time.monotonic() - began:.1f} s later"
        )

        for customer in customers:
            expected = await digests(source, customer.organization, MOVING)
            assert await digests(target, customer.organization, MOVING) == expected
            assert await customer.figures(target) == await customer.figures(source)
            before = await customer.figures(target)
            for fleet in (source, target):
                await customer.push(fleet, 2)
            assert await customer.figures(target) == await customer.figures(source) != before
