"""The statements of baselines."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.entities import BASELINE, BASELINE_TASK
from shared.db import Transaction
from shared.errors import NotFound
from shared.pagination import Listing, Sort

BASELINES: Final = Listing(
    BASELINE,
    conditions={
        "project_id": "t.project_id = {}",
        "status": "t.status = any({}::text[])",
        "requested_by": "t.requested_by = {}",
    },
    sorts={
        "id": Sort("t.id", "uuid"),
        "name": Sort("t.name", "text"),
        "created_at": Sort("t.created_at", "timestamptz"),
        "decided_at": Sort("t.decided_at", "timestamptz", nullable=True),
        "finish": Sort("t.finish", "timestamp", nullable=True),
    },
    default_sort="id",
)
BASELINE_TASKS: Final = Listing(
    BASELINE_TASK,
    conditions={
        "baseline_id": "t.baseline_id = {}",
        "is_summary": "t.is_summary = {}",
        "project_id": "b.project_id = {}",
    },
    sorts={
        "position": Sort("t.position", "int"),
        "name": Sort("t.name", "text"),
        "start": Sort("t.start", "timestamp", nullable=True),
        "finish": Sort("t.finish", "timestamp", nullable=True),
    },
    default_sort="position",
)

START: Final = "coalesce(s.early_start, t.planned_start)"
FINISH: Final = "coalesce(s.early_finish, t.planned_finish)"
"""When a task is to start and finish, as of its schedule if it has one."""

# Work and cost of a summary are what the tasks below it come to, and what is fixed for itself.
PRESENT: Final = f"""
with recursive below as (
  select t.id as node, t.parent_id,
         case when t.is_summary then 0 else t.work_minutes end as work_minutes,
         case when t.is_summary then t.fixed_cost else t.cost end as cost
  from task t
  where t.organization_id = $1 and t.project_id = $2 and t.is_active and t.outline_level > 0
  union all
  select p.id, p.parent_id, b.work_minutes, b.cost
  from below b join task p on p.organization_id = $1 and p.id = b.parent_id
  where p.outline_level > 0
),
sums as (select node, sum(work_minutes)::bigint as work_minutes, sum(cost) as cost from below group by node),
present as (
  select t.id, t.parent_id, t.position, t.name, t.work_breakdown_structure, t.is_summary, t.is_milestone,
         {START} as start, {FINISH} as finish,
         coalesce(s.duration_minutes, t.duration_minutes) as duration_minutes, sums.work_minutes, sums.cost
  from task t
  join sums on sums.node = t.id
  left join schedule_item s on s.organization_id = $1 and s.id = t.id
  where t.organization_id = $1 and t.project_id = $2
)
"""


async def present_total(tx: Transaction, project_id: UUID) -> asyncpg.Record:
    """Return span, work, cost and number of tasks of a plan as it is now, and its schedule's revision."""
    row = await tx.fetchrow(
        PRESENT
        + """
select coalesce((select version from schedule where organization_id = $1 and id = $2), 0) as revision,
       (select problem from schedule where organization_id = $1 and id = $2) as problem,
       min(start) as start, max(finish) as finish, count(*)::int as tasks,
       coalesce(sum(work_minutes) filter (where not is_summary), 0)::bigint as work_minutes,
       coalesce((select sum(case when t.is_summary then t.fixed_cost else t.cost end) from task t
                 where t.organization_id = $1 and t.project_id = $2 and t.is_active), 0) as cost
from present
""",
        tx.organization_id,
        project_id,
    )
    assert row is not None
    return row


async def take(tx: Transaction, project_id: UUID, baseline_id: UUID) -> None:
    """Copy every task as it is now into a baseline."""
    await tx.execute(
        PRESENT
        + """
insert into baseline_task (organization_id, id, baseline_id, version, parent_id, position, name,
  work_breakdown_structure, is_summary, is_milestone, start, finish, duration_minutes, work_minutes, cost)
select $1, id, $3, 1, parent_id, position, name, work_breakdown_structure, is_summary, is_milestone, start, finish,
       duration_minutes, work_minutes, cost
from present
""",
        tx.organization_id,
        project_id,
        baseline_id,
    )


async def baseline_row(tx: Transaction, project_id: UUID, baseline_id: UUID) -> asyncpg.Record:
    """Return a baseline of a project; raises NotFound."""
    row = await tx.fetchrow(
        f"select {BASELINE.columns} from baseline t where organization_id = $1 and project_id = $2 and id = $3",
        tx.organization_id,
        project_id,
        baseline_id,
    )
    if row is None:
        raise NotFound
    return row


