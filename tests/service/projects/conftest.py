"""The projects service with its own database and the real broker."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx2
import pytest

from services.local.nats import NatsServer
from services.local.postgres import Postgres
from services.projects.main import create_app
from services.projects.settings import Settings
from services.topology import readers
from shared.bus import provision
from shared.migrations import migrate
from shared.testing.http import Api, Keys, running


@pytest.fixture(scope="session")
async def settings(postgres: Postgres, nats_server: NatsServer, keys: Keys) -> Settings:
    """Settings for a migrated database and provisioned streams."""
    database = await postgres.provision("projects")
    await migrate("projects", database.owner)
    await provision(nats_server.url(), "projects", readers("projects"))
    await provision(nats_server.url(), "gateway", readers("gateway"))
    return Settings(
        database_url=database.app,
        relay_database_url=database.relay,
        nats_url=nats_server.url("projects"),
        internal_public_key_file=keys.public,
        cursor_secret_file=keys.cursor_secret,
        environment="test",
    )


@pytest.fixture(scope="session")
async def service(settings: Settings, keys: Keys) -> AsyncIterator[Api]:
    """The running service; `as_` gives a caller."""
    async with running(create_app(settings), keys, "projects") as api:
        yield api


@pytest.fixture
def organization() -> UUID:
    """An organization of the test's own."""
    return uuid4()


@pytest.fixture
def director(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A PMO director of the test's organization."""
    return service.as_(organization, "pmo_director")
