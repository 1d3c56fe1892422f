"""Rows 91 and 149: what the database itself refuses to a service's role, were a service to ask for it."""

import json
import uuid
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest

from services import topology
from tests.system.instance import DIRECTOR, System
from tests.system.writes import Plan

KEPT = [(service, table) for service in topology.SERVICES for table in ("history", "event_log")]


async def as_service(system: System, service: str, organization: uuid.UUID) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as a service does, in the name of an organization."""
    pid = json.loads((system.data / "run/children.json").read_text())[service]["pid"]
    url = psutil.Process(pid).environ()["PMO_DATABASE_URL"]
    assert (urlsplit(url).username or "").endswith("_app")
    return await asyncpg.connect(url, server_settings={"app.organization": str(organization)})


@pytest.mark.parametrize(("service", "table"), KEPT, ids=[f"row_149_{service}_{table}" for service, table in KEPT])
async def test_a_service_cannot_change_what_has_happened(system: System, service: str, table: str) -> None:
    connection = await as_service(system, service, uuid.uuid4())
    try:
        for statement in (
            f"update {table} set actor = 'nobody'",
            f"delete from {table}",
            f"truncate {table}",
            f"alter table {table} disable row level security",
            f"drop policy own_rows on {table}",
            f"drop table {table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
                await connection.execute(statement)
            assert refused.value.sqlstate == "42501", statement
    finally:
        await connection.close()


@pytest.mark.parametrize("service", topology.SERVICES)
async def test_row_91_a_service_that_forgot_to_filter_sees_one_organization(system: System, service: str) -> None:
    mine, other = uuid.uuid4(), uuid.uuid4()
    Plan.make(system.as_(mine, DIRECTOR))
    connection = await as_service(system, service, other)
    try:
        tables = await connection.fetch(
            "select c.table_name from information_schema.columns c join pg_class t on t.relname = c.table_name"
            " where c.table_schema = 'public' and c.column_name = 'organization_id' and t.relkind in ('r', 'p')"
        )
        assert len(tables) >= 5
        for table in tables:
            assert await connection.fetchval(f"select count(*) from {table[0]}") == 0, table[0]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):  # nor write in another's name
            await connection.execute(
                "insert into aggregate (organization_id, id, version) values ($1, $2, 1)", mine, uuid.uuid4()
            )
    finally:
        await connection.close()
