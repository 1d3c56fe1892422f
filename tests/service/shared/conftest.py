"""Servers and databases of the tests of the shared kernel."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from shared.bus import Bus, provision
from shared.db import Database
from shared.migrations import prepare
from tests.service.shared.flow import CONSUMER, DURABLE, PRODUCER, STREAM, Flow, metadata


@pytest.fixture(scope="session")
async def sides(postgres: Postgres) -> dict[str, ServiceDatabase]:
    """Both databases with the common tables; emptied for each test, which is quicker than a copy for each."""
    found = {}
    for service in (PRODUCER, CONSUMER):
        await postgres.provision(service)
        found[service] = await postgres.clone(service, f"kernel_{service}", template="template1")
        await prepare(found[service].owner, metadata(), service=service)
    return found


async def emptied(database: ServiceDatabase) -> None:
    """Remove what the test before left."""
    owner = await asyncpg.connect(database.owner)
    try:
        await owner.execute("truncate " + ", ".join(metadata().tables))
    finally:
        await owner.close()


@pytest.fixture(scope="session")
async def broker(server_home: Path) -> AsyncIterator[NatsServer]:
    """A NATS server that these tests may restart and empty as they like."""
    server = await NatsServer.start(server_home / "nats-kernel")
    yield server
    await server.stop()


@pytest.fixture
async def flow(broker: NatsServer, sides: dict[str, ServiceDatabase]) -> AsyncIterator[Flow]:
    """A producer and a consumer with empty databases and an empty stream; nothing runs yet."""
    for side in sides.values():
        await emptied(side)
    async with AsyncExitStack() as stack:
        await provision(broker.url(), PRODUCER, [DURABLE])
        admin = await stack.enter_async_context(Bus(broker.url(), name="test admin").open())

        async def remove_stream() -> None:
            await admin.client.jetstream().delete_stream(STREAM)

        stack.push_async_callback(remove_stream)
        databases = [await Database.connect(side.app) for side in sides.values()]
        for database in databases:
            stack.push_async_callback(database.close)
        yield Flow(
            broker=broker,
            produced=databases[0],
            produced_urls=sides[PRODUCER],
            consumed=databases[1],
            consumed_urls=sides[CONSUMER],
            producer_bus=await stack.enter_async_context(Bus(broker.url(PRODUCER), name="producer").open()),
            consumer_bus=await stack.enter_async_context(Bus(broker.url(CONSUMER), name="consumer").open()),
            admin=admin,
        )
