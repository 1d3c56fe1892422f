"""A producer and a consumer without a business: notes are written, events flow, the consumer keeps what it heard."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Column, Identity, MetaData, Table, Text, Uuid
from uuid_utils.compat import uuid7

from services.local.nats import NatsServer
from services.local.postgres import ServiceDatabase
from shared.bus import Bus
from shared.consumer import Consumer
from shared.db import Context, Database, Transaction
from shared.events import envelope, subject_of
from shared.lifecycle import Loop, running
from shared.messaging import Reader, ReadEvent, Subscription, record
from shared.relay import Relay
from shared.tables import infrastructure
from shared.worker import Worker

PRODUCER = "projects"
CONSUMER = "resources"
STREAM = "PROJECTS"
DURABLE = "resources-on-projects"
NOTED = "pmo.projects.note.written.v1"
IGNORED = "pmo.projects.note.ignored.v1"


def metadata() -> MetaData:
    """The tables of both sides: the common ones and what the consumer heard, in the order it heard it."""
    tables = MetaData()
    infrastructure(tables)
    Table(
        "heard",
        tables,
        Column("organization_id", Uuid, primary_key=True),
        Column("number", BigInteger, Identity(always=True), primary_key=True),
        Column("aggregate_id", Uuid, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("text", Text, nullable=False),
    )
    return tables


class NoteRead(Reader):
    """What the consumer reads of a note."""

    text: str


class Broken(Exception):
    """What the handler raises for a note that says so."""


@dataclass
class Ear:
    """The consumer's handler: keeps each note, and fails where it is told to."""

    failing: dict[str, int] = field(default_factory=dict)
    """Text -> how many more times its handling fails."""
    calls: int = 0

    async def hear(self, tx: Transaction, events: Sequence[ReadEvent[NoteRead]]) -> None:
        """Insert what was heard in one statement."""
        self.calls += 1
        for read in events:
            left = self.failing.get(read.data.text, 0)
            if left > 0:
                self.failing[read.data.text] = left - 1
                raise Broken(read.data.text)
        await tx.execute(
            "insert into heard (organization_id, aggregate_id, version, text)"
            " select $1, * from unnest($2::uuid[], $3::bigint[], $4::text[])",
            tx.organization_id,
            [read.event.aggregate_id for read in events],
            [read.event.version for read in events],
            [read.data.text for read in events],
        )

    @property
    def subscription(self) -> Subscription[NoteRead]:
        """The consumer's only subscription."""
        return Subscription(NOTED, NoteRead, self.hear)


@dataclass
class Flow:
    """Both databases, the broker, and the loops between them."""

    broker: NatsServer
    produced: Database
    produced_urls: ServiceDatabase
    consumed: Database
    consumed_urls: ServiceDatabase
    producer_bus: Bus
    consumer_bus: Bus
    admin: Bus
    ear: Ear = field(default_factory=Ear)
    organization: UUID = field(default_factory=uuid7)
    retry_seconds: tuple[float, ...] = (0.05, 0.1)
    gap_seconds: float = 30.0

    @property
    def context(self) -> Context:
        """The test's own organization."""
        return Context(self.organization, actor="user:test", correlation_id="c-1")

    def relay(self) -> Relay:
        """A relay of the producer."""
        signal = self.produced.signal("outbox")
        return Relay(self.produced_urls.relay, self.producer_bus, producer=PRODUCER, signal=signal)

    def consumer(self, database: Database | None = None, *, batch: int = 128) -> Consumer:
        """A consumer of the producer's events."""
        return Consumer(
            database or self.consumed,
            self.consumer_bus,
            service=CONSUMER,
            producer=PRODUCER,
            subscriptions=[self.ear.subscription],
            retry_seconds=self.retry_seconds,
            gap_seconds=self.gap_seconds,
            batch=batch,
        )

    def worker(self, consumer: Consumer) -> Worker:
        """The consuming service's worker."""
        return Worker(self.consumed, self.consumed_urls.relay, consumer.handlers)

    def everything(self, *more: Loop) -> AbstractAsyncContextManager[None]:
        """Relay, consumer and worker, running."""
        consumer = self.consumer()
        return running(self.relay(), consumer, self.worker(consumer), *more)

    async def write(self, aggregate: UUID, *texts: str, kind: str = NOTED, context: Context | None = None) -> int:
        """Write notes, a transaction each; returns the aggregate's last version."""
        version = 0
        for text in texts:
            async with self.produced.transaction(context or self.context) as tx:
                version = await note(tx, aggregate, text, kind)
        return version

    async def deliver(self, aggregate: UUID, version: int, text: str = "", *, data: object = None) -> None:
        """Put an event into the stream past the relay, under a message id of its own."""
        body = envelope(
            id=uuid7(),
            type=NOTED,
            organization_id=self.organization,
            aggregate_id=aggregate,
            version=version,
            entity_id=aggregate,
            time=datetime.now(UTC),
            actor="user:test",
            correlation_id="",
            causation_id="",
            traceparent="",
            data=orjson.dumps({"text": text or f"note {version}"} if data is None else data).decode(),
        )
        headers = {"Nats-Msg-Id": str(uuid7()), "Pmo-Type": NOTED, "Pmo-Version": str(version)}
        await self.producer_bus.publish(STREAM, subject_of(NOTED, self.organization, aggregate), body, headers)

    async def heard(self, aggregate: UUID | None = None, organization: UUID | None = None) -> list[tuple[int, str]]:
        """What the consumer heard, in the order it did."""
        async with self.consumed.transaction(Context(organization or self.organization, "test")) as tx:
            rows = await tx.fetch(
                "select version, text from heard where $1::uuid is null or aggregate_id = $1 order by number", aggregate
            )
        return [(row["version"], row["text"]) for row in rows]

    async def position(self, aggregate: UUID) -> int:
        """How far the consumer is with an aggregate."""
        async with self.consumed.transaction(self.context) as tx:
            return await tx.fetchint("select version from consumer_position where aggregate_id = $1", aggregate)

    async def count(self, table: str, database: Database | None = None, organization: UUID | None = None) -> int:
        """The number of rows of the test's organization."""
        async with (database or self.consumed).transaction(Context(organization or self.organization, "test")) as tx:
            return await tx.fetchint(f"select count(*) from {table}")

    def has_heard(self, number: int, organization: UUID | None = None) -> Callable[[], Awaitable[bool]]:
        """A check that so many notes were heard."""

        async def check() -> bool:
            count = await self.count("heard", organization=organization)
            assert count == number, f"{count} of {number} heard"
            return True

        return check

    async def nothing_pending(self) -> bool:
        """A check that the relay has delivered everything."""
        return await self.pending() == 0

    async def nothing_unanswered(self) -> bool:
        """A check that the consumer has answered for everything in the stream."""
        info = await self.admin.client.jetstream().consumer_info(STREAM, DURABLE)
        return (info.num_pending, info.num_ack_pending) == (0, 0)

    async def pending(self) -> int:
        """Events that the relay has still to deliver."""
        return await self.count("outbox_pending", self.produced)


async def note(tx: Transaction, aggregate: UUID, text: str, kind: str = NOTED) -> int:
    """Record a note in a transaction."""
    return await record(
        tx, aggregate_id=aggregate, type=kind, entity_id=aggregate, data=orjson.dumps({"text": text, "more": 1})
    )
