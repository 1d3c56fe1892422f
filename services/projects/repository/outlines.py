"""The statements of a plan's outline, and of what changes in many of its tasks at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.domain.outline import STEP
from shared.db import Transaction

_TASKS: Final = """
select id, version, parent_id, position, outline_level, work_breakdown_structure, is_summary, has_fixed_code, source_id,
       activity_type, is_milestone, is_manual, duration_minutes, constraint_type, constraint_date,
       secondary_constraint_type, secondary_constraint_date, planned_start, planned_finish, percent_complete,
       progress_at, custom_fields, ev_technique, actual_duration_minutes, remaining_duration_minutes,
       actual_start, actual_cost,
       work_minutes, actual_work_minutes, percent_work_complete, uses_physical_percent, physical_percent_complete
from task where organization_id = $1 and project_id = $2 order by position, id
"""


async def task_places(tx: Transaction, project_id: UUID) -> list[asyncpg.Record]:
    """Return what places the tasks of a project and bounds their changes, in their order."""
    return await tx.fetch(_TASKS, tx.organization_id, project_id)


_END: Final = """
with following as (
  select position from task where organization_id = $1 and project_id = $2 and position > $3 and outline_level <= $4
  order by position limit 1
),
before as (
  select position from task where organization_id = $1 and project_id = $2
    and position < coalesce((select position from following), 2147483647)
  order by position desc limit 1
)
select before.position as last, following.position as next,
       following.position is not null and exists (
         select from task where organization_id = $1 and project_id = $2 and position > following.position
           and parent_id = $5) as scattered,
       1 + coalesce((select max(substring(work_breakdown_structure from '[0-9]{1,9}$')::int) from task
         where organization_id = $1 and project_id = $2 and parent_id = $5 and position > $3
           and position <= before.position), 0) as number
from before left join following on true
"""


@dataclass(frozen=True, slots=True)
class End:
    """Where a branch ends."""

    position: int
    """Free, behind all that is in it."""
    number: int
    """Greater than those that its topmost tasks have in their codes."""


async def end_of_branch(tx: Transaction, project_id: UUID, parent: asyncpg.Record) -> End | None:
    """Return where the branch below a task ends; None if there is no room behind it, or its tasks lie apart."""
    row = await tx.fetchrow(
        _END, tx.organization_id, project_id, parent["position"], parent["outline_level"], parent["id"]
    )
    assert row is not None
    if row["next"] is None:
        return End(row["last"] + STEP, row["number"])
    room = row["next"] - row["last"]
    return None if room < 2 or row["scattered"] else End(row["last"] + max(room // 8, 1), row["number"])


async def calendar_ids(tx: Transaction, project_id: UUID) -> set[UUID]:
    """Return the calendars of a project."""
    rows = await tx.fetch(
        "select id from calendar where organization_id = $1 and project_id = $2", tx.organization_id, project_id
    )
    return {row["id"] for row in rows}


async def links(tx: Transaction, project_id: UUID) -> list[asyncpg.Record]:
    """Return the links of a project."""
    return await tx.fetch(
        "select id, version, predecessor_id, successor_id, type, lag, lag_unit from dependency"
        " where organization_id = $1 and project_id = $2",
        tx.organization_id,
        project_id,
    )


async def links_of(tx: Transaction, project_id: UUID, tasks: Collection[UUID]) -> list[UUID]:
    """Return the links at either end of tasks."""
    rows = await tx.fetch(
        "select id from dependency where organization_id = $1 and project_id = $2"
        " and (predecessor_id = any($3) or successor_id = any($3))",
        tx.organization_id,
        project_id,
        list(tasks),
    )
    return [row["id"] for row in rows]


async def apportioned_to(tx: Transaction, project_id: UUID, task_id: UUID) -> list[UUID]:
    """Return the tasks that earn in proportion to one."""
    rows = await tx.fetch(
        "select id from task where organization_id = $1 and project_id = $2 and ev_technique->>'base_task_id' = $3",
        tx.organization_id,
        project_id,
        str(task_id),
    )
    return [row["id"] for row in rows]


async def assignments_of(tx: Transaction, project_id: UUID, tasks: Collection[UUID]) -> list[UUID]:
    """Return the assignments of tasks."""
    rows = await tx.fetch(
        "select id from assignment where organization_id = $1 and project_id = $2 and task_id = any($3)",
        tx.organization_id,
        project_id,
        list(tasks),
    )
    return [row["id"] for row in rows]


async def versions(tx: Transaction, table: str, identifiers: Sequence[UUID]) -> Mapping[UUID, int]:
    """Return the versions of tasks or links."""
    rows = await tx.fetch(
        f"select id, version from {table} where organization_id = $1 and id = any($2)",
        tx.organization_id,
        list(identifiers),
    )
    return {row["id"]: row["version"] for row in rows}
