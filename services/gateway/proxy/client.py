"""The lean HTTP/1.1 client of the hot path: pooled connections, deadlines, one retry, a circuit breaker per service."""

import asyncio
import random
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from services.gateway.proxy.connection import Connection, NeverAnswered, unavailable
from services.gateway.proxy.resilience import Breaker, RetryBudget
from shared.errors import Overloaded, Problem, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
NEVER: Final = -1.0
"""Not even a moment: only a connection that was made for the request will do."""


@dataclass(frozen=True, slots=True)
class ClientRules:
    """Bounds of one service's connections; times in seconds."""

    connections: int = 100
    connect: float = 0.5
    pool_wait: float = 0.25
    idle: float = 30.0
    unsafe_idle: float = 1.0
    """After so long only what may be repeated is sent on an idle connection: the service may be closing it just now.

    A service that stops says so in its answers for longer than this before it closes what is idle.
    """
    gap: float = 45.0
    write: float = 30.0
    jitter: tuple[float, float] = (0.02, 0.2)


@dataclass(slots=True, eq=False)
class Outgoing:
    """A request to a service: `head(seconds)` makes its bytes with the time that is left."""

    method: str
    head: Callable[[float], bytes]
    deadline: float
    body: bytes = b""
    upload: AsyncIterator[bytes] | None = None
    stream: bool = False


