"""The schedule of a project: loaded as a plan, computed off the event loop, stored and published as what changed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.projects import repository
from services.projects.domain.events import SchedulePublished
from services.projects.domain.plan import Plan
from services.projects.domain.rollups import RollUp, percent_complete, roll_up
from services.projects.domain.schedule import (
    DependencyCycle,
    Schedule,
    ScheduleOutOfRange,
    UnusableProjectCalendar,
    critical_path,
)
from services.projects.entities import PROJECT
from services.projects.models import METADATA
from services.projects.service.chunks import chunked
from services.projects.service.plans import load_plan
from services.projects.service.projects import SCHEDULE
from shared import messaging
from shared.db import Context, Database, Transaction
from shared.entity import DIALECT
from shared.errors import NotFound
from shared.messaging import NewEvent
from shared.strict_json import dumps
from shared.working_calendar import CalendarError

Item = tuple[object, ...]
"""What is stored of a task: its place, its dates, and what it comes to."""
_DATES: Final = ("early_start", "early_finish", "late_start", "late_finish")
_FLOATS: Final = ("total_float_minutes", "free_float_minutes", "is_critical")
_COLUMNS: Final = ("position", *_DATES, *_FLOATS, *RollUp._fields)
_TOLD: Final = 1 + len(_DATES) + len(_FLOATS)
"""So much of an item is told to others when it changes; roll-ups they make for themselves."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A schedule with the plan that it is of: `version` is the project's last event when the plan was read."""

    project_id: UUID
    version: int
    zone_name: str
    plan: Plan
    schedule: Schedule | None
    rollups: Sequence[RollUp]
    problem: str | None

    def items(self) -> Mapping[UUID, Item]:
        """Return what is to be stored, by task."""
        scheduled = () if self.schedule is None else self.schedule.tasks
        each = zip(self.plan.tasks, scheduled, self.rollups, strict=True) if scheduled else ()
        return {
            UUID(dates.source_id): (
                task.position,
                dates.early_start,
                dates.early_finish,
                dates.late_start,
                dates.late_finish,
                dates.total_float_minutes,
                dates.free_float_minutes,
                dates.is_critical,
                *sums,
            )
            for task, dates, sums in each
        }


async def compute_schedule(tx: Transaction, project_id: UUID) -> Computed:
    """Compute a project's schedule as the transaction sees its plan; holds nobody off. Raises NotFound."""
    version = await repository.position(tx, project_id)
    project = await tx.fetchrow(
        f"select {PROJECT.columns} from project t where organization_id = $1 and id = $2",
        tx.organization_id,
        project_id,
    )
    if project is None:
        raise NotFound
    plan = await load_plan(tx, project)
    return Computed(project_id, version, project["time_zone"], plan, *await asyncio.to_thread(_computed, plan))


async def recompute(database: Database, context: Context, key: str) -> None:
    """Work of kind `schedule`: bring a project's schedule up to date.

    The plan is read and scheduled in a snapshot, so that writers go on meanwhile; what they change asks for the next
    schedule. Only storing it takes the aggregate's lock.
    """
    try:
        async with database.transaction(context, read_only=True, snapshot=True) as tx:
            computed = await compute_schedule(tx, UUID(key))
    except NotFound:
        return  # deleted meanwhile
    async with database.transaction(context) as tx:
        await store_schedule(tx, computed)


async def fresh_project(tx: Transaction, reference: str, own_only: str | None) -> UUID:
    """Return a project's id, with its schedule as `refresh_if_asked` leaves it; raises NotFound."""
    found, values = repository.reference(reference, own_only, "p")
    rows = await tx.read(
        f"select p.id, exists ({_ASKED.format('p.id::text')}) as asked from project p"
        f" where p.organization_id = $1 and {found}",
        tx.organization_id,
        *values,
    )
    if not rows:
        raise NotFound
    if rows[0]["asked"]:
        await refresh_if_asked(tx, rows[0]["id"])
    return UUID(str(rows[0]["id"]))


_ASKED: Final = f"select 1 from work_pending where organization_id = $1 and kind = '{SCHEDULE}' and key = {{}}"


async def refresh_if_asked(tx: Transaction, project_id: UUID) -> None:
    """Bring the schedule up to date now if a change of the plan waits for it, so that readers see what they wrote.

    Where others change the plan at the same time, the schedule there is stays until the worker has come.
    """
    if not await tx.read(_ASKED.format("$2"), tx.organization_id, str(project_id)):
        return
    computed = await compute_schedule(tx, project_id)
    if await repository.position(tx, project_id) != computed.version:
        return
    await repository.lock_aggregate(tx, project_id)
    if await repository.position(tx, project_id) != computed.version:
        return
    await store_schedule(tx, computed)
    await tx.execute(
        "delete from work_pending where organization_id = $1 and kind = $2 and key = $3",
        tx.organization_id,
        SCHEDULE,
        str(project_id),
    )


