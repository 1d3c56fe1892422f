"""What metrics are computed from: a project, its plan, and how far it was at instants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import orjson

from services.kpi.domain.measure import ARITHMETIC
from services.kpi.domain.plan import PlanRows
from shared.db import Transaction
from shared.errors import NotFound
from shared.types import as_uuid


@dataclass(frozen=True, slots=True)
class Project:
    """A project as metrics depend on it.

    `newest` is the latest instant that a leaf's progress was stated for; one that lies more than a year beyond both now
    and the status date is taken for a wrong clock and counts only when it is asked for.
    """

    id: UUID
    currency: str
    time_zone: str
    status_date: datetime | None
    plan: UUID
    newest: datetime | None


_PROJECT: Final = """
select t.id, t.currency, t.time_zone, t.status_date, t.plan,
       (select p.at
        from progress p
        join task k on k.organization_id = p.organization_id and k.id = p.task_id and k.is_leaf
        where p.organization_id = t.organization_id and p.project_id = t.id
          and p.at <= greatest(now(), t.status_date at time zone t.time_zone) + interval '1 year'
        order by p.at desc limit 1) as newest
from project t where t.organization_id = $1 and not t.is_deleted and
"""


async def project(tx: Transaction, reference: str, own_only: str | None = None) -> Project:
    """Return a project by id or key, among those that the caller may touch; raises NotFound."""
    identifier = as_uuid(reference)
    values: list[object] = [tx.organization_id, identifier or reference]
    condition = "t.id = $2" if identifier is not None else "t.key = $2"
    if own_only is not None:
        condition += " and t.owner = $3"
        values.append(own_only)
    row = await tx.fetchrow(f"{_PROJECT} {condition} order by t.id limit 1", *values)
    if row is None:
        raise NotFound
    return Project(**dict(row))


async def oldest_progress(tx: Transaction, project_id: UUID) -> datetime | None:
    """Return the first instant that progress of a project was stated for."""
    row = await tx.fetchrow(
        """
select p.at
from progress p
join task k on k.organization_id = p.organization_id and k.id = p.task_id and k.is_leaf
where p.organization_id = $1 and p.project_id = $2
order by p.at limit 1
""",
        tx.organization_id,
        project_id,
    )
    return None if row is None else row["at"]


_PLAN: Final = """
select p.plan, p.calendar_id, t.*,
       (select json_object_agg(c.id, c.definition) from calendar c
        where c.organization_id = $1 and c.project_id = $2 and not c.is_deleted)::text as calendars
from project p
cross join lateral (
  select coalesce(array_agg(t.baseline_cost order by t.id), '{}') as cost,
         coalesce(array_agg(t.baseline_start order by t.id), '{}') as start,
         coalesce(array_agg(t.baseline_finish order by t.id), '{}') as finish,
         coalesce(array_agg(t.calendar_id order by t.id), '{}') as calendar,
         coalesce(array_agg(t.is_elapsed order by t.id), '{}') as is_elapsed
  from task t
  where t.organization_id = $1 and t.project_id = $2 and t.is_leaf and t.baseline_cost is not null
) t
where p.organization_id = $1 and p.id = $2
"""


async def plan(tx: Transaction, project_id: UUID) -> tuple[UUID, PlanRows]:
    """Return what a project's baseline is compiled from, and which state of the plan that is; raises NotFound."""
    row = await tx.fetchrow(_PLAN, tx.organization_id, project_id)
    if row is None:
        raise NotFound
    calendars: Mapping[str, object] = orjson.loads(row["calendars"] or "{}")
    rows = PlanRows(
        row["cost"],
        row["start"],
        row["finish"],
        row["calendar"],
        row["is_elapsed"],
        {UUID(identifier): definition for identifier, definition in calendars.items()},
        row["calendar_id"],
    )
    return row["plan"], rows


@dataclass(frozen=True, slots=True)
class Standing:
    """What is earned (in minor units, exact) and spent as of an instant, None if nothing was reported by then."""

    earned: Decimal | None
    spent: Decimal | None


_STANDING: Final = """
select (select plan from project where organization_id = $1 and id = $2) as plan,
       sum(coalesce(t.baseline_cost, 0)::numeric * p.percent) as earned,
       sum(coalesce(p.actual_cost, (
         select c.actual_cost from progress c
         where c.organization_id = $1 and c.task_id = t.id and c.at < p.at and c.actual_cost is not null
         order by c.at desc limit 1
       ))::numeric) as spent
from task t
cross join lateral (
  select f.at, f.percent, f.actual_cost from progress f
  where f.organization_id = $1 and f.task_id = t.id and f.at <= $3 order by f.at desc limit 1
) p
where t.organization_id = $1 and t.project_id = $2 and t.is_leaf
"""
_HUNDREDTHS_OF_PERCENT: Final = 4  # digits


