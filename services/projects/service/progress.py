"""Many statements of progress at once: facts, tasks and events in a few statements, however many there are."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from services.projects.domain.progress import Contradiction, PercentCompleteType, Progress, Standing
from services.projects.entities import PROGRESS, TASK
from services.projects.errors import ProgressContradicts, TaskIsSummary
from services.projects.repository import progress as progress_rows
from services.projects.service.changes import PlanChanges
from services.projects.service.projects import request_schedule
from services.projects.service.schedules import refresh_if_asked
from services.projects.service.task_calendars import TaskCalendars
from shared import bulk, messaging
from shared.db import Context, Transaction
from shared.entity import Entity, Image
from shared.errors import FieldError
from shared.messaging import AddressedEvent, NewEvent
from shared.strict_json import dumps

FACT_COLUMNS: Final = (
    "id",
    "project_id",
    "task_id",
    "at",
    "percent_complete",
    "actual_cost",
    "remaining_work_minutes",
    "source",
    "percent_work_complete",
    "physical_percent_complete",
    "units_done",
    "actual_start",
    "actual_finish",
    "actual_duration_minutes",
    "remaining_duration_minutes",
    "actual_work_minutes",
)
RESCHEDULING: Final = frozenset(
    {
        "percent_complete",
        "actual_start",
        "actual_finish",
        "duration_minutes",
        "remaining_duration_minutes",
        "work_minutes",
        "actual_work_minutes",
        "remaining_work_minutes",
        "actual_cost",
    }
)
"""What of a task's progress its dates follow from, or what summaries come to."""


@dataclass(frozen=True, slots=True)
class _Fact:
    id: UUID
    project_id: UUID
    task_id: UUID
    columns: Mapping[str, object]
    context: Context
    counts: bool
    """It is its task's newest, so the task takes it on."""


@dataclass(slots=True)
class _Task:
    """A task as the statements so far leave it."""

    project_id: UUID
    standing: Standing
    columns: dict[str, object] = field(default_factory=dict)
    context: Context | None = None
    then: Standing | None = None
    """As the last of the statements older than its newest leaves it."""


@dataclass(slots=True)
class ProgressBatch:
    """Statements about locked tasks, taken one after the other and written together.

    Each is kept as a fact with an event of its own; a task that several are about changes once, as nobody could have
    seen it in between.
    """

    calendars: TaskCalendars = field(default_factory=TaskCalendars)
    """Of the projects of statements that are of dates."""
    facts: list[_Fact] = field(default_factory=list)
    tasks: dict[UUID, _Task] = field(default_factory=dict)
    rescheduled: set[UUID] = field(default_factory=set)

    def take(
        self, row: asyncpg.Record, progress: Progress, context: Context, past: asyncpg.Record | None = None
    ) -> UUID:
        """Take a statement about a task (its row with its dates); returns the fact's id.

        `past` is the task's latest fact up to the statement, if that is not its newest. Raises TaskIsSummary or
        ProgressContradicts.
        """
        if row["is_summary"]:
            raise TaskIsSummary
        task = self.tasks.get(row["id"])
        if task is None:
            task = self.tasks[row["id"]] = _Task(row["project_id"], standing_of(row, self.calendars))
        before = task.standing
        counts = before.takes(progress)
        with contradictions():
            if counts:
                columns = before.columns(progress)
                if RESCHEDULING & columns.keys():
                    self.rescheduled.add(task.project_id)
                task.columns |= columns
                task.standing = before.after(progress)
                task.context = context
            else:
                before = _then(before, past, task.then)
                task.then = before.after(progress)
            fact = before.fact(progress)
        found = _Fact(uuid7(), task.project_id, row["id"], fact, context, counts)
        self.facts.append(found)
        return found.id

    async def write_into(self, tx: Transaction, changes: PlanChanges) -> None:
        """Write everything as a part of many changes of one plan, to be told with them."""
        rows = [_row(fact) for fact in self.facts]
        await changes.create(tx, PROGRESS, FACT_COLUMNS, rows, kind="progress")
        for columns, group in self._groups().items():
            values = [(identifier, *(task.columns[name] for name in columns)) for identifier, task in group]
            await changes.update(tx, TASK, ("id", *columns), values)
        for project_id in sorted(self.rescheduled):
            await request_schedule(tx, project_id)

    async def write(self, tx: Transaction) -> Mapping[UUID, int]:
        """Write everything; returns the version of its project at which each fact's effect is to be seen."""
        facts = await bulk.insert_many(
            tx,
            PROGRESS,
            FACT_COLUMNS,
            [_row(fact) for fact in self.facts],
            [fact.context for fact in self.facts],
            action="progressed",
        )
        images = {image.id: image for image in facts}
        said = FACT_COLUMNS[1:]
        events = [
            AddressedEvent(fact.project_id, _event(PROGRESS, "progressed", images[fact.id], said), fact.context)
            for fact in self.facts
        ]
        events += await self._changed_tasks(tx)
        versions = await messaging.record_each(tx, events)
        for project_id in sorted(self.rescheduled):
            await request_schedule(tx, project_id)
        seen = {one.event.entity_id: version for one, version in zip(events, versions, strict=True)}
        return {fact.id: seen[fact.task_id if fact.counts else fact.id] for fact in self.facts}

    def _groups(self) -> dict[tuple[str, ...], list[tuple[UUID, _Task]]]:
        """The tasks that took something on, by the columns that it changes."""
        groups: dict[tuple[str, ...], list[tuple[UUID, _Task]]] = {}
        for identifier, task in self.tasks.items():
            if task.columns:
                groups.setdefault(tuple(sorted(task.columns)), []).append((identifier, task))
        return groups

    async def _changed_tasks(self, tx: Transaction) -> list[AddressedEvent]:
        """Update the tasks that took something on, those with the same columns at once."""
        events = []
        for columns, group in self._groups().items():
            contexts = {identifier: task.context for identifier, task in group if task.context is not None}
            rows = [(identifier, *(task.columns[name] for name in columns)) for identifier, task in group]
            for image in await bulk.update_many(tx, TASK, ("id", *columns), rows, list(contexts.values())):
                event = _event(TASK, "updated", image, columns)
                events.append(AddressedEvent(self.tasks[image.id].project_id, event, contexts[image.id]))
        return events