async def publish_schedule(tx: Transaction, project_id: UUID) -> int:
    """Compute and store a project's schedule within the transaction that changed its plan; returns the revision."""
    return await store_schedule(tx, await compute_schedule(tx, project_id))


async def store_schedule(tx: Transaction, computed: Computed) -> int:
    """Store a schedule and record what changed, unless one of a newer plan is there; returns the revision.

    A plan that cannot be scheduled (a loop of dependencies) keeps its schedule and gets the reason.
    """
    project_id, schedule = computed.project_id, computed.schedule
    await repository.lock_aggregate(tx, project_id)
    present = await tx.fetchrow(
        "select version, plan_version, project_start, project_finish, percent_complete, problem from schedule"
        " where organization_id = $1 and id = $2",
        tx.organization_id,
        project_id,
    )
    revision: int = 0 if present is None else present["version"]
    if present is not None and present["plan_version"] > computed.version:
        return revision
    if not await tx.fetchint(
        "select count(*) from project where organization_id = $1 and id = $2", tx.organization_id, project_id
    ):
        return revision  # deleted meanwhile
    if computed.problem is not None:
        await _store_header(tx, project_id, max(revision, 1), present, computed.problem)
        return revision
    new, old = computed.items(), await _stored(tx, project_id)
    changed = [key for key, item in new.items() if old.get(key) != item]
    removed = [key for key in old if key not in new]
    span = (schedule.project_start, schedule.project_finish) if schedule is not None else (None, None)
    header = (*span, percent_complete(computed.plan))
    known = ("project_start", "project_finish", "percent_complete")
    same = present is not None and present["problem"] is None and tuple(present[name] for name in known) == header
    if same and not changed and not removed:
        return revision
    revision += 1
    await _store(tx, project_id, [(key, *new[key]) for key in changed], removed)
    await tx.execute(
        """
insert into schedule as s
  (organization_id, id, version, project_start, project_finish, percent_complete, plan_version)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (organization_id, id) do update set version = excluded.version, updated_at = now(), problem = null,
  plan_version = excluded.plan_version, project_start = excluded.project_start,
  project_finish = excluded.project_finish, percent_complete = excluded.percent_complete
""",
        tx.organization_id,
        project_id,
        revision,
        *header,
        computed.version,
    )
    zone_name = computed.zone_name
    told = [(key, new[key]) for key in changed if old.get(key, ())[:_TOLD] != new[key][:_TOLD]]
    events = _events(project_id, revision, zone_name, ZoneInfo(zone_name), span, told, removed)
    await messaging.record_many(tx, aggregate_id=project_id, events=events)
    return revision


def _computed(plan: Plan) -> tuple[Schedule | None, Sequence[RollUp], str | None]:
    """Return the schedule of a plan (None without tasks) with its roll-ups, or why there is none."""
    try:
        if not plan.tasks:
            return None, (), None
        schedule = critical_path(plan)
        return schedule, roll_up(plan, schedule), None
    except (DependencyCycle, UnusableProjectCalendar, ScheduleOutOfRange, CalendarError) as error:
        return None, (), str(error)[:500]


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


async def _stored(tx: Transaction, project_id: UUID) -> dict[UUID, Item]:
    rows = await tx.fetch(
        f"select id, {', '.join(_COLUMNS)} from schedule_item where organization_id = $1 and project_id = $2",
        tx.organization_id,
        project_id,
    )
    return {row[0]: tuple(row)[1:] for row in rows}


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
        await tx.execute(_PUT, tx.organization_id, project_id, *map(list, zip(*rows, strict=True)))


def _put() -> str:
    table = METADATA.tables["schedule_item"]
    kinds = [table.c[name].type.compile(dialect=DIALECT) for name in ("id", *_COLUMNS)]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 3))
    sets = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
    return f"""
insert into schedule_item as s (organization_id, project_id, version, id, {", ".join(_COLUMNS)})
select $1, $2, 1, v.* from unnest({arrays}) v
on conflict (organization_id, id) do update set version = s.version + 1, updated_at = now(), {sets}
"""


_PUT: Final = _put()


def _events(
    project_id: UUID,
    revision: int,
    zone_name: str,
    zone: ZoneInfo,
    span: tuple[datetime | None, datetime | None],
    changed: Sequence[tuple[UUID, Item]],
    removed: Sequence[UUID],
) -> list[NewEvent]:
    def local(moment: datetime | None) -> str | None:
        if moment is None:
            return None
        offset = moment.replace(tzinfo=zone).utcoffset() or timedelta()
        minutes = round(offset / timedelta(minutes=1))  # RFC 3339 has whole minutes; local mean times of old do not
        return moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()

    items = []
    for key, (_, *values) in changed:
        item: dict[str, object] = {"task_id": key}
        for name, value in zip((*_DATES, *_FLOATS), values, strict=False):
            item[name] = local(value) if isinstance(value, datetime) else value
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
