"""A session that a bug left in the name of an organization is used by nobody else."""

import asyncio
from uuid import uuid4

import pytest

from services.local.postgres import ServiceDatabase
from shared.db import Context, Database, SessionNotClean
from tests.service.shared.flow import PRODUCER

LEAK = "select set_config('app.organization', $1, false)"


@pytest.mark.parametrize("lazily", [False, True], ids=["row_150_transaction", "row_150_reading"])
async def test_an_organization_set_for_the_session_ends_the_connection_at_its_next_use(
    sides: dict[str, ServiceDatabase], lazily: bool
) -> None:
    mine, theirs = Context(uuid4(), "one"), Context(uuid4(), "other")
    database = await Database.connect(sides[PRODUCER].app, size=1)
    opened = database.reading if lazily else database.transaction
    try:
        async with database.transaction(mine) as tx:
            before = await tx.fetchint("select pg_backend_pid()")
            await tx.execute(LEAK, str(mine.organization_id))
        with pytest.raises(SessionNotClean):
            async with opened(theirs) as tx:
                await tx.fetch("select 1")
        async with opened(theirs) as tx:
            assert await tx.fetchint("select pg_backend_pid()") != before
            assert await tx.fetchtext("select current_setting('app.organization')") == str(theirs.organization_id)
    finally:
        await database.close()


async def test_row_150_what_only_reads_sets_its_own_organization_over_a_leaked_one(
    sides: dict[str, ServiceDatabase],
) -> None:
    mine, theirs = Context(uuid4(), "one"), Context(uuid4(), "other")
    database = await Database.connect(sides[PRODUCER].app, size=1)
    try:
        async with database.connection() as connection:
            await connection.execute(LEAK, str(mine.organization_id))
        async with database.reading(theirs) as tx:
            rows = await tx.read("select current_setting('app.organization') as seen")
            assert [row["seen"] for row in rows] == [str(theirs.organization_id)]
        async with database.transaction(theirs, lock=1) as tx:
            assert await tx.fetchtext("select current_setting('app.organization')") == str(theirs.organization_id)
    finally:
        await database.close()


async def test_what_a_cancelled_task_left_open_is_rolled_back_and_no_error_is_reported(
    sides: dict[str, ServiceDatabase],
) -> None:
    reported: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context))
    database = await Database.connect(sides[PRODUCER].app, size=1)
    try:
        async with database.connection() as connection:
            await connection.execute("begin")
        async with database.connection() as connection:
            assert not connection.is_in_transaction()
        assert not reported
    finally:
        loop.set_exception_handler(None)
        await database.close()
