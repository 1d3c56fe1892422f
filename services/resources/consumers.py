"""What this service listens to, as data."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.resources.models import (
    AssignmentRow,
    CalendarRow,
    ProjectRow,
    ResourceRow,
    ScheduleChunkRow,
    ScheduleItemRow,
    TaskRow,
    table,
)
from services.resources.repository.facts import Fact
from services.resources.service import plans
from services.resources.service.facts import Deleted, PlanChanged, ProjectChanged, SchedulePublished, TaskChanged
from shared.audit.projection import Kept, Projection
from shared.db import Transaction
from shared.messaging import ReadEvent, Subscription, caused_by


async def on_project_changed(tx: Transaction, events: Sequence[ReadEvent[ProjectChanged]]) -> None:
    """A project was created or updated."""
    for event in events:
        await plans.store_project(caused_by(tx, event.event), event.data.after)


async def on_project_deleted(tx: Transaction, events: Sequence[ReadEvent[Deleted]]) -> None:
    """A project was deleted with everything in it."""
    for event in events:
        await plans.delete_project(tx, event.data.id, event.data.version)


async def on_task_changed(tx: Transaction, events: Sequence[ReadEvent[TaskChanged]]) -> None:
    """Tasks were created or updated."""
    by_project: dict[UUID, list[Fact]] = {}
    newest = {event.data.after.project_id: event.event for event in events}
    for event in events:
        image = event.data.after
        fact = Fact(image.project_id, event.data.id, event.data.version, plans.task_values(image))
        by_project.setdefault(image.project_id, []).append(fact)
    for project_id, tasks in by_project.items():
        await plans.store_tasks(caused_by(tx, newest[project_id]), tasks)


async def on_task_deleted(tx: Transaction, events: Sequence[ReadEvent[Deleted]]) -> None:
    """Tasks were deleted; the root of their events is the project."""
    for event in events:
        fact = Fact(event.event.aggregate_id, event.data.id, event.data.version, None)
        await plans.store_tasks(caused_by(tx, event.event), [fact])


async def on_plan_changed(tx: Transaction, events: Sequence[ReadEvent[PlanChanged]]) -> None:
    """Pieces of plans that were imported or changed have come."""
    for event in events:
        await plans.store_changes(caused_by(tx, event.event), event.data)


async def on_schedule_published(tx: Transaction, events: Sequence[ReadEvent[SchedulePublished]]) -> None:
    """Pieces of schedules have come."""
    for event in events:
        await plans.store_schedule(caused_by(tx, event.event), event.data)


SUBSCRIPTIONS: Final[Mapping[str, Sequence[Subscription[Any]]]] = {
    "projects": (
        Subscription("pmo.projects.project.created.v1", ProjectChanged, on_project_changed),
        Subscription("pmo.projects.project.updated.v1", ProjectChanged, on_project_changed),
        Subscription("pmo.projects.project.deleted.v1", Deleted, on_project_deleted),
        Subscription("pmo.projects.task.created.v1", TaskChanged, on_task_changed),
        Subscription("pmo.projects.task.updated.v1", TaskChanged, on_task_changed),
        Subscription("pmo.projects.task.deleted.v1", Deleted, on_task_deleted),
        Subscription("pmo.projects.plan.imported.v1", PlanChanged, on_plan_changed),
        Subscription("pmo.projects.plan.changed.v1", PlanChanged, on_plan_changed),
        Subscription("pmo.projects.schedule.published.v1", SchedulePublished, on_schedule_published),
    )
}
"""Producing service -> what this service does with its events."""

PROJECTION: Final = Projection(
    "projects",
    (
        Kept(table(ProjectRow), "id", "project"),
        Kept(table(CalendarRow), "project_id", "calendar"),
        Kept(table(ResourceRow), "project_id", "resource"),
        Kept(table(TaskRow), "project_id", "task"),
        # An assignment goes with its task without an event of its own, so its version is not compared.
        Kept(table(AssignmentRow), "project_id"),
        Kept(table(ScheduleItemRow), "project_id"),
        Kept(table(ScheduleChunkRow), "project_id", is_compared=False),
    ),
    redo=plans.recompute_load,
)
"""What this service keeps of projects' aggregates."""
