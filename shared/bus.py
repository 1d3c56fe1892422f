"""The connection to NATS: kept for ever, quiet in the log, and the streams and durables that it needs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    ReplayPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from shared.lifecycle import Backoff

log = structlog.get_logger(__name__)

DAY: Final = 86400.0
ACK_SECONDS: Final = 10.0
"""After this time an unanswered delivery goes to whoever asks next: it bounds the delay after a consumer's death."""
WINDOW: Final = 256
MOST_BYTES: Final = 2 * 2**30
STREAM_TROUBLE: Final = frozenset({10008, 10023, 10039, 10047, 10059, 10060, 10077})
"""JetStream errors that concern the stream (full, missing, without a leader) and not the message."""


class BusDown(Exception):
    """There is no connection to the broker, or it does not answer."""


class Refused(Exception):
    """The stream refused this message; another may pass."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class Stored:
    """The stream's acknowledgement of a message."""

    sequence: int
    duplicate: bool


class Bus:
    """A connection that is made and made again in the background; a service starts and works without it."""

    def __init__(self, url: str, *, name: str) -> None:
        self.name = f"bus {name}"
        self._application = name
        self._url = url
        user = unquote(urlsplit(url).username or "")
        self.inbox_prefix = f"_INBOX_{user}" if user else "_INBOX"
        self._client: Client | None = None
        self._closed = asyncio.Event()
        self._ready = asyncio.Event()
        self._last_error = ""
        self._last_error_at = 0.0
        self.generation = 0
        """Counts connections: what was received on an earlier one is no longer ours to acknowledge."""
        self.listeners: set[Callable[[], None]] = set()
        """Called whenever the connection was made, lost or made again."""

    @property
    def trouble(self) -> str | None:
        """Why the bus cannot be used now."""
        return None if self.is_connected else self._last_error or "not connected"

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return self._client is not None and self._client.is_connected

    @property
    def client(self) -> Client:
        """The connection; raises BusDown when there is none."""
        if self._client is None or not self._client.is_connected:
            raise BusDown(self.trouble or "not connected")
        return self._client

    async def run(self) -> None:
        """Keep the connection, made anew should the server have closed it for good."""
        backoff = Backoff()
        while True:
            client = Client()
            self._closed.clear()
            try:
                await client.connect(
                    [self._url],
                    name=self._application,
                    inbox_prefix=self.inbox_prefix,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    connect_timeout=2,
                    ping_interval=20,
                    max_outstanding_pings=2,
                    pending_size=1024 * 1024,
                    drain_timeout=1,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_connect,
                    closed_cb=self._on_close,
                )
                self._client = client
                await self._on_connect()
                backoff.succeeded()
                await self._closed.wait()
            finally:
                self._client = None
                if not client.is_closed:
                    await client.close()
            await asyncio.sleep(backoff.pause())

    @asynccontextmanager
    async def open(self, timeout: float = 10) -> AsyncIterator[Self]:  # noqa: ASYNC109
        """Keep the connection while the block runs, which starts once it is there."""
        task = asyncio.create_task(self.run(), name=self.name)
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=2)

    async def request(
        self,
        subject: str,
        body: bytes = b"",
        *,
        timeout: float = 2,  # noqa: ASYNC109
        headers: dict[str, str] | None = None,
    ) -> Msg:
        """Send a request and return its answer; raises BusDown when none comes."""
        try:
            return await self.client.request(subject, body, timeout=timeout, headers=headers)
        except (nats.errors.TimeoutError, TimeoutError) as error:
            raise BusDown(f"no answer to {subject} within {timeout:g} s") from error
        except nats.errors.NoRespondersError as error:
            raise BusDown(f"nobody answers to {subject}; is its stream missing?") from error
        except (
            nats.errors.ConnectionClosedError,
            nats.errors.ConnectionDrainingError,
            nats.errors.ConnectionReconnectingError,
            nats.errors.OutboundBufferLimitError,
            OSError,
        ) as error:
            raise BusDown(str(error)) from error

    async def publish(self, stream: str, subject: str, body: bytes, headers: dict[str, str]) -> Stored:
        """Store a message in a stream; raises BusDown, or Refused when it is the message that is at fault."""
        try:
            answer = await self.request(subject, body, headers={**headers, "Nats-Expected-Stream": stream})
        except (
            nats.errors.MaxPayloadError,
            nats.errors.BadSubjectError,
            nats.errors.BadHeaderError,
        ) as error:
            raise Refused(0, str(error)) from error
        document: dict[str, object] = json.loads(answer.data)
        if isinstance(fault := document.get("error"), dict):
            code = int(fault.get("err_code", 0))
            if code in STREAM_TROUBLE:
                raise BusDown(f"{fault.get('description')} ({code})")
            raise Refused(code, str(fault.get("description")))
        sequence = document.get("seq")
        if document.get("stream") != stream or not isinstance(sequence, int):
            raise BusDown(f"the acknowledgement is not of stream {stream}")
        return Stored(sequence, bool(document.get("duplicate", False)))

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()

    async def _on_connect(self) -> None:
        self.generation += 1
        self._last_error = ""
        self._ready.set()
        log.info("bus.connected", bus=self._application)
        self._tell()

    async def _on_disconnect(self) -> None:
        log.warning("bus.disconnected", bus=self._application)
        self._tell()

    async def _on_close(self) -> None:
        self._closed.set()

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if "permissions violation" in text.lower():
            # The server answers nothing to what it refuses: without this line there would be only timeouts.
            log.error("bus.permission_violation", bus=self._application, reason=text)
            return
        now = time.monotonic()
        if text != self._last_error or now - self._last_error_at > 30:
            log.warning("bus.error", bus=self._application, reason=text)
            self._last_error_at = now
        self._last_error = text


