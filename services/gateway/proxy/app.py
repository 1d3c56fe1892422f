"""The gateway's outermost ASGI callable: guard, route, authenticate, then a service or the gateway's own API."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.proxy.authentication import Authenticator, Caller
from services.gateway.proxy.client import Upstream
from services.gateway.proxy.cors import Cors
from services.gateway.proxy.observe import BROKEN_OFF, CLIENT_CLOSED, UNMATCHED, AccessLines, Metrics, show
from services.gateway.proxy.proxy import BrokenOff, ClientGone, Passage, forward, traced
from services.gateway.proxy.routes import GATEWAY, Route, RouteTable
from shared import tracing
from shared.auth import InternalTokenMinter
from shared.correlation import identify, replaced
from shared.errors import Forbidden, Overloaded, Problem
from shared.guard import BoundedReceive, Checker, Rules, combine, content_length, send_problem

SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
HSTS: Final = (b"strict-transport-security", b"max-age=31536000")

log: Final = structlog.get_logger("gateway")


class AccessLog(Protocol):
    """What the access lines are written to."""

    def info(self, event: str, **values: object) -> object:
        """Write one line."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge is made of; the composition root puts it together."""

    routes: RouteTable
    upstreams: Mapping[str, Upstream]
    authenticator: Authenticator
    minter: InternalTokenMinter
    inner: ASGIApp
    rules: Rules = field(default_factory=Rules)
    cors: Cors = field(default_factory=lambda: Cors(()))
    secure: bool = False
    max_in_flight: int = 512
    access_log: AccessLog | None = None


