"""A gateway with short deadlines in front of a service made of raw sockets."""

from collections.abc import AsyncIterator

import pytest

from services.gateway.proxy.routes import Route
from shared.guard import Rules
from shared.http_server import ConnectionLimits
from tests.service.gateway.harness import HOST, FakeService, Gateway, Parts, fake_service, gateway

ROUTES = (
    Route(method="GET", template="/v1/projects/{project_id}", service="projects"),
    Route(method="GET", template="/v1/admin", service="projects"),
    Route(method="POST", template="/v1/projects", service="projects", max_body=1000),
    Route(method="POST", template="/v1/imports", service="projects", max_body=50_000_000, stream=True),
    Route(method="GET", template="/livez", service="gateway", public=True),
    Route(method="POST", template="/v1/ingest", service="gateway", max_body=1000),
)
FAST = ConnectionLimits(head_seconds=0.4, write_seconds=1.0, drain_seconds=0.5)
RULES = Rules(hosts=frozenset({HOST}), body_gap=0.4, body_grace=1.0, body_rate=100_000)


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[FakeService]:
    """The service behind the gateway."""
    async with fake_service() as running:
        yield running


@pytest.fixture(scope="module")
async def edge(service: FakeService, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway with short deadlines."""
    url = f"http://127.0.0.1:{service.port}"
    parts = Parts(ROUTES, {"projects": url}, rules=RULES, limits=FAST, keep_alive=1)
    async with gateway(tmp_path_factory.mktemp("edge"), parts) as running:
        yield running
