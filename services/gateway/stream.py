"""The live stream: events of an organization as they are published, to be resumed after any break.

A client's place is one position in each service's stream. It is told as a token that only we can read, since positions
count the events of all organizations. Messages are pulled from the broker as fast as the client reads, so a slow client
holds a bounded number of them and never more.
"""

import asyncio
import base64
import hashlib
import os
import struct
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import orjson
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi.sse import format_sse_event
from prometheus_client import Gauge

from services.gateway.domain.live import SERVICES, Wanted, shown
from services.gateway.errors import TooManyStreams
from shared import tracing
from shared.bus import Bus, BusDown
from shared.errors import Unavailable
from shared.follow import Followed, HistoryGone, StreamState, follow, stream_state
from shared.telemetry import REGISTRY

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS: Final = 10.0
MOST_STREAMS: Final = 100
MOST_PER_CALLER: Final = 10
WAITING: Final = 16
"""Events that may wait for a slow client, beyond the broker's window."""
STATES_SECONDS: Final = 5.0
RETRY_MILLISECONDS: Final = 2000

OPEN: Final = Gauge("pmo_live_streams", "Live streams that are open.", registry=REGISTRY)

Places = dict[str, tuple[int, int]]
"""Service -> (the stream's incarnation, the last sequence seen)."""

_PLACE: Final = struct.Struct(">QQ")
_NONCE: Final = 12


class Tokens:
    """Seals places into tokens, good for one organization."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"live stream token\n" + secret).digest())

    def seal(self, organization_id: UUID, places: Places) -> str:
        """Return the token of places."""
        nonce = os.urandom(_NONCE)
        plain = b"".join(_PLACE.pack(*places.get(service, (0, 0))) for service in SERVICES)
        sealed = self._cipher.encrypt(nonce, plain, organization_id.bytes)
        return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()

    def open(self, organization_id: UUID, token: str) -> Places | None:
        """Return the places of a token; None unless it is ours and this organization's."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], organization_id.bytes)
            found = list(_PLACE.iter_unpack(plain))
        except (ValueError, InvalidTag, struct.error):
            return None
        return {service: place for service, place in zip(SERVICES, found, strict=True) if place[0]}


def incarnation(state: StreamState) -> int:
    """Return what tells a stream from one that was made anew under its name."""
    return int(state.created.timestamp() * 1_000_000)


