"""How far a project was at instants: what was earned by each task's technique, what was spent, when it was finished."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kpi.domain.measure import ARITHMETIC
from services.kpi.domain.moments import local_minute
from services.kpi.repository.states import leaf, leaves, project_then
from shared.db import Transaction
from shared.strict_json import dumps


@dataclass(frozen=True, slots=True)
class Standing:
    """What is earned (in minor units, exact) and spent as of an instant, None if nothing was reported by then.

    Level of effort is not in it. `reported` is the budget of the tasks of which it was stated what they earn by.
    """

    earned: Decimal | None
    spent: Decimal | None
    reported: Decimal


# The budget that a task's progress earns: its own, and what is apportioned to it.
_BUDGET: Final = "(coalesce(t.baseline_cost, 0)::numeric + coalesce(($3::jsonb->>t.id::text)::numeric, 0))"
_TECHNIQUE: Final = "coalesce(t.technique, o.technique)"
# In hundredths of a percent; null: the fact says nothing of what the task earns by. A fact without a state was told
# before there were several percents: its one counts.
_SHARE: Final = """
case when {0}.at is not null then case coalesce(t.technique, o.technique)
  when 'percent_complete' then case
    when {0}.state is null or t.basis = 'duration' then {0}.percent
    when t.basis = 'units' then {0}.work
    else {0}.physical
  end
  when 'split' then case coalesce({0}.state, case {0}.percent when 0 then 0 when 10000 then 2 else 1 end)
    when 2 then 10000
    when 1 then coalesce(t.start_share, o.start_share)
    else 0
  end
  when 'units' then case when {0}.units is not null then least({0}.units / t.planned_units, 1) * 10000 end
end end
"""


def _standing_by(then: str | None = None) -> str:
    return f"""
select (select plan from project where organization_id = $1 and id = $2) as plan,
       sum({_BUDGET} * v.share) as earned, sum(v.spent::numeric) as spent,
       coalesce(sum({_BUDGET}) filter (where v.share is not null), 0) as reported
from {project_then(then)} o
cross join {leaves(then)} t
left join lateral (
  select f.* from progress f
  where f.organization_id = $1 and f.task_id = t.id and f.at <= $4 order by f.at desc limit 1
) f on true
cross join lateral (
  select case when {_TECHNIQUE} = 'weighted_milestones' then (
           select 10000 * coalesce(sum((m->>0)::numeric) filter (where (m->>1)::timestamptz <= $4), 0)
                  / sum((m->>0)::numeric)
           from json_array_elements(t.milestones) m
         ) else coalesce({_SHARE.format("f")}, (
           select s.share from (
             select e.at, {_SHARE.format("e")} as share from progress e
             where e.organization_id = $1 and e.task_id = t.id and e.at < f.at
           ) s where s.share is not null order by s.at desc limit 1
         )) end as share,
         coalesce(f.actual_cost, (
           select c.actual_cost from progress c
           where c.organization_id = $1 and c.task_id = t.id and c.at < f.at and c.actual_cost is not null
           order by c.at desc limit 1
         )) as spent
  offset 0  -- looked up once for each task, however often it is used
) v
"""


_STANDING: Final = _standing_by()
_STANDING_THEN: Final = _standing_by("$5")
_HUNDREDTHS_OF_PERCENT: Final = 4  # digits


async def standing(
    tx: Transaction, project_id: UUID, apportioned: Mapping[UUID, int], as_of: datetime, then: datetime | None = None
) -> tuple[UUID | None, Standing]:
    """Return how a project stands as of an instant, and in which state of its plan; `then`: by its tasks of then.

    Of each leaf the latest fact up to the instant counts that says something of what it earns by, and of its costs the
    latest one that was stated. `apportioned`: the budgets that are earned with a task's own.
    """
    values = (*_of(tx, project_id, apportioned), as_of)
    row = await (tx.fetchrow(_STANDING, *values) if then is None else tx.fetchrow(_STANDING_THEN, *values, then))
    assert row is not None
    return row["plan"], _standing(row["earned"], row["spent"], row["reported"])


def _of(tx: Transaction, project_id: UUID, apportioned: Mapping[UUID, int]) -> tuple[object, ...]:
    budgets = {str(task): budget for task, budget in apportioned.items()}
    return tx.organization_id, project_id, dumps(budgets).decode()


def _standing(earned: Decimal | None, spent: Decimal | None, reported: Decimal) -> Standing:
    in_minor = None if earned is None else earned.scaleb(-_HUNDREDTHS_OF_PERCENT, context=ARITHMETIC)
    return Standing(in_minor, spent, reported)


# Each fact looks its task up by its key, and not the other way round: of a plan that is new PostgreSQL believes that it
# has one task, and would look through all facts for each of thousands.
def _series_by(then: str | None = None) -> str:
    return f"""
