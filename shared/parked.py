"""Resuming an aggregate whose events wait: the worker's side of a consumer's gate."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
import structlog

from shared.arrivals import tell, tell_failure
from shared.db import Context, Database, Transaction
from shared.dead_letters import Letter, reason_of
from shared.faults import fault
from shared.inbox import EVENT_AT_FAULT, GAPS, HOPELESS, Arrival, Gate, Place

log = structlog.get_logger(__name__)

Read = Callable[[Letter, int], Arrival | None]
AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that waits."""

    version: int
    attempts: int
    retry_at: datetime | None
    parked_at: datetime
    reason: str
    letter: Letter


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction found: done, look again at an instant, or go on with some events tried alone or not."""

    done: bool = False
    again: datetime | None = None
    alone: Parked | None = None
    applied: Sequence[Arrival] = ()


async def resume(gate: Gate, database: Database, context: Context, aggregate_id: UUID, read: Read) -> datetime | None:
    """Apply what waits of an aggregate and is due; returns when to look again, None when nothing waits."""
    most = AT_ONCE
    while True:
        started = time.perf_counter()
        try:
            async with database.transaction(context) as tx:
                step = await _step(gate, tx, aggregate_id, read, most)
        except EVENT_AT_FAULT as error:
            if most > 1:
                most = 1
                continue
            cause = error.__cause__ or error
            async with database.transaction(context) as tx:
                if isinstance(cause, HOPELESS):
                    await _give_up(gate, tx, aggregate_id, read, reason_of(cause))
                else:
                    await _note_failure(gate, tx, aggregate_id, reason_of(cause))
            continue
        most = AT_ONCE
        tell(gate.consumer, step.applied, time.perf_counter() - started)
        if step.alone is not None:
            await _try_alone(gate, database, context, step.alone, read)
        elif step.done or step.again is not None:
            return step.again


async def _step(gate: Gate, tx: Transaction, aggregate_id: UUID, read: Read, most: int) -> Step:
    places = await gate.lock(tx, {aggregate_id})
    place = places[aggregate_id]
    rows, now = await _parked(gate, tx, aggregate_id, place.version)
    if not rows:
        place.waiting, place.changed = False, True
        await gate.advance(tx, places)
        return Step(done=True)
    head = rows[0]
    if head.version > place.version + 1:
        until = head.parked_at + timedelta(seconds=gate.gap_seconds)
        if now < until:
            return Step(again=until)
        await _pass_over(gate, tx, aggregate_id, place, head.version)
    if head.attempts > len(gate.retry_seconds):
        arrival = _arrival(head, read)
        await gate.bury(tx, arrival, head.reason or "the process ended at each try")
        await _move(gate, tx, places, aggregate_id, head.version)
        return Step()
    if head.attempts > 0:
        await gate.advance(tx, places)
        if head.retry_at is not None and now < head.retry_at:
            return Step(again=head.retry_at)
        await _count_try(gate, tx, aggregate_id, head)
        return Step(alone=head)
    run = _contiguous(rows, most)
    arrivals = [_arrival(row, read) for row in run]
    await gate.apply(tx, arrivals)
    await _move(gate, tx, places, aggregate_id, run[-1].version)
    await fault("consumer.after_resume")
    return Step(applied=arrivals)


async def _try_alone(gate: Gate, database: Database, context: Context, head: Parked, read: Read) -> None:
    """Try an event again that failed before; its try is counted already, should it take the process with it."""
    arrival = _arrival(head, read)
    aggregate_id = arrival.aggregate_id
    started = time.perf_counter()
    try:
        async with database.transaction(context) as tx:
            places = await gate.lock(tx, {aggregate_id})
            if places[aggregate_id].version + 1 != head.version:
                return
            await gate.apply(tx, [arrival])
            await _move(gate, tx, places, aggregate_id, head.version)
        tell(gate.consumer, [arrival], time.perf_counter() - started)
    except EVENT_AT_FAULT as error:
        cause = error.__cause__ or error
        log.warning("consumer.retry_failed", consumer=gate.consumer, attempts=head.attempts + 1, exc_info=cause)
        tell_failure(gate.consumer, arrival, time.perf_counter() - started, cause)
        async with database.transaction(context) as tx:
            if isinstance(cause, HOPELESS):
                await _give_up(gate, tx, aggregate_id, read, reason_of(cause))
                return
            await tx.execute(
                "update inbox_parked set reason = $5"
                " where organization_id = $1 and producer = $2 and aggregate_id = $3 and version = $4",
                tx.organization_id,
                gate.producer,
                aggregate_id,
                head.version,
                reason_of(cause),
            )


async def _parked(gate: Gate, tx: Transaction, aggregate_id: UUID, position: int) -> tuple[list[Parked], datetime]:
    rows = await tx.fetch(
        """
        select version, attempts, retry_at, parked_at, reason, stream, stream_sequence, subject,
               headers::text as headers, body, clock_timestamp() as now
        from inbox_parked
        where organization_id = $1 and producer = $2 and aggregate_id = $3 and version > $4
        order by version limit $5
        """,
        tx.organization_id,
        gate.producer,
        aggregate_id,
        position,
        AT_ONCE,
    )
    parked = [
        Parked(
            row["version"],
            row["attempts"],
            row["retry_at"],
            row["parked_at"],
            row["reason"],
            Letter(row["stream"], row["stream_sequence"], row["subject"], orjson.loads(row["headers"]), row["body"]),
        )
        for row in rows
    ]
    return parked, rows[0]["now"] if rows else datetime.now(UTC)


def _arrival(row: Parked, read: Read) -> Arrival:
    arrival = read(row.letter, row.attempts + 1)
    assert arrival is not None, "what is parked has a place"
    return arrival


def _contiguous(rows: Sequence[Parked], most: int) -> list[Parked]:
    """Return the rows from the first on whose versions follow one another and that have not failed before."""
    run = [rows[0]]
    for row in rows[1:most]:
        if row.version != run[-1].version + 1 or row.attempts:
            break
        run.append(row)
    return run


async def _move(gate: Gate, tx: Transaction, places: dict[UUID, Place], aggregate_id: UUID, version: int) -> None:
    """Take what has been dealt with out of the parked events and move the position."""
    await tx.execute(
        "delete from inbox_parked where organization_id = $1 and producer = $2 and aggregate_id = $3 and version <= $4",
        tx.organization_id,
        gate.producer,
        aggregate_id,
        version,
    )
    places[aggregate_id].version, places[aggregate_id].changed = version, True
    await gate.advance(tx, places)


async def _pass_over(gate: Gate, tx: Transaction, aggregate_id: UUID, place: Place, head: int) -> None:
    """Accept that the versions before the first parked one do not come, and remember them."""
    await tx.execute(
        "insert into inbox_gap (organization_id, producer, aggregate_id, from_version, to_version)"
        " values ($1, $2, $3, $4, $5)",
        tx.organization_id,
        gate.producer,
        aggregate_id,
        place.version + 1,
        head - 1,
    )
    GAPS.labels(gate.consumer).inc()
    log.error(
        "consumer.gap",
        consumer=gate.consumer,
        aggregate=str(aggregate_id),
        from_version=place.version + 1,
        to_version=head - 1,
    )
    place.version, place.changed = head - 1, True
    await fault("consumer.after_gap")


async def _count_try(gate: Gate, tx: Transaction, aggregate_id: UUID, head: Parked) -> None:
    pause = gate.retry_seconds[head.attempts] if head.attempts < len(gate.retry_seconds) else 0.0
    await tx.execute(
        "update inbox_parked set attempts = attempts + 1, retry_at = clock_timestamp() + make_interval(secs => $5)"
        " where organization_id = $1 and producer = $2 and aggregate_id = $3 and version = $4",
        tx.organization_id,
        gate.producer,
        aggregate_id,
        head.version,
        pause,
    )


async def _note_failure(gate: Gate, tx: Transaction, aggregate_id: UUID, reason: str) -> None:
    """Count the first try of the first parked event as failed."""
    await gate.lock(tx, {aggregate_id})
    pause = gate.retry_seconds[0] if gate.retry_seconds else 0.0
    await tx.execute(
        "update inbox_parked p set attempts = 1, retry_at = clock_timestamp() + make_interval(secs => $4), reason = $5"
        " where organization_id = $1 and producer = $2 and aggregate_id = $3 and attempts = 0 and version ="
        " (select min(version) from inbox_parked m"
        "  where m.organization_id = $1 and m.producer = $2 and m.aggregate_id = $3)",
        tx.organization_id,
        gate.producer,
        aggregate_id,
        pause,
        reason,
    )


async def _give_up(gate: Gate, tx: Transaction, aggregate_id: UUID, read: Read, reason: str) -> None:
    """Put the first parked event, if it is the next, into the dead letters."""
    places = await gate.lock(tx, {aggregate_id})
    rows, _ = await _parked(gate, tx, aggregate_id, places[aggregate_id].version)
    if rows and rows[0].version == places[aggregate_id].version + 1:
        await gate.bury(tx, _arrival(rows[0], read), reason)
        await _move(gate, tx, places, aggregate_id, rows[0].version)
