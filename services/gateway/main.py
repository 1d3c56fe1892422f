"""The composition of the gateway: its own API, and the edge around it."""

import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from prometheus_client import generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway import openapi
from services.gateway.api import api_clients, ingest, me, overview, stream
from services.gateway.api.route import EdgeOperation
from services.gateway.consumers import SUBSCRIPTIONS
from services.gateway.models import METADATA
from services.gateway.proxy.api_keys import ApiKey
from services.gateway.proxy.app import ProxyApp
from services.gateway.proxy.assemble import assemble, public_page
from services.gateway.service.api_clients import find_api_key
from services.gateway.settings import GatewaySettings
from services.gateway.stream import Streams
from shared.db import Database
from shared.dead_letter_api import dead_letter_router
from shared.dispatch import Dispatch
from shared.errors import NotFound
from shared.failures import to_response
from shared.lifecycle import told_to_stop
from shared.service import compose
from shared.telemetry import REGISTRY

NAME: Final = "gateway"
TITLE: Final = "Gateway"
ROUTERS: Final = (
    me.router,
    api_clients.router,
    ingest.router,
    overview.router,
    stream.router,
    dead_letter_router(NAME, METADATA, EdgeOperation),
)
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]
HEALTH: Final = ("/livez", "/readyz", "/metrics")


def create_app(settings: GatewaySettings) -> ProxyApp:
    """Compose the gateway from its settings; it starts whether or not the services are up."""
    inner = compose(NAME, settings, title=TITLE, routers=ROUTERS, subscriptions=SUBSCRIPTIONS, work={})
    pages = openapi.pages()
    inner.router.routes[:0] = [*pages, hidden_metrics(settings)]

    async def lookup(key_id: str) -> ApiKey | None:
        database: Database = inner.state.database  # there once the application has started
        return await find_api_key(database, key_id)

    app = assemble(
        settings,
        openapi.merged_document(),
        Dispatch(inner, ROUTERS),
        lookup,
        pages=[public_page(path) for path in (*(page.path for page in pages), *HEALTH)],
    )
    inner.state.edge = app.edge
    inner.router.lifespan_context = with_streams(inner, settings)
    return app


def with_streams(app: FastAPI, settings: GatewaySettings) -> Lifespan:
    """Return the application's lifespan with live streams in it, which end when the process is told to stop."""
    composed = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(starting: FastAPI) -> AsyncIterator[Mapping[str, object] | None]:
        async with composed(starting) as state:
            app.state.streams = streams = Streams(app.state.bus, settings.cursor_secret)
            with told_to_stop(streams.drain):
                yield state

    return lifespan


def hidden_metrics(settings: GatewaySettings) -> Route:
    """Return /metrics for whoever knows its token; on a machine of one's own it needs none."""
    wanted = f"Bearer {settings.metrics_token}".encode() if settings.metrics_token else None

    async def metrics(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode("latin-1")
        shown = settings.environment == "local" if wanted is None else hmac.compare_digest(given, wanted)
        if not shown:
            return to_response(request, NotFound())
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")

    return Route("/metrics", metrics)
