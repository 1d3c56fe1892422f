"""The gate of a consumer: every event of an aggregate takes effect once, in the order of its versions.

The versions of an aggregate's events have no gaps, and each durable gets all events of its producer. So per aggregate
one position, locked while events are applied, tells what is next, however often, in whatever order and to whichever
replica the broker delivers:

- The next version takes effect, and the position moves in the same transaction.
- A version at or below the position has had its effect and is skipped.
- A later version is parked in the database until its predecessors came. The broker is told that it is delivered: what
  waits here holds up nobody else, and no redelivery timer or delivery window bounds how long or how much may wait.
- When a version fails, it is parked with the time of its next try, and what follows in its aggregate waits behind it;
  what fails for values that PostgreSQL does not take is a dead letter at once.
- When predecessors do not come for GAP_SECONDS (the stream has lost them), they are passed over, and the versions are
  remembered in `inbox_gap`: should a repair bring them later, they still take effect.
"""

from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import orjson
import structlog
from prometheus_client import Counter
from pydantic import BaseModel

from shared import worker
from shared.db import Transaction, is_lost
from shared.dead_letters import Letter, bury
from shared.events import Received
from shared.faults import fault
from shared.messaging import AnySubscription, ReadEvent, caused_by
from shared.telemetry import CONSUMER_DEAD, REGISTRY

log = structlog.get_logger(__name__)

GAP_SECONDS: Final = 30.0
"""How long a missing version is waited for: three times what the broker needs to deliver it again."""
RETRY_SECONDS: Final = (1.0, 5.0, 30.0, 120.0)
"""Pauses between the tries of a failing event; after the last it is a dead letter."""

PARKED: Final = Counter("pmo_consumer_parked", "Events that had to wait.", ["consumer"], registry=REGISTRY)
GAPS: Final = Counter("pmo_consumer_gaps", "Missing ranges that were passed over.", ["consumer"], registry=REGISTRY)


class HandlerFailed(Exception):
    """A handler raised; the cause tells what."""


class HandlerCut(HandlerFailed):
    """The connection ended under a handler: the database went down, or the handler overstepped a time limit."""


EVENT_AT_FAULT: Final = (
    HandlerFailed,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.RaiseError,
    asyncpg.InFailedSQLTransactionError,
)
"""What an event's own effect raises, at the latest at the commit; all else is the database's trouble."""
HOPELESS: Final = (asyncpg.DataError,)
"""What the same event raises at each try: a value that PostgreSQL does not take. It becomes a dead letter at once."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that has come, or what is left of one that cannot be read."""

    organization_id: UUID
    aggregate_id: UUID
    version: int
    letter: Letter
    deliveries: int
    event: Received | None = None
    subscription: AnySubscription | None = None
    data: BaseModel | None = None
    unreadable: str | None = None
    parent: str = ""
    """The traceparent of what its handling is a part of."""


