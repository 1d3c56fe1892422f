"""The outermost ASGI layer of every service: what is no well-formed, bounded HTTP/1.x request goes no further."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.correlation import Correlation, identify, replaced
from shared.errors import (
    BadRequest,
    HeadersTooLarge,
    MethodNotAllowed,
    Misdirected,
    NotFound,
    PayloadTooLarge,
    Problem,
    RequestTimeout,
    UnsupportedEncoding,
    UriTooLong,
    render,
)

Headers = Iterable[tuple[bytes, bytes]]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ALLOW: Final = ", ".join(sorted(METHODS))

_HOST: Final = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_TARGET: Final = re.compile(rb"[\x21-\x7e]*")
_TRIPLETS: Final = re.compile(rb"(?:[^%]|%[0-9A-Fa-f]{2})*")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ELSEWHERE: Final = re.compile(r"//|[\\;]|/\.{1,2}(?:/|$)")
_CONNECTION: Final = frozenset({b"close", b"keep-alive", b"upgrade", b"http2-settings", b"te", b""})
_SINGLE: Final = frozenset(
    {
        b"host",
        b"authorization",
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"transfer-encoding",
        b"idempotency-key",
        b"last-event-id",
        b"origin",
        b"expect",
        b"x-api-key",
        b"pmo-deadline-ms",
        b"pmo-organization",
    }
)

log: Final = structlog.get_logger("guard")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a request may be; sizes in bytes, times in seconds. No hosts means any well-formed one."""

    hosts: frozenset[str] = frozenset()
    max_headers: int = 100
    max_header_bytes: int = 32 * 1024
    max_path: int = 2 * 1024
    max_query: int = 4 * 1024
    max_body: int = 1024 * 1024
    body_gap: float = 15.0
    body_grace: float = 30.0
    body_rate: int = 16 * 1024


class Checker:
    """Checks request heads against the rules and remembers the spellings of Host that passed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._hosts = frozenset(host.lower().encode() for host in rules.hosts)
        self._passed: set[bytes] = set()

    def check(self, scope: Scope, fields: Mapping[bytes, bytes]) -> None:
        """Raise the problem that the request's line or headers have, if any."""
        rules = self._rules
        raw_path: bytes = scope["raw_path"]
        query: bytes = scope["query_string"]
        if len(raw_path) > rules.max_path or len(query) > rules.max_query:
            raise UriTooLong
        if scope["http_version"] not in {"1.1", "1.0"}:
            raise BadRequest("Only HTTP/1.1 and HTTP/1.0 are spoken here.", headers={"Connection": "close"})
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > rules.max_headers or _size(fields) > rules.max_header_bytes:
            raise HeadersTooLarge(headers={"Connection": "close"})
        host = fields.get(b"host")
        if host not in self._passed:
            self._admit(host)
        if scope["method"] not in METHODS:
            raise MethodNotAllowed(headers={"Allow": ALLOW})
        check_target(raw_path, query, scope["path"])
        if fields.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise BadRequest("The only transfer coding is chunked.", headers={"Connection": "close"})
        if b"content-encoding" in fields and fields[b"content-encoding"].lower() != b"identity":
            raise UnsupportedEncoding
        if (connection := fields.get(b"connection")) is not None:
            _check_connection(connection)

    def _admit(self, host: bytes | None) -> None:
        """Let a Host pass, or say what is wrong with it."""
        if host is None or _HOST.fullmatch(host) is None:
            raise BadRequest("Exactly one valid Host header is needed.", headers={"Connection": "close"})
        name = host.lower()
        if self._hosts and name not in self._hosts and re.sub(rb":[0-9]+$", b"", name) not in self._hosts:
            raise Misdirected(headers={"Connection": "close"})
        if len(self._passed) < 256:
            self._passed.add(host)


def _size(fields: Mapping[bytes, bytes]) -> int:
    return sum(map(len, fields.values())) + sum(map(len, fields))


def check_target(raw_path: bytes, query: bytes, path: str) -> None:
    """Refuse a path that another parser could read as another route, and bytes that no URL has."""
    if _TARGET.fullmatch(raw_path) is None or _TARGET.fullmatch(query) is None or not raw_path.startswith(b"/"):
        raise BadRequest("The request target is malformed.")
    if b"%" in raw_path:
        _check_encoded(raw_path)
    if _ELSEWHERE.search(path) is not None:
        raise NotFound


def _check_encoded(raw_path: bytes) -> None:
    if _TRIPLETS.fullmatch(raw_path) is None:
        raise BadRequest("The path has an incomplete percent-encoding.")
    try:
        text = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8.") from None
    if _CONTROLS.search(text) is not None:
        raise BadRequest("The path has control characters.")
    if text.count("/") != raw_path.count(b"/"):  # an encoded slash would move to another route behind us
        raise NotFound


def _check_connection(value: bytes) -> None:
    for option in value.lower().split(b","):
        if option.strip() not in _CONNECTION:
            raise BadRequest("Connection names a header that is not hop-by-hop.", headers={"Connection": "close"})


