"""Which states of a plan statements look at: that in force now, or that which was in force at an instant.

Statements have the organization in $1 and the project in $2. A state counts from its `since` on until a newer version
counts, so of those that count at an instant the newest version was in force. A project and a calendar were before their
first state what they were in it: a plan can be older than when they were made known.
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
    now = f"select {_COLUMNS} from task k where k.organization_id = $1 and k.project_id = $2 and k.is_leaf"
    if then is None:
        return f"({now})"
    # What is now was in force then if it counted then; only for the others the past has to be looked through.
    return f"""(
  {now} and k.since <= {then}
  union all
  select s.* from (
    select distinct on (id) {_COLUMNS} from task_past p
    where p.organization_id = $1 and p.project_id = $2 and p.since <= {then}
      and not exists (
        select from task k where k.organization_id = $1 and k.id = p.id and k.since <= {then}
      )
    order by p.id, p.version desc
  ) s where s.is_leaf
)"""


_NEWEST_THEN: Final = "v.since <= {0} desc, case when v.since <= {0} then v.version else -v.version end desc"


def project_then(then: str | None = None) -> str:
    """Something to select from what the project decides of its metrics."""
    columns = "calendar_id, technique, start_share"
    now = f"select {columns}, since, version from project where organization_id = $1 and id = $2"
    if then is None:
        return f"({now})"
    return f"""(
  select {columns} from (
    {now}
    union all
    select {columns}, since, version from project_past where organization_id = $1 and project_id = $2
  ) v order by {_NEWEST_THEN.format(then)} limit 1
)"""


def calendars(then: str | None = None) -> str:
    """Something to select the project's calendars from."""
    columns = "k.id, k.definition, k.since, k.version"
    now = f"select {columns}, k.is_deleted from calendar k where k.organization_id = $1 and k.project_id = $2"
    if then is None:
        return f"({now} and not k.is_deleted)"
    return f"""(
  select s.* from (
    select distinct on (v.id) v.* from (
      {now}
      union all
      select {columns}, false from calendar_past k where k.organization_id = $1 and k.project_id = $2
    ) v order by v.id, {_NEWEST_THEN.format(then)}
  ) s where not s.is_deleted
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
  union all
  select k.since, false from project k where k.organization_id = $1 and k.id = $2
  union all
  select k.since, false from project_past k where k.organization_id = $1 and k.project_id = $2
  union all
  select k.since, false from calendar k where k.organization_id = $1 and k.project_id = $2
  union all
  select k.since, false from calendar_past k where k.organization_id = $1 and k.project_id = $2
)
select coalesce(array_agg(distinct at order by at), '{}') as changes, min(at) filter (where is_baselined) as baselined
from change
"""


async def timeline(tx: Transaction, project_id: UUID) -> Timeline:
    """Return when a project's plan changed."""
    row = await tx.fetchrow(_TIMELINE, tx.organization_id, project_id)
    assert row is not None
    return Timeline(row["changes"], row["baselined"])
