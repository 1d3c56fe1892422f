"""The schedule of a project: loaded as a plan, computed off the event loop, stored and published as what changed."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from services.projects import repository
from services.projects.domain.events import SchedulePublished
from services.projects.domain.plan import (
    Assignment,
    Baseline,
    ConstraintType,
    LagUnit,
    Link,
    LinkType,
    Plan,
    Resource,
    ResourceType,
    Task,
)
from services.projects.domain.schedule import (
    DependencyCycle,
    Schedule,
    ScheduleOutOfRange,
    UnusableProjectCalendar,
    critical_path,
)
from services.projects.entities import ASSIGNMENT, CALENDAR, DEPENDENCY, PLAN_RESOURCE, TASK
from services.projects.service.projects import SCHEDULE
from shared import messaging
from shared.db import Context, Database, Transaction
from shared.errors import NotFound
from shared.messaging import NewEvent
from shared.strict_json import dumps
from shared.working_calendar import CalendarError, WorkingCalendar, from_json

CHUNK_BYTES: Final = 190 * 1024
"""Events in chunks stay below the broker's limit of a message, envelope included."""

WEEKDAY: Final = ((480, 720), (780, 1020))
USUAL_CALENDAR: Final = WorkingCalendar("usual", "Monday to Friday, 8 to 12 and 13 to 17", (*[WEEKDAY] * 5, (), ()))  # type: ignore[arg-type]


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)


def _calendar(row: asyncpg.Record) -> WorkingCalendar:
    return from_json(orjson.loads(row["definition"]))


def _task(row: asyncpg.Record, calendars: dict[UUID, str]) -> Task:
    baseline = None
    if row["baseline_finish"] is not None or row["baseline_cost"] is not None:
        baseline = Baseline(row["baseline_start"], row["baseline_finish"], cost=row["baseline_cost"])
    return Task(
        source_id=str(row["id"]),
        position=row["position"],
        name=row["name"],
        parent_source_id=_text(row["parent_id"]),
        outline_level=row["outline_level"],
        is_summary=row["is_summary"],
        is_milestone=row["is_milestone"],
        is_active=row["is_active"],
        is_manual=row["is_manual"],
        priority=row["priority"],
        duration_minutes=row["duration_minutes"],
        is_elapsed_duration=row["is_elapsed_duration"],
        is_fixed_duration=row["is_fixed_duration"],
        is_fixed_work=row["is_fixed_work"],
        calendar_source_id=calendars.get(row["calendar_id"]),
        ignores_resource_calendar=row["ignores_resource_calendar"],
        constraint_type=ConstraintType(row["constraint_type"]),
        constraint_date=row["constraint_date"],
        deadline=row["deadline"],
        start=row["planned_start"],
        finish=row["planned_finish"],
        percent_complete=row["percent_complete"],
        actual_start=row["actual_start"],
        actual_finish=row["actual_finish"],
        actual_duration_minutes=row["actual_duration_minutes"],
        remaining_duration_minutes=row["remaining_duration_minutes"],
        stop=row["stop"],
        resume=row["resume"],
        leveling_delay_minutes=row["leveling_delay_minutes"],
        work_minutes=row["work_minutes"],
        actual_work_minutes=row["actual_work_minutes"],
        remaining_work_minutes=row["remaining_work_minutes"],
        baseline=baseline,
    )


async def load_plan(tx: Transaction, project: asyncpg.Record) -> Plan:
    """Return a project's plan with our ids as source ids."""
    project_id: UUID = project["id"]
    calendar_rows = await repository.rows(tx, CALENDAR, project_id)
    names = {row["id"]: row["source_id"] for row in calendar_rows}
    tasks = await repository.rows(tx, TASK, project_id, "position, id")
    links = await repository.rows(tx, DEPENDENCY, project_id)
    resources = await repository.rows(tx, PLAN_RESOURCE, project_id)
    assignments = await repository.rows(tx, ASSIGNMENT, project_id)
    calendars = tuple(_calendar(row) for row in calendar_rows)
    default = names.get(project["calendar_id"])
    if default is None:
        calendars, default = (*calendars, USUAL_CALENDAR), USUAL_CALENDAR.source_id
    settings: dict[str, object] = orjson.loads(project["plan_settings"])
    return Plan(
        source_guid=None,
        name=project["name"],
        currency=project["currency"],
        start=project["start"],
        finish=project["planned_finish"],
        status_date=project["status_date"],
        calendar_source_id=default,
        calendars=calendars,
        tasks=tuple(_task(row, names) for row in tasks),
        links=tuple(
            Link(
                str(row["predecessor_id"]),
                str(row["successor_id"]),
                LinkType(row["type"]),
                row["lag"],
                LagUnit(row["lag_unit"]),
            )
            for row in links
        ),
        resources=tuple(
            Resource(
                str(row["id"]),
                row["name"],
                ResourceType(row["type"]),
                max_units=row["max_units"],
                calendar_source_id=names.get(row["calendar_id"]),
            )
            for row in resources
        ),
        assignments=tuple(
            Assignment(
                str(row["id"]),
                str(row["task_id"]),
                _text(row["resource_id"]),
                row["units"],
                row["work_minutes"],
                row["actual_work_minutes"],
                row["remaining_work_minutes"],
                start=row["planned_start"],
                finish=row["planned_finish"],
            )
            for row in assignments
        ),
        minutes_per_day=project["minutes_per_day"],
        **settings,  # type: ignore[arg-type]
    )


