"""Which states of tasks statements look at: those in force now, or those that were in force at an instant.

Statements have the organization in $1 and the project in $2. A state counts from its `since` on until a newer version
counts, so of those that count at an instant the newest version was in force.
"""

from typing import Final
from uuid import UUID

from services.kpi.domain.timeline import Timeline
from shared.db import Transaction

_COLUMNS: Final = (
    "id, project_id, version, since, is_leaf, is_elapsed, calendar_id, baseline_start, baseline_finish, baseline_cost,"
    " actual_finish, technique, basis, start_share, planned_units, base_task_id, milestones"
)


def leaf(task_id: str, then: str | None = None) -> str:
    """Something to select a leaf from by its id; `then`: the parameter with the instant, None for now."""
    if then is None:
        return f"(select {_COLUMNS} from task k where k.organization_id = $1 and k.id = {task_id} and k.is_leaf)"
    return f"""(
  select s.* from (
    select v.* from (
      select {_COLUMNS} from task k where k.organization_id = $1 and k.id = {task_id}
      union all
      select {_COLUMNS} from task_past k where k.organization_id = $1 and k.id = {task_id}
    ) v where v.since <= {then} order by v.version desc limit 1
  ) s where s.is_leaf
)"""


def leaves(then: str | None = None) -> str:
    """Something to select the project's leaves from."""
    if then is None:
        return f"(select {_COLUMNS} from task k where k.organization_id = $1 and k.project_id = $2 and k.is_leaf)"
    return f"""(
  select s.* from (
    select k.id from task k where k.organization_id = $1 and k.project_id = $2 and k.is_leaf
    union
    select k.id from task_past k where k.organization_id = $1 and k.project_id = $2
  ) i cross join lateral {leaf("i.id", then)} s
)"""


_TIMELINE: Final = """
with change as (
  select k.since as at, k.baseline_cost is not null as is_baselined from task k
  where k.organization_id = $1 and k.project_id = $2 and k.is_leaf
  union all
  select k.since, k.is_leaf and k.baseline_cost is not null from task_past k
  where k.organization_id = $1 and k.project_id = $2
  union all
  select k.until, false from task_past k where k.organization_id = $1 and k.project_id = $2
)
select coalesce(array_agg(distinct at order by at), '{}') as changes, min(at) filter (where is_baselined) as baselined
from change
"""


async def timeline(tx: Transaction, project_id: UUID) -> Timeline:
    """Return when a project's plan changed."""
    row = await tx.fetchrow(_TIMELINE, tx.organization_id, project_id)
    assert row is not None
    return Timeline(row["changes"], row["baselined"])
