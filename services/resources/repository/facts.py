"""Storing what events told: the newest version of an entity wins, and a tombstone keeps its version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from sqlalchemy import Table

from services.resources.models import (
    PARTS,
    AssignmentRow,
    CalendarRow,
    Part,
    ProjectRow,
    ResourceRow,
    TaskRow,
    table,
)
from shared.db import Transaction
from shared.entity import DIALECT

COLUMNS: Final[dict[type[Part], tuple[str, ...]]] = {
    CalendarRow: ("source_id", "definition"),
    ResourceRow: (
        "source_id",
        "name",
        "type",
        "is_equipment",
        "email",
        "max_units",
        "calendar_id",
        "currency",
        "standard_rate",
        "overtime_rate",
        "cost_per_use",
        "created_at",
        "updated_at",
    ),
    TaskRow: ("name", "is_active", "planned_start", "planned_finish"),
    AssignmentRow: ("task_id", "resource_id", "work_minutes"),
}
"""What is kept of each kind of part."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A version of a part of a plan; no values: it was deleted."""

    project_id: UUID
    id: UUID
    version: int
    values: tuple[object, ...] | None


def newest(facts: Iterable[Fact]) -> list[Fact]:
    """Return the newest fact of each entity."""
    by_id: dict[UUID, Fact] = {}
    for fact in facts:
        known = by_id.get(fact.id)
        if known is None or known.version < fact.version:
            by_id[fact.id] = fact
    return list(by_id.values())


def _arrays(of: Table, columns: Sequence[str], first: int) -> str:
    kinds = (of.c[name].type.compile(dialect=DIALECT) for name in columns)
    return ", ".join(f"${first + n}::{kind}[]" for n, kind in enumerate(kinds))


@lru_cache(maxsize=16)
def _upsert_sql(kind: type[Part], *, deleted: bool) -> str:
    of = table(kind)
    columns = ("project_id", "id", "version", *(() if deleted else COLUMNS[kind]))
    names = ", ".join(columns)
    sets = ", ".join(f"{name} = excluded.{name}" for name in (*columns[2:], "is_deleted"))
    return f"""
insert into {of.name} as o (organization_id, is_deleted, {names})
select $1, {deleted}, v.* from unnest({_arrays(of, columns, 2)}) as v({names})
where not exists (
  select from project p where p.organization_id = $1 and p.id = v.project_id and p.is_deleted
)
order by v.id
on conflict (organization_id, id) do update set {sets} where o.version < excluded.version
returning id
"""


async def store(tx: Transaction, kind: type[Part], facts: Iterable[Fact]) -> set[UUID]:
    """Store facts of one kind that are newer than what is known; returns the ids of those that were."""
    stored: set[UUID] = set()
    latest = newest(facts)
    for deleted in (False, True):
        rows = [
            (fact.project_id, fact.id, fact.version, *(fact.values or ()))
            for fact in latest
            if (fact.values is None) is deleted
        ]
        if rows:
            arrays = map(list, zip(*rows, strict=True))
            found = await tx.fetch(_upsert_sql(kind, deleted=deleted), tx.organization_id, *arrays)
            stored.update(row["id"] for row in found)
    return stored


async def store_project(
    tx: Transaction, project_id: UUID, version: int, values: tuple[str, str, str, UUID | None]
) -> bool:
    """Store a project's key, owner, time zone and calendar if newer; tells whether its calendar is another now."""
    row = await tx.fetchrow(
        f"""
insert into {ProjectRow.__tablename__} as o (organization_id, id, version, key, owner, time_zone, calendar_id)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (organization_id, id) do update
set version = excluded.version, key = excluded.key, owner = excluded.owner, time_zone = excluded.time_zone,
    calendar_id = excluded.calendar_id
where o.version < excluded.version and not o.is_deleted
returning calendar_id, (
  select json_build_array(b.calendar_id) from project b where b.organization_id = o.organization_id and b.id = o.id
)::text is distinct from json_build_array(calendar_id)::text as has_another_calendar
""",
        tx.organization_id,
        project_id,
        version,
        *values,
    )
    return row is not None and bool(row["has_another_calendar"])


async def bury_project(tx: Transaction, project_id: UUID, version: int) -> None:
    """Delete a project with all its parts; its tombstone keeps later news of them out."""
    await tx.execute(
        """
insert into project as o (organization_id, id, version, is_deleted) values ($1, $2, $3, true)
on conflict (organization_id, id) do update
set version = greatest(o.version, excluded.version), is_deleted = true, key = '', owner = ''
""",
        tx.organization_id,
        project_id,
        version,
    )
    for part in PARTS:
        await tx.execute(
            f"delete from {part} where organization_id = $1 and project_id = $2", tx.organization_id, project_id
        )


async def resources_of_assignments(tx: Transaction, assignments: Sequence[UUID]) -> set[UUID]:
    """Return the resources that assignments name at present."""
    rows = await tx.fetch(
        "select distinct resource_id from assignment"
        " where organization_id = $1 and id = any($2) and resource_id is not null",
        tx.organization_id,
        assignments,
    )
    return {row["resource_id"] for row in rows}


