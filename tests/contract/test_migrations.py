"""Every service's migrations: up, no difference from the models, down to nothing, and up again."""

import importlib
import re

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from services.local.postgres import Postgres
from services.topology import SERVICES
from shared.migrations import configuration, draft, migrate
from shared.schema import revisions
from shared.testing.cases import ROOT

GLOBALLY_UNIQUE = {("api_client", "key_id")}
"""Random and made by us, so that nobody learns of another organization's rows from a refusal."""


def metadata(service: str) -> MetaData:
    """Return the tables of a service's models."""
    found: MetaData = importlib.import_module(f"services.{service}.models").METADATA
    return found


@pytest.mark.parametrize("service", SERVICES)
async def test_up_leaves_no_drift_and_down_leaves_nothing(postgres: Postgres, service: str) -> None:
    await postgres.provision(service)
    # A database of its own: the service's tests may be using the usual one.
    database = await postgres.clone(service, f"migrations_{service}", template="template1")
    try:
        await migrate(service, database.owner)
        assert await draft(metadata(service), database.owner) == ""
        await migrate(service, database.owner, "base")
        connection = await asyncpg.connect(database.owner)
        left = await connection.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
        )
        await connection.close()
        assert [row["relname"] for row in left] == ["alembic_version"]
        await migrate(service, database.owner)
        assert await draft(metadata(service), database.owner) == ""
    finally:
        await postgres.drop(f"migrations_{service}")


@pytest.mark.parametrize("service", SERVICES)
def test_files_are_named_by_their_revisions(service: str) -> None:
    """By the files' names a running service knows which schema it needs."""
    scripts = ScriptDirectory.from_config(configuration(service, ""))
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(revisions(service))


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_keeps_organizations_apart(postgres: Postgres, service: str) -> None:
    """Row-level security is on and forced, and the organization leads every primary key and unique index."""
    await postgres.provision(service)
    database = await postgres.clone(service, f"security_{service}", template="template1")
    try:
        await migrate(service, database.owner)
        connection = await asyncpg.connect(database.owner)
        tables = await connection.fetch(
            """
            select c.relname, c.relrowsecurity and c.relforcerowsecurity as forced,
                   (select array_agg(a.attname::text) from pg_index i
                    join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
                    where i.indrelid = c.oid and i.indisunique) as leading
            from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
              and c.relname <> 'alembic_version'
            """
        )
        await connection.close()
        assert tables
        assert [row["relname"] for row in tables if not row["forced"]] == []
        others = {(row["relname"], name) for row in tables for name in row["leading"] if name != "organization_id"}
        assert others <= GLOBALLY_UNIQUE
    finally:
        await postgres.drop(f"security_{service}")


def test_no_statement_returns_whatever_columns_a_table_has() -> None:
    """A later release's migration would change what a prepared statement of this one returns, and it would fail."""
    tables = "|".join(sorted({table for service in SERVICES for table in metadata(service).tables}))
    star = re.compile(rf"""(?:["']|^)select (?:\w+\.)?\*(?:,[^;]*?)? from (?:{tables}|\{{)""", re.MULTILINE)
    sources = [path for package in ("services", "shared") for path in (ROOT / package).rglob("*.py")]
    found = [f"{path.relative_to(ROOT)}: {match[0]}" for path in sources for match in star.finditer(path.read_text())]
    assert found == [], "name the columns, as Entity.columns does"