class _Request:
    """A request and what is known of it by the time it is logged."""

    __slots__ = (
        "caller",
        "correlation",
        "counted",
        "declared",
        "fields",
        "receive",
        "route",
        "scope",
        "send",
        "service",
        "started",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.fields: dict[bytes, bytes] = dict(scope["headers"])
        self.receive = receive
        self.send = send
        self.correlation = identify(self.fields)
        self.counted = True
        self.declared: int | None = 0
        self.route: Route | None = None
        self.service = GATEWAY
        self.caller: Caller | None = None
        self.started = False
        self.status = 500


class ProxyApp:
    """Answers every request of the outside world."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._checker = Checker(edge.rules)
        self._metrics = Metrics()
        self._log = edge.access_log or AccessLines()
        self._headers = [*SECURITY, *((HSTS,) if edge.secure else ())]
        self.in_flight = 0
        show(edge.upstreams, lambda: self.in_flight)

    @property
    def edge(self) -> Edge:
        """What it is made of."""
        return self._edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; every failure is a problem, and every request one line in the log."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        began = time.perf_counter()
        request = _Request(scope, receive, send)
        self.in_flight += 1
        try:
            await self._serve(request)
        except Problem as problem:
            await self._refuse(request, problem)
        except ClientGone:
            request.status = CLIENT_CLOSED
        except BrokenOff as broken:
            # the server cuts a connection whose answer is not completed: in HTTP/1.1 the only way to tell
            request.status = broken.problem.status
            BROKEN_OFF.labels(request.service).inc()
        except Exception:
            log.exception("request_failed", request_id=request.correlation.request_id)
            await self._refuse(request, Problem())
        finally:
            self._release(request)
            self._account(request, time.perf_counter() - began)

    async def _serve(self, request: _Request) -> None:
        edge, scope = self._edge, request.scope
        if len(request.fields) != len(scope["headers"]):
            request.fields = combine(scope["headers"])
        fields = request.fields
        self._checker.check(scope, fields)
        if self.in_flight > edge.max_in_flight:
            raise Overloaded
        method: str = scope["method"]
        if method == "OPTIONS":
            await self._options(request)
            return
        route, request.service = edge.routes.match(method, scope["path"])
        request.route = route
        if route.stream:
            self._release(request)  # a watcher stays for hours and costs next to nothing
        if not route.public:
            await self._authenticate(request, route)
        request.declared = content_length(fields)
        body = BoundedReceive(request.receive, edge.rules, route.max_body, request.declared)
        if request.service == GATEWAY:
            await self._inner(request, route, body)
        else:
            await self._forward(request, route, body)

    def _release(self, request: _Request) -> None:
        if request.counted:
            request.counted = False
            self.in_flight -= 1

    async def _authenticate(self, request: _Request, route: Route) -> None:
        client = request.scope.get("client")
        request.caller = await self._edge.authenticator.authenticate(request.fields, client[0] if client else "")
        caller = request.caller
        if caller.is_machine and caller.principal.scopes.isdisjoint(route.key_scopes):
            raise Forbidden("None of the API key's scopes grants this operation.")

    async def _forward(self, request: _Request, route: Route, body: BoundedReceive) -> None:
        """Hand the request to the service that owns the operation."""
        edge, authorization = self._edge, None
        if request.caller is not None:
            authorization = request.caller.authorization(request.service, edge.minter, time.time())
        passage = Passage(
            scope=request.scope,
            fields=request.fields,
            receive=body,
            send=request.send,
            route=route,
            upstream=edge.upstreams[request.service],
            authorization=authorization,
            correlation=request.correlation,
            extra=self._extra(request),
            declared=request.declared,
        )
        try:
            request.status = await (forward(passage) if tracing.recorder is None else traced(passage))
        finally:
            request.started = passage.started

    async def _inner(self, request: _Request, route: Route, body: BoundedReceive) -> None:
        """Hand the request to the gateway's own API, with the caller and the correlation in its state."""
        scope = request.scope
        state = scope.setdefault("state", {})
        state["correlation"] = request.correlation
        state["principal"] = request.caller.principal if request.caller is not None else None
        state["route"] = route
        scope["headers"] = replaced(scope["headers"], request.correlation)
        if scope["method"] == "HEAD" and route.method == "GET":
            scope = {**scope, "method": "GET"}
        refused: Problem | None = None
        extra = self._extra(request)

        async def answer(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                # a framework makes an answer of its own of what receive() raises; the problem tells more
                if body.problem is not None:
                    refused = body.problem
                    return
                request.started = True
                request.status = message["status"]
                message["headers"] = _merged(list(message.get("headers", ())), extra)
            elif refused is not None:
                return
            await request.send(message)

        await self._edge.inner(scope, body, answer)
        if refused is not None:
            raise refused

    async def _options(self, request: _Request) -> None:
        edge = self._edge
        headers = edge.cors.preflight(request.fields, edge.routes.methods(request.scope["path"]))
        headers += [*self._headers, (b"x-request-id", request.correlation.request_id.encode())]
        request.started, request.status = True, 204
        await request.send({"type": "http.response.start", "status": 204, "headers": headers})
        await request.send({"type": "http.response.body", "body": b""})

    def _extra(self, request: _Request) -> list[tuple[bytes, bytes]]:
        return [
            *self._headers,
            POLICY,
            *self._edge.cors.headers(request.fields),
            (b"x-request-id", request.correlation.request_id.encode()),
        ]

    async def _refuse(self, request: _Request, problem: Problem) -> None:
        request.status = problem.status
        if request.started:
            return  # what was begun cannot be taken back; the server cuts the connection
        extra = [*self._headers, POLICY, *self._edge.cors.headers(request.fields)]
        await send_problem(request.send, problem, request.scope, request.correlation, extra)

    def _account(self, request: _Request, seconds: float) -> None:
        route, scope = request.route, request.scope
        template = route.template if route is not None else UNMATCHED
        self._metrics.observe(route.method if route is not None else "OTHER", template, request.status, seconds)
        if tracing.recorder is not None:
            own, parent = request.correlation.traceparent, request.correlation.parent
            tracing.served(scope, own, parent, route.template if route else "", request.status, seconds)
        caller = request.caller.principal if request.caller is not None else None
        client = scope.get("client")
        self._log.info(
            "request",
            request_id=request.correlation.request_id,
            trace_id=request.correlation.trace_id,
            method=scope["method"],
            route=template,
            path=scope["path"][:512],
            status=request.status,
            ms=round(seconds * 1000, 2),
            upstream=request.service,
            client=client[0] if client else None,
            organization=caller.organization_id if caller is not None else None,
            subject=caller.subject if caller is not None else None,
        )

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await send({"type": "websocket.close", "code": 1000})
            return
        try:
            await self._edge.inner(scope, receive, send)
        finally:
            for upstream in self._edge.upstreams.values():
                upstream.close()


def _merged(headers: list[tuple[bytes, bytes]], extra: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Add headers that the inner application has not set itself; the request id is always ours."""
    present = {name.lower() for name, _ in headers} - {b"x-request-id", b"vary"}
    kept = [header for header in headers if header[0].lower() != b"x-request-id"]
    return kept + [header for header in extra if header[0] not in present]
