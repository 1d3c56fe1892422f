"""Computing load: what changes mark is computed by the worker, or by the first reader who needs it sooner.

So a read that waited for a position shows all that happened up to it, whether or not the worker was there before.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid5

import asyncpg
import orjson
import structlog

from services.resources.domain.events import LoadChanged
from services.resources.domain.spreading import Assigned, Load, capacities, date_of, load_of, span_of
from services.resources.repository import load as repository
from services.resources.repository import reading
from services.resources.repository.load import Figures, Worker
from shared import messaging
from shared.db import Context, Database, Transaction
from shared.errors import FieldError, ProjectionBehind, ValidationFailed
from shared.working_calendar import CalendarError, Shifts, WorkingCalendar, from_json
from shared.working_time import WorkingTime, compile_calendars

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100
WORKS_AT_ONCE: Final = 1_000
"""Resources and assignments that the worker computes in one transaction: others wait for it, so it is kept short."""
WORKS_BY_READER: Final = 4_000
"""Assignments that a reader computes; what is more is left to the worker."""
MOST_RESOURCES: Final = 400
"""Resources that a reader computes; so many fit into one event."""
MOST_DAYS: Final = 400
"""Days of load in one answer."""
ACTOR: Final = "service:resources"

_DAY: Final[Shifts] = ((480, 720), (780, 1020))
USUAL: Final = WorkingTime((_DAY, _DAY, _DAY, _DAY, _DAY, (), ()), {})
"""Monday to Friday, 8 to 12 and 13 to 17: what a project without a calendar works by."""


@dataclass(frozen=True, slots=True)
class Calendars:
    """The compiled calendars that some resources of a project need."""

    default: WorkingTime
    by_source: Mapping[str, WorkingTime]

    @classmethod
    def compiled(cls, default: str | None, definitions: Sequence[str]) -> "Calendars":
        """Compile calendars given as JSON; those that cannot be used are as if they were not there."""
        given: list[WorkingCalendar] = []
        for definition in definitions:
            try:
                given.append(from_json(orjson.loads(definition)))
            except CalendarError as error:
                log.warning("load.unreadable_calendar", reason=str(error))
        try:
            by_source = compile_calendars(given)
        except CalendarError as error:
            log.warning("load.unusable_calendars", reason=str(error))
            by_source = _usable(given)
        return cls(by_source.get(default or "", USUAL), by_source)

    def of(self, source_id: str | None) -> WorkingTime:
        """Return a resource's calendar, else the project's."""
        return self.by_source.get(source_id or "", self.default)


def _usable(given: Sequence[WorkingCalendar]) -> dict[str, WorkingTime]:
    done: dict[str, WorkingTime] = {}
    by_id = {calendar.source_id: calendar for calendar in given}
    for calendar in given:
        line = [calendar]
        while (base := by_id.get(line[-1].base_source_id or "")) is not None and base not in line:
            line.append(base)
        try:
            done[calendar.source_id] = compile_calendars(line)[calendar.source_id]
        except CalendarError:
            continue
    return done


async def work_load(database: Database, context: Context, key: str) -> None:
    """Work of kind `load`: compute all load of a project that is marked."""
    project_id = UUID(key)
    while True:
        async with database.transaction(replace(context, actor=ACTOR)) as tx:
            await repository.lock_project_load(tx, project_id)
            marked, _ = await repository.stale(tx, project_id, None, most=AT_ONCE, works=WORKS_AT_ONCE)
            # Marks that a running transaction is setting again are left to the work that it asks for.
            unmarked = await repository.unmark(tx, marked)
            if not unmarked:
                return
            await _compute(tx, project_id, sorted(unmarked))


async def bring_up_to_date(
    tx: Transaction, project_id: UUID, resource_id: UUID | None = None, *, strictly: bool = True
) -> None:
    """Compute what is marked of a project or of one resource.

    What is too much for a reader is left to the worker: raises ProjectionBehind, or, unless strictly, leaves the reader
    with what was computed last.
    """
    if not await repository.is_stale(tx, project_id, resource_id):
        return
    limits = {"most": MOST_RESOURCES, "works": WORKS_BY_READER}
    _, complete = await repository.stale(tx, project_id, resource_id, **limits)
    if not complete:
        if strictly:
            raise ProjectionBehind("The load of the project is still being computed.")
        return
    own = tx.under(replace(tx.context, actor=ACTOR))
    await repository.lock_project_load(own, project_id)
    marked, _ = await repository.stale(own, project_id, resource_id, **limits)
    # A mark that a running transaction is setting again stays; what was before that transaction is computed.
    await repository.unmark(own, marked)
    if marked:
        await _compute(own, project_id, marked)


async def _compute(tx: Transaction, project_id: UUID, resources: Sequence[UUID]) -> None:
    """Compute and store the load of resources, and record an event if it has changed."""
    workers = await repository.workers(tx, resources)
    ids = [worker.id for worker in workers]
    default, calendars = await repository.calendars(tx, project_id, ids)
    works = await repository.works(tx, ids)
    # Off the event loop: calendars and long tasks may take a while.
    computed = await asyncio.to_thread(_computed, workers, default, calendars, works)
    await repository.replace_bookings(tx, project_id, resources, [row for each in computed for row in each.bookings])
    await repository.replace_over_allocations(
        tx, project_id, resources, [row for each in computed for row in each.over_allocations]
    )
    changed = await repository.store_figures(tx, project_id, [each.figures for each in computed])
    removed = await repository.drop_figures(tx, [each for each in resources if each not in set(ids)])
    if changed or removed:
        figures = [each.figures for each in computed if each.figures.resource_id in changed]
        await _record(tx, project_id, figures, sorted(removed))


@dataclass(frozen=True, slots=True)
class Computed:
    """The rows that a resource's load is stored in."""

    figures: Figures
    bookings: Sequence[tuple[object, ...]]
    over_allocations: Sequence[tuple[object, ...]]


