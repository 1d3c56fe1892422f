"""Merging a plan that was read from a file into a project: by the file's own identifiers, row by row."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from services.projects import repository
from services.projects.domain.events import PlanImported
from services.projects.domain.loops import any_loop
from services.projects.domain.plan import Plan
from services.projects.domain.project import ProjectStatus
from services.projects.entities import PROJECT
from services.projects.service.breathing import aside
from services.projects.service.changes import chunked_events
from services.projects.service.columns import Row
from services.projects.service.file_baselines import keep_file_baselines
from services.projects.service.life_cycle import changeable_project
from services.projects.service.merge_kinds import KindMerge
from services.projects.service.merge_rows import KINDS
from services.projects.service.plans import plan_settings
from services.projects.service.projects import create_project
from services.projects.service.report import Merged
from shared import entity, messaging
from shared.db import Transaction
from shared.types import CURRENCIES
from shared.working_time import instant_of

Record = asyncpg.Record

DEFAULT_CURRENCY: Final = "USD"


@dataclass(frozen=True, slots=True)
class New:
    """What a project has that is made for a plan."""

    source: str
    key: str | None
    status: ProjectStatus


async def merge_plan(
    tx: Transaction,
    plan: Plan,
    project_id: UUID | None,
    import_id: UUID,
    new: New,
    *,
    tell: bool = True,
) -> Merged:
    """Bring every row of a plan into its project (a new one if None), with history and one chunked event.

    Rows are found again by the file's identifiers; equal ones are left alone; those that came from a file and are no
    longer in it are deleted, but not those that it holds and that could not be read, which are reported if `tell`. Rows
    made by hand are not touched.
    """
    merged = Merged(await _project(tx, plan, project_id, new))
    if project_id is None:
        plan = replace(plan, statements=None)  # what a table does not say of a new project is as usual
    project = await changeable_project(tx, str(merged.project_id), None)
    merge = KindMerge(tx, merged, plan, project["currency"])
    calendars = await merge.calendars(inherits_usual=project["calendar_id"] is None)
    tasks = await merge.tasks(calendars, _progress_at(plan, project))
    await keep_file_baselines(tx, merged, plan, tasks, merge.quantum)
    await merge.dependencies(tasks)
    resources = await merge.resources(calendars)
    await merge.assignments(tasks, resources)
    if plan.statements is None:
        await _settle_project(tx, plan, merged, calendars.get(plan.calendar_source_id))
    for skipped in plan.skipped if tell else ():
        kind = KINDS.get(skipped.kind, skipped.kind)
        place: Row = {} if skipped.row is None else {"row": skipped.row, "column": skipped.column}
        merged.note(
            kind, skipped.source_id, "skipped", reason={"code": skipped.code, "detail": skipped.detail, **place}
        )
    if tell:
        await _tell_of_loop(merged, plan)
    await _record(tx, merged, import_id, _progress_at(plan, project))
    return merged


async def _tell_of_loop(merged: Merged, plan: Plan) -> None:
    """Report a loop of the file's links: they are all kept, as the file has them, and nothing can be scheduled."""
    parents = {task.source_id: task.parent_source_id for task in plan.tasks}
    idle: set[str | None] = set()  # these, and all below them, hold nobody
    for task in plan.tasks:
        if not task.is_active or task.parent_source_id in idle:
            idle.add(task.source_id)
    links = [(link.predecessor, link.successor) for link in plan.links]
    links = [link for link in links if idle.isdisjoint(link)]
    loop = await aside(len(parents), any_loop, parents, links)
    if loop:
        detail = "these tasks wait for each other: the plan has no new dates until one of their links is gone"
        merged.note("dependency", ">".join(loop[:20]), "kept", reason={"code": "dependency_cycle", "detail": detail})


def _progress_at(plan: Plan, project: Record) -> datetime:
    """Return as of when the progress in a file counts: its status date, else now."""
    if plan.status_date is None:
        return datetime.now(UTC)
    return instant_of(plan.status_date, ZoneInfo(project["time_zone"])).astimezone(UTC)


async def _project(tx: Transaction, plan: Plan, project_id: UUID | None, new: New) -> UUID:
    if project_id is not None:
        return project_id
    written = await create_project(
        tx,
        {
            "key": new.key,
            "name": plan.name[:200] or "Imported plan",
            "status": new.status,
            "owner": tx.context.actor,
            "currency": plan.currency if plan.currency in CURRENCIES else DEFAULT_CURRENCY,
            "source_id": new.source,
        },
        time_zone="UTC",
        start=plan.start.replace(tzinfo=UTC),
        status=None if plan.status_date is None else plan.status_date.replace(tzinfo=UTC),
    )
    return written.id


async def _settle_project(tx: Transaction, plan: Plan, merged: Merged, calendar_id: UUID | None) -> None:
    """Bring the project's own columns up to date with the file."""
    row = await tx.fetchrow(
        f"select {PROJECT.columns} from project t where organization_id = $1 and id = $2 for update",
        tx.organization_id,
        merged.project_id,
    )
    assert row is not None
    wanted: Row = {
        "start": plan.start,
        "status_date": plan.status_date,
        "calendar_id": calendar_id,
        "planned_finish": plan.finish,
        "minutes_per_day": plan.minutes_per_day,
    }
    changes = {name: value for name, value in wanted.items() if row[name] != value}
    settings = plan_settings(plan)
    if orjson.loads(row["plan_settings"]) != orjson.loads(settings):
        changes["plan_settings"] = settings
    if changes:
        changed = [name for name in changes if name in PROJECT.image]
        await entity.update(tx, PROJECT, merged.project_id, changes, expected=row["version"], changed=changed)


async def _record(tx: Transaction, merged: Merged, import_id: UUID, progress_at: datetime) -> None:
    """Record the import as one event in chunks; none if nothing changed."""
    if not merged.items:
        return
    project = await repository.project_image(tx, merged.project_id)
    head: dict[str, object] = {
        "import_id": import_id,
        "project": orjson.Fragment(project),
        "progress_at": progress_at,
    }
    events = chunked_events(PlanImported.type, merged.project_id, head, merged.items)
    await messaging.record_many(tx, aggregate_id=merged.project_id, events=events)
