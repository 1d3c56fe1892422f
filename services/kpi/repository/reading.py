"""What metrics are computed from: a project, its plan, and how far it was at instants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from services.kpi.domain.earning import Earning, apportioned_to
from services.kpi.domain.plan import PlanRows
from services.kpi.repository.states import calendars, leaf, leaves, project_then
from shared.db import Transaction
from shared.errors import NotFound
from shared.types import as_uuid


@dataclass(frozen=True, slots=True)
class Project:
    """A project as metrics depend on it.

    `newest` is the latest instant that a leaf's progress was stated for, or a milestone of one achieved. What lies more
    than a year beyond both now and the status date is taken for a wrong clock and counts only when it is asked for.
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
        order by p.at desc limit 1) as newest,
       (select max(k.achieved_at) from task k
        where k.organization_id = t.organization_id and k.project_id = t.id and k.is_leaf
          and k.achieved_at <= greatest(now(), t.status_date at time zone t.time_zone) + interval '1 year') as achieved
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
    fields = dict(row)
    moments = [moment for moment in (fields.pop("achieved"), fields["newest"]) if moment is not None]
    return Project(**{**fields, "newest": max(moments, default=None)})


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


def _plan_by(then: str | None = None) -> str:
    return f"""
select (select plan from project where organization_id = $1 and id = $2) as plan, p.calendar_id, t.*,
       (select json_object_agg(c.id, c.definition) from {calendars(then)} c)::text as calendars
from {project_then(then)} p
cross join lateral (
  select coalesce(array_agg(t.baseline_cost order by t.id) filter (where t.in_baseline), '{{}}') as cost,
         coalesce(array_agg(t.baseline_start order by t.id) filter (where t.in_baseline), '{{}}') as start,
         coalesce(array_agg(t.baseline_finish order by t.id) filter (where t.in_baseline), '{{}}') as finish,
         coalesce(array_agg(t.calendar_id order by t.id) filter (where t.in_baseline), '{{}}') as calendar,
         coalesce(array_agg(t.is_elapsed order by t.id) filter (where t.in_baseline), '{{}}') as is_elapsed,
         coalesce(array_agg(coalesce(t.technique = 'level_of_effort', false) order by t.id)
                    filter (where t.in_baseline), '{{}}') as is_effort,
         (json_agg(json_build_array(t.id, t.base_task_id, coalesce(t.baseline_cost, 0)))
            filter (where t.technique = 'apportioned'))::text as apportioned,
         count(*) filter (
           where coalesce(t.baseline_cost, 0) = 0 and t.baseline_start is distinct from t.baseline_finish
         )::int as without_budget,
         count(*) filter (
           where coalesce(t.technique, p.technique) is null
              or t.technique = 'apportioned' and not exists (
                   select from {leaf("t.base_task_id", then)} b
                 )
         )::int as without_technique
  from (select k.*, k.baseline_cost is not null as in_baseline from {leaves(then)} k) t
) t
"""


_PLAN: Final = _plan_by()
_PLAN_THEN: Final = _plan_by("$3")


async def plan(tx: Transaction, project_id: UUID, then: datetime | None = None) -> tuple[UUID, PlanRows]:
    """Return what a project's baseline is compiled from, and which state of the plan that is; raises NotFound.

    `then`: what it was compiled from at an instant.
    """
    values = (tx.organization_id, project_id)
    row = await (tx.fetchrow(_PLAN, *values) if then is None else tx.fetchrow(_PLAN_THEN, *values, then))
    if row is None:
        raise NotFound
    apportioned = [
        (UUID(task), UUID(base), budget)
        for task, base, budget in orjson.loads(row["apportioned"] or "[]")
        if base is not None
    ]
    definitions: Mapping[str, object] = orjson.loads(row["calendars"] or "{}")
    rows = PlanRows(
        row["cost"],
        row["start"],
        row["finish"],
        row["calendar"],
        row["is_elapsed"],
        {UUID(identifier): definition for identifier, definition in definitions.items()},
        row["calendar_id"],
        Earning(apportioned_to(apportioned), row["without_budget"], row["without_technique"]),
        row["is_effort"],
    )
    return row["plan"], rows


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