async def resources_of_tasks(tx: Transaction, tasks: Sequence[UUID]) -> set[UUID]:
    """Return the resources that are assigned to tasks."""
    rows = await tx.fetch(
        "select distinct resource_id from assignment"
        " where organization_id = $1 and task_id = any($2) and resource_id is not null",
        tx.organization_id,
        tasks,
    )
    return {row["resource_id"] for row in rows}


async def stage_chunk(
    tx: Transaction,
    project_id: UUID,
    revision: int,
    chunk: int,
    chunks: int,
    items: Sequence[tuple[UUID, datetime, datetime]],
    removed: Sequence[UUID],
) -> None:
    """Keep a piece of a schedule until the others have come; a piece that is there already stays as it is."""
    await tx.execute(
        """
insert into schedule_chunk
  (organization_id, project_id, revision, chunk, chunks, task_ids, starts, finishes, removed)
select $1, $2, $3, $4, $5, $6, $7, $8, $9
where not exists (select from project p where p.organization_id = $1 and p.id = $2 and p.is_deleted)
on conflict do nothing
""",
        tx.organization_id,
        project_id,
        revision,
        chunk,
        chunks,
        [item[0] for item in items],
        [item[1] for item in items],
        [item[2] for item in items],
        removed,
    )


async def switch_schedule(tx: Transaction, project_id: UUID, revision: int) -> set[UUID] | None:
    """Let a schedule count if all its pieces are there; returns the tasks whose dates changed, None if it does not.

    A date that a later revision has set stays, so a revision that is completed late does no harm.
    """
    row = await tx.fetchrow(
        "select count(*) as present, max(chunks) as chunks from schedule_chunk"
        " where organization_id = $1 and project_id = $2 and revision = $3",
        tx.organization_id,
        project_id,
        revision,
    )
    if row is None or row["present"] == 0 or row["present"] < row["chunks"]:
        return None
    rows = await tx.fetch(
        """
insert into schedule_item as o
  (organization_id, project_id, version, id, early_start, early_finish, is_deleted)
select distinct on (v.id) $1, $2, $3, v.id, v.early_start, v.early_finish, v.is_deleted
from (
  select u.*, false as is_deleted from schedule_chunk c, unnest(c.task_ids, c.starts, c.finishes)
    as u(id, early_start, early_finish)
  where c.organization_id = $1 and c.project_id = $2 and c.revision = $3
  union all
  select u.id, null, null, true from schedule_chunk c, unnest(c.removed) as u(id)
  where c.organization_id = $1 and c.project_id = $2 and c.revision = $3
) v
order by v.id, v.is_deleted
on conflict (organization_id, id) do update
set version = excluded.version, early_start = excluded.early_start, early_finish = excluded.early_finish,
    is_deleted = excluded.is_deleted
where o.version < excluded.version
returning id
""",
        tx.organization_id,
        project_id,
        revision,
    )
    await tx.execute(
        "delete from schedule_chunk where organization_id = $1 and project_id = $2"
        " and (revision = $3 or received_at < now() - interval '30 days')",
        tx.organization_id,
        project_id,
        revision,
    )
    return {row["id"] for row in rows}


async def mark_stale(tx: Transaction, project_id: UUID, resources: Iterable[UUID]) -> None:
    """Ask for the load of resources to be computed anew.

    The row of a mark that is there already is written again: whoever computes this load meanwhile finds it locked and
    leaves the mark, since it does not see yet what this transaction has changed.
    """
    await tx.execute(
        """
insert into stale_load (organization_id, project_id, id)
select $1, $2, r.id from unnest($3::uuid[]) as r(id)
on conflict (organization_id, id) do update set marked_at = now()
""",
        tx.organization_id,
        project_id,
        sorted(set(resources)),
    )


async def mark_all_stale(tx: Transaction, project_id: UUID) -> None:
    """Ask for the load of all resources of a project to be computed anew."""
    await tx.execute(
        """
insert into stale_load (organization_id, project_id, id)
select $1, $2, r.id from resource r where r.organization_id = $1 and r.project_id = $2 and not r.is_deleted
order by r.id
on conflict (organization_id, id) do update set marked_at = now()
""",
        tx.organization_id,
        project_id,
    )


async def mark_computed_stale(tx: Transaction, project_id: UUID) -> None:
    """Ask for all load of a project that was ever computed to be computed anew."""
    await tx.execute(
        """
insert into stale_load (organization_id, project_id, id)
select $1, $2, found.id from (
  select id from resource_load where organization_id = $1 and project_id = $2
  union select resource_id from booking where organization_id = $1 and project_id = $2
  union select resource_id from over_allocation where organization_id = $1 and project_id = $2
) found order by found.id
on conflict (organization_id, id) do update set marked_at = now()
""",
        tx.organization_id,
        project_id,
    )
