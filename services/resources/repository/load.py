"""Taking marks, loading what a load is computed from, and storing what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg

from shared.db import Transaction

MAX_BASES: Final = 16
"""How long a chain of base calendars may be."""


async def lock_project_load(tx: Transaction, project_id: UUID) -> None:
    """Hold off everyone else who would compute load of the project, until the transaction ends."""
    await tx.execute(
        """
insert into aggregate (organization_id, id, version) values ($1, $2, 0)
on conflict (organization_id, id) do update set version = aggregate.version
""",
        tx.organization_id,
        project_id,
    )


async def is_stale(tx: Transaction, project_id: UUID, resource_id: UUID | None) -> bool:
    """Tell whether the load of anyone in a project, or of the one resource, is marked."""
    found = await tx.fetchint(
        "select count(*) from (select from stale_load"
        " where organization_id = $1 and project_id = $2 and ($3::uuid is null or id = $3) limit 1) s",
        tx.organization_id,
        project_id,
        resource_id,
    )
    return found > 0


async def stale(
    tx: Transaction, project_id: UUID, resource_id: UUID | None, *, most: int, works: int
) -> tuple[list[UUID], bool]:
    """Return marked resources of a project, or the one, with up to so many assignments; and whether these are all.

    The first is returned however many assignments it has.
    """
    rows = await tx.fetch(
        """
select m.id, coalesce(sum(m.works) over (order by m.id rows between unbounded preceding and 1 preceding), 0) as before
from (
  select s.id, (
    select count(*) from assignment a where a.organization_id = s.organization_id and a.resource_id = s.id
  ) as works
  from stale_load s
  where s.organization_id = $1 and s.project_id = $2 and ($3::uuid is null or s.id = $3)
  order by s.id limit $4
) m
order by m.id
""",
        tx.organization_id,
        project_id,
        resource_id,
        most + 1,
    )
    taken = [row["id"] for row in rows[:most] if row["before"] < works]
    return taken, len(taken) == len(rows)


async def unmark(tx: Transaction, resources: Sequence[UUID]) -> set[UUID]:
    """Take marks away but for those that a running transaction is setting again; returns whose were taken."""
    rows = await tx.fetch(
        """
delete from stale_load where organization_id = $1 and id in (
  select id from stale_load where organization_id = $1 and id = any($2) for update skip locked
)
returning id
""",
        tx.organization_id,
        resources,
    )
    return {row["id"] for row in rows}


@dataclass(frozen=True, slots=True)
class Worker:
    """A resource of type work."""

    id: UUID
    max_units: Decimal
    calendar: str | None
    """Source id of its own calendar."""


async def workers(tx: Transaction, resources: Sequence[UUID]) -> list[Worker]:
    """Return those of the resources that are there and of type work."""
    rows = await tx.fetch(
        """
select r.id, r.max_units, c.source_id
from resource r
join project p on p.organization_id = r.organization_id and p.id = r.project_id and not p.is_deleted
left join calendar c on c.organization_id = r.organization_id and c.id = r.calendar_id and not c.is_deleted
where r.organization_id = $1 and r.id = any($2) and r.type = 'work' and not r.is_deleted
order by r.id
""",
        tx.organization_id,
        resources,
    )
    return [Worker(row["id"], row["max_units"], row["source_id"]) for row in rows]


async def calendars(tx: Transaction, project_id: UUID, resources: Sequence[UUID]) -> tuple[str | None, list[str]]:
    """Return the source id of the project's calendar, and, as JSON, what resources need with their bases."""
    rows = await tx.fetch(
        f"""
with recursive needed as (
  select c.source_id, c.definition::jsonb as definition, 1 as depth, p.calendar_id = c.id as is_default
  from calendar c
  join project p on p.organization_id = c.organization_id and p.id = c.project_id
  where c.organization_id = $1 and c.project_id = $2 and not c.is_deleted and (
    c.id = p.calendar_id
    or c.id in (select r.calendar_id from resource r where r.organization_id = $1 and r.id = any($3))
  )
  union
  select b.source_id, b.definition::jsonb, n.depth + 1, false
  from needed n
  join calendar b on b.organization_id = $1 and b.project_id = $2 and not b.is_deleted
    and b.source_id = n.definition->>'base_source_id'
  where n.depth < {MAX_BASES}
)
select source_id, min(definition::text) as definition, bool_or(is_default) as is_default
from needed group by source_id
""",
        tx.organization_id,
        project_id,
        resources,
    )
    default = next((row["source_id"] for row in rows if row["is_default"]), None)
    return default, [row["definition"] for row in rows]


