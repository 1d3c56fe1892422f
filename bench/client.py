"""A load generator that costs little itself: keep-alive connections that send the next request at once."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Make = Callable[[int, int], bytes]
"""(connection, number of the request on it) -> the request's bytes."""


class UnexpectedAnswer(Exception):
    """A server answered other than it should under load; a figure measured so would be worth nothing."""


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request."""
    fields = {"host": "127.0.0.1", **headers}
    if body:
        fields["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class _Answers(asyncio.Protocol):
    """Cuts a connection's bytes into answers."""

    def __init__(self, on_answer: "OnAnswer", on_lost: Callable[[], None]) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._received = bytearray()
        self._needed = 0
        self._head = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._received, 0, end + 2)
            self._head = end + 4
            self._needed = self._head + (int(length[1]) if length else 0)
        if len(self._received) >= self._needed:
            status = int(self._received[9:12])
            body = bytes(self._received[self._head : self._needed])
            self._received.clear()
            self._needed = 0
            self._on_answer(self, status, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()


OnAnswer = Callable[[_Answers, int, bytes], None]


async def _open(port: int, on_answer: OnAnswer, on_lost: Callable[[], None]) -> _Answers:
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: _Answers(on_answer, on_lost), "127.0.0.1", port)
    return protocol


@dataclass(slots=True)
class Sample:
    """What one round of load measured; latencies in milliseconds."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    """CPU milliseconds of the servers in the path, per request."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds


async def load(port: int, make: Make, *, connections: int, seconds: float) -> Sample:
    """Send requests one after another on each connection; raises UnexpectedAnswer unless every answer is a 2xx."""
    sample = Sample(seconds)
    clock = time.perf_counter
    sent: dict[_Answers, tuple[int, int, float]] = {}
    finished = asyncio.get_running_loop().create_future()
    began = clock()
    ends = began + seconds
    still_sending = connections

    def on_answer(connection: _Answers, status: int, body: bytes) -> None:
        nonlocal still_sending
        number, count, at = sent[connection]
        now = clock()
        sample.latencies.append((now - at) * 1000)
        if not 200 <= status < 300:
            if not finished.done():
                finished.set_exception(UnexpectedAnswer(f"{status} {body[:500].decode(errors='replace')}"))
            return
        if now >= ends:
            still_sending -= 1
            if not still_sending and not finished.done():
                finished.set_result(None)
            return
        sent[connection] = (number, count + 1, now)
        connection.transport.write(make(number, count + 1))

    def on_lost() -> None:
        if not finished.done():
            finished.set_exception(UnexpectedAnswer("a connection ended"))

    opened = [await _open(port, on_answer, on_lost) for _ in range(connections)]
    began = clock()
    ends = began + seconds
    for number, connection in enumerate(opened):
        sent[connection] = (number, 0, clock())
        connection.transport.write(make(number, 0))
    try:
        async with asyncio.timeout(seconds + 30):
            await finished
    finally:
        for connection in opened:
            connection.transport.close()
    sample.seconds = clock() - began
    return sample


class Caller:
    """One keep-alive connection for requests one at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: _Answers | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def __call__(self, data: bytes) -> tuple[int, bytes]:
        """Send a request's bytes and return status and body."""
        if self._connection is None:
            self._connection = await _open(self._port, self._answered, self._lost)
        self._answer = asyncio.get_running_loop().create_future()
        self._connection.transport.write(data)
        async with asyncio.timeout(30):
            return await self._answer

    def _answered(self, _connection: _Answers, status: int, body: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    def _lost(self) -> None:
        self._connection = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(UnexpectedAnswer("the connection ended without an answer"))

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.transport.close()


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
