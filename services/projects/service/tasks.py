"""Use cases of tasks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from services.projects import repository
from services.projects.domain.custom_fields import Definition
from services.projects.domain.ev_techniques import as_technique
from services.projects.domain.outline import MOST_LEVELS, NoPlace
from services.projects.domain.progress import Progress
from services.projects.entities import ASSIGNMENT, DEPENDENCY, PROGRESS, TASK
from services.projects.errors import (
    MoveNotPossible,
    NewerProgressKnown,
    ReferenceInvalid,
    TaskHasChildren,
    TaskIsSummary,
    TaskSourceTaken,
)
from services.projects.repository import outlines
from services.projects.service import custom_fields
from services.projects.service.changes import PlanChanges
from services.projects.service.life_cycle import changeable_project
from services.projects.service.outlines import load_outline, write_outline
from services.projects.service.progress import RESCHEDULING, contradictions, standing_of, tasks_to_state
from services.projects.service.projects import request_schedule, wall_time
from services.projects.service.statements import STATED, amount_in, over_new_wholes, quantum, statement
from services.projects.service.task_bounds import DATES, check_parent, settle_changed, settle_new
from services.projects.service.task_calendars import task_calendars
from services.projects.service.techniques import check_technique, settle_measure, techniques_of
from shared import entity
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import FieldError, ValidationFailed
from shared.types import Money

SCHEDULING = frozenset(
    {
        "duration_minutes",
        "is_elapsed_duration",
        "is_active",
        "is_manual",
        "planned_start",
        "planned_finish",
        "constraint_type",
        "constraint_date",
        "deadline",
        "is_milestone",
        "name",
        "calendar_id",
        "activity_type",
        "is_fixed_duration",
        "is_fixed_work",
        "ignores_resource_calendar",
        "secondary_constraint_type",
        "secondary_constraint_date",
        "expected_finish",
        "leveling_delay_minutes",
        "work_minutes",
        "cost",
        "actual_cost",
    }
)
"""What of a task a schedule shows, or rolls up into its summaries."""

USUAL_MASK: Final = "1.1"


def _local(fields: dict[str, object], zone: str) -> None:
    for name in DATES:
        moment = fields.get(name)
        if isinstance(moment, datetime):
            fields[name] = wall_time(moment, zone, f"/{name}")


def new_task(
    project: asyncpg.Record, known: Sequence[Definition], values: Mapping[str, object], cost: Money | None
) -> dict[str, object]:
    """Return the columns of a new task but for its place; `known` are the organization's own fields of tasks."""
    fields = dict(values)
    custom_fields.settle_new(known, fields)
    _local(fields, project["time_zone"])
    _check_planned(fields)
    settle_new(fields)
    settle_measure(project, fields)
    nothing = Decimal(0).quantize(quantum(project["currency"]))
    fields["cost"] = amount_in(cost, project["currency"], "/cost/currency") or nothing
    fields |= {"actual_cost": nothing, "fixed_cost": nothing}
    fields["remaining_work_minutes"] = fields.get("work_minutes", 0)
    return fields


def changed_task(project: asyncpg.Record, row: asyncpg.Record, changes: Mapping[str, object]) -> dict[str, object]:
    """Return the columns of a task that changes set but for its progress; raises ValidationFailed."""
    fields = {name: value for name, value in changes.items() if name not in STATED}
    _local(fields, project["time_zone"])
    if isinstance(cost := fields.get("cost"), Money):
        fields["cost"] = amount_in(cost, project["currency"], "/cost/currency")
    _check_planned({name: row[name] for name in ("planned_start", "planned_finish")} | fields)
    settle_changed(row, fields)
    settle_measure(project, fields)
    duration, work = fields.get("duration_minutes"), fields.get("work_minutes")
    if isinstance(duration, int) and row["remaining_duration_minutes"] is not None:
        fields["remaining_duration_minutes"] = max(duration - row["actual_duration_minutes"], 0)
    if isinstance(work, int):
        fields["remaining_work_minutes"] = max(work - row["actual_work_minutes"], 0)
    return fields


def _check_planned(fields: Mapping[str, object]) -> None:
    start, finish = fields.get("planned_start"), fields.get("planned_finish")
    if isinstance(start, datetime) and isinstance(finish, datetime) and finish < start:
        raise ValidationFailed(errors=[FieldError("/planned_finish", "planned_finish", "lies before planned_start")])


