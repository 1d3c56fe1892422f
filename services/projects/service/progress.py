"""Many statements of progress at once: facts, tasks and events in a few statements, however many there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from services.projects.domain.progress import Progress, Standing
from services.projects.entities import PROGRESS, TASK
from services.projects.errors import TaskIsSummary
from services.projects.service.projects import request_schedule
from shared import bulk, messaging
from shared.db import Context, Transaction
from shared.entity import Entity, Image
from shared.messaging import AddressedEvent, NewEvent
from shared.strict_json import dumps

_FACT: Final = (
    "id",
    "project_id",
    "task_id",
    "at",
    "percent_complete",
    "actual_cost",
    "remaining_work_minutes",
    "source",
)


@dataclass(frozen=True, slots=True)
class _Fact:
    id: UUID
    project_id: UUID
    task_id: UUID
    progress: Progress
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


@dataclass(slots=True)
class ProgressBatch:
    """Statements about locked tasks, taken one after the other and written together.

    Each is kept as a fact with an event of its own; a task that several are about changes once, as nobody could have
    seen it in between.
    """

    facts: list[_Fact] = field(default_factory=list)
    tasks: dict[UUID, _Task] = field(default_factory=dict)
    rescheduled: set[UUID] = field(default_factory=set)

    def take(self, row: asyncpg.Record, progress: Progress, context: Context) -> UUID:
        """Take a statement about a task (its row with its dates); returns the fact's id. Raises TaskIsSummary."""
        if row["is_summary"]:
            raise TaskIsSummary
        task = self.tasks.get(row["id"])
        if task is None:
            task = self.tasks[row["id"]] = _Task(row["project_id"], standing_of(row))
        counts = task.standing.takes(progress)
        if counts:
            stated = (progress.actual_cost, progress.remaining_work_minutes)
            if task.standing.percent_complete != progress.percent_complete or stated != (None, None):
                self.rescheduled.add(task.project_id)  # dates move, or what summaries come to
            task.columns |= task.standing.columns(progress)
            task.standing = task.standing.after(progress)
            task.context = context
        fact = _Fact(uuid7(), task.project_id, row["id"], progress, context, counts)
        self.facts.append(fact)
        return fact.id

    async def write(self, tx: Transaction) -> Mapping[UUID, int]:
        """Write everything; returns the version of its project at which each fact's effect is to be seen."""
        facts = await bulk.insert_many(
            tx,
            PROGRESS,
            _FACT,
            [_row(fact) for fact in self.facts],
            [fact.context for fact in self.facts],
            action="progressed",
        )
        images = {image.id: image for image in facts}
        events = [
            AddressedEvent(fact.project_id, _event(PROGRESS, "progressed", images[fact.id], _FACT[1:]), fact.context)
            for fact in self.facts
        ]
        events += await self._changed_tasks(tx)
        versions = await messaging.record_each(tx, events)
        for project_id in sorted(self.rescheduled):
            await request_schedule(tx, project_id)
        seen = {one.event.entity_id: version for one, version in zip(events, versions, strict=True)}
        return {fact.id: seen[fact.task_id if fact.counts else fact.id] for fact in self.facts}

    async def _changed_tasks(self, tx: Transaction) -> list[AddressedEvent]:
        """Update the tasks that took something on, those with the same columns at once."""
        groups: dict[tuple[str, ...], list[tuple[UUID, _Task]]] = {}
        for identifier, task in self.tasks.items():
            if task.columns:
                groups.setdefault(tuple(sorted(task.columns)), []).append((identifier, task))
        events = []
        for columns, group in groups.items():
            contexts = {identifier: task.context for identifier, task in group if task.context is not None}
            rows = [(identifier, *(task.columns[name] for name in columns)) for identifier, task in group]
            for image in await bulk.update_many(tx, TASK, ("id", *columns), rows, list(contexts.values())):
                event = _event(TASK, "updated", image, columns)
                events.append(AddressedEvent(self.tasks[image.id].project_id, event, contexts[image.id]))
        return events


def standing_of(row: asyncpg.Record) -> Standing:
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
    )


def _row(fact: _Fact) -> tuple[object, ...]:
    said = fact.progress
    given = (said.at, said.percent_complete, said.actual_cost, said.remaining_work_minutes, said.source)
    return (fact.id, fact.project_id, fact.task_id, *given)


def _event(entity: Entity, fact: str, image: Image, changed: tuple[str, ...]) -> NewEvent:
    head = dumps({"id": image.id, "version": image.version, "changed": changed})
    data = head[:-1] + b',"after":' + image.image.encode() + b"}"
    return NewEvent(entity.event_type(fact), image.id, data)
