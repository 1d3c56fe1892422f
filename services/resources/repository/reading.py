"""What is read: resources, load, over-allocations, written as JSON by PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg

from services.resources.models import OVER_ALLOCATION, RESOURCE, RESOURCE_WITH_RATES
from shared.db import Transaction
from shared.entity import Entity
from shared.errors import NotFound
from shared.pagination import Listing, Sort
from shared.types import as_uuid


def _resources(entity: Entity) -> Listing:
    return Listing(
        entity,
        conditions={
            "project_id": "t.project_id = {}",
            "project_key": "p.key = {}",
            "type": "t.type = any({}::text[])",
            "name": "position(lower({}) in lower(t.name)) > 0",
        },
        sorts={
            "id": Sort("t.id", "uuid"),
            "name": Sort("t.name", "text"),
            "type": Sort("t.type", "text"),
            "max_units": Sort("t.max_units", "numeric"),
            "created_at": Sort("t.created_at", "timestamptz"),
            "updated_at": Sort("t.updated_at", "timestamptz"),
        },
        default_sort="name",
    )


RESOURCES: Final = _resources(RESOURCE)
RESOURCES_WITH_RATES: Final = _resources(RESOURCE_WITH_RATES)
OVER_ALLOCATIONS: Final = Listing(
    OVER_ALLOCATION,
    conditions={"project_id": "t.project_id = {}", "resource_id": "t.resource_id = {}"},
    sorts={
        "from": Sort("t.first_day", "date"),
        "over_allocated_minutes": Sort("t.over_allocated_minutes", "bigint"),
        "resource_name": Sort("r.name", "text"),
    },
    default_sort="from",
)


@dataclass(frozen=True, slots=True)
class Visible:
    """A project that the caller may see."""

    id: UUID
    time_zone: str


async def project(tx: Transaction, reference: str, own_only: str | None) -> Visible:
    """Return a project by id or key if the caller may see it; raises NotFound."""
    identifier = as_uuid(reference)
    row = await tx.fetchrow(
        f"select id, time_zone from project where organization_id = $1 and {'id' if identifier else 'key'} = $2"
        " and not is_deleted and ($3::text is null or owner = $3) order by id limit 1",
        tx.organization_id,
        identifier or reference,
        own_only,
    )
    if row is None:
        raise NotFound
    return Visible(row["id"], row["time_zone"])


async def resource(tx: Transaction, identifier: UUID, own_only: str | None) -> asyncpg.Record:
    """Return a resource (id, project, type, units) if the caller may see it; raises NotFound."""
    row = await tx.fetchrow(
        """
select r.id, r.project_id, r.type, r.max_units from resource r
join project p on p.organization_id = r.organization_id and p.id = r.project_id and not p.is_deleted
where r.organization_id = $1 and r.id = $2 and not r.is_deleted and ($3::text is null or p.owner = $3)
""",
        tx.organization_id,
        identifier,
        own_only,
    )
    if row is None:
        raise NotFound
    return row


async def booked_span(tx: Transaction, resource_id: UUID) -> tuple[date, date] | None:
    """Return the first and the last day with a booking; None if there is none."""
    row = await tx.fetchrow(
        "select first_day, last_day from resource_load where organization_id = $1 and id = $2",
        tx.organization_id,
        resource_id,
    )
    return None if row is None or row["first_day"] is None else (row["first_day"], row["last_day"])


_LOAD: Final = """
with day as (
  select $3::date + (u.n - 1)::int as date, u.capacity from unnest($5::int[]) with ordinality as u(capacity, n)
),
part as (
  select b.task_id, k.name, b.project_id, b.first_day + (u.n - 1)::int as date, sum(u.minutes) as minutes
  from booking b
  cross join lateral unnest(b.minutes) with ordinality as u(minutes, n)
  left join task k on k.organization_id = b.organization_id and k.id = b.task_id
  where b.organization_id = $1 and b.resource_id = $2 and b.first_day <= $4 and b.last_day >= $3
    and u.minutes > 0 and b.first_day + (u.n - 1)::int between $3 and $4
  group by 1, 2, 3, 4
),
booked as (
  select part.date, sum(part.minutes) as minutes,
         json_agg(row_to_json(x) order by x.minutes desc, x.task_id) as tasks
  from part, lateral (select part.task_id, part.name, part.project_id, part.minutes) x
  group by part.date
),
loaded as (
  select day.date, day.capacity as capacity_minutes, coalesce(b.minutes, 0) as booked_minutes,
         greatest(coalesce(b.minutes, 0) - day.capacity, 0) as over_allocated_minutes,
         coalesce(b.tasks, '[]') as tasks
  from day left join booked b using (date)
)
select row_to_json(i)::text from (
  select t.id as resource_id, t.name, t.type, t.project_id, p.time_zone,
         $3::date as from, $4::date as to, l.first_day as booked_from, l.last_day as booked_to,
         coalesce(l.unbooked_minutes, 0) as unbooked_minutes,
         $6::text as reason,
         (select row_to_json(s) from (
            select coalesce(sum(capacity_minutes), 0) as capacity_minutes,
                   coalesce(sum(booked_minutes), 0) as booked_minutes,
                   coalesce(sum(over_allocated_minutes), 0) as over_allocated_minutes
            from loaded) s) as totals,
         (select coalesce(json_agg(row_to_json(loaded) order by date), '[]') from loaded) as days
  from resource t
  join project p on p.organization_id = t.organization_id and p.id = t.project_id
  left join resource_load l on l.organization_id = t.organization_id and l.id = t.id
  where t.organization_id = $1 and t.id = $2
) i
"""


async def load(
    tx: Transaction, resource_id: UUID, span: tuple[date, date] | None, capacity: Sequence[int], reason: str | None
) -> str:
    """Return the load of a resource on the days of a span, each with its capacity, as JSON."""
    first, last = span or (None, None)
    body = await tx.fetchtext(_LOAD, tx.organization_id, resource_id, first, last, list(capacity), reason)
    assert body is not None
    return body


_SUMMARY: Final = """
select row_to_json(i)::text from (
  select $2::uuid as project_id, r.resources, r.work_resources, l.*
  from (
    select count(*) as resources, count(*) filter (where type = 'work') as work_resources
    from resource where organization_id = $1 and project_id = $2 and not is_deleted
  ) r,
  (
    select count(*) filter (where over_allocated_minutes > 0) as over_allocated_resources,
           coalesce(sum(over_allocated_minutes), 0) as over_allocated_minutes,
           coalesce(sum(booked_minutes), 0) as booked_minutes,
           coalesce(sum(unbooked_minutes), 0) as unbooked_minutes,
           min(first_day) as from, max(last_day) as to
    from resource_load where organization_id = $1 and project_id = $2
  ) l
) i
"""


async def summary(tx: Transaction, project_id: UUID) -> str:
    """Return how loaded the resources of a project are, as JSON."""
    body = await tx.fetchtext(_SUMMARY, tx.organization_id, project_id)
    assert body is not None
    return body
