"""The statements of links between projects."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.domain.plan import LinkType
from services.projects.domain.project_links import Bound, Incoming, Outgoing
from services.projects.entities import PROJECT_LINK
from services.projects.entities.project_links import PROJECT_LINK_VIEW
from shared.db import Transaction
from shared.errors import NotFound
from shared.pagination import Listing, Sort

PROJECT_LINKS: Final = Listing(
    PROJECT_LINK_VIEW,
    conditions={
        "either": "{} in (t.project_id, t.predecessor_project_id)",
        "incoming": "t.project_id = {}",
        "outgoing": "t.predecessor_project_id = {}",
        "task_id": "{} in (t.predecessor_id, t.successor_id)",
        "state": "t.state = any({}::text[])",
        "hardness": "t.hardness = {}",
        "is_driving": "coalesce(b.is_driving, false) = {}",
    },
    sorts={
        "id": Sort("t.id", "uuid"),
        "state": Sort("t.state", "text"),
        "created_at": Sort("t.created_at", "timestamptz"),
        "updated_at": Sort("t.updated_at", "timestamptz"),
    },
    default_sort="id",
)


async def link_row(tx: Transaction, project_id: UUID, link_id: UUID) -> asyncpg.Record:
    """Return the row of a link at either end of a project; raises NotFound."""
    row = await tx.fetchrow(
        f"select {PROJECT_LINK.columns} from project_link t"
        " where organization_id = $1 and id = $3 and $2 in (project_id, predecessor_project_id)",
        tx.organization_id,
        project_id,
        link_id,
    )
    if row is None:
        raise NotFound
    return row


async def owners(tx: Transaction, projects: Collection[UUID]) -> Mapping[UUID, asyncpg.Record]:
    """Return owner and status of projects."""
    rows = await tx.fetch(
        "select id, owner, status from project where organization_id = $1 and id = any($2)",
        tx.organization_id,
        list(projects),
    )
    return {row["id"]: row for row in rows}


async def is_task(tx: Transaction, project_id: UUID, task_id: UUID) -> bool:
    """Tell whether a task is a project's."""
    found = "select count(*) from task where organization_id = $1 and project_id = $2 and id = $3"
    return await tx.fetchint(found, tx.organization_id, project_id, task_id) > 0


_INCOMING: Final = """
select l.id, l.predecessor_project_id, l.predecessor_id, l.successor_id, l.type, l.lag,
       l.lag_unit = 'elapsed' as is_elapsed,
       coalesce(s.start, s.early_start) at time zone a.time_zone at time zone b.time_zone as start,
       coalesce(s.finish, s.early_finish) at time zone a.time_zone at time zone b.time_zone as finish
from project_link l
join project a on a.organization_id = $1 and a.id = l.predecessor_project_id
join project b on b.organization_id = $1 and b.id = l.project_id
join task t on t.organization_id = $1 and t.id = l.predecessor_id and t.is_active
join schedule_item s on s.organization_id = $1 and s.id = l.predecessor_id
where l.organization_id = $1 and l.project_id = $2 and l.state = 'accepted'
order by l.id
"""


async def incoming(tx: Transaction, project_id: UUID) -> list[Incoming]:
    """Return the links in force to a project's tasks, with the present dates of what goes before."""
    rows = await tx.fetch(_INCOMING, tx.organization_id, project_id)
    return [
        Incoming(
            row["id"],
            row["predecessor_project_id"],
            row["predecessor_id"],
            str(row["successor_id"]),
            LinkType(row["type"]),
            row["lag"],
            row["is_elapsed"],
            row["start"],
            row["finish"],
        )
        for row in rows
    ]


_OUTGOING: Final = """
select l.id, l.predecessor_id, l.type, b.latest at time zone s.time_zone at time zone p.time_zone as latest
from project_link l
join project_link_bound b on b.organization_id = $1 and b.id = l.id and b.latest is not null
join project s on s.organization_id = $1 and s.id = l.project_id and s.status not in ('closed', 'cancelled')
join project p on p.organization_id = $1 and p.id = l.predecessor_project_id
where l.organization_id = $1 and l.predecessor_project_id = $2 and l.state = 'accepted'
order by l.id
"""


async def outgoing(tx: Transaction, project_id: UUID) -> list[Outgoing]:
    """Return the links in force from a project's tasks, with what the present schedules of others leave them."""
    rows = await tx.fetch(_OUTGOING, tx.organization_id, project_id)
    return [Outgoing(row["id"], str(row["predecessor_id"]), LinkType(row["type"]), row["latest"]) for row in rows]


async def changeable(tx: Transaction, projects: Collection[UUID]) -> list[UUID]:
    """Return those of some projects that there are and whose plans change."""
    rows = await tx.fetch(
        "select id from project where organization_id = $1 and id = any($2) and status not in ('closed', 'cancelled')"
        " order by id",
        tx.organization_id,
        list(projects),
    )
    return [row[0] for row in rows]


async def followers(tx: Transaction, project_id: UUID, tasks: Sequence[UUID | str]) -> list[UUID]:
    """Return the projects whose tasks hang on these by links in force; plans of closed ones stay as they are."""
    rows = await tx.fetch(
        "select distinct l.project_id from project_link l"
        " join project p on p.organization_id = $1 and p.id = l.project_id and p.status not in ('closed', 'cancelled')"
        " where l.organization_id = $1 and l.predecessor_project_id = $2"
        " and l.predecessor_id = any($3) and l.state = 'accepted' order by 1",
        tx.organization_id,
        project_id,
        list(tasks),
    )
    return [row[0] for row in rows]


