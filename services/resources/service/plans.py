"""Following the plans of projects: storing what events tell and marking whose load depends on it."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import orjson

from services.resources.models import AssignmentRow, CalendarRow, ResourceRow, TaskRow
from services.resources.repository import facts
from services.resources.repository.facts import Fact
from services.resources.service.facts import (
    AssignmentItem,
    CalendarImage,
    CalendarItem,
    Item,
    PlanChanged,
    ProjectImage,
    Rate,
    ResourceImage,
    ResourceItem,
    SchedulePublished,
    TaskImage,
    TaskItem,
)
from shared import worker
from shared.db import Transaction

LOAD: Final = "load"
"""The kind of pending work that computes the load of a project's resources anew; its key is the project's id."""


def calendar_values(image: CalendarImage) -> tuple[object, ...]:
    """Return the columns of a calendar."""
    return image.source_id, orjson.dumps(image.definition).decode()


def resource_values(image: ResourceImage) -> tuple[object, ...]:
    """Return the columns of a resource."""
    rates = (image.standard_rate, image.overtime_rate, image.cost_per_use)
    return (
        image.source_id,
        image.name,
        image.type,
        image.is_equipment,
        image.email,
        image.max_units,
        image.calendar_id,
        next((rate.currency for rate in rates if rate is not None), None),
        *map(_amount, rates),
        image.created_at,
        image.updated_at,
    )


def _amount(rate: Rate | None) -> object:
    return None if rate is None else rate.amount


def task_values(image: TaskImage) -> tuple[object, ...]:
    """Return the columns of a task."""
    return image.name, image.is_active, image.planned_start, image.planned_finish


async def store_project(tx: Transaction, image: ProjectImage) -> None:
    """Store a project; another calendar changes the load of everybody in it."""
    values = (image.key, image.owner, image.time_zone, image.calendar_id)
    if await facts.store_project(tx, image.id, image.version, values):
        await facts.mark_all_stale(tx, image.id)
        await request_load(tx, image.id)


async def delete_project(tx: Transaction, project_id: UUID, version: int) -> None:
    """Forget a project and all that hangs on it."""
    await facts.bury_project(tx, project_id, version)


async def store_tasks(tx: Transaction, tasks: Iterable[Fact]) -> None:
    """Store tasks of one project and mark who is assigned to those that changed."""
    given = list(tasks)
    changed = await facts.store(tx, TaskRow, given)
    if changed:
        await _mark(tx, given[0].project_id, await facts.resources_of_tasks(tx, list(changed)))


async def store_changes(tx: Transaction, event: PlanChanged) -> None:
    """Store a piece of what changed in a plan; what it changes of load is computed once the last piece has come."""
    await store_project(tx, event.project)
    project_id = event.project.id
    calendars = _facts(project_id, event.items, CalendarItem)
    resources = _facts(project_id, event.items, ResourceItem)
    tasks = _facts(project_id, event.items, TaskItem)
    assignments = _facts(project_id, event.items, AssignmentItem)

    stale = await facts.store(tx, ResourceRow, resources)
    if await facts.store(tx, CalendarRow, calendars):
        await facts.mark_all_stale(tx, project_id)
    changed_tasks = await facts.store(tx, TaskRow, tasks)
    before = await facts.resources_of_assignments(tx, [fact.id for fact in assignments]) if assignments else set()
    if await facts.store(tx, AssignmentRow, assignments):
        stale |= before | await facts.resources_of_assignments(tx, [fact.id for fact in assignments])
    if changed_tasks:
        stale |= await facts.resources_of_tasks(tx, list(changed_tasks))
    if stale:
        await facts.mark_stale(tx, project_id, stale)
    if event.chunk == event.chunks:
        await request_load(tx, project_id)


def _facts(
    project_id: UUID,
    items: Sequence[Item],
    kind: type[CalendarItem] | type[ResourceItem] | type[TaskItem] | type[AssignmentItem],
) -> list[Fact]:
    found: list[Fact] = []
    for item in items:
        if not isinstance(item, kind):
            continue
        values: tuple[object, ...] | None = None
        match item:
            case CalendarItem(after=CalendarImage() as calendar):
                values = calendar_values(calendar)
            case ResourceItem(after=ResourceImage() as resource):
                values = resource_values(resource)
            case TaskItem(after=TaskImage() as task):
                values = task_values(task)
            case AssignmentItem(after=assignment) if assignment is not None:
                values = (assignment.task_id, assignment.resource_id, assignment.work_minutes)
        found.append(Fact(project_id, item.id, item.version, values))
    return found


async def store_schedule(tx: Transaction, event: SchedulePublished) -> None:
    """Keep a piece of a schedule; the last one lets it count, so no load is computed from half a schedule."""
    items = [(item.task_id, item.early_start, item.early_finish) for item in event.items]
    await facts.stage_chunk(tx, event.project_id, event.revision, event.chunk, event.chunks, items, event.removed)
    changed = await facts.switch_schedule(tx, event.project_id, event.revision)
    if changed:
        await _mark(tx, event.project_id, await facts.resources_of_tasks(tx, list(changed)))


async def _mark(tx: Transaction, project_id: UUID, resources: set[UUID]) -> None:
    if resources:
        await facts.mark_stale(tx, project_id, resources)
        await request_load(tx, project_id)


async def request_load(tx: Transaction, project_id: UUID) -> None:
    """Have the worker compute what is marked once this transaction has committed."""
    await worker.request(tx, LOAD, str(project_id))


async def recompute_load(tx: Transaction, project_id: UUID) -> None:
    """Have all load of a project computed anew, also that of resources that are no longer known."""
    await facts.mark_all_stale(tx, project_id)
    await facts.mark_computed_stale(tx, project_id)
    await request_load(tx, project_id)
