"""The relay against a bare window of `publish_async`, and a consumer against a bare fetch(256) + AckAll loop.

Both run in this process against servers of their own, in turns, so that a ratio compares like with like.
"""

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import orjson
import uvloop
from nats.js.api import AckPolicy, ConsumerConfig
from sqlalchemy import BigInteger, Column, MetaData, Table, Uuid
from uuid_utils.compat import uuid7

from bench.report import Finding
from services.local.nats import NatsServer
from services.local.postgres import Postgres, ServiceDatabase
from shared.bus import Bus, provision
from shared.consumer import Consumer
from shared.db import Context, Database, Transaction
from shared.lifecycle import running
from shared.messaging import NewEvent, Reader, ReadEvent, Subscription, record_many
from shared.migrations import prepare
from shared.relay import Relay
from shared.tables import infrastructure
from shared.telemetry import configure_logging

EVENTS: Final = 5_000
AGGREGATES: Final = 500
ROUNDS: Final = 3
WINDOW: Final = 256
PRODUCER: Final = "projects"
CONSUMER: Final = "kpi"
STREAM: Final = "PROJECTS"
DURABLE: Final = "kpi-on-projects"
TYPE: Final = "pmo.projects.task.progressed.v1"
PACE_SECONDS: Final = 0.002


class _Progressed(Reader):
    percent_complete: float


async def _keep(tx: Transaction, events: Sequence[ReadEvent[_Progressed]]) -> None:
    """What a projection does: one statement for the run."""
    await tx.execute(
        "insert into projected (organization_id, id, version)"
        " select $1, id, max(version) from unnest($2::uuid[], $3::bigint[]) as e(id, version) group by id"
        " on conflict (organization_id, id) do update set version = excluded.version",
        tx.organization_id,
        [read.event.aggregate_id for read in events],
        [read.event.version for read in events],
    )