def stated_progress(
    tx: Transaction, project: asyncpg.Record, row: asyncpg.Record, changes: Mapping[str, object]
) -> Progress | None:
    """Return what changes state of a task's progress, or do to it; raises TaskIsSummary or NewerProgressKnown."""
    now = datetime.now(UTC)
    progress = statement(project, changes, now, tx.context.actor)
    if row["is_summary"]:
        if progress is not None:
            raise TaskIsSummary
        return None
    if {"duration_minutes", "work_minutes"} & changes.keys():
        nothing = Progress(max(now, row["progress_at"] or now), source=tx.context.actor)
        said = over_new_wholes(progress or nothing, row, changes)
        progress = None if said is nothing else said
    if progress is None:
        return None
    if row["progress_at"] is not None and row["progress_at"] > progress.at:
        raise NewerProgressKnown(f"Progress is known as of {row['progress_at'].isoformat()}.")
    return progress


async def create_task(
    tx: Transaction, reference: str, own_only: str | None, values: Mapping[str, object], cost: Money | None
) -> Written:
    """Add a task below a parent, before or after a sibling, else last; asks for a new schedule."""
    project = await changeable_project(tx, reference, own_only)
    project_id: UUID = project["id"]
    fields = new_task(project, await custom_fields.definitions(tx, TASK), values, cost)
    code = fields.pop("work_breakdown_structure", None)
    before, after = (_identifier(fields.pop(name, None)) for name in ("before_id", "after_id"))
    if (beside := before or after) is not None:
        sibling = await _named(tx, project_id, beside, "/before_id" if before else "/after_id")
        fields["parent_id"] = fields.get("parent_id") or sibling["parent_id"]
    parent_id = _identifier(fields.get("parent_id"))
    fields |= {"project_id": project_id, "outline_level": 1}
    is_usual = code is None and beside is None and project["code_mask"] == USUAL_MASK
    computed = repository.PLACE
    if parent_id is not None:
        parent = await _named(tx, project_id, parent_id, "/parent_id")
        level: int = parent["outline_level"] + 1
        fields["outline_level"] = level
        if level > MOST_LEVELS:
            raise MoveNotPossible(f"There are {MOST_LEVELS} levels at most.")
        check_parent(parent)
        if not parent["is_summary"]:
            await entity.update(tx, TASK, parent_id, {"is_summary": True}, expected=parent["version"])
        end = await outlines.end_of_branch(tx, project_id, parent) if is_usual else None
        computed, is_usual = {}, end is not None
        if end is not None:
            own_code = f"{parent['work_breakdown_structure']}.{end.number}"
            fields |= {"position": end.position, "work_breakdown_structure": own_code}
    await repository.check_calendar(tx, project_id, fields.get("calendar_id"))
    await _check_technique(tx, project_id, values)
    if not is_usual:
        identifier = fields["id"] = uuid7()
        outline = await load_outline(tx, project)
        try:
            outline.add(identifier, parent_id, None if code is None else str(code), before=before, after=after)
        except NoPlace as error:
            raise MoveNotPossible(f"{str(error).capitalize()}.") from error
        settled = outline.settle()
        fields |= settled.pop(identifier)
        await write_outline(tx, project_id, settled)
        computed = {}
    try:
        written = await entity.create(tx, TASK, fields, computed=computed)
    except asyncpg.UniqueViolationError as error:
        raise TaskSourceTaken from error
    await request_schedule(tx, project_id)
    return written


def _identifier(value: object) -> UUID | None:
    return value if isinstance(value, UUID) else None


async def _named(tx: Transaction, project_id: UUID, task_id: UUID, pointer: str) -> asyncpg.Record:
    row = await tx.fetchrow(
        f"select {TASK.columns} from task t where organization_id = $1 and project_id = $2 and id = $3 for update",
        tx.organization_id,
        project_id,
        task_id,
    )
    if row is None:
        detail = "names no task of this project"
        raise ReferenceInvalid(errors=[FieldError(pointer, "unknown_reference", detail)])
    return row


