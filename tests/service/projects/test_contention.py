"""What the database refuses under contention is told as what it is, and as what to do about it."""

import time
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from services.local.postgres import Postgres
from services.projects.main import create_app
from services.projects.settings import Settings
from shared.db import ACQUIRE_SECONDS, Context, Database
from shared.errors import Overloaded
from shared.failures import from_database
from shared.testing.http import Keys, running
from tests.service.exhaustion import PATIENT, SIZE, turned_away_and_served_again

REFUSALS = {
    "row_109_serialization_40001": ("40001", 503, "busy"),
    "row_109_deadlock_40P01": ("40P01", 503, "busy"),
    "row_110_lock_timeout_55P03": ("55P03", 503, "busy"),
    "row_110_statement_timeout_57014": ("57014", 504, "deadline"),
}


@pytest.mark.parametrize(("state", "status", "code"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_what_the_database_refuses_is_worth_another_try(
    settings: Settings, organization: UUID, state: str, status: int, code: str
) -> None:
    database = await Database.connect(settings.database_url, size=1)
    try:
        with pytest.raises(asyncpg.PostgresError) as raised:
            async with database.transaction(Context(organization, "test")) as tx:
                await tx.execute(f"do $$ begin raise exception 'x' using errcode = '{state}'; end $$")
        problem = from_database(raised.value)
        assert problem is not None
        assert (problem.status, problem.code) == (status, code)
        assert ("Retry-After" in problem.headers) is (status == 503)
    finally:
        await database.close()


async def test_row_110_a_change_of_what_another_holds_is_told_to_come_back(
    settings: Settings, director: httpx2.AsyncClient, organization: UUID
) -> None:
    made = await director.post("/v1/projects", json={"name": "Held"})
    headers = {"if-match": made.headers["etag"], "content-type": "application/merge-patch+json"}

    async def change() -> httpx2.Response:
        return await director.patch(made.headers["location"], content=b'{"name":"Mine"}', headers=headers)

    database = await Database.connect(settings.database_url, size=1)
    try:
        async with database.transaction(Context(organization, "test")) as tx:
            await tx.execute("select from project where id = $1 for update", UUID(made.json()["id"]))
            refused = await change()
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert int(refused.headers["retry-after"]) >= 1
        assert (await change()).status_code == 200
    finally:
        await database.close()


async def test_row_111_without_a_free_connection_a_request_is_turned_away_in_time(settings: Settings) -> None:
    database = await Database.connect(settings.database_url, size=1)
    context = Context(uuid4(), "test")
    try:
        async with database.transaction(context):
            began = time.monotonic()
            with pytest.raises(Overloaded) as raised:
                async with database.transaction(context):
                    pass
            assert time.monotonic() - began >= ACQUIRE_SECONDS - 0.1
            assert raised.value.headers["Retry-After"]
        async with database.transaction(context) as tx:  # and then it goes on
            assert await tx.fetchint("select 1") == 1
    finally:
        await database.close()
    assert ACQUIRE_SECONDS <= 2


async def test_row_111_more_requests_than_connections_are_turned_away_and_then_served(
    settings: Settings, keys: Keys, postgres: Postgres, organization: UUID
) -> None:
    narrow = settings.model_copy(update={"database_url": settings.database_url + PATIENT, "database_pool_size": SIZE})
    async with running(create_app(narrow), keys, "projects") as api, api.as_(organization, "pmo_director") as director:
        made = await director.post("/v1/projects", json={"name": "Quay"})
        path = made.headers["location"]
        await turned_away_and_served_again(postgres.dsn("pmo_projects"), "project", lambda: director.get(path))