def stream_config(
    producer: str, *, max_bytes: int = MOST_BYTES, replicas: int = 1, max_msgs: int | None = None
) -> StreamConfig:
    """Return how the stream of a producing service is to be."""
    return StreamConfig(
        name=producer.upper(),
        description=f"Domain events of {producer}",
        subjects=[f"pmo.{producer}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=30 * DAY,
        max_bytes=max_bytes,
        max_msgs=-1 if max_msgs is None else max_msgs,
        max_msg_size=256 * 1024,
        duplicate_window=120,
        num_replicas=replicas,
        deny_delete=True,
        deny_purge=True,
        allow_rollup_hdrs=False,
    )


def consumer_config(durable: str) -> ConsumerConfig:
    """Return how a durable is to be: it gets every event of its stream, and nothing is ever given up."""
    return ConsumerConfig(
        name=durable,
        durable_name=durable,
        deliver_policy=DeliverPolicy.ALL,
        replay_policy=ReplayPolicy.INSTANT,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_SECONDS,
        max_deliver=-1,
        max_ack_pending=WINDOW,
        max_waiting=512,
    )


async def provision(
    admin_url: str, producer: str, durables: Sequence[str], *, max_bytes: int = MOST_BYTES, replicas: int = 1
) -> None:
    """Make the stream of a producing service and the durables that read it; changes what is different."""
    bus = Bus(admin_url, name="provision")
    async with bus.open():
        streams = bus.client.jetstream(timeout=10)
        wanted = stream_config(producer, max_bytes=max_bytes, replicas=replicas)
        name = producer.upper()
        try:
            present = (await streams.stream_info(name)).config
        except NotFoundError:
            await streams.add_stream(wanted)
        else:
            if _differ(wanted.as_dict(), present.as_dict()):
                await streams.update_stream(wanted)
        for durable in durables:
            reader = consumer_config(durable)
            try:
                there = (await streams.consumer_info(name, durable)).config
            except NotFoundError:
                await streams.add_consumer(name, reader)
            else:
                if _differ(reader.as_dict(), there.as_dict()):
                    await streams.add_consumer(name, reader)


def _differ(wanted: dict[str, object], present: dict[str, object]) -> bool:
    return any(present.get(key) != value for key, value in wanted.items() if value is not None)
