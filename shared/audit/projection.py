"""What a service keeps of another's aggregates, as data, and how both sides put the same aggregate into one number.

The owner and the projection each add up a hash of (kind, id, version) over an aggregate's entities. It is md5, since
the two databases need not be of one version of PostgreSQL.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import Table

from shared.db import Transaction
from shared.entity import Entity

ORGANIZATION: Final = "organization_id"

Rows = Mapping[str, Mapping[str, str]]
"""Table -> key -> digest."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A table of a projection."""

    table: Table
    root: str
    """The column that holds the aggregate's id."""
    entity: str | None = None
    """The owner's entity whose ids and versions the rows have, where each of its changes is an event."""
    ignored: frozenset[str] = frozenset()
    """Columns that no event tells."""
    is_compared: bool = True
    """False for what is kept only until more has come."""

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    @property
    def rows(self) -> str:
        """The statement that returns key and digest of an aggregate's rows."""
        columns = [c.name for c in self.table.columns if c.name not in {ORGANIZATION, *self.ignored}]
        key = [f"t.{c.name}" for c in self.table.primary_key.columns if c.name != ORGANIZATION]
        values = ", ".join(f"t.{name}" for name in columns)
        return (
            f"select concat_ws('/', {', '.join(key)}) as key,"
            f" md5((select row_to_json(x)::text from (select {values}) x)) as digest"
            f" from {self.name} t where t.organization_id = $1 and t.{self.root} = $2"
        )

    @property
    def part(self) -> str:
        """The statement that returns the hashes of an organization's living entities; none where there is no entity."""
        if self.entity is None:
            return f"select distinct {self.root} as root, 0::bigint as hash from {self.name} where organization_id = $1"
        living = " and not t.is_deleted" if "is_deleted" in self.table.c else ""
        hashed = f"case when true{living} then {_hash(self.entity)} else 0 end"
        return f"select t.{self.root} as root, {hashed} as hash from {self.name} t where t.organization_id = $1"


async def _nothing(_tx: Transaction, _root: UUID) -> None:
    """Nothing depends on it."""


@dataclass(frozen=True, eq=False)
class Projection:
    """All that a service keeps of one producer's aggregates; its handlers fill it."""

    producer: str
    tables: Sequence[Kept]
    redo: Callable[[Transaction, UUID], Awaitable[None]] = field(default=_nothing)
    """Asks for all that is computed of an aggregate to be computed anew."""

    @property
    def entities(self) -> list[str]:
        """The owner's entities that are compared by their versions."""
        return sorted({kept.entity for kept in self.tables if kept.entity is not None})


@dataclass(frozen=True, slots=True)
class Standing:
    """How an aggregate stands on one side."""

    version: int
    """The owner's last event, or how far the projection is."""
    hash: int
    is_waiting: bool = False


def _hash(entity: str) -> str:
    return f"('x' || left(md5('{entity} ' || t.id || ' ' || t.version), 15))::bit(60)::bigint"


def plain(identifier: UUID) -> UUID:
    """Return an id as a UUID of the standard library: the driver's are a class of their own."""
    return UUID(int=identifier.int)


async def standing(tx: Transaction, projection: Projection) -> dict[UUID, Standing]:
    """Return how each aggregate of the organization stands in a projection, as one statement sees it."""
    rows = await tx.fetch(
        f"""
with part as ({" union all ".join(kept.part for kept in projection.tables)}),
held as (select root, sum(hash)::text as hash from part group by root),
place as (
  select aggregate_id, version, waiting from consumer_position where organization_id = $1 and producer = $2
)
select coalesce(aggregate_id, root) as id, coalesce(version, 0) as version, coalesce(waiting, false) as waiting,
       coalesce(hash, '0') as hash
from place full join held on root = aggregate_id
""",
        tx.organization_id,
        projection.producer,
    )
    return {plain(row["id"]): Standing(row["version"], int(row["hash"]), row["waiting"]) for row in rows}


async def owned(tx: Transaction, entities: Sequence[Entity], after: UUID, most: int) -> list[asyncpg.Record]:
    """Return id, version and hash of the organization's aggregates after an id, as one statement sees them."""
    parts = [
        f"select t.{entity.root} as root, {_hash(entity.name)} as hash from {entity.table.name} t"
        f" where t.organization_id = $1 and t.{entity.root} > $2"
        f" and t.{entity.root} <= (select id from page order by id desc limit 1)"
        for entity in entities
    ]
    return await tx.fetch(
        f"""
with page as (
  select id, version from aggregate where organization_id = $1 and id > $2 and version > 0 order by id limit $3
),
part as ({" union all ".join(parts) or "select null::uuid as root, 0::bigint as hash where false"}),
held as (select root, sum(hash)::text as hash from part group by root)
select id, version, coalesce(hash, '0') as hash from page left join held on root = id order by id
""",
        tx.organization_id,
        after,
        most,
    )


async def rows_of(tx: Transaction, projection: Projection, root: UUID) -> Rows:
    """Return the rows of an aggregate that are compared."""
    found: dict[str, dict[str, str]] = {}
    for kept in projection.tables:
        if kept.is_compared:
            rows = await tx.fetch(kept.rows, tx.organization_id, root)
            found[kept.name] = {row["key"]: row["digest"] for row in rows}
    return found


async def clear(tx: Transaction, projection: Projection, root: UUID) -> None:
    """Delete all that is kept of an aggregate."""
    for kept in projection.tables:
        await tx.execute(
            f"delete from {kept.name} where organization_id = $1 and {kept.root} = $2", tx.organization_id, root
        )


def differing(before: Rows, after: Rows) -> dict[str, int]:
    """Return the number of rows that are missing, too many or different, by table."""
    counts = {
        name: sum(before[name].get(key) != rows.get(key) for key in before[name].keys() | rows.keys())
        for name, rows in after.items()
    }
    return {name: count for name, count in counts.items() if count}
