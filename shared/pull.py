"""One pull loop over a JetStream consumer: always a request under way, never more messages than are wanted.

nats-py's own `fetch` can stall for its whole timeout after an empty answer, so requests are made here: one inbox for
all of them, each with an expiry and a heartbeat, renewed at half, and a watchdog for when heartbeats stop.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.bus import ACK_SECONDS, WINDOW, Bus, BusDown
from shared.lifecycle import Backoff, woken

log = structlog.get_logger(__name__)

EXPIRES: Final = 30.0
HEARTBEAT: Final = 2.0
CLOSE_SECONDS: Final = 0.5
MOST_BYTES: Final = 8 * 2**20
NANOSECONDS: Final = 1_000_000_000
ACK: Final = b""
NAK: Final = b"-NAK"
IN_PROGRESS: Final = b"+WPI"
_ACK_PREFIX: Final = "$JS.ACK."
_ACK_TOKENS: Final = 9  # $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time>.<pending>
_UNTIL_ASKED: Final = frozenset({"not connected", "no heartbeats"})
_REQUEST_OVER: Final = frozenset({"400", "404", "408", "409", "503"})


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a stream delivered it."""

    subject: str
    headers: dict[str, str]
    body: bytes
    reply: str
    stream: str
    sequence: int
    consumer_sequence: int
    deliveries: int
    pending: int
    generation: int
    """The connection it came on; on a later one its acknowledgement could hit another message of a new stream."""

    @classmethod
    def of(cls, message: Msg, generation: int) -> "Message":
        """Read a delivery; what it is of stands in its reply subject."""
        tokens = message.reply.split(".")
        at = 2 if len(tokens) == _ACK_TOKENS else 4
        return cls(
            subject=message.subject,
            headers=message.headers or {},
            body=message.data,
            reply=message.reply,
            stream=tokens[at],
            deliveries=int(tokens[at + 2]),
            sequence=int(tokens[at + 3]),
            consumer_sequence=int(tokens[at + 4]),
            pending=int(tokens[at + 6]),
            generation=generation,
        )


