"""The statements of customers, portfolios, programmes, and of the fields that an organization adds."""

from typing import Final
from uuid import UUID, uuid5

import asyncpg

from services.projects.entities import CUSTOM_FIELD, CUSTOMER, PORTFOLIO, PORTFOLIO_ITEM, PROGRAMME
from services.projects.repository.filters import BELOW, BELOW_PROJECTS, FOUND_BY, GOVERNED
from services.projects.repository.plans import lock_aggregate, lock_aggregates
from shared.db import Transaction
from shared.entity import Entity
from shared.errors import NotFound
from shared.pagination import Listing, Sort
from shared.types import as_uuid

NAMED: Final = {
    "id": Sort("t.id", "uuid"),
    "key": Sort("t.key", "text"),
    "name": Sort("t.name", "text"),
    "created_at": Sort("t.created_at", "timestamptz"),
    "updated_at": Sort("t.updated_at", "timestamptz"),
}
SEES: Final = {
    PORTFOLIO.name: """(t.owner = {} or exists (
      select from project p
      left join programme g on g.organization_id = p.organization_id and g.id = p.programme_id
      left join portfolio_item i on i.organization_id = p.organization_id and i.project_id = p.id
      where p.organization_id = $1 and p.owner = {} and t.id in (g.portfolio_id, i.portfolio_id)))""",
    PROGRAMME.name: """(t.owner = {} or exists (
      select from project p where p.organization_id = $1 and p.programme_id = t.id and p.owner = {}))""",
    CUSTOMER.name: "{}::text is not null",
}
"""What those see who see only their own: what they manage, and what a project of theirs is part of."""
OWNS: Final = "t.owner = {}"

CUSTOMERS: Final = Listing(CUSTOMER, conditions=FOUND_BY, sorts=NAMED, default_sort="id")
PORTFOLIOS: Final = Listing(
    PORTFOLIO,
    conditions={**FOUND_BY, **GOVERNED, "parent_id": "t.parent_id = {}", "is_root": "(t.parent_id is null) = {}"},
    sorts={**NAMED, "status": Sort("t.status", "text")},
    default_sort="id",
)
PROGRAMMES: Final = Listing(
    PROGRAMME,
    conditions={
        **FOUND_BY,
        **GOVERNED,
        "portfolio_id": "t.portfolio_id = {}",
        "is_alone": "(t.portfolio_id is null) = {}",
    },
    sorts={**NAMED, "status": Sort("t.status", "text")},
    default_sort="id",
)
PORTFOLIO_ITEMS: Final = Listing(
    PORTFOLIO_ITEM,
    conditions={"portfolio_id": "t.portfolio_id = {}", "project_id": "t.project_id = {}"},
    sorts={
        "id": Sort("t.id", "uuid"),
        "weight": Sort("t.weight", "numeric"),
        "created_at": Sort("t.created_at", "timestamptz"),
    },
    default_sort="id",
)
CUSTOM_FIELDS: Final = Listing(
    CUSTOM_FIELD,
    conditions={
        "entity": "t.entity = any({}::text[])",
        "key": "t.key = {}",
        "type": "t.type = any({}::text[])",
        "status": "t.status = any({}::text[])",
    },
    sorts={**NAMED, "entity": Sort("t.entity", "text")},
    default_sort="entity,key",
)


def condition(value: str, restriction: str | None, subject: str | None) -> tuple[str, list[object]]:
    """Return the condition that finds something by id or key, under a restriction to what is the subject's."""
    identifier = as_uuid(value)
    found = "t.id = $2" if identifier is not None else "t.key = $2"
    values: list[object] = [identifier or value]
    if restriction is not None and subject is not None:
        found += f" and {restriction.replace('{}', '$3')}"
        values.append(subject)
    return found, values


async def find(
    tx: Transaction, kind: Entity, value: str, restriction: str | None = None, subject: str | None = None
) -> asyncpg.Record:
    """Return the row that an id or a key names, under a restriction; raises NotFound."""
    where, values = condition(value, restriction, subject)
    rows = await tx.read(
        f"select {kind.columns} from {kind.table.name} t where t.organization_id = $1 and {where}",
        tx.organization_id,
        *values,
    )
    if not rows:
        raise NotFound
    return rows[0]


async def locked(
    tx: Transaction, kind: Entity, value: str, restriction: str | None = None, subject: str | None = None
) -> asyncpg.Record:
    """Return the row as `find` does, holding off all other writers of its aggregate."""
    row = await find(tx, kind, value, restriction, subject)
    await lock_aggregate(tx, row[kind.root])
    where, values = condition(str(row["id"]), restriction, subject)
    again = await tx.fetchrow(
        f"select {kind.columns} from {kind.table.name} t where t.organization_id = $1 and {where} for update",
        tx.organization_id,
        *values,
    )
    if again is None:
        raise NotFound
    return again


async def exists(tx: Transaction, kind: Entity, identifier: object) -> bool:
    """Tell whether there is something with this id, and keep it there until the transaction ends."""
    row = await tx.fetchrow(
        f"select 1 from {kind.table.name} where organization_id = $1 and id = $2 for key share",
        tx.organization_id,
        identifier,
    )
    return row is not None


async def lock_tree(tx: Transaction) -> None:
    """Hold off all others who move portfolios of the organization below others."""
    key = uuid5(tx.organization_id, "portfolio tree").int >> 65
    await tx.execute("select pg_advisory_xact_lock($1)", key)