with o as materialized (select technique, start_share from {project_then(then)} o),
facts as (
  select f.task_id, f.at, f.actual_cost, k.budget, k.share
  from progress f
  cross join lateral (
    select {_BUDGET} as budget, {_SHARE.format("f")} as share
    from {leaf("f.task_id", then)} t cross join o
    offset 0
  ) k
  where f.organization_id = $1 and f.project_id = $2 and f.at <= $5
),
milestones as (
  select {_BUDGET} as budget, t.milestones
  from o cross join {leaves(then)} t
  where {_TECHNIQUE} = 'weighted_milestones'
),
shares as (
  select f.at, f.budget * (f.share - coalesce(lag(f.share) over own, 0)) as earned,
         case when lag(f.share) over own is null then f.budget end as reported
  from facts f where f.share is not null window own as (partition by f.task_id order by f.at)
),
costs as (
  select f.at, f.actual_cost - coalesce(lag(f.actual_cost) over (partition by f.task_id order by f.at), 0) as spent
  from facts f where f.actual_cost is not null
),
achieved as (
  select m.at, t.budget * (10000 * m.upto / m.total - 10000 * (m.upto - m.weight) / m.total) as earned,
         null::numeric as reported
  from milestones t
  cross join lateral (
    select e.at, e.weight, sum(e.weight) over (order by e.at, e.place) as upto, sum(e.weight) over () as total
    from (
      select coalesce((m->>1)::timestamptz, 'infinity') as at, (m->>0)::numeric as weight, place
      from json_array_elements(t.milestones) with ordinality as m(m, place)
    ) e
  ) m
  where m.at <= $5
  union all
  select '-infinity', 0, t.budget from milestones t
),
changes as (
  select s.at, s.earned, null::bigint as spent, s.reported from shares s
  union all select c.at, null, c.spent, null from costs c
  union all select a.at, a.earned, null, a.reported from achieved a
),
sums as (
  select width_bucket(c.at, $4::timestamptz[]) as bucket, sum(c.earned) as earned, sum(c.spent) as spent,
         sum(c.reported) as reported
  from changes c group by 1
)
select (select plan from project where organization_id = $1 and id = $2) as plan,
       s.bucket, s.earned, s.spent, s.reported
from (select) one left join sums s on true order by s.bucket
"""


_SERIES: Final = _series_by()
_SERIES_THEN: Final = _series_by("$6")


async def series(
    tx: Transaction,
    project_id: UUID,
    apportioned: Mapping[UUID, int],
    instants: Sequence[datetime],
    then: datetime | None = None,
) -> tuple[UUID | None, list[Standing]]:
    """Return how a project stands at ascending instants, as `standing` does for one, by going once over its facts."""
    values = (*_of(tx, project_id, apportioned), _just_after(instants), instants[-1])
    rows = await (tx.fetch(_SERIES, *values) if then is None else tx.fetch(_SERIES_THEN, *values, then))
    changes = {row["bucket"]: row for row in rows if row["bucket"] is not None}
    sums: dict[str, Decimal | None] = dict.fromkeys(("earned", "spent", "reported"))
    found = []
    for bucket in range(len(instants)):
        row = changes.get(bucket)
        for name, sum_ in sums.items():
            if row is not None and row[name] is not None:
                sums[name] = ARITHMETIC.add(sum_ or Decimal(0), row[name])
        found.append(_standing(sums["earned"], sums["spent"], sums["reported"] or Decimal(0)))
    return rows[0]["plan"], found


def _just_after(instants: Sequence[datetime]) -> list[datetime]:
    """Where buckets begin: a fact of the very instant still counts for it."""
    return [instant + timedelta(microseconds=1) for instant in instants]


_DONE: Final = "coalesce(f.state, case f.percent when 10000 then 2 end) = 2"


def _finish_by(then: str | None = None) -> str:
    return f"""
with facts as (
  select f.at, {_DONE} as done, coalesce(f.finish, case when f.state is null then k.actual_finish end) as finish,
         min(f.at) filter (where {_DONE}) over own as first, lead(f.at) over own as until
  from progress f
  cross join lateral (select t.actual_finish from {leaf("f.task_id", then)} t offset 0) k
  where f.organization_id = $1 and f.project_id = $2 and f.at <= $3
  window own as (partition by f.task_id order by f.at)
)
select at, finish, first, until from facts where done order by at
"""


_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)
_FINISH: Final = _finish_by()
_FINISH_THEN: Final = _finish_by("$4")


async def finish(
    tx: Transaction, project_id: UUID, instants: Sequence[datetime], zone: ZoneInfo, then: datetime | None = None
) -> list[int | None]:
    """Return the local minutes at which a project's leaves were all finished, seen from ascending instants.

    Of each leaf counts what was stated last by then: when it was finished, else the first instant it was done at.
    """
    values = (tx.organization_id, project_id, instants[-1])
    rows = await (tx.fetch(_FINISH, *values) if then is None else tx.fetch(_FINISH_THEN, *values, then))
    latest: list[tuple[int, datetime]] = []  # a heap: the latest finish first, and until when that was known
    found: list[int | None] = []
    place = 0
    for instant in instants:
        while place < len(rows) and rows[place]["at"] <= instant:
            row = rows[place]
            minute = local_minute(row["first"], zone) if row["finish"] is None else row["finish"]
            heapq.heappush(latest, (-minute, row["until"] or _FOR_EVER))
            place += 1
        while latest and latest[0][1] <= instant:
            heapq.heappop(latest)
        found.append(-latest[0][0] if latest else None)
    return found
