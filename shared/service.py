"""The composition of a service: database, broker, background loops, health, metrics, problems, OpenAPI."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import asyncpg
import orjson
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from prometheus_client import generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import gauges, schema, tracing
from shared.audit.answers import Answers
from shared.audit.examination import Examiner
from shared.audit.owner import Owner
from shared.audit.projection import Projection
from shared.audit.rounds import Audit
from shared.auth import InternalTokenVerifier
from shared.bus import Bus
from shared.consumer import Consumer
from shared.db import Database, check_role
from shared.dispatch import Dispatch
from shared.entity import Entity
from shared.errors import Problem
from shared.failures import on_error
from shared.guard import Guard, Rules
from shared.lifecycle import Loop, running, told_to_stop
from shared.loop_lag import LoopLag
from shared.messaging import Subscription
from shared.relay import Relay
from shared.route import ProblemRead
from shared.settings import ServiceSettings
from shared.telemetry import REGISTRY, REQUEST_SECONDS
from shared.worker import Handler, Worker

log = structlog.get_logger(__name__)

DATABASE_PATIENCE_SECONDS: Final = 60.0
LARGEST_BODY: Final = 50 * 1024 * 1024
UNMATCHED: Final = "none"
NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own spans would hold paths and queries, and know nothing of the gateway's edge; see shared/tracing.py."""


async def connect_database(settings: ServiceSettings, name: str) -> Database:
    """Open the pool, waiting for a database that is still starting; raises RuntimeError if the role is unfit."""
    deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
    while True:
        try:
            database = await Database.connect(
                settings.database_url, size=settings.database_pool_size, application=f"pmo-{name}"
            )
            async with database.connection() as connection:
                mistakes = await check_role(connection, durable=settings.environment != "test")
            break
        except (
            OSError,
            asyncpg.InterfaceError,
            asyncpg.CannotConnectNowError,
            asyncpg.PostgresConnectionError,
        ) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("database_not_ready", error=repr(error))
            await asyncio.sleep(0.5)
    if mistakes:
        await database.close()
        raise RuntimeError("; ".join(mistakes))
    return database


