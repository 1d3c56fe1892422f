"""Row-level security: a statement that forgot its organization sees and writes one organization's rows all the same."""

from uuid import uuid4

import asyncpg
import pytest

from services.local.postgres import Postgres
from shared.db import Context, Database
from shared.migrations import prepare
from tests.service.shared.flow import PRODUCER, metadata

ADD = "insert into aggregate (organization_id, id, version) values ($1, $2, 1)"


async def test_row_91_a_statement_without_a_filter_touches_one_organization(postgres: Postgres) -> None:
    await postgres.provision(PRODUCER)
    urls = await postgres.clone(PRODUCER, "row_security", template="template1")
    await prepare(urls.owner, metadata(), service=PRODUCER)
    database = await Database.connect(urls.app, size=1)
    try:
        organizations = [uuid4(), uuid4()]
        for organization in organizations:
            async with database.transaction(Context(organization, "test")) as tx:
                await tx.execute(ADD, organization, uuid4())
        for organization in organizations:
            async with database.transaction(Context(organization, "test")) as tx:
                rows = await tx.fetch("select organization_id from aggregate")
                assert [row[0] for row in rows] == [organization]
                assert await tx.execute("update aggregate set version = 2") == "UPDATE 1"
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.transaction(Context(organization, "test")) as tx:
                    await tx.execute(ADD, uuid4(), uuid4())
        async with database.connection() as connection:  # in nobody's name nothing is there
            assert await connection.fetchval("select count(*) from aggregate") == 0
    finally:
        await database.close()
        await postgres.drop("row_security")
