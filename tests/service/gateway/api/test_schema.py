"""The gateway's schema: migrations without drift."""

from services.gateway.models import METADATA
from services.local.postgres import Postgres
from shared.migrations import draft, migrate


async def test_migrations_go_up_without_drift_down_and_up_again(postgres: Postgres) -> None:
    await postgres.provision("gateway")
    database = await postgres.clone("gateway", "pmo_gateway_migrated", template="template0")
    try:
        await migrate("gateway", database.owner)
        assert await draft(METADATA, database.owner) == ""
        await migrate("gateway", database.owner, "base")
        assert "create_table" in await draft(METADATA, database.owner)
        await migrate("gateway", database.owner)
        assert await draft(METADATA, database.owner) == ""
    finally:
        await postgres.drop(database.name)