class Measured:
    """ASGI middleware that measures requests by route template."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and observe its seconds and status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        correlation = scope.get("state", {}).get("correlation")
        if correlation is not None:
            structlog.contextvars.bind_contextvars(request_id=correlation.request_id, trace_id=correlation.trace_id)
        try:
            await self._app(scope, receive, observe)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", UNMATCHED)
            REQUEST_SECONDS.labels(self._service, scope["method"], route, status).observe(seconds)
            if tracing.recorder is not None and correlation is not None:
                template = "" if route == UNMATCHED else route
                tracing.served(scope, correlation.traceparent, correlation.parent, template, status, seconds)
            if scope["method"] != "GET" or status >= 400:
                log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 2))
            structlog.contextvars.unbind_contextvars("request_id", "trace_id")


def health_routes(app: FastAPI, name: str) -> list[Route]:
    """Return /livez, /readyz (503 while a check fails, or about to stop; all checks by name) and /metrics."""

    async def livez(_request: Request) -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    async def readyz(_request: Request) -> Response:
        if app.state.is_stopping:
            return Response(b'{"status":"stopping","checks":{}}', 503, media_type="application/json")
        checks: dict[str, str] = {}
        database: Database = app.state.database
        try:
            async with asyncio.timeout(2), database.connection() as connection:
                checks["database"] = await schema.lack(connection, name) or "ok"
        except Exception as error:
            log.warning("readiness_check_failed", check="database", error=repr(error))
            checks["database"] = "cannot be reached"
        loops: Sequence[Loop] = app.state.loops
        checks.update({loop.name: loop.trouble or "ok" for loop in loops})
        # The broker may be down for an hour: requests are still taken, so only the database decides.
        ready = checks["database"] == "ok"
        body = orjson.dumps({"status": "ready" if ready else "not ready", "checks": checks})
        return Response(body, 200 if ready else 503, media_type="application/json")

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]


def problem_handlers(app: FastAPI) -> None:
    """Make a problem of every error: ours, validation, routing, and what nobody foresaw."""
    for kind in (Exception, Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, on_error)


def compose(
    name: str,
    settings: ServiceSettings,
    *,
    title: str,
    routers: Sequence[APIRouter],
    subscriptions: Mapping[str, Sequence[Subscription[Any]]],
    work: Mapping[str, Handler],
    projections: Sequence[Projection] = (),
    owned: Sequence[Entity] = (),
) -> FastAPI:
    """Compose a service's application: `subscriptions` by producing service, `work` handlers by kind.

    The service's `projections` are compared with their owners; it answers for the entities that it has `owned`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        def stopping() -> None:
            app.state.is_stopping = True

        app.state.is_stopping = False
        async with AsyncExitStack() as stack:
            stack.enter_context(told_to_stop(stopping))
            await stack.enter_async_context(tracing.recording(name, settings.traces))
            database = await connect_database(settings, name)
            stack.push_async_callback(database.close)
            app.state.database = database
            bus = Bus(settings.nats_url, name=name)
            consumers = [
                Consumer(database, bus, service=name, producer=producer, subscriptions=subscribed)
                for producer, subscribed in subscriptions.items()
            ]
            handlers = dict(work)
            for consumer in consumers:
                handlers |= consumer.handlers
            loops: list[Loop] = [
                bus,
                Relay(settings.relay_database_url, bus, producer=name, signal=database.signal("outbox")),
                *consumers,
                Worker(database, settings.relay_database_url, handlers),
                LoopLag(),
            ]
            for projection in projections:
                consumer = next(each for each in consumers if each.gate.producer == projection.producer)
                examiner = Examiner(database, consumer, projection, Owner(bus, projection.producer))
                loops.append(Audit(examiner, settings.relay_database_url))
            if owned:
                loops.append(Answers(database, settings.relay_database_url, bus, service=name, entities=owned))
            app.state.bus = bus
            app.state.loops = loops
            app.state.consumers = {consumer.name: consumer for consumer in consumers}
            gauges.show(database, loops, app.state.consumers, handlers)
            await stack.enter_async_context(running(*loops))
            yield

    app = FastAPI(
        title=title,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        telemetry=NO_TELEMETRY,
    )
    app.state.service = name
    app.state.verifier = InternalTokenVerifier.from_pem(settings.internal_public_key, name)
    app.state.cursor_secret = settings.cursor_secret
    app.state.producers = frozenset(subscriptions)
    for router in routers:
        app.include_router(router)
    app.router.routes.extend(health_routes(app, name))
    problem_handlers(app)
    return app


def create_service(
    name: str,
    settings: ServiceSettings,
    *,
    title: str,
    routers: Sequence[APIRouter],
    subscriptions: Mapping[str, Sequence[Subscription[Any]]],
    work: Mapping[str, Handler],
    projections: Sequence[Projection] = (),
    owned: Sequence[Entity] = (),
) -> ASGIApp:
    """Compose a service that stands behind the gateway, with the guard in front."""
    app = compose(
        name,
        settings,
        title=title,
        routers=routers,
        subscriptions=subscriptions,
        work=work,
        projections=projections,
        owned=owned,
    )
    return Guard(Measured(Dispatch(app, routers), name), Rules(max_body=LARGEST_BODY))


def _operation_id(route: APIRoute) -> str:
    return route.name


def openapi(name: str, title: str, routers: Sequence[APIRouter]) -> dict[str, Any]:
    """Return a service's own OpenAPI document, without starting it."""
    app = FastAPI(title=title, version="1", generate_unique_id_function=_operation_id)
    for router in routers:
        app.include_router(router)
    document = get_openapi(title=title, version="1", routes=app.routes, separate_input_output_schemas=False)
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = ProblemRead.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = {**problem, "title": "Problem"}
    for path in document.get("paths", {}).values():
        for operation in path.values():
            operation.setdefault("x-pmo-service", name)
            operation["operationId"] = camel(operation["operationId"])
    return document


def camel(name: str) -> str:
    """Return a function's name in camelCase."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