PLAN_SETTINGS: Final = (
    "schedules_from_finish",
    "minutes_per_week",
    "days_per_month",
    "critical_slack_minutes",
    "honors_constraints",
    "has_multiple_critical_paths",
    "splits_started_tasks",
)


def plan_settings(plan: Plan) -> str:
    """Return the settings of a plan that only scheduling reads, as JSON."""
    return dumps({name: getattr(plan, name) for name in PLAN_SETTINGS}).decode()


Dates = tuple[datetime, datetime, datetime, datetime, int, int, bool]


def _dates(schedule: Schedule) -> dict[UUID, Dates]:
    return {
        UUID(t.source_id): (
            t.early_start,
            t.early_finish,
            t.late_start,
            t.late_finish,
            t.total_float_minutes,
            t.free_float_minutes,
            t.is_critical,
        )
        for t in schedule.tasks
    }


async def recompute(database: Database, context: Context, key: str) -> None:
    """Work of kind `schedule`: bring a project's schedule up to date."""
    async with database.transaction(context) as tx:
        row = await tx.fetchrow(
            "select id from project where organization_id = $1 and id = $2", tx.organization_id, UUID(key)
        )
        if row is not None:
            await publish_schedule(tx, UUID(key))


async def refresh_if_asked(tx: Transaction, project_id: UUID) -> None:
    """Bring the schedule up to date now if a change of the plan waits for it, so that readers see what they wrote."""
    waiting = await tx.fetchint(
        "select count(*) from work_pending where organization_id = $1 and kind = $2 and key = $3",
        tx.organization_id,
        SCHEDULE,
        str(project_id),
    )
    if waiting:
        await publish_schedule(tx, project_id)
        await tx.execute(
            "delete from work_pending where organization_id = $1 and kind = $2 and key = $3",
            tx.organization_id,
            SCHEDULE,
            str(project_id),
        )


TRIES: Final = 3
"""How often a schedule is computed without holding writers off; the last time they wait."""


async def publish_schedule(tx: Transaction, project_id: UUID) -> int:
    """Compute and store a project's schedule and record what changed; returns the revision.

    The computation holds nobody off: if the plan has changed meanwhile it is done again, the last time under the
    aggregate's lock. A plan that cannot be scheduled (a loop of dependencies) keeps its schedule and gets the reason.
    """
    for attempt in range(1, TRIES + 1):
        if attempt == TRIES:
            await repository.lock_aggregate(tx, project_id)
        version = await repository.position(tx, project_id)
        project = await tx.fetchrow(
            "select * from project where organization_id = $1 and id = $2", tx.organization_id, project_id
        )
        if project is None:
            raise NotFound
        zone_name: str = project["time_zone"]
        plan = await load_plan(tx, project)
        schedule, problem = await asyncio.to_thread(_computed, plan)
        await repository.lock_aggregate(tx, project_id)
        if await repository.position(tx, project_id) == version:
            break
    present = await tx.fetchrow(
        "select version, project_start, project_finish, problem from schedule where organization_id = $1 and id = $2",
        tx.organization_id,
        project_id,
    )
    revision: int = 0 if present is None else present["version"]
    if problem is not None:
        await _store_header(tx, project_id, max(revision, 1), present, problem)
        return revision
    new = _dates(schedule) if schedule is not None else {}
    old = await _stored(tx, project_id)
    order = positions(plan)
    changed = [(key, dates) for key, dates in new.items() if old.get(key) != (dates, order[key])]
    removed = [key for key in old if key not in new]
    span = (schedule.project_start, schedule.project_finish) if schedule is not None else (None, None)
    same = present is not None and (present["project_start"], present["project_finish"], present["problem"]) == (
        *span,
        None,
    )
    if same and not changed and not removed:
        return revision
    revision += 1
    await _store(tx, project_id, [(key, order[key], *dates) for key, dates in changed], removed)
    await tx.execute(
        """
insert into schedule as s (organization_id, id, version, project_start, project_finish) values ($1, $2, $3, $4, $5)
on conflict (organization_id, id) do update set version = excluded.version, updated_at = now(), problem = null,
  project_start = excluded.project_start, project_finish = excluded.project_finish
""",
        tx.organization_id,
        project_id,
        revision,
        *span,
    )
    events = _events(project_id, revision, zone_name, ZoneInfo(zone_name), span, changed, removed)
    await messaging.record_many(tx, aggregate_id=project_id, events=events)
    return revision


