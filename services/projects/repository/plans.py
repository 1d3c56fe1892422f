"""The statements of projects, tasks, schedules and imports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.entities import IMPORT, PROJECT, TASK
from services.projects.entities.projections import expanded
from services.projects.errors import ReferenceInvalid
from services.projects.repository.filters import CUSTOM, FOUND_BY, GOVERNED, IN_PORTFOLIO
from shared import entity
from shared.db import Transaction
from shared.entity import Entity
from shared.errors import FieldError, NotFound
from shared.pagination import Listing, Sort
from shared.types import as_uuid

PROJECTS: Final = Listing(
    PROJECT,
    conditions={
        **FOUND_BY,
        **GOVERNED,
        "programme_id": "t.programme_id = {}",
        "is_template": "t.is_template = {}",
        "portfolio_id": IN_PORTFOLIO,
        "source_id": "t.source_id = {}",
        "created_after": "t.created_at > {}",
    },
    sorts={
        "id": Sort("t.id", "uuid"),
        "key": Sort("t.key", "text"),
        "name": Sort("t.name", "text"),
        "status": Sort("t.status", "text"),
        "start": Sort("t.start", "timestamp"),
        "created_at": Sort("t.created_at", "timestamptz"),
        "updated_at": Sort("t.updated_at", "timestamptz"),
    },
    default_sort="id",
)
TASKS: Final = Listing(
    TASK,
    conditions={
        "project_id": "t.project_id = {}",
        "parent_id": "t.parent_id = {}",
        "source_id": "t.source_id = {}",
        "is_summary": "t.is_summary = {}",
        "is_milestone": "t.is_milestone = {}",
        "activity_type": "t.activity_type = any({}::text[])",
        "name": "position(lower({}) in lower(t.name)) > 0",
        "deadline_before": "t.deadline < ({}::timestamptz at time zone p.time_zone)",
        "percent_complete_below": "t.percent_complete < {}",
        "custom": CUSTOM,
    },
    sorts={
        "position": Sort("t.position", "int"),
        "name": Sort("t.name", "text"),
        "priority": Sort("t.priority", "int"),
        "duration_minutes": Sort("t.duration_minutes", "int"),
        "percent_complete": Sort("t.percent_complete", "numeric"),
        "deadline": Sort("t.deadline", "timestamp", nullable=True),
        "updated_at": Sort("t.updated_at", "timestamptz"),
    },
    default_sort="position",
)


@lru_cache(maxsize=64)
def tasks_with(names: tuple[str, ...]) -> Listing:
    """Return the list of tasks with projections."""
    return replace(TASKS, entity=expanded(names)) if names else TASKS


IMPORTS: Final = Listing(
    IMPORT,
    conditions={"project_id": "t.project_id = {}", "status": "t.status = any({}::text[])"},
    sorts={"id": Sort("t.id", "uuid"), "created_at": Sort("t.created_at", "timestamptz")},
    default_sort="-created_at",
)


def reference(value: str, own_only: str | None, column: str = "t") -> tuple[str, list[object]]:
    """Return the condition that finds a project by id or key among those that the caller may touch."""
    identifier = as_uuid(value)
    condition = f"{column}.id = $2" if identifier is not None else f"{column}.key = $2"
    values: list[object] = [identifier or value]
    if own_only is not None:
        condition += f" and {column}.owner = $3"
        values.append(own_only)
    return condition, values


async def project_row(tx: Transaction, value: str, own_only: str | None, *, lock: bool = False) -> asyncpg.Record:
    """Return a project's row; raises NotFound."""
    condition, values = reference(value, own_only)
    sql = f"select {PROJECT.columns} from project t where t.organization_id = $1 and {condition}"
    if lock:
        rows = await tx.fetch(f"{sql} for update", tx.organization_id, *values)
    else:
        rows = await tx.read(sql, tx.organization_id, *values)
    if not rows:
        raise NotFound
    return rows[0]


async def task_row(tx: Transaction, project_id: UUID, task_id: UUID, *, lock: bool = False) -> asyncpg.Record:
    """Return a task's row; raises NotFound."""
    row = await tx.fetchrow(
        f"select {TASK.columns} from task t where organization_id = $1 and project_id = $2 and id = $3"
        + (" for update" if lock else ""),
        tx.organization_id,
        project_id,
        task_id,
    )
    if row is None:
        raise NotFound
    return row


