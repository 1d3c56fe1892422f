"""The schema as a step of its own."""

from services.kpi.models import METADATA, TABLES
from services.local.postgres import Postgres
from shared.db import Database, check_role
from shared.migrations import draft, migrate


async def test_the_schema_goes_up_without_drift_down_and_up_again(postgres: Postgres) -> None:
    await postgres.provision("kpi")
    await postgres.drop("pmo_kpi_migrated")
    urls = await postgres.clone("kpi", "pmo_kpi_migrated", template="template1")
    await migrate("kpi", urls.owner)
    assert await draft(METADATA, urls.owner) == ""
    await migrate("kpi", urls.owner, "base")
    await migrate("kpi", urls.owner)
    assert await draft(METADATA, urls.owner) == ""
    database = await Database.connect(urls.app, size=2)
    async with database.connection() as connection:
        # The tests' server is fast and may lose what it acknowledged; nothing else may be wrong.
        assert [mistake for mistake in await check_role(connection) if "fsync" not in mistake] == []
        secured = await connection.fetch("select tablename from pg_policies where policyname = 'own_rows'")
        assert {row["tablename"] for row in secured} == set(TABLES)
    await database.close()