async def works(tx: Transaction, resources: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return the assignments of resources with the dates of their tasks: scheduled ones, else planned ones."""
    return await tx.fetch(
        """
select a.id, a.resource_id, a.task_id, a.work_minutes,
       coalesce(s.early_start, t.planned_start) as start, coalesce(s.early_finish, t.planned_finish) as finish
from assignment a
join task t on t.organization_id = a.organization_id and t.id = a.task_id and t.is_active and not t.is_deleted
left join schedule_item s on s.organization_id = a.organization_id and s.id = a.task_id and not s.is_deleted
where a.organization_id = $1 and a.resource_id = any($2) and a.work_minutes > 0 and not a.is_deleted
order by start, a.id
""",
        tx.organization_id,
        resources,
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """A resource's load in figures."""

    resource_id: UUID
    first_day: date | None
    last_day: date | None
    booked_minutes: int
    unbooked_minutes: int
    over_allocated_minutes: int
    digest: str


async def store_figures(tx: Transaction, project_id: UUID, figures: Sequence[Figures]) -> set[UUID]:
    """Store loads in figures; returns the resources for which anything is different now."""
    rows = await tx.fetch(
        """
insert into resource_load as l (organization_id, project_id, id, first_day, last_day, booked_minutes, unbooked_minutes,
                                over_allocated_minutes, digest)
select $1, $2, v.* from unnest($3::uuid[], $4::date[], $5::date[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
  as v
on conflict (organization_id, id) do update
set first_day = excluded.first_day, last_day = excluded.last_day, booked_minutes = excluded.booked_minutes,
    unbooked_minutes = excluded.unbooked_minutes, over_allocated_minutes = excluded.over_allocated_minutes,
    digest = excluded.digest
where l.digest <> excluded.digest
returning id
""",
        tx.organization_id,
        project_id,
        [f.resource_id for f in figures],
        [f.first_day for f in figures],
        [f.last_day for f in figures],
        [f.booked_minutes for f in figures],
        [f.unbooked_minutes for f in figures],
        [f.over_allocated_minutes for f in figures],
        [f.digest for f in figures],
    )
    return {row["id"] for row in rows}


async def drop_figures(tx: Transaction, resources: Sequence[UUID]) -> set[UUID]:
    """Forget the loads of resources that have none any more; returns who had one."""
    rows = await tx.fetch(
        "delete from resource_load where organization_id = $1 and id = any($2) returning id",
        tx.organization_id,
        resources,
    )
    return {row["id"] for row in rows}


async def replace_bookings(
    tx: Transaction, project_id: UUID, resources: Sequence[UUID], bookings: Sequence[tuple[object, ...]]
) -> None:
    """Store bookings (assignment, resource, task, first day, last day, minutes) in place of what resources had."""
    await tx.execute(
        "delete from booking where organization_id = $1 and resource_id = any($2)", tx.organization_id, resources
    )
    # An assignment may have moved here from a resource whose turn has not come.
    await tx.connection.executemany(
        """
insert into booking (organization_id, project_id, id, resource_id, task_id, first_day, last_day, minutes)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (organization_id, id) do update
set resource_id = excluded.resource_id, task_id = excluded.task_id, first_day = excluded.first_day,
    last_day = excluded.last_day, minutes = excluded.minutes
""",
        [(tx.organization_id, project_id, *booking) for booking in bookings],
    )


async def replace_over_allocations(
    tx: Transaction, project_id: UUID, resources: Sequence[UUID], rows: Sequence[tuple[object, ...]]
) -> None:
    """Store over-allocations (id, resource, first day, last day, days, capacity, booked, over) in place of others."""
    await tx.execute(
        "delete from over_allocation where organization_id = $1 and resource_id = any($2)",
        tx.organization_id,
        resources,
    )
    if rows:
        await tx.execute(
            """
insert into over_allocation (organization_id, project_id, id, resource_id, first_day, last_day, days, capacity_minutes,
                             booked_minutes, over_allocated_minutes)
select $1, $2, v.* from unnest($3::uuid[], $4::uuid[], $5::date[], $6::date[], $7::int[], $8::bigint[], $9::bigint[],
                               $10::bigint[]) as v
""",
            tx.organization_id,
            project_id,
            *map(list, zip(*rows, strict=True)),
        )


async def project_figures(tx: Transaction, project_id: UUID) -> asyncpg.Record:
    """Return what is booked in a project, beyond capacity, and of how many resources."""
    row = await tx.fetchrow(
        """
select coalesce(sum(booked_minutes), 0)::bigint as booked_minutes,
       coalesce(sum(over_allocated_minutes), 0)::bigint as over_allocated_minutes,
       count(*) filter (where over_allocated_minutes > 0) as over_allocated_resources
from resource_load where organization_id = $1 and project_id = $2
""",
        tx.organization_id,
        project_id,
    )
    assert row is not None
    return row