@dataclass(frozen=True, slots=True)
class Watch:
    """What one client watches."""

    organization_id: UUID
    caller: str
    wanted: Wanted
    last_event_id: str | None
    still_allowed: Callable[[], Awaitable[bool]]
    """Asked every few seconds: the credential may have expired or been revoked."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that happened in a service's stream; without a frame it only moves the place."""

    service: str
    turn: int
    sequence: int
    event: "Shown | None" = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as a client sees it; the traceparent is that of its publishing."""

    type: str
    id: str
    data: bytes
    traceparent: str
    taken: float


@dataclass(slots=True, eq=False)
class _Client:
    watch: Watch
    queue: asyncio.Queue[_Step | None] = field(default_factory=lambda: asyncio.Queue(WAITING))
    places: Places = field(default_factory=dict)
    pumps: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    turns: Counter[str] = field(default_factory=Counter)
    """Service -> how often its stream was begun; what an earlier pump has left in the queue counts no more."""


class Streams:
    """The live streams of one process."""

    def __init__(self, bus: Bus, secret: bytes, *, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._bus = bus
        self._tokens = Tokens(secret)
        self._heartbeat = heartbeat
        self._clients: set[_Client] = set()
        self._callers: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._states: Mapping[str, StreamState] = {}
        self._states_at = 0.0
        self._stopping = False

    def drain(self) -> None:
        """End all streams, as the process is about to end; the clients come back with their tokens."""
        self._stopping = True
        for client in self._clients:
            if not client.queue.full():
                client.queue.put_nowait(None)

    async def frames(self, watch: Watch) -> AsyncGenerator[bytes, None]:
        """Yield the stream as it goes over the wire; raises TooManyStreams or Unavailable before the first frame."""
        if self._stopping or len(self._clients) >= MOST_STREAMS or self._callers[watch.caller] >= MOST_PER_CALLER:
            raise TooManyStreams
        client = _Client(watch)
        self._clients.add(client)
        self._callers[watch.caller] += 1
        OPEN.inc()
        try:
            lost = await self._begin(client)
            yield format_sse_event(id=self._token(client), retry=RETRY_MILLISECONDS, comment="connected")
            if lost:
                yield self._reset(client, lost)
            async with aclosing(self._live(client)) as frames:
                async for frame in frames:
                    yield frame
        except BusDown as error:
            log.info("live.ended", reason=str(error))
        finally:
            OPEN.dec()
            self._clients.discard(client)
            self._callers[watch.caller] -= 1
            if not self._callers[watch.caller]:
                del self._callers[watch.caller]
            for pump in client.pumps.values():
                pump.cancel()

    async def _begin(self, client: _Client) -> list[str]:
        """Find where to begin in each stream; returns the services whose events since then are lost."""
        watch = client.watch
        try:
            states = await self._fresh_states()
        except BusDown as error:
            raise Unavailable("The live stream has no connection to its source.") from error
        known: Places | None = {}
        if watch.last_event_id:
            known = self._tokens.open(watch.organization_id, watch.last_event_id)
        lost = []
        for service in watch.wanted.services:
            state = states[service]
            place = (known or {}).get(service)
            start = (incarnation(state), state.last)
            if place is not None and place[0] == start[0] and state.first - 1 <= place[1] <= state.last:
                start = place
            elif place is not None or known is None:
                lost.append(service)
            client.places[service] = start
            self._follow(client, service)
        return lost

    async def _live(self, client: _Client) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        tick = loop.time() + self._heartbeat
        while not self._stopping:
            try:
                async with asyncio.timeout_at(tick):
                    step = await client.queue.get()
            except TimeoutError:
                yield format_sse_event(id=self._token(client), comment="alive")
            else:
                if step is None:
                    return
                if (frame := await self._frame(client, step)) is not None:
                    yield frame
                    if tracing.recorder is not None:
                        _delivered(step)
            if loop.time() >= tick:
                if not await client.watch.still_allowed():
                    return
                for service in await self._made_anew(client):
                    yield await self._restart(client, service)
                tick = loop.time() + self._heartbeat

    async def _frame(self, client: _Client, step: _Step) -> bytes | None:
        """Move the client's place and return what it is sent, if anything."""
        if step.turn != client.turns[step.service]:
            return None
        if step.gone:
            return await self._restart(client, step.service)
        client.places[step.service] = (client.places[step.service][0], step.sequence)
        if step.event is None:
            return None
        return format_sse_event(data_str=step.event.data.decode(), event=step.event.type, id=self._token(client))

    async def _restart(self, client: _Client, service: str) -> bytes:
        """Go on with what comes from now on in a stream whose history is gone, and tell the client."""
        client.pumps.pop(service).cancel()
        state = (await self._fresh_states())[service]
        client.places[service] = (incarnation(state), state.last)
        self._follow(client, service)
        return self._reset(client, [service])

    def _reset(self, client: _Client, services: list[str]) -> bytes:
        data = orjson.dumps({"reason": "history_gone", "services": services}).decode()
        return format_sse_event(data_str=data, event="reset", id=self._token(client))

    def _token(self, client: _Client) -> str:
        return self._tokens.seal(client.watch.organization_id, client.places)

    def _follow(self, client: _Client, service: str) -> None:
        client.turns[service] += 1
        task = asyncio.create_task(self._pump(client, service, client.turns[service]), name=f"live {service}")
        client.pumps[service] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pump(self, client: _Client, service: str, turn: int) -> None:
        """Move messages from the broker to the client, no faster than it takes them."""
        subject = f"pmo.{service}.{client.watch.organization_id}.>"
        start = client.places[service][1] + 1
        try:
            async with aclosing(follow(self._bus, service.upper(), subject, start)) as messages:
                async for message in messages:
                    event = visible(client.watch.wanted, message)
                    await client.queue.put(_Step(service, turn, message.sequence, event))
        except HistoryGone:
            await client.queue.put(_Step(service, turn, 0, gone=True))
        except Exception:
            log.exception("live.failed", service=service)
            await client.queue.put(None)

    async def _fresh_states(self) -> Mapping[str, StreamState]:
        return {service: await stream_state(self._bus, service.upper()) for service in SERVICES}

    async def _made_anew(self, client: _Client) -> list[str]:
        """Return the followed services whose stream is another than it was."""
        now = time.monotonic()
        if now - self._states_at > STATES_SECONDS:
            self._states_at = now
            try:
                self._states = await self._fresh_states()
            except BusDown:
                return []
        return [s for s in client.pumps if s in self._states and incarnation(self._states[s]) != client.places[s][0]]


def _delivered(step: _Step) -> None:
    if (event := step.event) is not None:
        seconds = time.monotonic() - event.taken
        tracing.delivered(event.traceparent, step.service.upper(), event.type, event.id, seconds)


def visible(wanted: Wanted, message: Followed) -> Shown | None:
    """Return a message as the client is to see it; None if it is not to see it."""
    if not wanted.takes_type(message.headers.get("Pmo-Type", "")):
        return None
    try:
        event: object = orjson.loads(message.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(event, dict) or not wanted.takes(event):
        return None
    seen = shown(event)
    if seen is None:
        return None
    place = message.headers.get("traceparent", "")
    return Shown(str(event["type"]), str(event.get("id", "")), orjson.dumps(seen), place, time.monotonic())
