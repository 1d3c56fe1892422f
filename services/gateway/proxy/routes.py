"""Which service answers a request, as the merged OpenAPI document says."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.errors import MethodNotAllowed, NotFound
from shared.paths import Paths
from shared.permissions import SCOPES, Permission

GATEWAY: Final = "gateway"
BY_ID_PREFIX: Final = "by_id_prefix"
MAX_BODY: Final = 1024 * 1024
DEADLINE_SECONDS: Final = 10.0

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete")
_TOKEN: Final = re.compile(r"[a-z0-9!#$%&'*+.^`|~-]+")

FORWARDED: Final = frozenset(
    {
        "accept",
        "accept-language",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "last-event-id",
        "pmo-reason",
        "pmo-wait-for",
        "prefer",
        "tracestate",
        "user-agent",
    }
)
"""The request headers that every operation may see; an operation sees more by declaring them as parameters."""

NEVER_FORWARDED: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "pmo-deadline-ms",
        "pmo-organization",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "traceparent",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-api-key",
        "x-request-id",
    }
)
"""Headers that the gateway makes or reads itself, declared or not."""


class RoutesError(Exception):
    """The document cannot be turned into routes; the message names the operation."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One operation: who answers it and within which limits."""

    method: str
    template: str
    service: str
    public: bool = False
    stream: bool = False
    max_body: int = MAX_BODY
    deadline: float = DEADLINE_SECONDS
    key_scopes: frozenset[str] = frozenset()
    forwarded: Mapping[bytes, bytes] = field(default_factory=lambda: header_lines(FORWARDED))


def header_lines(names: Iterable[str]) -> dict[bytes, bytes]:
    """Header name -> the bytes its line begins with."""
    return {name.encode(): name.encode() + b": " for name in sorted(names)}


class RouteTable:
    """Finds the route of a method and a path; a fixed segment goes before a parameter."""

    def __init__(self, routes: Iterable[Route], services: Collection[str]) -> None:
        self.services = frozenset(services)
        self.routes = tuple(routes)
        self._paths: Paths[Route] = Paths()
        for route in self.routes:
            if route.service not in self.services | {GATEWAY, BY_ID_PREFIX}:
                raise RoutesError(f"{route.method} {route.template}: unknown service {route.service!r}")
            try:
                self._paths.add(route.method, route.template, route)
            except ValueError as error:
                raise RoutesError(f"{route.method} {route.template}: {error}") from None

    def match(self, method: str, path: str) -> tuple[Route, str]:
        """Return the route of a request and the service that answers it; raises NotFound or MethodNotAllowed."""
        segments = path.split("/")
        methods = self._paths.find(segments)
        if methods is None:
            raise NotFound
        route = methods.get(method)
        if route is None and method == "HEAD":
            route = methods.get("GET")
            if route is not None and route.stream:
                route = None
        if route is None:
            raise MethodNotAllowed(headers={"Allow": allow(methods)})
        if route.service == BY_ID_PREFIX:
            return route, self._by_prefix(route, segments)
        return route, route.service

    def _by_prefix(self, route: Route, segments: list[str]) -> str:
        index = next(i for i, part in enumerate(route.template.split("/")) if part.startswith("{"))
        service = segments[index].partition("-")[0]
        if service not in self.services and service != GATEWAY:
            raise NotFound
        return service

    def methods(self, path: str) -> str:
        """Return the Allow header of a path; raises NotFound."""
        methods = self._paths.find(path.split("/"))
        if methods is None:
            raise NotFound
        return allow(methods)


def allow(methods: Mapping[str, Route]) -> str:
    """The Allow header of the methods that a path declares."""
    names = {*methods, "OPTIONS"}
    if "GET" in methods and not methods["GET"].stream:
        names.add("HEAD")
    return ", ".join(sorted(names))


def from_openapi(document: Mapping[str, object]) -> Iterator[Route]:
    """Yield the routes of a merged OpenAPI document, as its `x-pmo-*` extensions describe them."""
    for template, item in _mapping(document.get("paths")).items():
        shared = _header_parameters(document, _mapping(item))
        for method in _METHODS:
            if method in _mapping(item):
                operation = _mapping(_mapping(item)[method])
                headers = shared | _header_parameters(document, operation)
                yield _route(method.upper(), str(template), operation, headers)


def _route(method: str, template: str, operation: Mapping[str, object], headers: set[str]) -> Route:
    where = f"{method} {template}"
    service = operation.get("x-pmo-service")
    if not isinstance(service, str):
        raise RoutesError(f"{where}: x-pmo-service is missing")
    return Route(
        method=method,
        template=template,
        service=service,
        public=operation.get("x-pmo-public") is True,
        stream=operation.get("x-pmo-stream") is True,
        max_body=_positive(where, operation.get("x-pmo-max-body-bytes", MAX_BODY)),
        deadline=_positive(where, operation.get("x-pmo-deadline-ms", int(DEADLINE_SECONDS * 1000))) / 1000,
        key_scopes=_key_scopes(where, operation),
        forwarded=header_lines(FORWARDED | headers),
    )


def _key_scopes(where: str, operation: Mapping[str, object]) -> frozenset[str]:
    """The scopes of API keys that may call: the declared one, else those that grant the permission."""
    scope = operation.get("x-pmo-scope")
    if scope is not None:
        if scope not in SCOPES:
            raise RoutesError(f"{where}: unknown scope {scope!r}")
        return frozenset({str(scope)})
    permission = operation.get("x-pmo-permission")
    if permission is None:
        return frozenset()
    try:
        wanted = Permission(str(permission))
    except ValueError:
        raise RoutesError(f"{where}: unknown permission {permission!r}") from None
    return frozenset(name for name, grants in SCOPES.items() if wanted in grants)


def _header_parameters(document: Mapping[str, object], holder: Mapping[str, object]) -> set[str]:
    names = set()
    parameters = holder.get("parameters", [])
    for parameter in parameters if isinstance(parameters, list) else []:
        resolved = _resolve(document, _mapping(parameter))
        name = str(resolved.get("name", "")).lower()
        if resolved.get("in") == "header" and _TOKEN.fullmatch(name) and name not in NEVER_FORWARDED:
            names.add(name)
    return {name for name in names if not name.startswith(("x-forwarded-", "x-tenant", "x-user", "access-control-"))}


def _resolve(document: Mapping[str, object], value: Mapping[str, object]) -> Mapping[str, object]:
    reference = value.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return value
    found: Mapping[str, object] = document
    for part in reference[2:].split("/"):
        found = _mapping(found.get(part.replace("~1", "/").replace("~0", "~")))
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _positive(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise RoutesError(f"{where}: {value!r} is not a positive whole number")
    return value
