"""Passes a checked request to a service and its answer back, bytes unchanged, and stops when the client goes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.types import Receive, Scope, Send

from services.gateway.proxy.client import Answer, Outgoing, Upstream
from services.gateway.proxy.connection import BUFFER_BYTES
from services.gateway.proxy.routes import Route
from shared import tracing
from shared.correlation import Correlation
from shared.errors import BadRequest, Problem, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from shared.guard import BoundedReceive

WATCH_AFTER: Final = 0.1

DROPPED: Final = frozenset(
    {
        b"access-control-allow-credentials",
        b"access-control-allow-headers",
        b"access-control-allow-methods",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"access-control-max-age",
        b"alt-svc",
        b"connection",
        b"content-length",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"server",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-powered-by",
        b"x-request-id",
    }
)
"""Headers of a service's answer that are its connection's own, or that the gateway makes."""


class ClientGone(Exception):
    """The client has closed its connection; nobody waits for an answer."""


@dataclass(slots=True, eq=False)
class Passage:
    """One request on its way to a service."""

    scope: Scope
    fields: Mapping[bytes, bytes]
    receive: BoundedReceive
    send: Send
    route: Route
    upstream: Upstream
    authorization: bytes | None
    correlation: Correlation
    extra: list[tuple[bytes, bytes]]
    declared: int | None
    started: bool = False

    def head(self, seconds: float, framing: bytes) -> bytes:
        """The request's head as the service gets it; nothing of the client's but what the operation may see."""
        scope = self.scope
        query: bytes = scope["query_string"]
        method = "GET" if scope["method"] == "HEAD" and self.route.method == "GET" else scope["method"]
        host = self.fields[b"host"]
        client = scope.get("client")
        lines = [method.encode(), b" ", scope["raw_path"]]
        if query:
            lines += (b"?", query)
        lines += (b" HTTP/1.1\r\nhost: ", self.upstream.authority, b"\r\n")
        count = 2
        forwarded = self.route.forwarded
        for name, value in self.fields.items():
            line = forwarded.get(name)
            if line is not None:
                lines += (line, value, b"\r\n")
                count += 1
        if self.authorization is not None:
            lines += (b"authorization: ", self.authorization, b"\r\n")
            count += 1
        correlation = self.correlation
        lines.append(
            (
                f"x-request-id: {correlation.request_id}\r\ntraceparent: {correlation.traceparent}\r\n"
                f"pmo-deadline-ms: {int(seconds * 1000)}\r\nx-forwarded-for: {client[0] if client else 'unknown'}\r\n"
                f"x-forwarded-proto: {scope['scheme']}\r\n"
            ).encode("ascii")
        )
        lines += (b"x-forwarded-host: ", host, b"\r\n", framing, b"\r\n")
        head = b"".join(lines)
        count += 7 if framing else 6
        if head.count(b"\n") != count + 1 or head.count(b"\r") != count + 1 or b"\0" in head:
            raise BadRequest  # a line break within a value would start another header
        return head


async def forward(passage: Passage) -> int:
    """Carry out a passage and return the status that the client got; raises a Problem before the answer began."""
    loop = asyncio.get_running_loop()
    watch = _Watch(loop, passage.receive)
    try:
        outgoing = await _outgoing(passage, loop)
        if outgoing.upload is None:
            watch.start_later()
        answer = await passage.upstream.send(outgoing)
        try:
            if answer.status == 401 and not passage.route.public:
                raise UpstreamInvalid("The service does not accept the gateway's token.")
            if answer.streams:
                watch.start()
                await _stream(passage, answer)
            else:
                await _pass_on(passage, answer)
        finally:
            answer.close()
    except asyncio.CancelledError:
        if watch.gone:
            raise ClientGone from None
        raise
    finally:
        watch.stop()
    return answer.status


async def traced(passage: Passage) -> int:
    """Carry out a passage as `forward` does, as a span of its own."""
    here, route = passage.correlation, passage.route
    with tracing.calling(here.traceparent, passage.upstream.name, route.method, route.template) as hop:
        passage.correlation = replace(here, traceparent=hop.traceparent)
        status = await forward(passage)
        tracing.answered(hop, status)
    return status


async def _outgoing(passage: Passage, loop: asyncio.AbstractEventLoop) -> Outgoing:
    """Read a small body whole; let a large one follow as it comes."""
    scope, route, declared = passage.scope, passage.route, passage.declared
    method = route.method if scope["method"] == "HEAD" else scope["method"]
    deadline = loop.time() + route.deadline
    if declared == 0:
        framing = b"content-length: 0\r\n" if method in {"POST", "PUT", "PATCH"} else b""
        return Outgoing(method, lambda left: passage.head(left, framing), deadline, stream=route.stream)
    body, more = b"", True
    while more and (declared is None or declared <= BUFFER_BYTES) and len(body) <= BUFFER_BYTES:
        part, more = await _part(passage.receive)
        body += part
    if not more:
        framing = b"content-length: %d\r\n" % len(body)
        deadline = loop.time() + route.deadline
        return Outgoing(method, lambda left: passage.head(left, framing), deadline, body, stream=route.stream)
    if declared is None:
        upload = _chunked(passage.receive, body)
        framing = b"transfer-encoding: chunked\r\n"
    else:
        upload = _plain(passage.receive, body)
        framing = b"content-length: %d\r\n" % declared
    return Outgoing(method, lambda left: passage.head(left, framing), deadline, upload=upload, stream=route.stream)


async def _part(receive: BoundedReceive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


async def _plain(receive: BoundedReceive, first: bytes) -> AsyncIterator[bytes]:
    if first:
        yield first
    more = True
    while more:
        part, more = await _part(receive)
        if part:
            yield part


async def _chunked(receive: BoundedReceive, first: bytes) -> AsyncIterator[bytes]:
    async for part in _plain(receive, first):
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def _headers(passage: Passage, answer: Answer) -> list[tuple[bytes, bytes]]:
    kept = [header for header in answer.headers if header[0] not in DROPPED]
    kept += passage.extra
    return kept


async def _pass_on(passage: Passage, answer: Answer) -> None:
    """Send an answer that has come whole."""
    headers = _headers(passage, answer)
    if answer.status not in (204, 304):
        length = answer.content_length if answer.content_length is not None else len(answer.body)
        headers.append((b"content-length", b"%d" % length))
    passage.started = True
    await passage.send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await passage.send({"type": "http.response.body", "body": answer.body})


async def _stream(passage: Passage, answer: Answer) -> None:
    """Send an answer as it comes; when it breaks off, the client's connection is cut so that it knows."""
    headers = _headers(passage, answer)
    if answer.content_length is not None:
        headers.append((b"content-length", b"%d" % answer.content_length))
    passage.started = True
    await passage.send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if passage.scope["method"] != "HEAD":
        try:
            async for part in answer.parts():
                await passage.send({"type": "http.response.body", "body": part, "more_body": True})
        except (UpstreamUnavailable, UpstreamTimeout) as problem:
            raise BrokenOff(problem) from problem
    await passage.send({"type": "http.response.body", "body": b""})


class BrokenOff(Exception):
    """The service's answer ended in the middle, after the client had got its beginning."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class _Watch:
    """Cancels the request's task when the client goes; it begins late, as most answers come at once."""

    __slots__ = ("_loop", "_receive", "_request", "_task", "_timer", "gone")

    def __init__(self, loop: asyncio.AbstractEventLoop, receive: Receive) -> None:
        self._loop = loop
        self._receive = receive
        self._request = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.gone = False

    def start_later(self) -> None:
        """Begin to watch unless the answer comes soon."""
        self._timer = self._loop.call_later(WATCH_AFTER, self.start)

    def start(self) -> None:
        """Begin to watch now; the request's body must have been read."""
        if self._task is None:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        except Problem:
            return  # the rest of a body that nobody wants any more
        self.gone = True
        if self._request is not None:
            self._request.cancel()

    def stop(self) -> None:
        """End the watch."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        if self.gone and self._request is not None:
            self._request.uncancel()
