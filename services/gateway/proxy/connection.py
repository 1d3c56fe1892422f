"""One keep-alive HTTP/1.1 connection to a service, with everything that comes back checked."""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import httptools

from shared.errors import Problem, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable

BUFFER_BYTES: Final = 1024 * 1024
HIGH_WATER: Final = 256 * 1024
MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_INFORMATIONAL: Final = 8

_VERSIONS: Final = frozenset({"1.1", "1.0"})
_BAD_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_NAME: Final = re.compile(rb"[^A-Za-z0-9!#$%&'*+.^_`|~-]")


class NeverAnswered(Exception):
    """The connection ended before a byte of the answer came; `fresh` is false after keep-alive."""

    def __init__(self, *, fresh: bool) -> None:
        super().__init__("the service closed the connection without an answer")
        self.fresh = fresh


class Connection(asyncio.Protocol):
    """Carries one exchange at a time; its owner writes, awaits `answered`, reads, and gives it back."""

    __slots__ = (
        "_buffered",
        "_chunks",
        "_complete",
        "_drained",
        "_eager",
        "_error",
        "_head_bytes",
        "_head_done",
        "_head_only",
        "_informational",
        "_keep",
        "_loop",
        "_on_lost",
        "_parser",
        "_paused",
        "_reader",
        "_reused",
        "_until_close",
        "_waiter",
        "content_length",
        "headers",
        "idle_since",
        "status",
        "transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[["Connection"], None]) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._reused = False
        self._keep = True
        self._drained: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._reader: asyncio.Future[None] | None = None
        self._reset(head_only=False, eager=False)

    def _reset(self, *, head_only: bool, eager: bool) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.content_length: int | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._head_bytes = 0
        self._head_done = False
        self._head_only = head_only
        self._eager = eager
        self._complete = False
        self._until_close = False
        self._informational = 0
        self._paused = False
        self._error: Problem | NeverAnswered | None = None

    # -- for the owner

    @property
    def usable(self) -> bool:
        """Whether another exchange may begin."""
        return self._keep and self._waiter is None and self.transport is not None and not self.transport.is_closing()

    @property
    def complete(self) -> bool:
        """Whether the whole answer has come."""
        return self._complete

    def begin(self, data: bytes, *, head_only: bool, eager: bool) -> asyncio.Future[None]:
        """Send the request's head (and a small body); the future ends when there is an answer to pass on."""
        if self.transport is None or self.transport.is_closing():
            raise NeverAnswered(fresh=False)
        self._reset(head_only=head_only, eager=eager)
        self._waiter = self._loop.create_future()
        self.transport.write(data)
        return self._waiter

    async def write(self, data: bytes) -> None:
        """Send more of the request's body, as fast as the service takes it."""
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(data)
        if self._drained is not None:
            await self._drained

    def finish(self) -> bool:
        """End the exchange; whether the connection can be used again."""
        self._waiter = None
        self._reader = None
        if not self._complete:
            self._keep = False
        self._reused = True
        if self._keep and self._head_only:
            self._parser = httptools.HttpResponseParser(self)  # the old one still waits for the body
        return self.usable

    def spoil(self) -> None:
        """Let no other exchange begin, as the request was not sent to its end."""
        self._keep = False

    def abort(self) -> None:
        """Cut the connection."""
        self._keep = False
        if self.transport is not None:
            self.transport.abort()

    def expire(self) -> None:
        """The exchange's time is over."""
        self._fail(UpstreamTimeout())
        self.abort()

    def take(self) -> bytes:
        """Return what has come of the body so far and let more come."""
        data = b"".join(self._chunks) if len(self._chunks) != 1 else self._chunks[0]
        self._chunks.clear()
        self._buffered = 0
        if self._paused and self.transport is not None and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()
        return data

    async def read(self) -> bytes:
        """Return the next part of the body, b"" at its end; raises a Problem when it breaks off."""
        if not self._chunks and not self._complete:
            if self._error is not None:
                raise self._error
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self._chunks and self._error is not None:
            raise self._error
        return self.take()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: the end of an answer that ends so, else a failure."""
        self._keep = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._until_close and self._head_done and exc is None:
            self._end()
        elif not self._complete:
            unanswered = self._head_bytes == 0 and not self._informational
            closed = UpstreamInvalid("The service closed the connection in the middle of its answer.")
            self._fail(NeverAnswered(fresh=not self._reused) if unanswered else closed)
        self._on_lost(self)

    def eof_received(self) -> bool:
        """The service sends no more; close our side too."""
        self._keep = False
        return False

    def pause_writing(self) -> None:
        """The service reads too slowly."""
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """The service has read on."""
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser and wake the owner when there is something to pass on."""
        if self._waiter is None or self._complete:
            self.abort()  # nobody asked: what comes now would be taken for a later answer
            return
        if not self._head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break()
        except httptools.HttpParserError:
            self._break()
        if not self._head_done and self._head_bytes > 2 * MAX_HEAD_BYTES:
            self._break()
        if self._head_done and not self._waiter.done() and (self._eager or self._buffered > BUFFER_BYTES):
            self._waiter.set_result(None)
        if self._reader is not None and not self._reader.done() and self._chunks:
            self._reader.set_result(None)
        if self._buffered > HIGH_WATER and self._waiter.done() and not self._paused and not self._complete:
            self._paused = True
            if self.transport is not None and not self.transport.is_closing():
                self.transport.pause_reading()

    # -- the parser's callbacks

    def on_message_begin(self) -> None:
        """An answer, or an informational one before it, begins."""
        if self._complete:
            self._keep = False  # two answers to one request
            raise ValueError("unexpected answer")
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, within bounds."""
        self.headers.append((name.lower(), value))
        if len(self.headers) > MAX_HEADERS:
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        """Judge the head: its size, its framing, and whether the body is passed on as it comes."""
        status = self._parser.get_status_code()
        if not 100 <= status <= 599 or status == 101 or self._parser.get_http_version() not in _VERSIONS:
            raise ValueError("not an answer that can be passed on")
        if status < 200:
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                raise ValueError("too many informational answers")
            return
        self.status = status
        self._check_head()
        self._head_done = True
        if self._head_only:
            self._end(keep=self._parser.should_keep_alive())

    def _check_head(self) -> None:
        chunked = False
        size = 0
        for name, value in self.headers:
            size += len(name) + len(value)
            if _BAD_NAME.search(name) is not None or _BAD_VALUE.search(value) is not None:
                raise ValueError("bad header")
            if name == b"content-length":
                self.content_length = int(value)
            elif name == b"transfer-encoding":
                chunked = True
                if value.lower() != b"chunked":
                    raise ValueError("unknown transfer encoding")
            elif name == b"content-type" and value.startswith(b"text/event-stream"):
                self._eager = True
        if size > MAX_HEAD_BYTES or (chunked and self.content_length is not None):
            raise ValueError("bad head")
        if self.content_length is not None and self.content_length > BUFFER_BYTES:
            self._eager = True
        bodiless = self.status in (204, 304)
        self._until_close = not chunked and self.content_length is None and not bodiless and not self._head_only

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body until the owner takes it."""
        if self._head_only:
            self._keep = False
            raise ValueError("a body in answer to HEAD")
        self._chunks.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was only informational."""
        if self._head_done and not self._complete:
            self._end(keep=self._parser.should_keep_alive())

    # -- ends

    def _end(self, *, keep: bool = False) -> None:
        self._complete = True
        self._keep = self._keep and keep
        for future in (self._waiter, self._reader):
            if future is not None and not future.done():
                future.set_result(None)

    def _break(self) -> None:
        """What came is not HTTP, or not an answer to one request."""
        if self._complete:
            self._keep = False
            return
        self._fail(UpstreamInvalid())
        self.abort()

    def _fail(self, error: Problem | NeverAnswered) -> None:
        if self._complete or self._error is not None:
            return
        self._error = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        elif self._reader is not None and not self._reader.done():
            self._reader.set_exception(error)


def unavailable(seconds: int = 1) -> UpstreamUnavailable:
    """The problem of a service that cannot be reached."""
    return UpstreamUnavailable(headers={"Retry-After": str(seconds)})
