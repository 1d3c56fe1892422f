"""The consumer of one producer's events: pulled in batches, applied once each and in order, then acknowledged.

One transaction per batch and organization holds the positions, the effects and the parked events (see `inbox.py`);
the broker hears of it after the commit. A batch that fails is halved until the failing event is found alone; that one
waits for its next try with its aggregate behind it, all others go on. While the database is away the batch is tried
again in place, and nothing counts as a failure of the events.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from pydantic import BaseModel, ValidationError

from shared.arrivals import continued, tell, tell_failure
from shared.bus import WINDOW, Bus, BusDown
from shared.db import Context, Database
from shared.dead_letters import Letter, exhume, reason_of
from shared.errors import Overloaded
from shared.events import Received, Unreadable, organization_of
from shared.faults import fault
from shared.inbox import EVENT_AT_FAULT, GAP_SECONDS, HOPELESS, RETRY_SECONDS, Arrival, Gate, HandlerCut, HandlerFailed
from shared.lifecycle import Backoff
from shared.messaging import AnySubscription
from shared.parked import resume
from shared.pull import Message, Pull
from shared.telemetry import CONSUMER_LAG, CONSUMER_REDELIVERIES, CONSUMER_SECONDS
from shared.worker import Handler

log = structlog.get_logger(__name__)

BATCH: Final = WINDOW // 2
SIDE_BY_SIDE: Final = 4
"""Organizations of one batch that are worked on at a time."""
SUSPECT_DELIVERIES: Final = 8
"""An event delivered so often without an answer may be what kills the process: it is tried alone, and counted."""
CONTENTION_TRIES: Final = 3
MOST_CUTS: Final = 2
"""So often the connection may end under a batch's handlers; after that one of its events is held to be the cause."""
NOBODY: Final = UUID(int=0)
"""The organization of dead letters whose subject names none."""
CONTENTION: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
DATABASE_AWAY: Final = (OSError, Overloaded, asyncpg.PostgresError, asyncpg.InterfaceError)