_LOCK: Final = """
insert into aggregate (organization_id, id, version) {}
on conflict (organization_id, id) do update set version = aggregate.version
"""


async def lock_aggregate(tx: Transaction, project_id: UUID) -> None:
    """Hold off all other writers of a project until the transaction ends."""
    await tx.execute(_LOCK.format("values ($1, $2, 0)"), tx.organization_id, project_id)


async def lock_aggregates(tx: Transaction, projects: Collection[UUID]) -> None:
    """Hold off all other writers of projects until the transaction ends; in one order, so that none wait in a ring."""
    await tx.execute(
        _LOCK.format("select $1, p.id, 0 from unnest($2::uuid[]) as p(id)"), tx.organization_id, sorted(projects)
    )


async def find_projects(tx: Transaction, column: str, values: Collection[object]) -> Mapping[object, asyncpg.Record]:
    """Return id, currency, time zone and status date of projects by one of the columns that name them."""
    found = await tx.fetch(
        f"select {column} as name, id, currency, time_zone, status_date from project"
        f" where organization_id = $1 and {column} = any($2)",
        tx.organization_id,
        list(values),
    )
    return {row["name"]: row for row in found}


async def tasks_with_dates(
    tx: Transaction, column: str, names: Collection[tuple[UUID, object]]
) -> Mapping[tuple[UUID, object], asyncpg.Record]:
    """Return and lock the tasks that (project, id or source_id) name, with their project's state and their dates."""
    kind = TASK.sql_type(column)
    found = await tx.fetch(
        f"select {TASK.columns}, p.status as project_status,"
        f" s.id is not null as is_scheduled, s.early_start, s.early_finish"
        f" from unnest($2::uuid[], $3::{kind}[]) as n(project_id, name)"
        f" join project p on p.organization_id = $1 and p.id = n.project_id"
        f" join task t on t.organization_id = $1 and t.project_id = n.project_id and t.{column} = n.name"
        f" left join schedule_item s on s.organization_id = $1 and s.id = t.id order by t.id for update of t",
        tx.organization_id,
        [project_id for project_id, _ in names],
        [name for _, name in names],
    )
    return {(row["project_id"], row[column]): row for row in found}


async def locked_project(tx: Transaction, value: str, own_only: str | None) -> asyncpg.Record:
    """Return a project's row and hold off all other writers of it; raises NotFound.

    The row is as it is once the lock is there: asked for `for share`, PostgreSQL reads it anew after the wait.
    """
    condition, values = reference(value, own_only)
    lock = _LOCK.format(f"select $1, t.id, 0 from project t where t.organization_id = $1 and {condition}")
    row = await tx.fetchrow(
        f"with locked as ({lock} returning id) select {PROJECT.columns} from locked l"
        f" join project t on t.organization_id = $1 and t.id = l.id and {condition} for share of t",
        tx.organization_id,
        *values,
    )
    if row is None:
        raise NotFound
    return row


async def position(tx: Transaction, project_id: UUID) -> int:
    """Return the number of a project's last event."""
    return await tx.fetchint(
        "select version from aggregate where organization_id = $1 and id = $2", tx.organization_id, project_id
    )


async def rows(tx: Transaction, kind: Entity, project_id: UUID, order: str = "id") -> list[asyncpg.Record]:
    """Return all rows of a kind in a project."""
    return await tx.fetch_all(
        f"select {kind.columns} from {kind.table.name} t"
        f" where organization_id = $1 and project_id = $2 order by {order}",
        tx.organization_id,
        project_id,
    )


async def scheduled_dates(tx: Transaction, project_id: UUID) -> Mapping[UUID, tuple[tuple[object, object], ...]]:
    """Return by task between which dates it lies in the present schedule: as early as possible, and as it is shown."""
    found = await tx.fetch_all(
        "select id, early_start, early_finish, start, finish from schedule_item"
        " where organization_id = $1 and project_id = $2",
        tx.organization_id,
        project_id,
    )
    return {row["id"]: ((row["early_start"], row["early_finish"]), (row["start"], row["finish"])) for row in found}


