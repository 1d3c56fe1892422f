"""The statements of facts of progress."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.entities import PROGRESS, TASK
from shared.db import Transaction
from shared.pagination import Listing, Sort

FACTS: Final = Listing(
    PROGRESS,
    conditions={
        "project_id": "t.project_id = {}",
        "task_id": "t.task_id = {}",
        "source": "t.source = {}",
        "from": "t.at >= {}",
        "to": "t.at <= {}",
    },
    sorts={"at": Sort("t.at", "timestamptz"), "id": Sort("t.id", "uuid")},
    default_sort="at",
)

_PAST: Final = """
select n.task_id, n.at as asked, p.*
from unnest($2::uuid[], $3::timestamptz[]) as n(task_id, at)
cross join lateral (
  select f.at, f.percent_complete, f.percent_work_complete, f.physical_percent_complete, f.units_done, f.actual_start,
         f.actual_finish, f.actual_duration_minutes, f.remaining_duration_minutes, f.actual_work_minutes,
         f.remaining_work_minutes
  from progress f
  where f.organization_id = $1 and f.task_id = n.task_id and f.at <= n.at order by f.at desc, f.id desc limit 1
) p
"""


async def past(
    tx: Transaction, pairs: Collection[tuple[UUID, datetime]]
) -> Mapping[tuple[UUID, datetime], asyncpg.Record]:
    """Return the latest fact of each (task, instant) up to that instant."""
    if not pairs:
        return {}
    tasks, instants = [task for task, _ in pairs], [at for _, at in pairs]
    found = await tx.fetch(_PAST, tx.organization_id, tasks, instants)
    return {(row["task_id"], row["asked"]): row for row in found}


async def tasks_to_state(
    tx: Transaction, project_id: UUID, column: str, names: Collection[object]
) -> Mapping[object, asyncpg.Record]:
    """Return and lock tasks of a project by a column that names them, with what the schedule says of them.

    The names are not joined: of a plan that is new PostgreSQL believes that it has one task, and would look through
    all names for each of thousands.
    """
    found = await tx.fetch(
        f"select {TASK.columns}, s.id is not null as is_scheduled, s.early_start, s.early_finish"
        f" from task t left join schedule_item s on s.organization_id = $1 and s.id = t.id"
        f" where t.organization_id = $1 and t.project_id = $2 and t.{column} = any($3::{TASK.sql_type(column)}[])"
        f" order by t.id for update of t",
        tx.organization_id,
        project_id,
        list(names),
    )
    return {row[column]: row for row in found}


async def ambiguous_codes(tx: Transaction, project_id: UUID, codes: Collection[object]) -> set[object]:
    """Return the WBS codes that several tasks of a project have."""
    if not codes:
        return set()
    found = await tx.fetch(
        "select work_breakdown_structure as code from task where organization_id = $1 and project_id = $2"
        " and work_breakdown_structure = any($3) group by 1 having count(*) > 1",
        tx.organization_id,
        project_id,
        list(codes),
    )
    return {row["code"] for row in found}


# What is known of a task as of an instant: what it tells now, if that is not of later; else its last fact up to then
# or what it told before later progress came, whichever is of the later instant.
_BARS: Final = """
select b.id, b.position, b.source_id, b.name, b.work_breakdown_structure, b.calendar_id, b.is_elapsed_duration, b.start,
       b.finish, case when b.progress_at is null or b.progress_at <= $3 then b.percent_complete
                      else coalesce(known.percent, 0) end as percent_complete
from (
  select t.*, case when $4 then t.baseline_start else s.early_start end as start,
         case when $4 then t.baseline_finish else s.early_finish end as finish
  from task t left join schedule_item s on s.organization_id = t.organization_id and s.id = t.id
) b
left join lateral (
  select k.percent from (
    (select f.at, f.percent_complete as percent from progress f
     where f.organization_id = $1 and f.task_id = b.id and f.at <= $3 order by f.at desc, f.id desc limit 1)
    union all
    (select (h.data->>'progress_at')::timestamptz, (h.data->>'percent_complete')::numeric from history h
     where h.organization_id = $1 and h.entity = 'task' and h.entity_id = b.id
       and (h.data->>'progress_at')::timestamptz <= $3
     order by h.version desc limit 1)
  ) k(at, percent)
  order by k.at desc limit 1
) known on b.progress_at > $3
where b.organization_id = $1 and b.project_id = $2 and not b.is_summary and b.is_active
  and b.start is not null and b.finish is not null and (b.position, b.id) > ($5::int, $6::uuid)
order by b.position, b.id limit $7
"""


async def bars(
    tx: Transaction, project_id: UUID, *, baseline: bool, as_of: datetime, limit: int, after: tuple[int, UUID]
) -> list[asyncpg.Record]:
    """Return tasks with their bars, in the schedule or the baseline in force, and how far they were at an instant."""
    return await tx.fetch(_BARS, tx.organization_id, project_id, as_of, baseline, *after, limit)


async def stated_tasks(tx: Transaction, project_id: UUID) -> list[UUID]:
    """Return the tasks of a project that progress was stated of, other than by an import."""
    rows = await tx.fetch(
        "select distinct task_id from progress where organization_id = $1 and project_id = $2",
        tx.organization_id,
        project_id,
    )
    return [row["task_id"] for row in rows]
