"""A service's database and streams as `pmo migrate` leaves them, and the settings to run on them."""

from typing import TypeVar

from services.local.nats import NatsServer
from services.local.postgres import Postgres
from services.topology import CONSUMES, readers
from shared.bus import provision
from shared.migrations import migrate
from shared.settings import ServiceSettings
from shared.testing.http import Keys

Settings = TypeVar("Settings", bound=ServiceSettings)


async def deployed(
    service: str, kind: type[Settings], postgres: Postgres, nats_server: NatsServer, keys: Keys
) -> Settings:
    """Migrate a service's database, make its stream and those that it reads, and return its settings."""
    database = await postgres.provision(service)
    await migrate(service, database.owner)
    for producer in (service, *CONSUMES[service]):
        await provision(nats_server.url(), producer, readers(producer))
    return kind(
        database_url=database.app,
        relay_database_url=database.relay,
        nats_url=nats_server.url(service),
        internal_public_key_file=keys.public,
        cursor_secret_file=keys.cursor_secret,
        environment="test",
    )