def combine(headers: Headers) -> dict[bytes, bytes]:
    """Make one field of repeated headers, as RFC 9110 5.3 allows; those that must be single are refused."""
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in fields:
            fields[name] = value
        elif name in _SINGLE:
            raise BadRequest(f"The header {name.decode('ascii')} must come once.", headers={"Connection": "close"})
        else:
            fields[name] = fields[name] + b", " + value
    return fields


def content_length(fields: Mapping[bytes, bytes]) -> int | None:
    """The declared length of the body: 0 without one, None when it is chunked."""
    if b"transfer-encoding" in fields:
        return None
    value = fields.get(b"content-length", b"0")
    if not value.isdigit() or len(value) > 18:
        raise BadRequest("Content-Length is malformed.", headers={"Connection": "close"})
    return int(value)


class BoundedReceive:
    """An ASGI receive that ends a body that is too large (413), stalls, or comes too slowly (408)."""

    __slots__ = ("_deadline", "_done", "_limit", "_loop", "_receive", "_rules", "_size", "problem")

    def __init__(self, receive: Receive, rules: Rules, limit: int, declared: int | None) -> None:
        if declared is not None and declared > limit:
            raise PayloadTooLarge(f"The body may have {limit} bytes at most.")
        self._receive = receive
        self._rules = rules
        self._limit = limit
        self._size = 0
        self._done = declared == 0
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + rules.body_grace
        self.problem: Problem | None = None

    async def __call__(self) -> Message:
        """Return the next message, or raise the problem (kept in `problem` for whoever sends the answer)."""
        if self._done:
            return await self._receive()
        if self.problem is not None:
            raise self.problem
        rules = self._rules
        latest = min(self._loop.time() + rules.body_gap, self._deadline + self._size / rules.body_rate)
        try:
            async with asyncio.timeout_at(latest):
                message = await self._receive()
        except TimeoutError:
            self.problem = RequestTimeout(headers={"Connection": "close"})
            raise self.problem from None
        if message["type"] != "http.request":
            self._done = True
            return message
        self._size += len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._size > self._limit:
            self.problem = PayloadTooLarge(f"The body may have {self._limit} bytes at most.")
            raise self.problem
        return message


async def send_problem(
    send: Send, problem: Problem, scope: Scope, correlation: Correlation, extra: Headers = ()
) -> int:
    """Answer with a problem, and return its status."""
    raw_path: bytes = scope.get("raw_path", b"/")
    instance = raw_path.decode("ascii", "replace") if len(raw_path) <= 2048 and _TARGET.fullmatch(raw_path) else "/"
    status, headers, body = render(
        problem, instance=instance, request_id=correlation.request_id, trace_id=correlation.trace_id
    )
    headers.append((b"x-request-id", correlation.request_id.encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *extra]})
    await send({"type": "http.response.body", "body": body})
    return status


class Guard:
    """ASGI middleware that lets only checked requests in and only problems out when something breaks."""

    def __init__(self, app: ASGIApp, rules: Rules, body_limit: Callable[[str, str], int] | None = None) -> None:
        """Take body_limit(method, path) -> bytes where operations differ from the rules' default."""
        self._app = app
        self._rules = rules
        self._checker = Checker(rules)
        self._body_limit = body_limit or (lambda _method, _path: rules.max_body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, bound and correlate one request; the correlation is in scope["state"]["correlation"]."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        correlation = identify(dict(scope["headers"]))
        answer = _Answer(send, correlation)
        try:
            fields = combine(scope["headers"])
            self._checker.check(scope, fields)
            limit = self._body_limit(scope["method"], scope["path"])
            answer.body = BoundedReceive(receive, self._rules, limit, content_length(fields))
            scope.setdefault("state", {})["correlation"] = correlation
            scope["headers"] = replaced(scope["headers"], correlation)
            await self._app(scope, answer.body, answer)
        except Problem as problem:
            if not answer.started:
                await send_problem(send, problem, scope, correlation)
        except Exception:
            log.exception("request_failed", request_id=correlation.request_id)
            if answer.started:
                raise
            await send_problem(send, Problem(), scope, correlation)
        else:
            if answer.replaced is not None:
                await send_problem(send, answer.replaced, scope, correlation)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})


class _Answer:
    """An ASGI send that adds the request id and gives way to a problem of the request's body."""

    __slots__ = ("_header", "_send", "body", "replaced", "started")

    def __init__(self, send: Send, correlation: Correlation) -> None:
        self._send = send
        self._header = (b"x-request-id", correlation.request_id.encode())
        self.body: BoundedReceive | None = None
        self.started = False
        self.replaced: Problem | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # a framework turns what receive() raises into an answer of its own; the problem tells more
            if self.body is not None and self.body.problem is not None:
                self.replaced = self.body.problem
                return
            self.started = True
            kept = [header for header in message.get("headers", ()) if header[0] != b"x-request-id"]
            message["headers"] = [*kept, self._header]
        elif self.replaced is not None:
            return
        await self._send(message)
