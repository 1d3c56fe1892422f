"""The projects service with its own database and the real broker."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import pytest

from services.local.nats import NatsServer
from services.local.postgres import Postgres
from services.projects.main import create_app
from services.projects.settings import Settings
from shared.testing.http import Api, Keys, running
from tests.service.deployment import deployed


@pytest.fixture(scope="session")
async def settings(postgres: Postgres, nats_server: NatsServer, keys: Keys) -> Settings:
    """Settings for a migrated database and provisioned streams."""
    return await deployed("projects", Settings, postgres, nats_server, keys)


@pytest.fixture(scope="session")
async def service(settings: Settings, keys: Keys) -> AsyncIterator[Api]:
    """The running service; `as_` gives a caller."""
    async with running(create_app(settings), keys, "projects") as api:
        yield api


@pytest.fixture
def director(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A PMO director of the test's organization."""
    return service.as_(organization, "pmo_director")