def _tables() -> MetaData:
    tables = MetaData()
    infrastructure(tables)
    Table(
        "projected",
        tables,
        Column("organization_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
    )
    return tables


@dataclass
class _Lab:
    broker: NatsServer
    produced_urls: ServiceDatabase
    produced: Database
    consumed: Database
    producer: Bus
    reader: Bus
    admin: Bus

    async def emptied(self) -> None:
        """A new stream with its durable."""
        await self.admin.client.jetstream().delete_stream(STREAM)
        await provision(self.broker.url(), PRODUCER, [DURABLE])

    async def record(self) -> None:
        """Commit the events that are to be published."""
        organization, data = uuid7(), orjson.dumps({"percent_complete": 40.0, "at": "2026-03-31T17:00:00Z"}).decode()
        for _ in range(AGGREGATES):
            root = uuid7()
            async with self.produced.transaction(Context(organization, "user:bench")) as tx:
                events = [NewEvent(TYPE, root, data) for _ in range(EVENTS // AGGREGATES)]
                await record_many(tx, aggregate_id=root, events=events)

    async def relayed(self) -> float:
        """Seconds in which a relay takes all to the stream."""
        await self.record()
        relay = Relay(self.produced_urls.relay, self.producer, producer=PRODUCER)
        began = time.perf_counter()
        async with running(relay):
            await _until(self._stored)
            seconds = time.perf_counter() - began
            await _until(self._nothing_pending)
        return seconds

    async def published(self) -> float:
        """Seconds of a bare window for the same bodies, after they are deleted from the stream."""
        stream = self.admin.client.jetstream(publish_async_max_pending=WINDOW)
        messages = [await stream.get_msg(STREAM, number) for number in range(1, EVENTS + 1)]
        await self.emptied()
        began = time.perf_counter()
        futures = [
            await stream.publish_async(
                message.subject or "", message.data or b"", headers={"Nats-Msg-Id": f"bare-{message.seq}"}
            )
            for message in messages
        ]
        await asyncio.gather(*futures)
        return time.perf_counter() - began

    async def consumed_all(self) -> float:
        """Seconds in which a consumer takes all in and acknowledges."""
        subscription = Subscription(TYPE, _Progressed, _keep)
        consumer = Consumer(
            self.consumed, self.reader, service=CONSUMER, producer=PRODUCER, subscriptions=[subscription]
        )
        began = time.perf_counter()
        async with running(consumer):
            await _until(self._acknowledged)
            return time.perf_counter() - began

    async def fetched(self) -> float:
        """Seconds of a bare loop over the same stream."""
        stream = self.admin.client.jetstream()
        config = ConsumerConfig(durable_name="bare", ack_policy=AckPolicy.ALL, max_ack_pending=4 * WINDOW)
        pull = await stream.pull_subscribe("pmo.projects.>", "bare", stream=STREAM, config=config)
        began, taken = time.perf_counter(), 0
        while taken < EVENTS:
            messages = await pull.fetch(WINDOW)
            await messages[-1].ack()
            taken += len(messages)
        return time.perf_counter() - began

    async def _stored(self) -> bool:
        return (await self.admin.client.jetstream().stream_info(STREAM)).state.messages >= EVENTS

    async def _nothing_pending(self) -> bool:
        connection = await asyncpg.connect(self.produced_urls.relay)
        try:
            return not await connection.fetch("select from outbox_pending limit 1")
        finally:
            await connection.close()

    async def _acknowledged(self) -> bool:
        info = await self.admin.client.jetstream().consumer_info(STREAM, DURABLE)
        return (info.num_pending, info.num_ack_pending) == (0, 0)


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 60
    while not await done():
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(PACE_SECONDS)


def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="pmo-bench-"))
    home.chmod(0o711)
    return home


@asynccontextmanager
async def _lab() -> AsyncIterator[_Lab]:
    home = _home()
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        postgres = await Postgres.start(home / "postgres")
        stack.push_async_callback(postgres.stop)
        broker = await NatsServer.start(home / "nats")
        stack.push_async_callback(broker.stop)
        urls = {}
        for service in (PRODUCER, CONSUMER):
            urls[service] = await postgres.provision(service)
            await prepare(urls[service].owner, _tables(), service=service)
        produced, consumed = [await Database.connect(urls[service].app) for service in (PRODUCER, CONSUMER)]
        stack.push_async_callback(produced.close)
        stack.push_async_callback(consumed.close)
        await provision(broker.url(), PRODUCER, [DURABLE])
        buses = [
            await stack.enter_async_context(Bus(broker.url(*user), name="bench").open())
            for user in ((PRODUCER,), (CONSUMER,), ())
        ]
        yield _Lab(broker, urls[PRODUCER], produced, consumed, *buses)


def findings() -> list[Finding]:
    """Run all four in turns and return both ratios."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        configure_logging("bench", "info")  # a service writes a line for every event, so this one does too
        return uvloop.run(_measured())


async def _measured() -> list[Finding]:
    seconds: dict[str, list[float]] = {"relay": [], "publish": [], "consumer": [], "fetch": []}
    async with _lab() as lab:
        for _ in range(ROUNDS):
            await lab.emptied()
            seconds["relay"].append(await lab.relayed())
            seconds["publish"].append(await lab.published())
            await lab.emptied()
            await lab.relayed()
            seconds["consumer"].append(await lab.consumed_all())
            seconds["fetch"].append(await lab.fetched())
    return [
        _finding("relay", seconds["relay"], "publish_async window of 256", seconds["publish"], 0.5),
        _finding("consumer", seconds["consumer"], "fetch(256) + AckAll", seconds["fetch"], 0.3),
    ]


def _finding(part: str, ours: Sequence[float], name: str, bare: Sequence[float], goal: float) -> Finding:
    figures = {f"{part} events/s": EVENTS / statistics.median(ours), "bare events/s": EVENTS / statistics.median(bare)}
    ratio = statistics.median(other / one for one, other in zip(ours, bare, strict=True))
    note = f"{EVENTS} events of {AGGREGATES} aggregates, medians of {ROUNDS} rounds in turns"
    return Finding(part, f"{part} / bare {name}", figures, note, value=ratio, least=goal)
