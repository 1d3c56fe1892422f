"""The kpi service with its own database and the real broker, and databases in which nobody works in the background."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import pytest

from services.kpi.main import create_app
from services.kpi.settings import Settings
from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from shared.bus import Bus
from shared.db import Database
from shared.migrations import migrate
from shared.testing.http import Api, Keys, running
from tests.service.deployment import deployed
from tests.service.kpi.story import Story


async def _empty(postgres: Postgres, service: str, name: str) -> ServiceDatabase:
    """A migrated database of a service beside the one that its own tests use."""
    await postgres.provision(service)
    database = await postgres.clone(service, name, template="template1")
    await migrate(service, database.owner)
    return database


@pytest.fixture(scope="session")
async def projects_database(postgres: Postgres) -> AsyncIterator[Database]:
    """Where projects writes what kpi hears of."""
    urls = await _empty(postgres, "projects", "pmo_projects_told_to_kpi")
    database = await Database.connect(urls.app, size=4)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def quiet_database(postgres: Postgres) -> AsyncIterator[Database]:
    """A database of kpi without a worker."""
    urls = await _empty(postgres, "kpi", "pmo_kpi_quiet")
    database = await Database.connect(urls.app, size=4)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def settings(postgres: Postgres, nats_server: NatsServer, keys: Keys) -> Settings:
    """Settings for a migrated database and provisioned streams."""
    return await deployed("kpi", Settings, postgres, nats_server, keys)


@pytest.fixture(scope="session")
async def service(settings: Settings, keys: Keys) -> AsyncIterator[Api]:
    """The running service; `as_` gives a caller."""
    async with running(create_app(settings), keys, "kpi") as api:
        yield api


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The running service's database."""
    database = await Database.connect(settings.database_url, size=4)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def projects_bus(settings: Settings, nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection with the rights of projects, to publish as it does."""
    async with Bus(nats_server.url("projects"), name="projects").open() as bus:
        yield bus


@pytest.fixture
def story(projects_database: Database, quiet_database: Database, organization: UUID) -> Story:
    """Plans and what kpi makes of them, in a database without a worker."""
    return Story(projects_database, quiet_database, organization)


@pytest.fixture
def live(projects_database: Database, database: Database, service: Api, organization: UUID) -> Story:
    """The same in the running service's database."""
    return Story(projects_database, database, organization)


@pytest.fixture
def director(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A PMO director of the test's organization."""
    return service.as_(organization, "pmo_director")