@dataclass(slots=True)
class Place:
    """How far an aggregate is, under its lock."""

    version: int
    waiting: bool
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one durable consumer."""

    consumer: str
    producer: str
    work: str
    """The kind of pending work that resumes a waiting aggregate."""
    gap_seconds: float = GAP_SECONDS
    retry_seconds: Sequence[float] = RETRY_SECONDS

    async def take(self, tx: Transaction, arrivals: Sequence[Arrival]) -> None:
        """Apply what is next, skip what was, park what is early; raises HandlerFailed."""
        places = await self.lock(tx, {arrival.aggregate_id for arrival in arrivals})
        await fault("consumer.after_lock")
        ready, early, old = _sort_out(arrivals, places)
        late = await self._late(tx, old) if old else []
        await self.apply(tx, [*late, *ready])
        if early:
            await self._park(tx, early, places)
        await self.advance(tx, places)

    async def lock(self, tx: Transaction, aggregates: Iterable[UUID]) -> dict[UUID, Place]:
        """Lock the positions of aggregates in one order, so that replicas wait for one another."""
        wanted = sorted(aggregates)
        places = await self._locked(tx, wanted)
        if len(places) < len(wanted):
            await tx.execute(
                "insert into consumer_position (organization_id, producer, aggregate_id, version)"
                " select $1, $2, unnest($3::uuid[]), 0 on conflict do nothing",
                tx.organization_id,
                self.producer,
                missing := [aggregate for aggregate in wanted if aggregate not in places],
            )
            places |= await self._locked(tx, missing)
        return places

    async def _locked(self, tx: Transaction, aggregates: Sequence[UUID]) -> dict[UUID, Place]:
        rows = await tx.fetch(
            "select aggregate_id, version, waiting from consumer_position"
            " where organization_id = $1 and producer = $2 and aggregate_id = any($3) order by aggregate_id for update",
            tx.organization_id,
            self.producer,
            aggregates,
        )
        return {row["aggregate_id"]: Place(row["version"], row["waiting"]) for row in rows}

    async def advance(self, tx: Transaction, places: dict[UUID, Place]) -> None:
        """Store the places that have changed."""
        changed = {aggregate: place for aggregate, place in places.items() if place.changed}
        if not changed:
            return
        await tx.execute(
            "update consumer_position p set version = c.version, waiting = c.waiting, updated_at = now()"
            " from unnest($3::uuid[], $4::bigint[], $5::bool[]) as c(aggregate_id, version, waiting)"
            " where p.organization_id = $1 and p.producer = $2 and p.aggregate_id = c.aggregate_id",
            tx.organization_id,
            self.producer,
            list(changed),
            [place.version for place in changed.values()],
            [place.waiting for place in changed.values()],
        )
        tx.wake("position")

    async def apply(self, tx: Transaction, arrivals: Sequence[Arrival]) -> None:
        """Hand events to their handlers, many of one type at once; raises HandlerFailed."""
        queues: dict[UUID, deque[Arrival]] = {}
        for arrival in arrivals:
            if arrival.unreadable is not None:
                await self.bury(tx, arrival, arrival.unreadable)
            elif arrival.subscription is not None:
                queues.setdefault(arrival.aggregate_id, deque()).append(arrival)
        for subscription, run in _runs(queues):
            await _handle(tx, subscription, run)
        await fault("consumer.after_effect")

    async def bury(self, tx: Transaction, arrival: Arrival, reason: str) -> None:
        """Put an event into the dead letters."""
        if await bury(
            tx,
            self.consumer,
            arrival.letter,
            reason=reason,
            deliveries=arrival.deliveries,
            aggregate_id=arrival.aggregate_id if arrival.version else None,
        ):
            CONSUMER_DEAD.labels(self.consumer).inc()
            log.error("consumer.dead_letter", consumer=self.consumer, subject=arrival.letter.subject, reason=reason)

    async def fail(self, tx: Transaction, arrival: Arrival, reason: str, *, hopeless: bool = False) -> None:
        """Note an event's first failed try: it waits for the next one, and its aggregate behind it, or has none."""
        places = await self.lock(tx, {arrival.aggregate_id})
        place = places[arrival.aggregate_id]
        if arrival.version <= place.version:
            # It came late into a passed-over gap, where nothing waits for it: there is no order to keep.
            if await self._late(tx, [arrival]):
                await self.bury(tx, arrival, reason)
        elif hopeless and not place.waiting and arrival.version == place.version + 1:
            await self.bury(tx, arrival, reason)
            place.version, place.changed = arrival.version, True
        else:
            pause = self.retry_seconds[0] if self.retry_seconds else 0.0
            await self._park(tx, [arrival], places, reason=reason, retry=pause)
        await self.advance(tx, places)

    async def _park(
        self,
        tx: Transaction,
        arrivals: Sequence[Arrival],
        places: dict[UUID, Place],
        *,
        reason: str = "",
        retry: float | None = None,
    ) -> None:
        await tx.execute(
            """
            insert into inbox_parked (organization_id, producer, aggregate_id, version, attempts, retry_at, reason,
                                      consumer, stream, stream_sequence, subject, headers, body)
            select $1, $2, g.aggregate_id, g.version, case when $3::float8 is null then 0 else 1 end,
                   now() + make_interval(secs => $3), $4, $5, g.stream, g.sequence, g.subject, g.headers::json, g.body
            from unnest($6::uuid[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bytea[])
              as g(aggregate_id, version, stream, sequence, subject, headers, body)
            on conflict do nothing
            """,
            tx.organization_id,
            self.producer,
            retry,
            reason,
            self.consumer,
            [arrival.aggregate_id for arrival in arrivals],
            [arrival.version for arrival in arrivals],
            [arrival.letter.stream for arrival in arrivals],
            [arrival.letter.sequence for arrival in arrivals],
            [arrival.letter.subject for arrival in arrivals],
            [orjson.dumps(dict(arrival.letter.headers)).decode() for arrival in arrivals],
            [arrival.letter.body for arrival in arrivals],
        )
        PARKED.labels(self.consumer).inc(len(arrivals))
        for aggregate_id in sorted({arrival.aggregate_id for arrival in arrivals}):
            place = places[aggregate_id]
            fills = any(a.version == place.version + 1 for a in arrivals if a.aggregate_id == aggregate_id)
            pause = retry if retry is not None else 0.0 if fills else self.gap_seconds
            await worker.request(tx, self.work, str(aggregate_id), delay=pause)
            place.waiting = place.changed = True
        await fault("consumer.after_park")

    async def _late(self, tx: Transaction, old: Sequence[Arrival]) -> list[Arrival]:
        """Return those of the old events that were passed over, and take them out of their gaps."""
        rows = await tx.fetch(
            "select aggregate_id, from_version, to_version from inbox_gap"
            " where organization_id = $1 and producer = $2 and aggregate_id = any($3)",
            tx.organization_id,
            self.producer,
            sorted({arrival.aggregate_id for arrival in old}),
        )
        if not rows:
            return []
        late: list[Arrival] = []
        for arrival in sorted(old, key=lambda a: a.version):
            status = await tx.execute(
                """
                with hit as (
                  delete from inbox_gap where organization_id = $1 and producer = $2 and aggregate_id = $3
                    and from_version <= $4 and to_version >= $4
                  returning *
                ),
                rest as (
                  select from_version, $4 - 1 as to_version, accepted_at from hit where from_version < $4
                  union all select $4 + 1, to_version, accepted_at from hit where to_version > $4
                ),
                kept as (
                  insert into inbox_gap (organization_id, producer, aggregate_id, from_version, to_version, accepted_at)
                  select $1, $2, $3, from_version, to_version, accepted_at from rest
                )
                select from hit
                """,
                tx.organization_id,
                self.producer,
                arrival.aggregate_id,
                arrival.version,
            )
            if status.endswith(" 1"):
                late.append(arrival)
        return late


