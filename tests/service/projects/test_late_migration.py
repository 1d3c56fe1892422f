"""A service that is started before its database has a schema, as an orchestrator may do."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from services.local.postgres import Postgres, ServiceDatabase
from services.projects.main import create_app
from services.projects.settings import Settings
from shared import schema
from shared.migrations import migrate
from shared.testing.http import Api, Keys, running

PATIENCE_SECONDS = 15.0


@pytest.fixture
async def empty(postgres: Postgres, settings: Settings) -> AsyncIterator[ServiceDatabase]:
    """A database without a schema."""
    yield await postgres.clone("projects", "late_projects", template="template1")
    await postgres.drop("late_projects")


async def readiness(api: Api) -> tuple[int, dict[str, str]]:
    async with api.anonymous() as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()["checks"]


async def test_it_says_what_it_lacks_and_goes_on_by_itself_once_that_has_come(
    settings: Settings, keys: Keys, empty: ServiceDatabase, organization: UUID
) -> None:
    late = settings.model_copy(update={"database_url": empty.app, "relay_database_url": empty.relay})
    async with running(create_app(late), keys, "projects") as api:
        status, checks = await readiness(api)
        assert status == 503
        assert checks["database"] == "has no tables yet: run pmo migrate projects"
        await asyncio.sleep(2.0)  # its loops fail meanwhile and come again more and more seldom
        await migrate("projects", empty.owner)
        assert (await readiness(api))[0] == 200
        director = api.as_(organization, "pmo_director")
        created = await director.post("/v1/projects", json={"name": "Quay", "currency": "EUR", "time_zone": "UTC"})
        assert created.status_code == 201
        deadline = time.monotonic() + PATIENCE_SECONDS
        while await pending(empty):
            assert time.monotonic() < deadline, "the relay does not come back"
            await asyncio.sleep(0.1)
        while any(reason != "ok" for reason in (await readiness(api))[1].values()):
            assert time.monotonic() < deadline, await readiness(api)
            await asyncio.sleep(0.1)


async def test_a_schema_older_than_the_code_is_not_ready_and_a_newer_one_is(
    settings: Settings, keys: Keys, empty: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate("projects", empty.owner)
    late = settings.model_copy(update={"database_url": empty.app, "relay_database_url": empty.relay})
    async with running(create_app(late), keys, "projects") as api:
        assert (await readiness(api))[0] == 200
        await set_revision(empty, "9999")
        assert (await readiness(api))[0] == 200
        monkeypatch.setattr(schema, "revisions", lambda _service: ("9999", "9999a"))
        status, checks = await readiness(api)
        assert (status, checks["database"]) == (503, "is at schema 9999, 9999a is needed: run pmo migrate projects")


async def set_revision(database: ServiceDatabase, revision: str) -> None:
    owner = await asyncpg.connect(database.owner)
    await owner.execute("update alembic_version set version_num = $1", revision)
    await owner.close()


async def pending(database: ServiceDatabase) -> int:
    """Events that wait for the relay."""
    relay = await asyncpg.connect(database.relay)
    try:
        count: int = await relay.fetchval("select count(*) from outbox_pending")
        return count
    finally:
        await relay.close()
