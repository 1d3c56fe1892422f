"""The resources service with its own database and the real broker, and a second database without a worker."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import pytest

from services.local.nats import NatsServer
from services.local.postgres import Postgres
from services.resources.main import create_app
from services.resources.settings import Settings
from shared.bus import Bus
from shared.db import Database
from shared.testing.http import Api, Keys, running
from tests.service.deployment import deployed
from tests.service.resources.story import Listener


@pytest.fixture(scope="session")
async def settings(postgres: Postgres, nats_server: NatsServer, keys: Keys) -> Settings:
    """Settings for a migrated database and provisioned streams."""
    settings = await deployed("resources", Settings, postgres, nats_server, keys)
    for copy in ("pmo_resources_template", "pmo_resources_quiet"):
        await postgres.clone("resources", copy)
    return settings


@pytest.fixture(scope="session")
async def service(settings: Settings, keys: Keys) -> AsyncIterator[Api]:
    """The running service; `as_` gives a caller."""
    async with running(create_app(settings), keys, "resources") as api:
        yield api


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The running service's database."""
    database = await Database.connect(settings.database_url, size=4)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def quiet_database(settings: Settings, postgres: Postgres) -> AsyncIterator[Database]:
    """A database of the same shape in which nobody works in the background."""
    url = settings.database_url.replace("/pmo_resources", "/pmo_resources_quiet")
    database = await Database.connect(url, size=4)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def projects_bus(settings: Settings, nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection with the rights of projects, to publish as it does."""
    async with Bus(nats_server.url("projects"), name="projects").open() as bus:
        yield bus


@pytest.fixture
def listener(service: Api, database: Database, organization: UUID) -> Listener:
    """The handlers, in the running service's database."""
    return Listener(database, organization)


@pytest.fixture
def quiet(quiet_database: Database, organization: UUID) -> Listener:
    """The handlers, in a database without a worker."""
    return Listener(quiet_database, organization)


@pytest.fixture
def director(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A PMO director of the test's organization."""
    return service.as_(organization, "pmo_director")
