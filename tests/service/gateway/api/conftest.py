"""The whole gateway, edge included, with its own database and the real broker; the services behind it are down."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest

from services.gateway.main import create_app
from services.gateway.settings import GatewaySettings
from services.local import keys as local
from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from services.topology import SERVICES, readers
from shared.bus import provision
from shared.migrations import migrate
from shared.testing.http import lifespan

NOBODY_LISTENS = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The running gateway, and tokens of its issuer."""

    transport: httpx2.ASGITransport
    keys: local.Keys

    def client(self, credential: str | None = None) -> httpx2.AsyncClient:
        """Return a client that sends a credential."""
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return httpx2.AsyncClient(transport=self.transport, base_url="http://gateway.test", headers=headers)

    def as_(self, organization: UUID, *roles: str, subject: str = "someone") -> httpx2.AsyncClient:
        """Return a client that calls as a person of an organization."""
        return self.client(self.keys.token(roles, organization=organization, subject=subject))


@pytest.fixture(scope="session")
async def nats_server(server_home: Path) -> AsyncIterator[NatsServer]:
    """A broker of the gateway's own: on the common one, other tests' services would answer what is pushed here."""
    server = await NatsServer.start(server_home / "gateway-nats")
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def gateway_database(postgres: Postgres) -> ServiceDatabase:
    """The gateway's migrated database."""
    database = await postgres.provision("gateway")
    await migrate("gateway", database.owner)
    return database


@pytest.fixture(scope="session")
def local_keys(tmp_path_factory: pytest.TempPathFactory) -> local.Keys:
    """Keys as a local installation has them."""
    made = local.Keys(tmp_path_factory.mktemp("keys"))
    made.make()
    return made


@pytest.fixture(scope="session")
async def gateway_settings(
    gateway_database: ServiceDatabase, nats_server: NatsServer, local_keys: local.Keys
) -> GatewaySettings:
    """Settings for a migrated database and provisioned streams, with services that are down."""
    for service in SERVICES:
        await provision(nats_server.url(), service, readers(service))
    return GatewaySettings(
        database_url=gateway_database.app,
        relay_database_url=gateway_database.relay,
        nats_url=nats_server.url("gateway"),
        internal_public_key_file=local_keys.internal_public,
        internal_private_key_file=local_keys.internal_private,
        cursor_secret_file=local_keys.cursor_secret,
        oidc_issuer=local.ISSUER,
        oidc_audience=local.AUDIENCE,
        oidc_jwks=str(local_keys.jwks),
        projects_url=NOBODY_LISTENS,
        resources_url=NOBODY_LISTENS,
        kpi_url=NOBODY_LISTENS,
        allowed_hosts="gateway.test",
        environment="test",
    )


@pytest.fixture(scope="session")
async def gateway(gateway_settings: GatewaySettings, local_keys: local.Keys) -> AsyncIterator[Gateway]:
    """The running gateway."""
    app = create_app(gateway_settings)
    async with lifespan(app):
        yield Gateway(httpx2.ASGITransport(app=app, raise_app_exceptions=False), local_keys)


@pytest.fixture
def organization() -> UUID:
    """An organization of the test's own."""
    return uuid4()


@pytest.fixture
def director(gateway: Gateway, organization: UUID) -> httpx2.AsyncClient:
    """A PMO director of the test's organization."""
    return gateway.as_(organization, "pmo_director", subject="dora")
