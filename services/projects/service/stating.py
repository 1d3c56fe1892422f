"""Many statements of progress in one request: taken in the order of their instants, told as one event."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.domain.progress import Progress
from services.projects.errors import BatchRefused, ReferenceInvalid
from services.projects.repository import progress as facts
from services.projects.service.batches import MOST_ERRORS
from services.projects.service.changes import PlanChanges
from services.projects.service.life_cycle import changeable_project
from services.projects.service.progress import ProgressBatch, tasks_to_state
from services.projects.service.statements import statement
from services.projects.service.task_calendars import task_calendars
from shared.db import Transaction
from shared.errors import FieldError, NotFound, Problem

Tasks = Mapping[str, Mapping[object, asyncpg.Record]]
"""By the column that names them: name -> the task's row with its dates."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement as asked for: which task, by which of its names, and what of it; `progress_at` is its instant."""

    column: str
    name: object
    values: Mapping[str, object]


@dataclass(slots=True)
class StatedOutcome:
    """What became of a statement."""

    id: UUID | None = None
    task_id: UUID | None = None
    is_newest: bool | None = None
    problem: Problem | None = None


async def state_progress(
    tx: Transaction, reference: str, own_only: str | None, items: Sequence[Stated], *, atomic: bool
) -> tuple[list[StatedOutcome], str]:
    """Take statements about tasks of a project; returns what became of each, and the position of the whole.

    One that is older than what is known of its task is kept as a fact and leaves the task as it is. Atomic: raises
    BatchRefused if one cannot be taken. Otherwise those that can be are.
    """
    project = await changeable_project(tx, reference, own_only)
    project_id: UUID = project["id"]
    tasks = await _find(tx, project_id, items)
    outcomes = [StatedOutcome() for _ in items]
    ready: list[tuple[datetime, int, asyncpg.Record, Progress]] = []
    now = datetime.now(UTC)
    codes = {item.name for item in items if item.column == "work_breakdown_structure"}
    several = await facts.ambiguous_codes(tx, project_id, codes)
    for number, item in enumerate(items):
        try:
            row = _task(tasks, item, several)
            outcomes[number].task_id = row["id"]
            progress = statement(project, item.values, now, tx.context.actor)
            assert progress is not None
            ready.append((progress.at, number, row, progress))
        except Problem as problem:
            outcomes[number].problem = problem
    ready.sort(key=lambda each: each[:2])
    older = [(row["id"], at) for at, _, row, _ in ready if row["progress_at"] is not None and at < row["progress_at"]]
    past = await facts.past(tx, older)
    is_of_dates = any(progress.is_of_dates for _, _, _, progress in ready)
    batch = ProgressBatch(await task_calendars(tx, [project_id] if is_of_dates else []))
    for place, (at, number, row, progress) in enumerate(ready):
        try:
            outcomes[number].id = batch.take(row, progress, tx.context, past.get((row["id"], at)))
            outcomes[number].is_newest = batch.facts[-1].counts
        except Problem as problem:
            outcomes[number].problem = problem
        if place % 200 == 199:
            await asyncio.sleep(0)
    if atomic:
        _all_or_nothing(outcomes)
    changes = PlanChanges(project_id)
    await batch.write_into(tx, changes)
    await changes.record(tx)
    version = await repository.position(tx, project_id)
    return outcomes, f"projects:{project_id}@{version}"


async def _find(tx: Transaction, project_id: UUID, items: Sequence[Stated]) -> Tasks:
    names: dict[str, set[object]] = {}
    for item in items:
        names.setdefault(item.column, set()).add(item.name)
    return {column: await tasks_to_state(tx, project_id, column, named) for column, named in names.items()}


def _task(tasks: Tasks, item: Stated, several: set[object]) -> asyncpg.Record:
    if item.name in several:
        detail = "several tasks of the project have this code"
        raise ReferenceInvalid(errors=[FieldError(f"/task/{item.column}", "ambiguous_reference", detail)])
    row = tasks[item.column].get(item.name)
    if row is None:
        raise NotFound("No task of the project has this name.")
    return row


def _all_or_nothing(outcomes: Sequence[StatedOutcome]) -> None:
    errors: list[FieldError] = []
    failed = 0
    for number, outcome in enumerate(outcomes):
        if (problem := outcome.problem) is None:
            continue
        failed += 1
        given = problem.errors or (FieldError("/task", problem.code, problem.detail),)
        errors += [FieldError(f"/items/{number}{one.pointer}", one.code, one.detail) for one in given]
    if failed:
        raise BatchRefused(f"{failed} of {len(outcomes)} statements cannot be taken.", errors=errors[:MOST_ERRORS])