class Consumer:
    """One service's reader of another service's stream."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        service: str,
        producer: str,
        subscriptions: Sequence[AnySubscription],
        batch: int = BATCH,
        gap_seconds: float = GAP_SECONDS,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self.name = f"{service}-on-{producer}"
        self.work = f"events:{producer}"
        self._trouble: str | None = None
        self._pull: Pull | None = None
        self._database = database
        self._bus = bus
        self._producer = producer
        self._stream = producer.upper()
        self._subscriptions = {subscription.type: subscription for subscription in subscriptions}
        self._batch = batch
        self.gate = Gate(self.name, producer, self.work, gap_seconds, tuple(retry_seconds))
        self._actor = f"service:{service}"
        if len(self._subscriptions) < len(subscriptions):
            raise ValueError(f"{self.name}: an event type has two subscriptions")

    @property
    def types(self) -> list[str]:
        """The event types that have an effect here."""
        return sorted(self._subscriptions)

    @property
    def handlers(self) -> dict[str, Handler]:
        """The pending work that the service's worker must do for this consumer."""

        async def handle(database: Database, context: Context, key: str) -> datetime | None:
            return await resume(self.gate, database, context, UUID(key), self.read)

        return {self.work: handle}

    @property
    def trouble(self) -> str | None:
        """Why events are not taken at the moment."""
        return self._trouble or ("not connected" if self._pull is None else self._pull.trouble)

    async def run(self) -> None:
        """Consume for ever."""
        pull = self._pull = Pull(self._bus, self._stream, self.name)
        CONSUMER_LAG.labels(self.name).set_function(lambda: pull.pending + len(pull))
        taken: Sequence[Message] = ()
        try:
            await pull.open()
            while True:
                taken = await pull.batch(self._batch)
                await fault("consumer.after_fetch")
                started = time.perf_counter()
                async with pull.keeping(taken):
                    await self._process(taken, pull)
                taken = ()
                CONSUMER_SECONDS.labels(self.name).observe(time.perf_counter() - started)
        except BusDown as error:
            pull.trouble = f"broker: {error}"
        finally:
            await pull.close(taken)

    async def _process(self, messages: Sequence[Message], pull: Pull) -> None:
        groups: dict[UUID, list[tuple[Message, Arrival | None]]] = {}
        for message in messages:
            if message.deliveries > 1:
                CONSUMER_REDELIVERIES.labels(self.name).inc()
            arrival = self._arrival(message)
            organization = arrival.organization_id if arrival else organization_of(message.subject) or NOBODY
            groups.setdefault(organization, []).append((message, arrival))
        places = asyncio.Semaphore(SIDE_BY_SIDE)

        async def work(organization: UUID, group: Sequence[tuple[Message, Arrival | None]]) -> None:
            async with places:
                await self._group(organization, group, pull)

        if len(groups) == 1:
            ((organization, group),) = groups.items()
            await self._group(organization, group, pull)
            return
        async with asyncio.TaskGroup() as tasks:
            for organization, group in groups.items():
                tasks.create_task(work(organization, group))

    async def _group(self, organization: UUID, group: Sequence[tuple[Message, Arrival | None]], pull: Pull) -> None:
        """Settle one organization's part of a batch, for as long as it takes, then acknowledge it."""
        context = Context(organization, actor=self._actor)
        unplaced = [message for message, arrival in group if arrival is None]
        arrivals = [arrival for _, arrival in group if arrival is not None]
        backoff = Backoff(0.1, 3.0)
        cuts = 0
        while True:
            try:
                await self._bury_unreadable(context, unplaced)
                await self._settle(context, arrivals, cut_is_failure=cuts >= MOST_CUTS)
                break
            except (HandlerCut, *DATABASE_AWAY) as error:
                cuts += isinstance(error, HandlerCut)
                self._trouble = f"database: {reason_of(error.__cause__ or error)}"
                log.warning("consumer.database_lost", consumer=self.name, reason=self._trouble)
                await asyncio.sleep(backoff.pause())
        self._trouble = None
        await fault("consumer.before_ack")
        await pull.answer([message for message, _ in group])

    async def _settle(
        self,
        context: Context,
        arrivals: Sequence[Arrival],
        *,
        cut_is_failure: bool,
        tries: int = CONTENTION_TRIES,
    ) -> None:
        """Apply events in one transaction; when that fails, halve them until the one at fault is alone."""
        if not arrivals:
            return
        if any(arrival.deliveries >= SUSPECT_DELIVERIES for arrival in arrivals):
            if len(arrivals) == 1:
                await self._fail(context, arrivals[0], f"delivered {arrivals[0].deliveries} times without an answer")
                return
            await self._halves(context, arrivals, cut_is_failure=cut_is_failure)
            return
        started = time.perf_counter()
        try:
            async with self._database.transaction(context) as tx:
                await self.gate.take(tx, arrivals)
                await fault("consumer.before_commit")
            tell(self.name, arrivals, time.perf_counter() - started)
        except EVENT_AT_FAULT as error:
            if isinstance(error, HandlerCut) and not cut_is_failure:
                raise
            cause = error.__cause__ if isinstance(error, HandlerFailed) and error.__cause__ else error
            if isinstance(cause, CONTENTION) and tries > 1:
                await self._settle(context, arrivals, cut_is_failure=cut_is_failure, tries=tries - 1)
            elif len(arrivals) > 1:
                await self._halves(context, arrivals, cut_is_failure=cut_is_failure)
            else:
                log.warning(
                    "consumer.event_failed",
                    consumer=self.name,
                    subject=arrivals[0].letter.subject,
                    version=arrivals[0].version,
                    exc_info=cause,
                )
                tell_failure(self.name, arrivals[0], time.perf_counter() - started, cause)
                await self._fail(context, arrivals[0], reason_of(cause), hopeless=isinstance(cause, HOPELESS))

    async def _halves(self, context: Context, arrivals: Sequence[Arrival], *, cut_is_failure: bool) -> None:
        middle = len(arrivals) // 2
        await self._settle(context, arrivals[:middle], cut_is_failure=cut_is_failure)
        await self._settle(context, arrivals[middle:], cut_is_failure=cut_is_failure)

    async def _fail(self, context: Context, arrival: Arrival, reason: str, *, hopeless: bool = False) -> None:
        async with self._database.transaction(context) as tx:
            await self.gate.fail(tx, arrival, reason, hopeless=hopeless)

    async def _bury_unreadable(self, context: Context, messages: Sequence[Message]) -> None:
        """Keep messages of which not even the place in an aggregate is known."""
        if not messages:
            return
        async with self._database.transaction(context) as tx:
            for message in messages:
                letter = _letter(message)
                try:
                    Received.parse(letter.subject, letter.body)
                except Unreadable as error:
                    arrival = Arrival(context.organization_id, NOBODY, 0, letter, message.deliveries)
                    await self.gate.bury(tx, arrival, f"unreadable: {error}")

    def _arrival(self, message: Message) -> Arrival | None:
        return self.read(_letter(message), message.deliveries)

    def read(self, letter: Letter, deliveries: int) -> Arrival | None:
        """Read a message; what cannot be read keeps its place by its subject and headers, None if it has none."""
        try:
            event = Received.parse(letter.subject, letter.body)
            if event.producer != self._producer:
                raise Unreadable("the event is of another producer")
        except Unreadable as error:
            return _unreadable(letter, deliveries, f"unreadable: {error}")
        event, parent = continued(event, letter.headers)
        subscription = self._subscriptions.get(event.type)
        data: BaseModel | None = None
        mistakes: str | None = None
        if subscription is not None:
            try:
                data = subscription.reader.model_validate(event.data)
            except ValidationError as error:
                mistakes = _mistakes(error)
        return Arrival(
            event.organization_id,
            event.aggregate_id,
            event.version,
            letter,
            deliveries,
            event,
            subscription,
            data,
            mistakes,
            parent,
        )

    async def replay(self, context: Context, identifier: UUID) -> None:
        """Apply a dead letter of the organization again; raises what its handler raises, and then it stays."""
        started = time.perf_counter()
        async with self._database.transaction(context) as tx:
            arrival = self.read(await exhume(tx, self.name, identifier), 1)
            if arrival is None or arrival.unreadable is not None:
                raise Unreadable(arrival.unreadable if arrival and arrival.unreadable else "no event")
            await self.gate.apply(tx, [arrival])
        tell(self.name, [arrival], time.perf_counter() - started)


def _letter(message: Message) -> Letter:
    # PostgreSQL's text takes no NUL.
    headers = {name: value.replace("\x00", "") for name, value in message.headers.items()}
    return Letter(message.stream, message.sequence, message.subject.replace("\x00", ""), headers, message.body)


def _unreadable(letter: Letter, deliveries: int, reason: str) -> Arrival | None:
    tokens = letter.subject.split(".")
    version = letter.headers.get("Pmo-Version", "")
    with suppress(ValueError, IndexError):
        if version.isascii() and version.isdigit() and len(version) < 19 and int(version) > 0:
            return Arrival(UUID(tokens[2]), UUID(tokens[3]), int(version), letter, deliveries, unreadable=reason)
    return None


def _mistakes(error: ValidationError) -> str:
    places = ("/".join(map(str, item["loc"])) + ": " + item["msg"] for item in error.errors(include_url=False))
    return "unreadable data: " + "; ".join(places)[:1000]
