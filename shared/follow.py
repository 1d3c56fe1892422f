"""Following a stream from a sequence on, in order and without a durable: for clients that watch live."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from shared.bus import Bus, BusDown
from shared.lifecycle import Backoff
from shared.pull import Message, Pull

log = structlog.get_logger(__name__)

INACTIVE_SECONDS: Final = 30
WINDOW: Final = 64
NANOSECONDS: Final = 1_000_000_000


class HistoryGone(Exception):
    """The wanted sequence is not in the stream: it was removed by age, or the stream was made anew."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"the stream holds {first} to {last}")
        self.first = first
        self.last = last


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream holds; `created` tells one incarnation, whose sequences begin anew, from another."""

    first: int
    last: int
    created: datetime


@dataclass(frozen=True, slots=True)
class Followed:
    """A message of the stream."""

    sequence: int
    subject: str
    headers: dict[str, str]
    body: bytes


class Broken(Exception):
    """The short-lived consumer is gone or has left something out; another takes over where it was."""


async def stream_state(bus: Bus, stream: str) -> StreamState:
    """Return what a stream holds; raises BusDown."""
    document = await _ask(bus, f"$JS.API.STREAM.INFO.{stream}", b"")
    state = document.get("state")
    created = document.get("created")
    if not isinstance(state, dict) or not isinstance(created, str):
        raise BusDown(f"stream {stream} does not tell its state")
    return StreamState(int(state["first_seq"]), int(state["last_seq"]), datetime.fromisoformat(created))


async def follow(
    bus: Bus, stream: str, filter_subject: str, start_sequence: int | None = None
) -> AsyncGenerator[Followed, None]:
    """Yield messages from a sequence on (None: only new ones), for ever; raises HistoryGone.

    Messages are pulled as they are read, so a slow reader holds no more than a window of them. Whatever happens to the
    connection or to the consumer behind it, the next message is the one after the last.
    Close the generator when its reader leaves.
    """
    backoff = Backoff(0.1, 2.0)
    if start_sequence is None:
        start_sequence = (await stream_state(bus, stream)).last + 1
    after = start_sequence - 1
    while True:
        try:
            async for message in _read(bus, stream, filter_subject, after + 1):
                backoff.succeeded()
                after = message.sequence
                yield Followed(message.sequence, message.subject, message.headers, message.body)
        except (BusDown, Broken) as error:
            pause = backoff.pause()
            log.info("follow.resumed", stream=stream, after=after, reason=str(error))
            await asyncio.sleep(pause)


async def _read(bus: Bus, stream: str, filter_subject: str, start: int) -> AsyncIterator[Message]:
    """Yield messages of one short-lived consumer; raises Broken when it can no longer be relied on."""
    name = f"live-{bus.client.new_inbox().rpartition('.')[2]}"
    config: dict[str, object] = {
        "name": name,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": start,
        "ack_policy": "none",
        "filter_subject": filter_subject,
        "inactive_threshold": INACTIVE_SECONDS * NANOSECONDS,
        "mem_storage": True,
        "num_replicas": 1,
    }
    request = json.dumps({"stream_name": stream, "config": config, "action": "create"}).encode()
    await _ask(bus, f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{filter_subject}", request)
    pull = Pull(bus, stream, name, window=WINDOW, lasting=False)
    expected = 1
    try:
        state = await stream_state(bus, stream)
        if start < state.first or start > state.last + 1:
            raise HistoryGone(state.first, state.last)
        await pull.open()
        while True:
            for message in await pull.batch(WINDOW):
                if message.consumer_sequence != expected:
                    raise Broken("a message is missing")
                expected += 1
                yield message
    finally:
        await pull.close()
        if bus.is_connected:
            await bus.client.publish(f"$JS.API.CONSUMER.DELETE.{stream}.{name}")


async def _ask(bus: Bus, subject: str, body: bytes) -> dict[str, object]:
    document: dict[str, object] = json.loads((await bus.request(subject, body, timeout=5)).data)
    if isinstance(mistake := document.get("error"), dict):
        raise BusDown(f"{subject}: {mistake.get('description')}")
    return document