async def is_below(tx: Transaction, portfolio_id: UUID, ancestor: UUID) -> bool:
    """Tell whether a portfolio is another, or lies below it."""
    sql = BELOW.format(root="$2::uuid") + " select count(*) from below where id = $3"
    return bool(await tx.fetchint(sql, tx.organization_id, ancestor, portfolio_id))


async def items_of(tx: Transaction, portfolio_id: UUID) -> list[asyncpg.Record]:
    """Return the projects' places in a portfolio whose writers the caller holds off."""
    return await tx.fetch(
        "select id, version from portfolio_item where organization_id = $1 and portfolio_id = $2 order by id",
        tx.organization_id,
        portfolio_id,
    )


async def items_of_project(tx: Transaction, project_id: UUID) -> list[asyncpg.Record]:
    """Return a project's places in portfolios, whose other writers are held off until the transaction ends."""
    places = await tx.fetch(_PLACES, tx.organization_id, project_id)
    if places:
        await lock_aggregates(tx, [row["portfolio_id"] for row in places])
        places = await tx.fetch(_PLACES, tx.organization_id, project_id)
    return places


_PLACES: Final = "select id, portfolio_id, version from portfolio_item where organization_id = $1 and project_id = $2"


_COUNTS: Final = """
select count(*)::int as projects,
       count(*) filter (where open)::int as open_projects,
       json_build_object({statuses}) as by_status,
       json_build_object('green', count(*) filter (where open and health_status = 'green'),
                         'amber', count(*) filter (where open and health_status = 'amber'),
                         'red', count(*) filter (where open and health_status = 'red'),
                         'undeclared', count(*) filter (where open and health_status is null)) as by_health,
       json_build_object('value', round(count(*) filter (where open and health_status is not null)
                                        / nullif(count(*) filter (where open), 0)::numeric, 4)::text,
                         'unit', 'ratio',
                         'reason', case when count(*) filter (where open) = 0 then 'no_open_projects' end)
         as health_coverage,
       json_build_object('value', round(sum(weight * percent) filter (where committed)
                                        / nullif(sum(weight) filter (where committed and percent is not null), 0),
                                        2)::text,
                         'unit', 'percent',
                         'reason', case when coalesce(bool_and(percent is null) filter (where committed), true)
                                        then 'no_progress' end)
         as progress,
       json_build_object('value', round(coalesce(sum(weight) filter (where committed and percent is not null), 0)
                                        / nullif(sum(weight) filter (where committed), 0), 4)::text,
                         'unit', 'ratio',
                         'reason', case when count(*) filter (where committed) = 0 then 'no_committed_projects' end)
         as progress_coverage
from (select p.status, p.health_status, p.status not in ('closed', 'cancelled') as open,
             p.status not in ('idea', 'proposed', 'cancelled') as committed, f.weight, s.percent_complete as percent
      from found f join project p on p.organization_id = $1 and p.id = f.id and not p.is_template
      left join schedule s on s.organization_id = $1 and s.id = p.id) c
"""
# A project counts as the portfolio says that it is put into, else as the weightiest of those below it, else as 1.
_WEIGHED: Final = """
  select f.id, coalesce(max(i.weight) filter (where i.portfolio_id = $2), max(i.weight), 1) as weight
  from ({found}) f
  left join portfolio_item i on i.organization_id = $1 and i.project_id = f.id
    and i.portfolio_id in (select id from below)
  group by f.id"""
_STATUSES: Final = ", ".join(
    f"'{status}', count(*) filter (where status = '{status}')"
    for status in ("idea", "proposed", "approved", "active", "on_hold", "closing", "closed", "cancelled")
)
_FRAME: Final = """{found}, counted as ({counts})
select row_to_json(r)::text from (
  select projects, {programmes} as programmes, {portfolios} as portfolios, open_projects, by_status, by_health,
         health_coverage, progress, progress_coverage from counted
) r"""
_ROLL_UPS: Final = {
    PORTFOLIO.name: _FRAME.format(
        found=f"{BELOW.format(root='$2::uuid')}, found as ({_WEIGHED.format(found=BELOW_PROJECTS)})",
        counts=_COUNTS.format(statuses=_STATUSES),
        programmes="(select count(*)::int from programme g join below b on b.id = g.portfolio_id"
        " where g.organization_id = $1)",
        portfolios="(select count(*)::int - 1 from below)",
    ),
    PROGRAMME.name: _FRAME.format(
        found="with found as ("
        "select id, 1::numeric as weight from project where organization_id = $1 and programme_id = $2)",
        counts=_COUNTS.format(statuses=_STATUSES),
        programmes="0",
        portfolios="0",
    ),
}


async def roll_up(tx: Transaction, kind: Entity, identifier: UUID) -> str:
    """Return as JSON how many projects of which status and health are below a portfolio or programme."""
    rows = await tx.read(_ROLL_UPS[kind.name], tx.organization_id, identifier)
    return str(rows[0][0])


async def definitions(tx: Transaction, kind: str) -> list[asyncpg.Record]:
    """Return the fields that the organization has added to a kind of thing, the retired ones too."""
    return await tx.read(
        f"select {CUSTOM_FIELD.columns} from custom_field t"
        " where t.organization_id = $1 and t.entity = $2 order by t.key",
        tx.organization_id,
        kind,
    )


async def is_field_used(tx: Transaction, kind: str, key: str) -> bool:
    """Tell whether anything of a kind has a value for a field."""
    return bool(
        await tx.fetchint(
            f"select count(*) from (select 1 from {kind} where organization_id = $1 and custom_fields ? $2 limit 1) u",
            tx.organization_id,
            key,
        )
    )
