"""Servers of these tests' own: they change what other tests rely on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.local.nats import NatsServer
from services.local.postgres import Postgres


@pytest.fixture(scope="package")
async def postgres(server_home: Path) -> AsyncIterator[Postgres]:
    """A PostgreSQL server that nobody else uses."""
    server = await Postgres.start(server_home / "local-postgres", fast=True)
    yield server
    await server.stop()


@pytest.fixture(scope="package")
async def nats_server(server_home: Path) -> AsyncIterator[NatsServer]:
    """A NATS server that nobody else uses."""
    server = await NatsServer.start(server_home / "local-nats")
    yield server
    await server.stop()