async def tasks_to_state(
    tx: Transaction, project_id: UUID, column: str, names: Collection[object]
) -> Mapping[object, asyncpg.Record]:
    """Return and lock tasks of a project by a column that names them, with their dates.

    Where some have none yet the schedule that was asked for is computed: what has begun began when it was scheduled to.
    """
    found = await progress_rows.tasks_to_state(tx, project_id, column, names)
    if not all(row["is_scheduled"] for row in found.values()):
        await refresh_if_asked(tx, project_id)
        found = await progress_rows.tasks_to_state(tx, project_id, column, names)
    return found


def standing_of(row: asyncpg.Record | Mapping[str, Any], calendars: TaskCalendars) -> Standing:
    """Return the standing of a task from its row with its dates."""
    return Standing(
        row["percent_complete"],
        row["progress_at"],
        row["actual_start"],
        row["actual_finish"],
        row["duration_minutes"],
        row["is_scheduled"],
        row["early_start"],
        row["early_finish"],
        percent_type(row),
        row["percent_work_complete"],
        row["actual_duration_minutes"],
        row["remaining_duration_minutes"],
        row["work_minutes"],
        row["actual_work_minutes"],
        row["remaining_work_minutes"],
        row["physical_percent_complete"],
        row["units_done"],
        row["is_milestone"],
        calendars.of(row),
    )


def percent_type(row: asyncpg.Record | Mapping[str, Any]) -> PercentCompleteType:
    """Return by which percent a task's progress is told."""
    if row["uses_physical_percent"]:
        return PercentCompleteType.PHYSICAL
    return PercentCompleteType.UNITS if row["uses_units_percent"] else PercentCompleteType.DURATION


def _then(now: Standing, past: asyncpg.Record | None, last: Standing | None) -> Standing:
    """A task as it was known to be at an instant before its newest progress, by its last statement up to then."""
    if last is not None and last.progress_at is not None and (past is None or last.progress_at >= past["at"]):
        return last
    if past is None:
        nothing = Decimal(0)
        return replace(now, percent_complete=nothing, progress_at=None, actual_start=None, actual_finish=None)
    known = {name: past[name] for name in _THEN if past[name] is not None}
    return replace(
        now,
        progress_at=past["at"],
        actual_start=past["actual_start"],
        actual_finish=past["actual_finish"],
        physical_percent_complete=past["physical_percent_complete"],
        units_done=past["units_done"],
        **known,
    )


_THEN: Final = (
    "percent_complete",
    "percent_work_complete",
    "actual_duration_minutes",
    "remaining_duration_minutes",
    "actual_work_minutes",
    "remaining_work_minutes",
)


@contextmanager
def contradictions() -> Iterator[None]:
    """Raise ProgressContradicts where a block finds that a statement cannot be true."""
    try:
        yield
    except Contradiction as found:
        raise ProgressContradicts(errors=[FieldError(f"/{found.field}", found.code, found.detail)]) from found


def _row(fact: _Fact) -> tuple[object, ...]:
    return (fact.id, fact.project_id, fact.task_id, *(fact.columns[name] for name in FACT_COLUMNS[3:]))


def _event(entity: Entity, fact: str, image: Image, changed: tuple[str, ...]) -> NewEvent:
    head = dumps({"id": image.id, "version": image.version, "changed": changed})
    data = head[:-1] + b',"after":' + image.image.encode() + b"}"
    return NewEvent(entity.event_type(fact), image.id, data)