async def rows_by_id(
    tx: Transaction, kind: Entity, project_id: UUID, identifiers: Collection[UUID]
) -> list[asyncpg.Record]:
    """Return those rows of a kind in a project that there are."""
    return await tx.fetch(
        f"select {kind.columns} from {kind.table.name} t"
        " where organization_id = $1 and project_id = $2 and id = any($3)",
        tx.organization_id,
        project_id,
        list(identifiers),
    )


async def images(tx: Transaction, kind: Entity, identifiers: Sequence[UUID]) -> Mapping[UUID, str]:
    """Return images by id."""
    found = await tx.fetch(
        f"select t.id, (select row_to_json(i)::text from (select {kind.select()}) i) as image"
        f" from {kind.table.name} t {kind.join} where t.organization_id = $1 and t.id = any($2)",
        tx.organization_id,
        list(identifiers),
    )
    return {row["id"]: row["image"] for row in found}


async def check_calendar(tx: Transaction, project_id: UUID, calendar_id: object) -> None:
    """Raise ReferenceInvalid unless a calendar, if one is named, is the project's."""
    if calendar_id is None:
        return
    found = await tx.fetchint(
        "select count(*) from calendar where organization_id = $1 and project_id = $2 and id = $3",
        tx.organization_id,
        project_id,
        calendar_id,
    )
    if not found:
        detail = "names no calendar of this project"
        raise ReferenceInvalid(errors=[FieldError("/calendar_id", "unknown_reference", detail)])


PLACE: Final = {
    "position": "(select coalesce(max(position), 0) + 1024 from task"
    " where organization_id = $1 and project_id = {project_id})",
    "work_breakdown_structure": "(select 1 + coalesce(max(number), 0) from"
    " (select substring(work_breakdown_structure from '[0-9]{{1,9}}$')::int as number from task"
    " where organization_id = $1 and project_id = {project_id} and outline_level = 1"
    " order by position desc limit 32) l)::text",
}
"""A new task's place at the top: last in the plan, numbered after the last ones there (some may have moved)."""


async def project_image(tx: Transaction, project_id: UUID) -> str:
    """Return a project's image."""
    _, image = await entity.get(tx, PROJECT, "t.id = $2", project_id)
    return image


SCHEDULE_PAGE: Final = """
select s.version as revision, p.time_zone, s.problem, p.plan_settings,
       pmo_local(s.project_start, p.time_zone) as project_start,
       pmo_local(s.project_finish, p.time_zone) as project_finish,
       page.images, page.places
from project p
left join schedule s on s.organization_id = p.organization_id and s.id = p.id
cross join lateral (
  select coalesce(array_agg(x.image order by x.position, x.id), '{}') as images,
         coalesce(array_agg(x.position || ',' || x.id order by x.position, x.id), '{}') as places
  from (
    select i.position, i.id, (select row_to_json(y)::text from (
      select i.id as task_id, t.source_id, t.name, t.is_summary, t.is_milestone,
             pmo_local(i.early_start, p.time_zone) as early_start,
             pmo_local(i.early_finish, p.time_zone) as early_finish,
             pmo_local(i.late_start, p.time_zone) as late_start,
             pmo_local(i.late_finish, p.time_zone) as late_finish,
             i.total_float_minutes, i.free_float_minutes, i.is_critical) y) as image
    from schedule_item i
    join task t on t.organization_id = i.organization_id and t.id = i.id
    where i.organization_id = $1 and i.project_id = p.id and (i.position, i.id) > ($3::int, $4::uuid)
      and t.outline_level > 0 and ($6::boolean is null or i.is_critical = $6)
      and ($7::boolean is null
           or (not i.is_critical and not t.is_summary and t.actual_finish is null
               and t.activity_type not in ('level_of_effort', 'wbs_summary') and i.total_float_minutes <= coalesce(
                 (p.plan_settings->'conventions'->>'near_critical_float_minutes')::bigint, $8)) = $7)
    order by i.position, i.id limit $5
  ) x
) page
where p.organization_id = $1 and p.id = $2
"""