class Answer:
    """A service's answer: whole in `body`, or, while `streams`, to be read part by part and closed."""

    __slots__ = ("_connection", "_upstream", "body", "content_length", "headers", "status")

    def __init__(self, upstream: "Upstream", connection: Connection) -> None:
        self.status = connection.status
        self.headers = connection.headers
        self.content_length = connection.content_length
        self._upstream = upstream
        self._connection: Connection | None = connection
        self.body = b""
        if connection.complete:
            self.body = connection.take()
            self.close()

    @property
    def streams(self) -> bool:
        """Whether the body is still coming."""
        return self._connection is not None

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raises UpstreamTimeout when it stops coming, UpstreamInvalid when it breaks."""
        connection, size = self._connection, 0
        while connection is not None:
            try:
                async with asyncio.timeout(self._upstream.rules.gap):
                    part = await connection.read()
            except TimeoutError:
                raise UpstreamTimeout from None
            if not part:
                return
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise UpstreamInvalid("The answer has no end.")
            yield part

    def close(self) -> None:
        """Give the connection back; if the body was not read to its end, cut it."""
        if self._connection is not None:
            self._upstream.give_back(self._connection)
            self._connection = None


class Upstream:
    """One service behind the gateway."""

    def __init__(self, name: str, url: str, rules: ClientRules | None = None, breaker: Breaker | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.hostname is None or parts.path not in {"", "/"}:
            raise ValueError(f"not a base URL: {url}")
        self.name = name
        self.rules = rules or ClientRules()
        self.breaker = breaker or Breaker()
        self.authority = parts.netloc.encode("ascii")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._budget = RetryBudget()
        self._idle: list[Connection] = []
        self._open = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def send(self, request: Outgoing) -> Answer:
        """Return the service's answer; raises a Problem when there is none that can be passed on."""
        loop = asyncio.get_running_loop()
        if not self.breaker.admits(loop.time()):
            raise unavailable(5)
        self._budget.deposit()
        try:
            answer = await self._attempts(request, loop)
        except Overloaded:
            self.breaker.forget()
            raise
        except (UpstreamUnavailable, UpstreamTimeout):
            self.breaker.record(ok=False, now=loop.time())
            raise
        except BaseException:
            self.breaker.forget()
            raise
        self.breaker.record(ok=True, now=loop.time())
        return answer

    async def _attempts(self, request: Outgoing, loop: asyncio.AbstractEventLoop) -> Answer:
        """Try once more where nothing can have happened twice: before a connection stood, or for a safe method."""
        try:
            return await self._attempt(request, loop, idle=self._patience(request))
        except NeverAnswered as failure:
            if request.method not in {"GET", "HEAD"} or request.upload is not None:
                raise unavailable() from None
            if failure.fresh:
                await self._before_retry(request, loop, unavailable())
        except _NotConnected as failure:
            await self._before_retry(request, loop, failure.problem)
        try:
            return await self._attempt(request, loop, idle=NEVER)
        except NeverAnswered:
            raise unavailable() from None
        except _NotConnected as failure:
            raise failure.problem from None

    async def _before_retry(self, request: Outgoing, loop: asyncio.AbstractEventLoop, problem: Problem) -> None:
        pause = random.uniform(*self.rules.jitter)
        if loop.time() + pause >= request.deadline or not self._budget.withdraw():
            raise problem from None
        await asyncio.sleep(pause)

    def _patience(self, request: Outgoing) -> float:
        """How long a connection may have been idle that carries this request."""
        repeatable = request.method in {"GET", "HEAD"} and request.upload is None
        return self.rules.idle if repeatable else self.rules.unsafe_idle

    async def _attempt(self, request: Outgoing, loop: asyncio.AbstractEventLoop, *, idle: float) -> Answer:
        connection = await self._acquire(loop, idle=idle)
        done = False
        try:
            remaining = request.deadline - loop.time()
            if remaining <= 0:
                raise UpstreamTimeout
            head_only = request.method == "HEAD"
            answered = connection.begin(
                request.head(remaining) + request.body, head_only=head_only, eager=request.stream
            )
            if request.upload is not None:
                await self._upload(connection, request.upload, answered)
                remaining = max(remaining, request.deadline - loop.time())
            timer = loop.call_later(remaining, connection.expire)
            try:
                await answered
            finally:
                timer.cancel()
            answer = Answer(self, connection)
            done = True
            return answer
        finally:
            if not done:
                self.give_back(connection)

    async def _upload(self, connection: Connection, body: AsyncIterator[bytes], answered: asyncio.Future[None]) -> None:
        """Send the body until it ends or the service has answered without waiting for the rest."""
        sending = asyncio.ensure_future(self._send_parts(connection, body))
        try:
            await asyncio.wait({sending, answered}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            if not sending.done():
                connection.spoil()
                sending.cancel()
                await asyncio.wait({sending})

    async def _send_parts(self, connection: Connection, body: AsyncIterator[bytes]) -> None:
        async for part in body:
            try:
                async with asyncio.timeout(self.rules.write):
                    await connection.write(part)
            except TimeoutError:
                raise UpstreamTimeout("The service does not take the body.") from None

    # -- the pool

    async def _acquire(self, loop: asyncio.AbstractEventLoop, *, idle: float) -> Connection:
        """Return a connection that was idle for so many seconds at most, or a new one."""
        latest = loop.time() + self.rules.pool_wait
        while True:
            while self._idle:
                connection, age = self._idle[-1], loop.time() - self._idle[-1].idle_since
                if connection.usable and idle < age <= self.rules.idle:
                    break  # those before it are older still
                self._idle.pop()
                if connection.usable and age <= idle:
                    return connection
                connection.abort()
            if self._open < self.rules.connections:
                return await self._connect(loop)
            if self._idle:
                self._idle.pop(0).abort()
            await self._wait_for_room(loop, latest)

    async def _wait_for_room(self, loop: asyncio.AbstractEventLoop, latest: float) -> None:
        room: asyncio.Future[None] = loop.create_future()
        self._queue.append(room)
        try:
            async with asyncio.timeout_at(latest):
                await room
        except BaseException as error:
            if room in self._queue:
                self._queue.remove(room)
            elif not room.cancelled():
                self._wake()  # the room that was given to us goes to the next
            if isinstance(error, TimeoutError):
                raise Overloaded(f"All connections to {self.name} are busy.") from None
            raise

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Connection:
        self._open += 1
        try:
            async with asyncio.timeout(self.rules.connect):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._lost), self._host, self._port, ssl=self._ssl
                )
        except (OSError, TimeoutError):
            self._open -= 1
            raise _NotConnected(unavailable()) from None
        except BaseException:
            self._open -= 1
            raise
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, or cut it when its exchange did not end well."""
        if connection.finish():
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            self._wake()
        else:
            connection.abort()

    def _lost(self, connection: Connection) -> None:
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def _wake(self) -> None:
        while self._queue:
            room = self._queue.popleft()
            if not room.done():
                room.set_result(None)
                return

    def close(self) -> None:
        """Cut all idle connections; those in use end with their exchange."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()


class _NotConnected(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__("no connection")
        self.problem = problem