def _computed(plan: Plan) -> tuple[Schedule | None, str | None]:
    """Return the schedule of a plan (None without tasks), or why there is none."""
    try:
        return (critical_path(plan) if plan.tasks else None), None
    except (DependencyCycle, UnusableProjectCalendar, ScheduleOutOfRange, CalendarError) as error:
        return None, str(error)[:500]


def positions(plan: Plan) -> dict[UUID, int]:
    """Return each task's place in the plan."""
    return {UUID(task.source_id): task.position for task in plan.tasks}


async def _store_header(
    tx: Transaction, project_id: UUID, revision: int, present: asyncpg.Record | None, problem: str
) -> None:
    span = (None, None) if present is None else (present["project_start"], present["project_finish"])
    await tx.execute(
        """
insert into schedule (organization_id, id, version, project_start, project_finish, problem)
values ($1, $2, $3, $4, $5, $6)
on conflict (organization_id, id) do update set problem = excluded.problem, updated_at = now()
""",
        tx.organization_id,
        project_id,
        revision,
        *span,
        problem,
    )


async def _stored(tx: Transaction, project_id: UUID) -> dict[UUID, tuple[Dates, int]]:
    rows = await tx.fetch(
        "select id, early_start, early_finish, late_start, late_finish, total_float_minutes, free_float_minutes,"
        " is_critical, position from schedule_item where organization_id = $1 and project_id = $2",
        tx.organization_id,
        project_id,
    )
    return {row[0]: ((row[1], row[2], row[3], row[4], row[5], row[6], row[7]), row[8]) for row in rows}


async def _store(
    tx: Transaction, project_id: UUID, rows: Sequence[tuple[object, ...]], removed: Sequence[UUID]
) -> None:
    if removed:
        await tx.execute(
            "delete from schedule_item where organization_id = $1 and project_id = $2 and id = any($3)",
            tx.organization_id,
            project_id,
            list(removed),
        )
    if rows:
        await tx.execute(
            """
insert into schedule_item as s (organization_id, project_id, version, id, position, early_start, early_finish,
  late_start, late_finish, total_float_minutes, free_float_minutes, is_critical)
select $1, $2, 1, v.* from unnest($3::uuid[], $4::int[], $5::timestamp[], $6::timestamp[], $7::timestamp[],
  $8::timestamp[], $9::int[], $10::int[], $11::boolean[]) v
on conflict (organization_id, id) do update set version = s.version + 1, updated_at = now(),
  position = excluded.position, early_start = excluded.early_start, early_finish = excluded.early_finish,
  late_start = excluded.late_start, late_finish = excluded.late_finish,
  total_float_minutes = excluded.total_float_minutes, free_float_minutes = excluded.free_float_minutes,
  is_critical = excluded.is_critical
""",
            tx.organization_id,
            project_id,
            *map(list, zip(*rows, strict=True)),
        )


def chunked(items: Iterable[bytes], limit: int = CHUNK_BYTES) -> list[list[bytes]]:
    """Return JSON items in chunks whose bytes stay below a limit; always at least one chunk."""
    chunks: list[list[bytes]] = [[]]
    size = 0
    for item in items:
        if chunks[-1] and size + len(item) > limit:
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += len(item) + 1
    return chunks


def _events(
    project_id: UUID,
    revision: int,
    zone_name: str,
    zone: ZoneInfo,
    span: tuple[datetime | None, datetime | None],
    changed: Sequence[tuple[UUID, Dates]],
    removed: Sequence[UUID],
) -> list[NewEvent]:
    def local(moment: datetime | None) -> str | None:
        if moment is None:
            return None
        offset = moment.replace(tzinfo=zone).utcoffset() or timedelta()
        minutes = round(offset / timedelta(minutes=1))  # RFC 3339 has whole minutes; local mean times of old do not
        return moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()

    names = ("early_start", "early_finish", "late_start", "late_finish")
    items = []
    for key, dates in changed:
        item: dict[str, object] = {"task_id": key}
        item |= {name: local(moment) for name, moment in zip(names, dates[:4], strict=True)}
        item |= {"total_float_minutes": dates[4], "free_float_minutes": dates[5], "is_critical": dates[6]}
        items.append(dumps(item))
    chunks = chunked(items)
    events = []
    for number, chunk in enumerate(chunks, 1):
        head = {
            "project_id": project_id,
            "revision": revision,
            "time_zone": zone_name,
            "project_start": local(span[0]),
            "project_finish": local(span[1]),
            "chunk": number,
            "chunks": len(chunks),
            "removed": list(removed) if number == len(chunks) else [],
        }
        data = dumps(head)[:-1] + b',"items":[' + b",".join(chunk) + b"]}"
        events.append(NewEvent(SchedulePublished.type, project_id, data))
    return events
