"""What kpi does with the events of other services: it keeps its own copy of what metrics are computed from.

A plan's own figures of progress count only when it is imported; what is stated later comes as `task.progressed`, or
among many changes of a plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.kpi.models import (
    CalendarPastRow,
    CalendarRow,
    ProgressRow,
    ProjectPastRow,
    ProjectRow,
    TaskPastRow,
    TaskRow,
    table,
)
from services.kpi.repository import storing
from services.kpi.repository.facts import ProjectFact, TaskFact
from services.kpi.service.evaluation import EVALUATE
from services.kpi.service.facts import (
    CalendarItem,
    Deleted,
    PlanChanged,
    PlanImported,
    ProgressItem,
    ProjectChanged,
    TaskChanged,
    TaskItem,
    TaskProgressed,
)
from shared import worker
from shared.audit.projection import Kept, Projection
from shared.db import Transaction
from shared.events import Received
from shared.messaging import ReadEvent, Subscription, caused_by


async def _evaluate(tx: Transaction, projects: Iterable[tuple[UUID, Received]]) -> None:
    """Ask for new metrics of projects because of events; the last one's trace goes on with them."""
    for project_id, event in dict(projects).items():
        await worker.request(caused_by(tx, event), EVALUATE, str(project_id))


async def keep_projects(tx: Transaction, events: Sequence[ReadEvent[ProjectChanged]]) -> None:
    """Keep projects as they are now."""
    await storing.store_projects(tx, (each.data.after.fact(each.event.time) for each in events))
    await _evaluate(tx, ((each.data.after.id, each.event) for each in events))


async def delete_projects(tx: Transaction, events: Sequence[ReadEvent[Deleted]]) -> None:
    """Forget projects with everything in them, for good."""
    deleted = (ProjectFact(each.data.id, each.data.version, each.event.time, is_deleted=True) for each in events)
    await storing.store_projects(tx, deleted)


async def keep_tasks(tx: Transaction, events: Sequence[ReadEvent[TaskChanged]]) -> None:
    """Keep tasks as they are now."""
    await storing.store_tasks(tx, (_task(each) for each in events))
    await _evaluate(tx, ((each.event.aggregate_id, each.event) for each in events))


def _task(told: ReadEvent[TaskChanged]) -> TaskFact:
    return told.data.after.fact(told.data.id, told.data.version, told.event.time)


async def delete_tasks(tx: Transaction, events: Sequence[ReadEvent[Deleted]]) -> None:
    """Let tasks count no more from now on."""
    deleted = (
        TaskFact(each.event.aggregate_id, each.data.id, each.data.version, each.event.time, is_deleted=True)
        for each in events
    )
    await storing.store_tasks(tx, deleted)
    await _evaluate(tx, ((each.event.aggregate_id, each.event) for each in events))


async def keep_progress(tx: Transaction, events: Sequence[ReadEvent[TaskProgressed]]) -> None:
    """Keep what was stated of tasks."""
    await storing.store_progress(tx, (each.data.after.fact(each.event.version) for each in events))
    await _evaluate(tx, ((each.event.aggregate_id, each.event) for each in events))


async def keep_plans(tx: Transaction, events: Sequence[ReadEvent[PlanImported]]) -> None:
    """Keep imported plans, piece by piece, and the progress that they state."""
    for each in events:
        tasks = await _keep_changes(tx, each.data, each.event.time)
        stated = (
            item.after.progress(item.id, each.data.progress_at, each.event.version)
            for item in tasks
            if item.after is not None and not item.after.is_summary
        )
        await storing.store_progress(tx, (fact for fact in stated if fact is not None))
    await _evaluate_whole(tx, events)


async def keep_changes(tx: Transaction, events: Sequence[ReadEvent[PlanChanged]]) -> None:
    """Keep what changed in plans at once, piece by piece."""
    for each in events:
        await _keep_changes(tx, each.data, each.event.time)
        stated = (item.after.fact(each.event.version) for item in each.data.items if isinstance(item, ProgressItem))
        await storing.store_progress(tx, stated)
    await _evaluate_whole(tx, events)


async def _keep_changes(tx: Transaction, plan: PlanChanged, told_at: datetime) -> list[TaskItem]:
    project_id = plan.project.id
    since = plan.since(told_at)
    await storing.store_projects(tx, [plan.project.fact(since)])
    calendars = [item for item in plan.items if isinstance(item, CalendarItem) and item.action != "unchanged"]
    tasks = [item for item in plan.items if isinstance(item, TaskItem) and item.action != "unchanged"]
    await storing.store_calendars(tx, (item.fact(project_id, since) for item in calendars))
    await storing.store_tasks(tx, (item.fact(project_id, since) for item in tasks))
    return tasks


async def _evaluate_whole(
    tx: Transaction, events: Sequence[ReadEvent[PlanImported]] | Sequence[ReadEvent[PlanChanged]]
) -> None:
    """A plan is worth evaluating once the last piece of what changed in it has come."""
    whole = (each for each in events if each.data.chunk == each.data.chunks)
    await _evaluate(tx, ((each.data.project.id, each.event) for each in whole))


ON_PROJECTS: Final[tuple[Subscription[Any], ...]] = (
    Subscription("pmo.projects.project.created.v1", ProjectChanged, keep_projects, keeps_past=True),
    Subscription("pmo.projects.project.updated.v1", ProjectChanged, keep_projects, keeps_past=True),
    Subscription("pmo.projects.project.deleted.v1", Deleted, delete_projects, keeps_past=True),
    Subscription("pmo.projects.task.created.v1", TaskChanged, keep_tasks, keeps_past=True),
    Subscription("pmo.projects.task.updated.v1", TaskChanged, keep_tasks, keeps_past=True),
    Subscription("pmo.projects.task.deleted.v1", Deleted, delete_tasks, keeps_past=True),
    Subscription("pmo.projects.task.progressed.v1", TaskProgressed, keep_progress),
    Subscription("pmo.projects.plan.imported.v1", PlanImported, keep_plans, keeps_past=True),
    Subscription("pmo.projects.plan.changed.v1", PlanChanged, keep_changes, keeps_past=True),
)
"""What kpi does with projects' events."""

SUBSCRIPTIONS: Final[Mapping[str, Sequence[Subscription[Any]]]] = {"projects": ON_PROJECTS}
"""All subscriptions, by producing service."""


async def _evaluate_anew(tx: Transaction, project_id: UUID) -> None:
    await worker.request(tx, EVALUATE, str(project_id))


PROJECTION: Final = Projection(
    "projects",
    (
        Kept(table(ProjectRow), "id", "project", ignored=frozenset({"plan"})),
        Kept(table(ProjectPastRow), "project_id"),
        Kept(table(CalendarRow), "project_id", "calendar"),
        Kept(table(CalendarPastRow), "project_id"),
        Kept(table(TaskRow), "project_id", "task"),
        Kept(table(TaskPastRow), "project_id"),
        Kept(table(ProgressRow), "project_id"),
    ),
    redo=_evaluate_anew,
)
"""What kpi keeps of projects' aggregates."""
