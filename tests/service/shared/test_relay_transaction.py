"""What the database says of a commit is what the caller is told."""

from contextlib import suppress

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from tests.service.shared.flow import Flow, note


async def test_a_commit_that_rolled_back_is_never_taken_for_success(flow: Flow) -> None:
    project = uuid7()

    async def request() -> None:
        async with flow.produced.transaction(flow.context) as tx:
            await note(tx, project, "lost?")
            with suppress(asyncpg.DivisionByZeroError):
                await tx.execute("select 1 / 0")

    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await request()
    assert await flow.count("event_log", flow.produced) == 0


async def test_the_end_of_a_connection_is_told_as_it_was(flow: Flow) -> None:
    async def request() -> None:
        async with flow.produced.transaction(flow.context) as tx:
            await tx.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(asyncpg.PostgresError, match="administrator command"):
        await request()
    await flow.write(uuid7(), "the pool goes on")
