"""The servers that the tests run against: one real PostgreSQL and one real NATS per test process."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.local import privileges
from services.local.nats import NatsServer
from services.local.postgres import Postgres


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    """A folder for the servers' files, removed at the end; open to the unprivileged user that root starts them as."""
    home = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    home.chmod(0o711)
    yield home
    privileges.remove_home(home / "postgres")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
async def postgres(server_home: Path) -> AsyncIterator[Postgres]:
    """A PostgreSQL server without durability; `provision` a service's database once, `clone` it per test."""
    server = await Postgres.start(server_home / "postgres", fast=True)
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def nats_server(server_home: Path) -> AsyncIterator[NatsServer]:
    """A NATS server with JetStream and the rights of every service; `url(user)` connects."""
    server = await NatsServer.start(server_home / "nats")
    yield server
    await server.stop()