def _computed(
    workers: Sequence[Worker],
    default: str | None,
    calendars: Sequence[str],
    works: Sequence[asyncpg.Record],
) -> list[Computed]:
    compiled = Calendars.compiled(default, calendars)
    assigned: dict[UUID, list[Assigned]] = {worker.id: [] for worker in workers}
    for row in works:
        assigned[row["resource_id"]].append(
            Assigned(row["id"], row["task_id"], row["work_minutes"], row["start"], row["finish"])
        )
    return [
        _rows(worker.id, load_of(assigned[worker.id], compiled.of(worker.calendar), worker.max_units))
        for worker in workers
    ]


def _rows(resource_id: UUID, load: Load) -> Computed:
    first, last = span_of(load) or (None, None)
    content = _json([load.first_day, load.capacity, load.unbooked_minutes, [b.content for b in load.bookings]])
    figures = Figures(
        resource_id,
        first,
        last,
        sum(load.booked),
        load.unbooked_minutes,
        sum(overload.over_allocated_minutes for overload in load.overloads),
        hashlib.sha256(content).hexdigest(),
    )
    bookings = [
        (
            booking.assignment_id,
            resource_id,
            booking.task_id,
            date_of(booking.first_day),
            date_of(booking.first_day + len(booking.minutes) - 1),
            booking.minutes,
        )
        for booking in load.bookings
    ]
    over_allocations = [
        (
            uuid5(resource_id, date_of(overload.first_day).isoformat()),
            resource_id,
            date_of(overload.first_day),
            date_of(overload.last_day),
            overload.days,
            overload.capacity_minutes,
            overload.booked_minutes,
            overload.over_allocated_minutes,
        )
        for overload in load.overloads
    ]
    return Computed(figures, bookings, over_allocations)


def _json(value: object) -> bytes:
    return orjson.dumps(value, default=str)  # the driver's UUIDs are a class of their own


async def _record(tx: Transaction, project_id: UUID, changed: Sequence[Figures], removed: Sequence[UUID]) -> None:
    totals = await repository.project_figures(tx, project_id)
    data = {
        "project_id": project_id,
        "changed": [
            {
                "resource_id": figures.resource_id,
                "booked_minutes": figures.booked_minutes,
                "over_allocated_minutes": figures.over_allocated_minutes,
                "from": figures.first_day,
                "to": figures.last_day,
            }
            for figures in changed
        ],
        "removed": removed,
        "booked_minutes": totals["booked_minutes"],
        "over_allocated_minutes": totals["over_allocated_minutes"],
        "over_allocated_resources": totals["over_allocated_resources"],
    }
    await messaging.record(tx, aggregate_id=project_id, type=LoadChanged.type, entity_id=project_id, data=_json(data))


async def load_of_resource(
    tx: Transaction,
    resource_id: UUID,
    own_only: str | None,
    first: date | None,
    last: date | None,
) -> str:
    """Return a resource's load on the days from first to last, by default of its bookings, as JSON.

    Without both ends the answer holds MOST_DAYS days at most; raises ValidationFailed for a span that holds more.
    """
    row = await reading.resource(tx, resource_id, own_only)
    if row["type"] != "work":
        return await reading.load(tx, resource_id, None, (), "not_a_work_resource")
    await bring_up_to_date(tx, row["project_id"], resource_id)
    span = chosen_span(first, last, await reading.booked_span(tx, resource_id))
    if span is None:
        return await reading.load(tx, resource_id, None, (), "nothing_booked")
    workers = await repository.workers(tx, [resource_id])
    default, calendars = await repository.calendars(tx, row["project_id"], [resource_id])
    calendar = (await asyncio.to_thread(Calendars.compiled, default, calendars)).of(workers[0].calendar)
    capacity = capacities(calendar, row["max_units"], *span)
    return await reading.load(tx, resource_id, span, capacity, None)


def chosen_span(first: date | None, last: date | None, booked: tuple[date, date] | None) -> tuple[date, date] | None:
    """Return the days to answer for: what was asked for, filled up with what is booked; None if neither tells."""
    if first is not None and last is not None:
        days = (last - first).days + 1
        if days < 1:
            raise ValidationFailed(errors=[FieldError("query/to", "before_from", "must not lie before `from`")])
        if days > MOST_DAYS:
            detail = f"the span must not hold more than {MOST_DAYS} days"
            raise ValidationFailed(errors=[FieldError("query/to", "too_long", detail)])
        return first, last
    if booked is None:
        return None
    begin = first if first is not None else min(booked[0], last) if last is not None else booked[0]
    end = last if last is not None else max(booked[1], begin)
    if (end - begin).days < MOST_DAYS:
        return begin, end
    if last is not None:
        return end - timedelta(days=MOST_DAYS - 1), end
    return begin, begin + timedelta(days=MOST_DAYS - 1)