async def standing(tx: Transaction, project_id: UUID, as_of: datetime) -> tuple[UUID | None, Standing]:
    """Return how a project stands as of an instant, and in which state of its plan.

    Of each leaf the latest fact up to the instant counts, and of its costs the latest one that was stated.
    """
    row = await tx.fetchrow(_STANDING, tx.organization_id, project_id, as_of)
    assert row is not None
    return row["plan"], _standing(row["earned"], row["spent"])


def _standing(earned: Decimal | None, spent: Decimal | None) -> Standing:
    return Standing(None if earned is None else earned.scaleb(-_HUNDREDTHS_OF_PERCENT, context=ARITHMETIC), spent)


_SERIES: Final = """
with facts as (
  select f.task_id, f.at, f.actual_cost,
         coalesce(t.baseline_cost, 0)::numeric
           * (f.percent - coalesce(lag(f.percent) over (partition by f.task_id order by f.at), 0)) as earned
  from progress f
  join task t on t.organization_id = f.organization_id and t.id = f.task_id and t.is_leaf
  where f.organization_id = $1 and f.project_id = $2 and f.at <= $4
),
costs as (
  select f.at, f.actual_cost - coalesce(lag(f.actual_cost) over (partition by f.task_id order by f.at), 0) as spent
  from facts f where f.actual_cost is not null
),
changes as (
  select f.at, f.earned, null::bigint as spent from facts f
  union all select c.at, null, c.spent from costs c
),
sums as (
  select width_bucket(c.at, $3::timestamptz[]) as bucket, sum(c.earned) as earned, sum(c.spent) as spent
  from changes c group by 1
)
select (select plan from project where organization_id = $1 and id = $2) as plan,
       s.bucket, s.earned, s.spent
from (select) one left join sums s on true order by s.bucket
"""


async def series(tx: Transaction, project_id: UUID, instants: Sequence[datetime]) -> tuple[UUID | None, list[Standing]]:
    """Return how a project stands at ascending instants, as `standing` does for one, by going once over its facts."""
    rows = await tx.fetch(_SERIES, tx.organization_id, project_id, _just_after(instants), instants[-1])
    changes = {row["bucket"]: row for row in rows if row["bucket"] is not None}
    earned: Decimal | None = None
    spent: Decimal | None = None
    found = []
    for bucket in range(len(instants)):
        row = changes.get(bucket)
        if row is not None and row["earned"] is not None:
            earned = ARITHMETIC.add(earned or Decimal(0), row["earned"])
        if row is not None and row["spent"] is not None:
            spent = ARITHMETIC.add(spent or Decimal(0), row["spent"])
        found.append(_standing(earned, spent))
    return rows[0]["plan"], found


def _just_after(instants: Sequence[datetime]) -> list[datetime]:
    """Where buckets begin: a fact of the very instant still counts for it."""
    return [instant + timedelta(microseconds=1) for instant in instants]


@dataclass(frozen=True, slots=True)
class Finish:
    """The latest actual finish of a project's leaves, and the latest instant at which one without was first done."""

    actual: int | None
    reported: Sequence[datetime | None]
    """At each instant asked for, of what was reported by then."""


_FINISH: Final = """
with done as (
  select min(f.at) as at
  from task t
  join progress f on f.organization_id = t.organization_id and f.task_id = t.id and f.percent = 10000 and f.at <= $4
  where t.organization_id = $1 and t.project_id = $2 and t.is_leaf and t.actual_finish is null
  group by t.id
),
latest as (select width_bucket(d.at, $3::timestamptz[]) as bucket, max(d.at) as at from done d group by 1)
select (select max(t.actual_finish) from task t
        where t.organization_id = $1 and t.project_id = $2 and t.is_leaf) as actual,
       l.bucket, l.at
from (select) one left join latest l on true order by l.bucket
"""


async def finish(tx: Transaction, project_id: UUID, instants: Sequence[datetime]) -> Finish:
    """Return when a project's leaves were finished, seen from ascending instants."""
    rows = await tx.fetch(_FINISH, tx.organization_id, project_id, _just_after(instants), instants[-1])
    latest = {row["bucket"]: row["at"] for row in rows if row["bucket"] is not None}
    reported: list[datetime | None] = []
    for bucket in range(len(instants)):
        reported.append(latest.get(bucket) or (reported[-1] if reported else None))
    return Finish(rows[0]["actual"], reported)


async def last_published(tx: Transaction, project_id: UUID) -> str | None:
    """Return the metrics that were last published of a project, as JSON, and hold off others that publish."""
    return await tx.fetchtext(
        "select metrics from evaluation where organization_id = $1 and id = $2 for update",
        tx.organization_id,
        project_id,
    )


async def keep_published(tx: Transaction, project_id: UUID, as_of: datetime, metrics: str) -> None:
    """Keep the metrics that are published now."""
    await tx.execute(
        "insert into evaluation (organization_id, id, as_of, metrics) values ($1, $2, $3, $4)"
        " on conflict (organization_id, id) do update set as_of = excluded.as_of, metrics = excluded.metrics",
        tx.organization_id,
        project_id,
        as_of,
        metrics,
    )
