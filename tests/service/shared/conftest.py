"""Servers and databases of the tests of the shared kernel."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from shared.bus import Bus, provision
from shared.db import Database
from shared.migrations import prepare
from tests.service.shared.flow import CONSUMER, DURABLE, PRODUCER, STREAM, Flow, metadata


@pytest.fixture(scope="session")
async def kernel_templates(postgres: Postgres) -> dict[str, str]:
    """Databases with the common tables, one per side, to be cloned for each test."""
    names = {}
    for service in (PRODUCER, CONSUMER):
        await postgres.provision(service)
        names[service] = f"kernel_{service}"
        database = await postgres.clone(service, names[service], template="template1")
        await prepare(database.owner, metadata(), service=service)
    return names


@pytest.fixture(scope="session")
async def broker(server_home: Path) -> AsyncIterator[NatsServer]:
    """A NATS server that these tests may restart and empty as they like."""
    server = await NatsServer.start(server_home / "nats-kernel")
    yield server
    await server.stop()


async def cloned(stack: AsyncExitStack, postgres: Postgres, service: str, template: str) -> ServiceDatabase:
    """Copy a template for one test; dropped at its end."""
    name = f"t_{service}_{uuid4().hex[:12]}"
    urls = await postgres.clone(service, name, template=template)
    stack.push_async_callback(postgres.drop, name)
    return urls


@pytest.fixture
async def flow(postgres: Postgres, broker: NatsServer, kernel_templates: dict[str, str]) -> AsyncIterator[Flow]:
    """A producer and a consumer with empty databases and an empty stream; nothing runs yet."""
    async with AsyncExitStack() as stack:
        produced = await cloned(stack, postgres, PRODUCER, kernel_templates[PRODUCER])
        consumed = await cloned(stack, postgres, CONSUMER, kernel_templates[CONSUMER])
        await provision(broker.url(), PRODUCER, [DURABLE])
        admin = await stack.enter_async_context(Bus(broker.url(), name="test admin").open())

        async def remove_stream() -> None:
            await admin.client.jetstream().delete_stream(STREAM)

        stack.push_async_callback(remove_stream)
        databases = [await Database.connect(produced.app), await Database.connect(consumed.app)]
        for database in databases:
            stack.push_async_callback(database.close)
        yield Flow(
            broker=broker,
            produced=databases[0],
            produced_urls=produced,
            consumed=databases[1],
            consumed_urls=consumed,
            producer_bus=await stack.enter_async_context(Bus(broker.url(PRODUCER), name="producer").open()),
            consumer_bus=await stack.enter_async_context(Bus(broker.url(CONSUMER), name="consumer").open()),
            admin=admin,
        )
