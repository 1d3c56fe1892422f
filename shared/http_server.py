"""uvicorn with the bounds that it lacks: deadlines for heads and slow readers, problems for broken framing."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, cast

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.correlation import identify
from shared.errors import (
    BadRequest,
    HeadersTooLarge,
    MethodNotAllowed,
    Overloaded,
    Problem,
    RequestTimeout,
    UriTooLong,
    render,
)
from shared.guard import ALLOW

_METHOD: Final = re.compile(rb"[A-Z]{2,20} ")
_LONGEST_URL: Final = 0xFFFF  # what the parser can measure; the guard in front of the application allows far less


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one server's connections; times in seconds, sizes in bytes."""

    connections: int = 1024
    per_client: int = 512
    head_bytes: int = 64 * 1024
    head_seconds: float = 10.0
    write_seconds: float = 30.0
    drain_seconds: float = 5.0
    drain_bytes: int = 32 * 1024 * 1024


class CorkedTransport(asyncio.Transport):
    """A transport that gathers what is written in one turn of the loop: an answer's head and body leave together."""

    __slots__ = ("_loop", "_parts", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Gather bytes; much goes at once, so that flow control sees it."""
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER_LIMIT:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            if not self._transport.is_closing():
                self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def close(self) -> None:
        """Close after what was gathered."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._parts, self._size = [], 0
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Ask the transport beneath."""
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Bytes that have not left yet."""
        return self._transport.get_write_buffer_size() + self._size

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()


class StrictProtocol(HttpToolsProtocol):
    """One client's connection; refuses in problems what the parser refuses, and never waits for ever."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()
    per_client: ClassVar[Counter[str]] = Counter()

    leaving: ClassVar[bool] = False
    """Whether the server is about to stop: every answer is the last on its connection, and says so."""

    _refusal: Problem | None = None
    _over: bool = False
    _peer: str | None = None
    _head_bytes: int = 0
    _in_head: bool = False
    _drained: int = 0
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _drain_timer: asyncio.TimerHandle | None = None

    # -- the connection's life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in, and give it the time of one head to say something."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.transport = CorkedTransport(self.transport, self.loop)
        self._peer = self.client[0] if self.client else ""
        self.per_client[self._peer] += 1
        if len(self.connections) > self.limits.connections or self.per_client[self._peer] > self.limits.per_client:
            self._refuse(Overloaded("Too many connections.", headers={"Retry-After": "5"}))
            return
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out and stop its timers."""
        for timer in (self._head_timer, self._write_timer, self._drain_timer):
            if timer is not None:
                timer.cancel()
        if self._peer is not None:
            self.per_client[self._peer] -= 1
            if self.per_client[self._peer] <= 0:
                del self.per_client[self._peer]
        self._over = True
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within the bounds of a head and of what is thrown away after an early answer."""
        if self._over:
            return
        if self._drain_timer is not None:
            self._drained += len(data)
            if self._drained > self.limits.drain_bytes:
                self.transport.abort()
                return
        elif self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
            self._in_head = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # upgrades are not offered: the request is served as plain HTTP/1.1
        except httptools.HttpParserInvalidMethodError:
            known = _METHOD.match(data) is not None
            self._refuse(MethodNotAllowed(headers={"Allow": ALLOW}) if known else BadRequest())
        except httptools.HttpParserError:
            self._refuse(self._refusal or BadRequest())
        self._watch_head(len(data))

    def _watch_head(self, received: int) -> None:
        if self._over:
            return
        if self._in_head:
            self._head_bytes += received
            if self._head_bytes > self.limits.head_bytes:
                self._refuse(HeadersTooLarge())
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(self.limits.head_seconds, self._head_is_late)
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(RequestTimeout("The request's head did not arrive in time."))
        else:
            self.transport.close()

    # -- the parser's callbacks

    def on_message_begin(self) -> None:
        """A new request's first byte, which may come with the last of a body that was thrown away."""
        self._unset_keepalive_if_required()
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take an origin-form target only: in absolute form the host would be hidden from the application."""
        self._in_head = False
        if self.parser.get_method() == b"CONNECT":
            self._refusal = MethodNotAllowed(headers={"Allow": ALLOW})
            raise ValueError("CONNECT")
        if not self.url.startswith(b"/"):
            self._refusal = BadRequest("The request target must be a path.")
            raise ValueError("request target")
        if len(self.url) > _LONGEST_URL:
            self._refusal = UriTooLong()
            raise ValueError("request target")
        super().on_headers_complete()
        if self.leaving:
            self.leave()

    def on_message_complete(self) -> None:
        """The request has fully arrived."""
        if self._drain_timer is not None:
            self._drain_timer.cancel()
            self._drain_timer = None
            self._drained = 0
            self._arm_keep_alive()
        self.cycle.more_body = False
        self.cycle.message_event.set()

    # -- the answer

    def leave(self) -> None:
        """Let the answer that is under way, if any, be the last on this connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """After an answer that came before the request's end, the rest is thrown away, within bounds."""
        last = not self.pipeline
        super().on_response_complete()
        if self._over and last:
            self.transport.close()
        elif self.cycle.more_body and self.cycle.response_complete and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._drain_timer = self.loop.call_later(self.limits.drain_seconds, self.transport.abort)

    def _arm_keep_alive(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """An idle connection is closed; one that does not even take its answer is cut."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        """The client reads too slowly; it has a deadline now."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def send_400_response(self, msg: str) -> None:
        """Answer broken framing with a problem."""
        self._refuse(BadRequest(msg))

    def _refuse(self, problem: Problem) -> None:
        """End the connection; with a problem, unless that could be taken for another request's answer."""
        if self._over:
            return
        self._over = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                return  # what is broken is a later request: those before it are answered first
            if self.pipeline:
                self.pipeline.popleft()
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        self.transport.write(_plain_answer(problem))
        self.transport.close()


def _plain_answer(problem: Problem) -> bytes:
    correlation = identify({})
    status, headers, body = render(
        problem, instance="/", request_id=correlation.request_id, trace_id=correlation.trace_id
    )
    kept = [header for header in headers if header[0] != b"connection"]
    kept += [(b"x-request-id", correlation.request_id.encode()), (b"connection", b"close")]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in kept)
    return STATUS_LINE[status] + head + b"\r\n" + body


KEEP_ALIVE_PUBLIC: Final = 15
KEEP_ALIVE_INTERNAL: Final = 75


class Server(uvicorn.Server):
    """Told to stop, it still takes requests for a while, until whoever sends them has seen that it is not ready."""

    def __init__(self, config: uvicorn.Config, protocol: type[StrictProtocol], linger_seconds: float) -> None:
        super().__init__(config)
        self._protocol = protocol
        self._linger_seconds = linger_seconds

    async def main_loop(self) -> None:
        """Serve until told to stop and that while is over; what is not answered by then gets its grace."""
        await super().main_loop()
        self._protocol.leaving = True
        for connection in self.server_state.connections:
            cast(StrictProtocol, connection).leave()
        end = time.monotonic() + self._linger_seconds
        while time.monotonic() < end and not self.force_exit:  # noqa: ASYNC110 - a flag is all that there is
            await asyncio.sleep(0.05)


def server(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    limits: ConnectionLimits | None = None,
    keep_alive: int = KEEP_ALIVE_INTERNAL,
    graceful_seconds: int = 25,
    linger_seconds: float = 0.0,
    lifespan: Literal["auto", "on", "off"] = "on",
) -> uvicorn.Server:
    """Make the server that every service runs on; logging is the caller's.

    Told to stop, it takes requests for `linger_seconds` more, then gives those under way `graceful_seconds`.
    """
    protocol = type(
        "BoundProtocol", (StrictProtocol,), {"limits": limits or ConnectionLimits(), "per_client": Counter()}
    )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        loop="uvloop",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=graceful_seconds,
        backlog=512,
    )
    return Server(config, protocol, linger_seconds)
