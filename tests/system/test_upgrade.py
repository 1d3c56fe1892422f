"""The next release, made of this one and a later migration: migrated and rolled out while people work."""

import asyncio
import shutil
import time
from itertools import pairwise
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import pytest

from services.topology import SERVICES
from shared.schema import revisions
from shared.testing.cases import ROOT
from shared.testing.eventually import eventually
from tests.chaos.ledger import Writers, writing
from tests.chaos.stage import Databases, imported, pmo
from tests.chaos.verdict import judge
from tests.system.fleet import Fleet
from tests.system.instance import DIRECTOR
from tests.system.test_broker_loss import TASKS
from tests.system.test_rolling_restart import READS, read

pytestmark = pytest.mark.timeout(240)

HELD_SECONDS: Final = 4.0

LATER: Final = '''
"""Something that a later release needs."""

from alembic import op
from shared.migrations import run_all, secure

revision = "{revision}"
down_revision = "{before}"
branch_labels = depends_on = None


def upgrade() -> None:
    run_all(
        [
            "alter table task add column later_note text",
            "alter table task add column later_count integer not null default 7",
            "create table later (organization_id uuid, id uuid, primary key (organization_id, id))",
            *secure(["later"], service="{service}"),
        ]
    )


def downgrade() -> None:
    run_all(["drop table later", "alter table task drop column later_note, drop column later_count"])
'''


def next_release(folder: Path) -> Path:
    """This code with one more migration of each service that has tasks; returns where it lies."""
    for package in ("services", "shared"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for service in ("projects", "resources", "kpi"):
        before = revisions(service)[-1]
        revision = f"{int(before) + 1:04d}"
        file = folder / "services" / service / "migrations/versions" / f"{revision}_later.py"
        file.write_text(LATER.format(revision=revision, before=before, service=service))
    return folder


async def test_the_next_release_is_migrated_and_rolled_out_without_a_failed_request(tmp_path: Path) -> None:
    organization = uuid4()
    async with Fleet.standing() as fleet:
        await fleet.up()
        old = {service: fleet.replicas[service][0] for service in SERVICES}
        plan = await imported(fleet.system.as_(organization, DIRECTOR))
        await asyncio.sleep(1)
        fleet.code = next_release(tmp_path)
        async with writing(fleet.system, organization, plan["project_id"], list(TASKS), seed=1) as writers:
            readers = [asyncio.create_task(read(writers, path.format(plan["project_id"]))) for path in READS]
            holder = asyncio.create_task(hold(fleet))
            began = time.monotonic()
            said = await pmo(fleet.variables, "migrate", "all")
            print(f"migrated in {time.monotonic() - began:.1f} s; longest stall {longest_stall(writers, began):.2f} s")
            await holder
            assert said.count("migration.waits") >= 1, said
            await asyncio.sleep(2)  # the old release on the new schema
            for service in SERVICES:
                assert (await fleet.readiness(old[service]))["status"] == "ready"
            await fleet.join()
            for replica in old.values():
                assert await fleet.retire(replica)
            await asyncio.sleep(1)
            writers.is_over = True
            await asyncio.gather(*readers)
        assert fleet.errors() == []
        answers = [(kind, status) for _, kind, status in writers.ledger.answers]
        assert [answer for answer in answers if not 200 <= answer[1] < 300] == []
        async with Databases.of(fleet.system, organization, fleet.variables) as databases:
            verdict = await judge(databases, writers.ledger)
            assert await databases.ask("projects", "select distinct later_count from task") == [(7,)]
        assert verdict.is_clean, verdict


async def hold(fleet: Fleet) -> None:
    """Read a table and keep the transaction open until the migration has waited for it a while, as for a dump."""
    watcher = await asyncpg.connect(fleet.postgres.dsn("postgres"))
    connection = await asyncpg.connect(fleet.databases["projects"].owner)
    waits = (
        "select from pg_locks l join pg_stat_activity a using (pid) where not granted and usename = 'projects_owner'"
    )

    async def is_waited_for() -> bool:
        return bool(await watcher.fetch(waits))

    async with connection.transaction():
        await connection.execute("lock table task in access share mode")
        await eventually(is_waited_for, seconds=60)
        await asyncio.sleep(HELD_SECONDS)
    await connection.close()
    await watcher.close()


def longest_stall(writers: Writers, since: float) -> float:
    """The longest time without any answer from the projects."""
    times = [at for at, kind, _ in writers.ledger.answers if kind == "projects" and at >= since]
    return max(later - earlier for earlier, later in pairwise(times))
