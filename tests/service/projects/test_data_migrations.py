"""What migrations do to rows that are there: they are run by the owner, whom row-level security binds too."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from services.local.postgres import Postgres, ServiceDatabase
from services.projects.settings import Settings
from shared.migrations import migrate

OLD_SETTINGS = '{"minutes_per_week": 2000, "honors_constraints": false, "schedules_from_finish": true}'


@pytest.fixture
async def old(postgres: Postgres, settings: Settings) -> AsyncIterator[ServiceDatabase]:
    """A database of an earlier release."""
    database = await postgres.clone("projects", "earlier_projects", template="template1")
    await migrate("projects", database.owner, "0009")
    yield database
    await postgres.drop("earlier_projects")


async def test_settings_get_their_new_names_and_every_schedule_is_computed_anew(
    old: ServiceDatabase, organization: UUID
) -> None:
    project = uuid4()
    app = await asyncpg.connect(old.app, server_settings={"app.organization": str(organization)})
    try:
        await app.execute(
            "insert into project (organization_id, id, version, key, name, status, owner, currency, time_zone, start,"
            " plan_settings) values ($1, $2, 1, 'PRJ-1', 'Quay', 'active', 'me', 'EUR', 'UTC', '2026-01-05', $3)",
            organization,
            project,
            OLD_SETTINGS,
        )
        await app.execute(
            "insert into schedule (organization_id, id, version) values ($1, $2, 3)", organization, project
        )
        await migrate("projects", old.owner)
        settings = orjson.loads(await app.fetchval("select plan_settings from project"))
        assert settings["minutes_per_week"] == 2000
        assert settings["conventions"]["schedules_from_finish"] is True
        assert settings["conventions"]["honors_constraints"] is False
        asked = await app.fetch("select kind, key from work_pending")
        assert [tuple(row) for row in asked] == [("schedule", str(project))]
    finally:
        await app.close()