def _sort_out(
    arrivals: Sequence[Arrival], places: dict[UUID, Place]
) -> tuple[list[Arrival], list[Arrival], list[Arrival]]:
    """Split into what is next (moving the places), what is early and what is old; order of arrival is kept."""
    ready: list[Arrival] = []
    early: dict[tuple[UUID, int], Arrival] = {}
    old: list[Arrival] = []
    for arrival in arrivals:
        place = places[arrival.aggregate_id]
        key = (arrival.aggregate_id, arrival.version)
        if arrival.version <= place.version:
            old.append(arrival)
        elif place.waiting or arrival.version > place.version + 1:
            early.setdefault(key, arrival)
        else:
            following: Arrival | None = arrival
            while following is not None:
                ready.append(following)
                place.version, place.changed = following.version, True
                following = early.pop((arrival.aggregate_id, place.version + 1), None)
    return ready, list(early.values()), old


def _runs(
    queues: dict[UUID, deque[Arrival]],
) -> Iterator[tuple[AnySubscription, list[ReadEvent[BaseModel]]]]:
    """Take events off the queues of their aggregates, as many of one type at a time as can be.

    Between aggregates there is no order to keep, and in the stream their events lie mixed.
    """
    while queues:
        ((subscription, _),) = Tally(queue[0].subscription for queue in queues.values()).most_common(1)
        assert subscription is not None
        run = []
        for aggregate_id, queue in list(queues.items()):
            while queue and queue[0].subscription is subscription:
                arrival = queue.popleft()
                assert arrival.event is not None
                assert arrival.data is not None
                run.append(ReadEvent(arrival.event, arrival.data))
            if not queue:
                del queues[aggregate_id]
        yield subscription, run


async def _handle(tx: Transaction, subscription: AnySubscription, run: Sequence[ReadEvent[BaseModel]]) -> None:
    try:
        await subscription.apply(caused_by(tx, run[0].event), run)
    except Exception as error:
        raise (HandlerCut if is_lost(tx.connection) else HandlerFailed) from error
