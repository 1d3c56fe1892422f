"""An owner, its two projections and a broker of their own, with everything running that they run in production."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import pytest

from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from services.topology import readers
from shared.bus import Bus, provision
from shared.db import Database
from shared.lifecycle import running
from shared.migrations import migrate
from tests.service.audit.world import Sides, World

SERVICES = ("projects", "kpi", "resources")


async def _empty(postgres: Postgres, service: str) -> ServiceDatabase:
    await postgres.provision(service)
    database = await postgres.clone(service, f"pmo_{service}_audited", template="template1")
    await migrate(service, database.owner)
    return database


@pytest.fixture(scope="session")
async def sides(postgres: Postgres, server_home: Path) -> AsyncIterator[Sides]:
    """Relay, consumers, workers and answers, running; no audit."""
    urls = {service: await _empty(postgres, service) for service in SERVICES}
    async with AsyncExitStack() as stack:
        broker = await NatsServer.start(server_home / "nats-audit")
        stack.push_async_callback(broker.stop)
        buses, databases = {}, {}
        for service in SERVICES:
            await provision(broker.url(), service, readers(service))
            buses[service] = await stack.enter_async_context(Bus(broker.url(service), name=service).open())
            databases[service] = await Database.connect(urls[service].app, size=6)
            stack.push_async_callback(databases[service].close)
        sides = Sides(broker, urls, databases, buses)
        await stack.enter_async_context(running(*sides.loops()))
        yield sides


@pytest.fixture
async def world(sides: Sides, organization: UUID) -> AsyncIterator[World]:
    """An organization of the test's own; what the test left differing is put right."""
    world = World(sides, organization)
    yield world
    for service in sides.projections:
        await sides.rebuilt(service, organization)
