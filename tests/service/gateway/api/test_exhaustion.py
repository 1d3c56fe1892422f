"""The gateway with more requests than database connections: its own API, and keys that must be looked up."""

from uuid import UUID

import httpx2
import pytest

from services.gateway.main import create_app
from services.gateway.settings import GatewaySettings
from services.local import keys as local
from services.local.postgres import Postgres
from shared.testing.http import lifespan
from tests.service.exhaustion import PATIENT, SIZE, turned_away_and_served_again

from .conftest import Gateway


@pytest.mark.parametrize("path", ["/v1/api-clients", "/v1/me"], ids=["row_111_own_api", "row_111_a_key_to_look_up"])
async def test_more_requests_than_connections_are_turned_away_and_then_served(
    gateway_settings: GatewaySettings, local_keys: local.Keys, postgres: Postgres, organization: UUID, path: str
) -> None:
    narrow = gateway_settings.model_copy(
        update={"database_url": gateway_settings.database_url + PATIENT, "database_pool_size": SIZE}
    )
    app = create_app(narrow)
    async with lifespan(app):
        gateway = Gateway(httpx2.ASGITransport(app=app, raise_app_exceptions=False), local_keys)
        director = gateway.as_(organization, "pmo_director")
        made = await director.post("/v1/api-clients", json={"name": "site", "scopes": ["read"]})
        caller = gateway.client(made.json()["key"]) if path == "/v1/me" else director
        await turned_away_and_served_again(postgres.dsn("pmo_gateway"), "api_client", lambda: caller.get(path))