async def is_named(tx: Transaction, project_id: UUID, name: str) -> bool:
    """Tell whether a baseline that is not rejected or withdrawn has a name; the caller holds the project's lock."""
    return bool(
        await tx.fetchint(
            "select count(*) from baseline where organization_id = $1 and project_id = $2 and name = $3"
            " and status not in ('rejected', 'withdrawn')",
            tx.organization_id,
            project_id,
            name,
        )
    )


async def in_force(tx: Transaction, project_id: UUID) -> asyncpg.Record | None:
    """Return the approved baseline that no other has replaced."""
    return await tx.fetchrow(
        f"select {BASELINE.columns} from baseline t"
        " where organization_id = $1 and project_id = $2 and status = 'approved'",
        tx.organization_id,
        project_id,
    )


async def first_in_force(tx: Transaction, project_id: UUID) -> asyncpg.Record | None:
    """Return the first baseline that was approved."""
    return await tx.fetchrow(
        f"select {BASELINE.columns} from baseline t"
        " where organization_id = $1 and project_id = $2 and status in ('approved', 'superseded')"
        " order by decided_at, id limit 1",
        tx.organization_id,
        project_id,
    )


UNLIKE: Final = """
select t.id, b.start as baseline_start, b.finish as baseline_finish, b.duration_minutes as baseline_duration_minutes,
       b.work_minutes as baseline_work_minutes, b.cost as baseline_cost
from task t
left join baseline_task b on b.organization_id = $1 and b.baseline_id = $3 and b.id = t.id
where t.organization_id = $1 and t.project_id = $2
  and (t.baseline_start, t.baseline_finish, t.baseline_duration_minutes, t.baseline_work_minutes, t.baseline_cost)
      is distinct from (b.start, b.finish, b.duration_minutes, b.work_minutes, b.cost)
order by t.position, t.id
for update of t
"""


async def tasks_unlike(tx: Transaction, project_id: UUID, baseline_id: UUID) -> list[asyncpg.Record]:
    """Return the figures that tasks are to have of a baseline, for those that have others."""
    return await tx.fetch(UNLIKE, tx.organization_id, project_id, baseline_id)


FIGURES: Final = ("start", "finish", "duration_minutes", "work_minutes", "cost")
_KEEP: Final = """
insert into baseline_task (organization_id, baseline_id, version, id, parent_id, position, name,
  work_breakdown_structure, is_summary, is_milestone, start, finish, duration_minutes, work_minutes, cost)
select $1, $2, 1, v.*
from unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::bool[], $9::bool[], $10::timestamp[],
            $11::timestamp[], $12::int[], $13::bigint[], $14::numeric[]) as v
"""


async def keep(tx: Transaction, baseline_id: UUID, tasks: Sequence[Sequence[object]]) -> None:
    """Give a baseline its tasks, as a file has them."""
    await tx.execute(_KEEP, tx.organization_id, baseline_id, *map(list, zip(*tasks, strict=True)))


async def of_file(tx: Transaction, project_id: UUID, number: int) -> asyncpg.Record | None:
    """Return the baseline of a number that came with a file last."""
    return await tx.fetchrow(
        "select id from baseline where organization_id = $1 and project_id = $2 and file_number = $3"
        " order by id desc limit 1",
        tx.organization_id,
        project_id,
        number,
    )


async def figures(tx: Transaction, baseline_id: UUID) -> dict[UUID, dict[str, object]]:
    """Return what a baseline has of each task."""
    found = await tx.fetch(
        f"select id, {', '.join(FIGURES)} from baseline_task where organization_id = $1 and baseline_id = $2",
        tx.organization_id,
        baseline_id,
    )
    return {row["id"]: {name: row[name] for name in FIGURES} for row in found}


async def tasks_of_files(tx: Transaction, project_id: UUID) -> list[asyncpg.Record]:
    """Return the tasks of the baselines that came with files, of each number the last one."""
    return await tx.fetch(
        f"select k.id, b.file_number, {', '.join(f'k.{name}' for name in FIGURES)}"
        " from (select distinct on (file_number) id, file_number from baseline"
        "       where organization_id = $1 and project_id = $2 and file_number is not null"
        "       order by file_number, id desc) b"
        " join baseline_task k on k.organization_id = $1 and k.baseline_id = b.id order by k.position, k.id",
        tx.organization_id,
        project_id,
    )