async def update_task(
    tx: Transaction,
    reference: str,
    own_only: str | None,
    task_id: UUID,
    expected: int,
    changes: Mapping[str, object],
) -> Written:
    """Change a task; a change of progress is recorded as a fact as of now, one of dates asks for a new schedule."""
    project = await changeable_project(tx, reference, own_only)
    row = await repository.task_row(tx, project["id"], task_id, lock=True)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, TASK, task_id)
    fields = changed_task(project, row, changes)
    await repository.check_calendar(tx, project["id"], fields.get("calendar_id"))
    if "custom_fields" in fields:
        custom_fields.settle(await custom_fields.definitions(tx, TASK), fields, row["custom_fields"])
    await _check_technique(tx, project["id"], changes, task_id)
    progress = stated_progress(tx, project, row, changes)
    if "work_breakdown_structure" in fields:
        code = fields.pop("work_breakdown_structure")
        outline = await load_outline(tx, project)
        outline.fix_code(task_id, None if code is None else str(code))
        fields |= outline.settle().get(task_id, {})
    if progress is not None:
        fields |= await _state(tx, project["id"], task_id, fields, progress)
    written = await entity.update(tx, TASK, task_id, fields, expected=expected, changed=list(changes))
    if (SCHEDULING | RESCHEDULING) & fields.keys():
        await request_schedule(tx, project["id"])
    return written


async def _check_technique(
    tx: Transaction, project_id: UUID, values: Mapping[str, object], task_id: UUID | None = None
) -> None:
    """Raise TechniqueInvalid if values give a task a technique that cannot be its."""
    technique = as_technique(values.get("ev_technique"))
    if technique is not None:
        tasks = [] if task_id is None else [task_id]
        check_technique(await techniques_of(tx, project_id, technique, *tasks), {}, task_id, technique)


async def delete_task(tx: Transaction, reference: str, own_only: str | None, task_id: UUID, expected: int) -> Written:
    """Delete a task with its links and assignments; asks for a new schedule."""
    project = await changeable_project(tx, reference, own_only)
    row = await repository.task_row(tx, project["id"], task_id, lock=True)
    must_be(row["version"], expected)
    children = await tx.fetchint(
        "select count(*) from task where organization_id = $1 and project_id = $2 and parent_id = $3",
        tx.organization_id,
        project["id"],
        task_id,
    )
    if children:
        raise TaskHasChildren(f"{children} tasks are below it.")
    changes = PlanChanges(project["id"])
    measured = await outlines.apportioned_to(tx, project["id"], task_id)
    await changes.update(tx, TASK, ("id", "ev_technique"), [(key, None) for key in measured])
    await changes.delete(tx, DEPENDENCY, await outlines.links_of(tx, project["id"], [task_id]))
    await changes.delete(tx, ASSIGNMENT, await outlines.assignments_of(tx, project["id"], [task_id]))
    await changes.record(tx)
    written = await entity.delete(tx, TASK, task_id, expected=expected)
    await _childless(tx, project["id"], row["parent_id"])
    await request_schedule(tx, project["id"])
    return written


async def _childless(tx: Transaction, project_id: UUID, parent_id: UUID | None) -> None:
    """Make an ordinary task of a summary that has no tasks below it any more."""
    parent = await tx.fetchrow(
        "select id, version from task p where organization_id = $1 and project_id = $2 and id = $3 and not exists"
        " (select from task c where c.organization_id = $1 and c.project_id = $2 and c.parent_id = p.id)",
        tx.organization_id,
        project_id,
        parent_id,
    )
    if parent is not None:
        await entity.update(tx, TASK, parent["id"], {"is_summary": False}, expected=parent["version"])


async def _state(
    tx: Transaction, project_id: UUID, task_id: UUID, fields: Mapping[str, object], progress: Progress
) -> Mapping[str, object]:
    """Record a fact of progress; returns the columns of the task, whose other `fields` change with it."""
    dated = await tasks_to_state(tx, project_id, "id", {task_id})
    calendars = await task_calendars(tx, [project_id] if progress.is_of_dates else [])
    standing = standing_of({**dated[task_id], **fields}, calendars)
    with contradictions():
        columns, fact = standing.columns(progress), standing.fact(progress)
    await entity.create(tx, PROGRESS, {"project_id": project_id, "task_id": task_id, **fact}, fact="progressed")
    return columns
