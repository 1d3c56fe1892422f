"""The statements that hold a plan beside a baseline."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.entities import BASELINE_TASK
from services.projects.repository.baselines import FINISH, PRESENT, START
from shared.db import Transaction
from shared.pagination import Listing, Place, Sort, key_columns, ordering, rows_after

OF_DATES: Final = ("start_variance", "finish_variance")
MEASURED: Final = (*OF_DATES, "duration_variance", "work_variance", "cost_variance")
VARIANCE: Final = Listing(
    BASELINE_TASK,
    conditions={
        "is_summary": "t.is_summary = {}",
        "is_milestone": "t.is_milestone = {}",
        "presence": "t.presence = any({}::text[])",
        **{f"{name}_above": f"t.{name} > {{}}" for name in MEASURED},
    },
    sorts={
        "position": Sort("t.position", "int"),
        "name": Sort("t.name", "text"),
        "start_variance": Sort("t.start_variance", "bigint", nullable=True),
        "finish_variance": Sort("t.finish_variance", "bigint", nullable=True),
        "duration_variance": Sort("t.duration_variance", "int"),
        "work_variance": Sort("t.work_variance", "bigint"),
        "cost_variance": Sort("t.cost_variance", "numeric"),
    },
    default_sort="position",
)
"""Over the rows of the comparison, not the baseline's own: those of the plan, of the baseline, or of both."""


def is_of_dates(place: Place) -> bool:
    """Tell whether a page depends on by how much dates differ."""
    asked = {*(name for name, _ in place.order), *(name.removesuffix("_above") for name in place.given)}
    return not asked.isdisjoint(OF_DATES)


async def instants(tx: Transaction, project_id: UUID, baseline_id: UUID) -> list[datetime]:
    """Return the starts and finishes of a plan and of a baseline, each once."""
    found = await tx.fetch(
        f"""
select distinct d.at from (
  select unnest(array[{START}, {FINISH}]) as at from task t
  left join schedule_item s on s.organization_id = $1 and s.id = t.id
  where t.organization_id = $1 and t.project_id = $2 and t.is_active and t.outline_level > 0
  union all
  select unnest(array[b.start, b.finish]) from baseline_task b where b.organization_id = $1 and b.baseline_id = $3
) d where d.at is not null
""",
        tx.organization_id,
        project_id,
        baseline_id,
    )
    return [row["at"] for row in found]


# Working time until an instant is what the calendar says; the difference of two is the working time between them.
_COMPARED: Final = (
    PRESENT
    + """,
reckoned as (select * from unnest($4::timestamp[], $5::bigint[]) as r(at, minutes)),
compared as (
  select coalesce(t.id, b.id) as id, coalesce(t.position, b.position) as position, coalesce(t.name, b.name) as name,
         coalesce(t.work_breakdown_structure, b.work_breakdown_structure) as work_breakdown_structure,
         coalesce(t.is_summary, b.is_summary) as is_summary, coalesce(t.is_milestone, b.is_milestone) as is_milestone,
         case when b.id is null then 'added' when t.id is null then 'removed' else 'both' end as presence,
         t.start as t_start, t.finish as t_finish, t.duration_minutes as t_duration_minutes,
         t.work_minutes as t_work_minutes, t.cost as t_cost,
         b.start as b_start, b.finish as b_finish, b.duration_minutes as b_duration_minutes,
         b.work_minutes as b_work_minutes, b.cost as b_cost,
         ts.minutes - bs.minutes as start_variance, tf.minutes - bf.minutes as finish_variance,
         coalesce(t.duration_minutes, 0) - coalesce(b.duration_minutes, 0) as duration_variance,
         coalesce(t.work_minutes, 0) - coalesce(b.work_minutes, 0) as work_variance,
         coalesce(t.cost, 0) - coalesce(b.cost, 0) as cost_variance
  from present t
  full join (select * from baseline_task where organization_id = $1 and baseline_id = $3) b on b.id = t.id
  left join reckoned ts on ts.at = t.start
  left join reckoned bs on bs.at = b.start
  left join reckoned tf on tf.at = t.finish
  left join reckoned bf on bf.at = b.finish
)
"""
)


async def compared(
    tx: Transaction,
    project_id: UUID,
    baseline_id: UUID,
    place: Place,
    limit: int,
    reckoned: tuple[Sequence[datetime], Sequence[int]],
) -> list[asyncpg.Record]:
    """Return tasks of the plan, of the baseline, or of both, from a place on; `reckoned`: working time until instants.

    Nothing need be reckoned where `is_of_dates` says no.
    """
    values: list[object] = [tx.organization_id, project_id, baseline_id, *reckoned]
    conditions = ["true"]
    for name, value in place.given.items():
        values.append(value)
        conditions.append(VARIANCE.conditions[name].replace("{}", f"${len(values)}"))
    if place.after is not None:
        known = [value is not None for value in place.after]
        conditions.append(rows_after(place.keys, known, len(values) + 1))
        values += place.after
    values.append(limit)
    return await tx.fetch(
        f"{_COMPARED} select t.*{key_columns(place.keys)} from compared t where {' and '.join(conditions)}"
        f" order by {ordering(place.keys)} limit ${len(values)}",
        *values,
    )