async def projects_at(tx: Transaction, project_id: UUID) -> list[UUID]:
    """Return the successors' projects of all links at either end of a project."""
    rows = await tx.fetch(
        "select distinct project_id from project_link where organization_id = $1"
        " and $2 in (project_id, predecessor_project_id) order by 1",
        tx.organization_id,
        project_id,
    )
    return [row[0] for row in rows]


async def into(tx: Transaction, project_id: UUID) -> list[asyncpg.Record]:
    """Return the links to a project's tasks, whatever their state."""
    found = (
        "select id, version, predecessor_project_id from project_link"
        " where organization_id = $1 and project_id = $2 order by id"
    )
    return await tx.fetch(found, tx.organization_id, project_id)


async def dangling(tx: Transaction, project_id: UUID) -> list[asyncpg.Record]:
    """Return the links to a project of which a task is gone."""
    return await tx.fetch(
        """
select id, version, predecessor_project_id from project_link l where organization_id = $1 and project_id = $2
  and (not exists (select from task t where t.organization_id = $1 and t.id = l.predecessor_id)
       or not exists (select from task t where t.organization_id = $1 and t.id = l.successor_id))
order by id
""",
        tx.organization_id,
        project_id,
    )


async def edges(tx: Transaction) -> list[tuple[UUID, UUID]]:
    """Return which projects of the organization follow which by links in force, predecessors first."""
    rows = await tx.fetch(
        "select distinct predecessor_project_id, project_id from project_link"
        " where organization_id = $1 and state = 'accepted'",
        tx.organization_id,
    )
    return [(row[0], row[1]) for row in rows]


async def lock(tx: Transaction) -> None:
    """Hold off all others who could close a loop through several projects until the transaction ends."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended($1::uuid::text || ' project links', 2))", tx.organization_id
    )


async def parents(tx: Transaction, projects: Collection[UUID]) -> dict[UUID, UUID | None]:
    """Return the parent of every task of projects."""
    rows = await tx.fetch(
        "select id, parent_id from task where organization_id = $1 and project_id = any($2)"
        " order by project_id, position, id",
        tx.organization_id,
        list(projects),
    )
    return {row[0]: row[1] for row in rows}


async def named(tx: Transaction, tasks: Collection[UUID], own_only: str | None) -> list[asyncpg.Record]:
    """Return code and name of tasks, and their project's key, of those projects that the caller sees."""
    return await tx.fetch(
        "select t.id, t.work_breakdown_structure as code, t.name, p.key from task t"
        " join project p on p.organization_id = $1 and p.id = t.project_id"
        " where t.organization_id = $1 and t.id = any($2) and ($3::text is null or p.owner = $3)",
        tx.organization_id,
        list(tasks),
        own_only,
    )


async def pairs(tx: Transaction, projects: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Return predecessor and successor of every link in force within projects and between them."""
    rows = await tx.fetch(
        "select predecessor_id, successor_id from dependency where organization_id = $1 and project_id = any($2)"
        " union all select predecessor_id, successor_id from project_link where organization_id = $1"
        " and project_id = any($2) and predecessor_project_id = any($2) and state = 'accepted'",
        tx.organization_id,
        list(projects),
    )
    return [(row[0], row[1]) for row in rows]


async def between(tx: Transaction, projects: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return the links in force, or offered, between projects of which both are among these."""
    return await tx.fetch(
        f"select {PROJECT_LINK.columns} from project_link t where organization_id = $1 and project_id = any($2)"
        " and predecessor_project_id = any($2) and state in ('offered', 'accepted') order by id",
        tx.organization_id,
        list(projects),
    )


async def tasks_by_source(tx: Transaction, projects: Sequence[UUID]) -> dict[tuple[UUID, str], UUID]:
    """Return the tasks of projects by project and what their file calls them."""
    found = await tx.fetch(
        "select project_id, source_id, id from task where organization_id = $1 and project_id = any($2)"
        " and source_id is not null",
        tx.organization_id,
        list(projects),
    )
    return {(row["project_id"], row["source_id"]): row["id"] for row in found}


async def keep_bounds(tx: Transaction, project_id: UUID, bounds: Mapping[UUID, Bound]) -> set[UUID]:
    """Store what links ask of a project's tasks and leave others, in the place of what they did.

    Returns the projects that are left something else by it.
    """
    before = {
        row["id"]: row
        for row in await tx.fetch(
            "select l.id, l.predecessor_project_id, b.latest from project_link l"
            " left join project_link_bound b on b.organization_id = $1 and b.id = l.id"
            " where l.organization_id = $1 and l.project_id = $2",
            tx.organization_id,
            project_id,
        )
    }
    left = {key: each.latest for key, each in bounds.items()}
    await tx.execute(
        "delete from project_link_bound where organization_id = $1 and project_id = $2 and not id = any($3)",
        tx.organization_id,
        project_id,
        list(bounds),
    )
    if bounds:
        await tx.execute(
            """
insert into project_link_bound as b (organization_id, id, version, project_id, bound, is_driving, latest)
select $1, v.id, 1, $2, v.bound, v.is_driving, v.latest
from unnest($3::uuid[], $4::timestamp[], $5::boolean[], $6::timestamp[]) as v(id, bound, is_driving, latest)
where exists (select from project_link l where l.organization_id = $1 and l.id = v.id)
on conflict (organization_id, id) do update
set version = b.version + 1, updated_at = now(), bound = excluded.bound, is_driving = excluded.is_driving,
  latest = excluded.latest
where (b.bound, b.is_driving, b.latest) is distinct from (excluded.bound, excluded.is_driving, excluded.latest)
""",
            tx.organization_id,
            project_id,
            list(bounds),
            [each.at for each in bounds.values()],
            [each.is_driving for each in bounds.values()],
            [each.latest for each in bounds.values()],
        )
    return {row["predecessor_project_id"] for key, row in before.items() if row["latest"] != left.get(key)}