@dataclass(slots=True)
class Pull:
    """Messages of one consumer, pulled ahead up to a window; open it, take batches, answer them, close it."""

    bus: Bus
    stream: str
    consumer: str
    window: int = WINDOW
    lasting: bool = True
    """A durable is waited for when it is missing; without this, its end or the connection's is told at once."""
    trouble: str | None = "not connected"
    pending: int = 0
    """Messages that the broker has not delivered yet, as far as is known."""
    _client: Client | None = None
    _subscription: Subscription | None = None
    _inbox: str = ""
    _buffer: deque[Message] = field(default_factory=deque)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _outstanding: int = 0
    _heard_at: float = 0.0
    _not_before: float = 0.0
    _generation: int = 0
    _gone: bool = False
    _backoff: Backoff = field(default_factory=lambda: Backoff(0.1, 2.0))

    async def open(self) -> None:
        """Subscribe to the inbox; raises BusDown when there is no connection."""
        client = self._client = self.bus.client
        self._generation = self.bus.generation
        self._inbox = client.new_inbox()
        self._subscription = await client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        self.bus.listeners.add(self._on_connection)

    async def close(self, taken: Sequence[Message] = ()) -> None:
        """Give back what was pulled or taken and not dealt with, so that another may have it at once."""
        self.bus.listeners.discard(self._on_connection)
        if self._subscription is not None and self.bus.is_connected:
            # Drained, since what is on its way to the inbox would else be missing until the broker's timer ends;
            # given back only then, or it would come to the same inbox again.
            with suppress(nats.errors.Error, OSError, TimeoutError):
                drain: Callable[[], Awaitable[None]] = self._subscription.drain
                async with asyncio.timeout(CLOSE_SECONDS):
                    await drain()
        await self.answer([*taken, *self._buffer], NAK)
        self._buffer.clear()

    def __len__(self) -> int:
        return len(self._buffer)

    async def batch(self, most: int) -> list[Message]:
        """Wait for messages and return those that are there; raises BusDown when the connection was replaced."""
        if self._buffer and self._buffer[0].generation != self.bus.generation:
            await self.answer(list(self._buffer), NAK)
            self._buffer.clear()
        while not self._buffer:
            self._check()
            self._arrived.clear()
            await self._request()
            await woken(self._arrived, HEARTBEAT)
            await self._watch()
        await self._request()
        return [self._buffer.popleft() for _ in range(min(most, len(self._buffer)))]

    async def answer(self, messages: Sequence[Message], answer: bytes = ACK) -> None:
        """Acknowledge messages (or NAK, IN_PROGRESS); those of a lost connection are asked for again instead."""
        if not messages or not self.bus.is_connected or self._client is None:
            return
        with suppress(nats.errors.Error, OSError, BusDown):
            for message in messages:
                # Only a -NAK is harmless whatever has become of the stream since.
                same = message.generation == self.bus.generation
                await self._client.publish(message.reply, answer if same else NAK)

    def _check(self) -> None:
        if self._client is None or self._client.is_closed:
            raise BusDown("the connection was replaced")
        if not self.lasting and (self._gone or self.bus.generation != self._generation):
            raise BusDown("the consumer is gone")

    @asynccontextmanager
    async def keeping(self, taken: Sequence[Message]) -> AsyncIterator[None]:
        """Tell the broker now and then that messages are still worked on while the block runs."""

        async def tell() -> None:
            while True:
                await asyncio.sleep(ACK_SECONDS / 3)
                await self.answer([*taken, *self._buffer], IN_PROGRESS)

        task = asyncio.create_task(tell())
        try:
            yield
        finally:
            task.cancel()

    async def _request(self) -> None:
        """Ask for more when half of the window is free."""
        free = self.window - self._outstanding - len(self._buffer)
        now = time.monotonic()
        if free < max(1, self.window // 2) or not self.bus.is_connected or now < self._not_before:
            return
        assert self._client is not None
        if self._outstanding == 0:
            self._heard_at = now
        self._outstanding += free
        body = {
            "batch": free,
            "max_bytes": MOST_BYTES,
            "expires": int(EXPIRES * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT * NANOSECONDS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.consumer}"
        if self.trouble in _UNTIL_ASKED:
            self.trouble = None
        await self._client.publish(subject, json.dumps(body).encode(), reply=f"{self._inbox}.{free}")

    async def _on_message(self, message: Msg) -> None:
        self._heard_at = time.monotonic()
        status = None if message.headers is None else message.headers.get("Status")
        if message.reply.startswith(_ACK_PREFIX):
            self._outstanding = max(0, self._outstanding - 1)
            self.trouble = None
            self._backoff.succeeded()
            delivery = Message.of(message, self.bus.generation)
            self.pending = delivery.pending
            self._buffer.append(delivery)
        elif status == "100":
            # A heartbeat comes only while there is nothing to deliver.
            self.pending = 0
            self.trouble = None
            return
        elif status in _REQUEST_OVER:
            self._request_over(status, message.headers or {}, message.subject)
        self._arrived.set()

    def _request_over(self, status: str, headers: dict[str, str], subject: str) -> None:
        left = headers.get("Nats-Pending-Messages")
        description = "no such consumer" if status == "503" else headers.get("Description", "")
        if left is not None:
            self._outstanding = max(0, self._outstanding - int(left))
        elif status in {"408", "404"}:
            self._outstanding = max(0, self._outstanding - int(subject.rpartition(".")[2]))
        else:
            self._outstanding = 0
        if left is not None or status == "408" or "Leadership" in description:
            return
        # The consumer is not there (yet, or any more): it may be made anew at any moment.
        self._gone = True
        self._not_before = time.monotonic() + self._backoff.pause()
        if self.trouble != description:
            log.warning("pull.ended", consumer=self.consumer, status=status, reason=description)
        self.trouble = description

    def _on_connection(self) -> None:
        # Requests die with the connection; what was delivered on it comes again.
        self._outstanding = 0
        self._not_before = 0.0
        self._arrived.set()

    async def _watch(self) -> None:
        """Give up requests that were not heard of, and a connection that does not answer at all."""
        if self._outstanding == 0 or time.monotonic() - self._heard_at < 2.5 * HEARTBEAT or self._client is None:
            return
        self._outstanding = 0
        self.trouble = "no heartbeats"
        log.warning("pull.silent", consumer=self.consumer)
        try:
            await self._client.flush(timeout=2)
        except (nats.errors.Error, TimeoutError, OSError):
            await self._client.force_reconnect()
