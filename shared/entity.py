"""Writing an entity: row, version, history, event and pending set in one statement, all or nothing.

PostgreSQL builds the entity's image (what the API answers, history keeps and the event carries) from the row itself,
so the three can never differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from uuid import UUID

import orjson
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from uuid_utils.compat import uuid7

from shared.db import Transaction
from shared.errors import NotFound, PreconditionFailed
from shared.faults import fault

DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class Entity:
    """A kind of thing that a service owns: its table, its image and the root aggregate whose events it is part of."""

    service: str
    name: str
    table: Table
    image: Mapping[str, str]
    """Field of the API → SQL expression over `t` (the table) and what `join` brings."""
    root: str
    """The column that holds the root aggregate's id."""
    join: str = ""

    def event_type(self, fact: str) -> str:
        """Return the type of an event, such as pmo.projects.task.created.v1."""
        return f"pmo.{self.service}.{self.name}.{fact}.v1"

    def select(self, fields: Iterable[str] | None = None) -> str:
        """Return the select list of the image, or of some of its fields."""
        names = self.image if fields is None else fields
        return ", ".join(f"{self.image[name]} as {name}" for name in names)

    @property
    def columns(self) -> str:
        """The columns over `t` that this code knows, for a select list.

        Never `*`: a later release's migration would change what prepared statements of this one return, and they fail.
        """
        return _columns(self.table)

    def sql_type(self, column: str) -> str:
        """Return PostgreSQL's name of a column's type."""
        return self.table.c[column].type.compile(dialect=DIALECT)


@lru_cache
def _columns(table: Table) -> str:
    return ", ".join(f"t.{column.name}" for column in table.columns)


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind: the entity's version, its image as JSON text, and the aggregate's position."""

    id: UUID
    version: int
    image: str | None
    position: str


_RECORD: Final = """
root as (
  insert into aggregate as a (organization_id, id, version)
  select $1, w.root_id, 1 from written w
  on conflict (organization_id, id) do update set version = a.version + 1 returning id, version
),
past as (
  insert into history
    (organization_id, entity, entity_id, version, root_id, actor, action, reason, correlation_id, data)
  select $1, $2, w.id, w.version, w.root_id, $3, $4, $5, $6, w.image from written w
),
event as (
  insert into event_log (organization_id, aggregate_id, version, id, type, entity_id, actor, correlation_id,
                         causation_id, traceparent, data)
  select $1, root.id, root.version, $7, $8, w.id, $3, $6, $9, $10,
         json_build_object('id', w.id, 'version', w.version, 'changed', $11::text::json, 'after', w.image)
  from written w, root
),
pending as (
  insert into outbox_pending (organization_id, aggregate_id, version) select $1, id, version from root
)
select w.id, w.version, w.image::text as image, root.id as root_id, root.version as position from written w, root
"""
_FIRST: Final = 12  # the first parameter that a statement itself may use


def _written(entity: Entity, changed: str) -> str:
    return f"""
with changed as ({changed}),
written as (
  select t.id, t.version, t.{entity.root} as root_id,
         (select row_to_json(i) from (select {entity.select()}) i) as image
  from changed t {entity.join}
),
{_RECORD}"""


@lru_cache(maxsize=512)
def _insert_sql(entity: Entity, columns: tuple[str, ...], computed: tuple[tuple[str, str], ...]) -> str:
    places = {name: f"${_FIRST + 1 + n}" for n, name in enumerate(columns)}
    values = {**places, **{name: expression.format_map(places) for name, expression in computed}}
    return _written(
        entity,
        f"insert into {entity.table.name} ({', '.join(('organization_id', 'id', 'version', *values))})"
        f" values ({', '.join(('$1', f'${_FIRST}', '1', *values.values()))}) returning *",
    )


@lru_cache(maxsize=512)
def _update_sql(entity: Entity, columns: tuple[str, ...]) -> str:
    sets = "".join(f", {name} = ${_FIRST + 2 + n}" for n, name in enumerate(columns))
    return _written(
        entity,
        f"update {entity.table.name} set version = version + 1, updated_at = now(){sets}"
        f" where organization_id = $1 and id = ${_FIRST} and version = ${_FIRST + 1} returning *",
    )


@lru_cache(maxsize=64)
def _delete_sql(entity: Entity) -> str:
    return f"""
with changed as (
  delete from {entity.table.name} where organization_id = $1 and id = ${_FIRST} and version = ${_FIRST + 1} returning *
),
written as (select t.id, t.version + 1 as version, t.{entity.root} as root_id, null::json as image from changed t),
{_RECORD}"""


def _common(tx: Transaction, entity: Entity, fact: str, changed: Sequence[str]) -> tuple[object, ...]:
    context = tx.context
    return (
        context.organization_id,
        entity.name,
        context.actor,
        fact,
        context.reason,
        context.correlation_id,
        uuid7(),
        entity.event_type(fact),
        context.causation_id,
        context.traceparent,
        orjson.dumps(changed).decode(),
    )


async def _write(tx: Transaction, entity: Entity, sql: str, *values: object) -> Written | None:
    row = await tx.fetchrow(sql, *values)
    if row is None:
        return None
    tx.wake("outbox")
    await fault("write.after_statement")
    return Written(row["id"], row["version"], row["image"], f"{entity.service}:{row['root_id']}@{row['position']}")


async def create(
    tx: Transaction,
    entity: Entity,
    values: Mapping[str, object],
    *,
    computed: Mapping[str, str] = MappingProxyType({}),
    fact: str = "created",
) -> Written:
    """Insert an entity (an `id` among the values is kept, else a UUIDv7 is made) with its history and event.

    `computed` are columns as SQL expressions, in which `{name}` stands for the value of that name.
    """
    fields = dict(values)
    identifier = fields.pop("id", None) or uuid7()
    written = await _write(
        tx,
        entity,
        _insert_sql(entity, tuple(fields), tuple(computed.items())),
        *_common(tx, entity, fact, list(dict.fromkeys((*fields, *computed)))),
        identifier,
        *fields.values(),
    )
    assert written is not None
    return written


async def update(
    tx: Transaction,
    entity: Entity,
    identifier: UUID,
    values: Mapping[str, object],
    *,
    expected: int,
    changed: Sequence[str] | None = None,
    fact: str = "updated",
) -> Written:
    """Change an entity at its expected version; raises PreconditionFailed if it has moved on or is gone."""
    written = await _write(
        tx,
        entity,
        _update_sql(entity, tuple(values)),
        *_common(tx, entity, fact, list(values if changed is None else changed)),
        identifier,
        expected,
        *values.values(),
    )
    if written is None:
        raise PreconditionFailed
    return written


async def unchanged(tx: Transaction, entity: Entity, identifier: UUID) -> Written:
    """Return an entity as it is, for a change that changes nothing: no version, no history, no event."""
    row = await tx.fetchrow(
        f"select t.version, (select row_to_json(i)::text from (select {entity.select()}) i) as image,"
        f" t.{entity.root} as root_id, coalesce(a.version, 0) as position from {entity.table.name} t {entity.join}"
        f" left join aggregate a on a.organization_id = t.organization_id and a.id = t.{entity.root}"
        f" where t.organization_id = $1 and t.id = $2",
        tx.organization_id,
        identifier,
    )
    if row is None:
        raise NotFound
    return Written(identifier, row["version"], row["image"], f"{entity.service}:{row['root_id']}@{row['position']}")


async def delete(tx: Transaction, entity: Entity, identifier: UUID, *, expected: int) -> Written:
    """Delete an entity at its expected version; history and event keep the version of the deletion."""
    written = await _write(tx, entity, _delete_sql(entity), *_common(tx, entity, "deleted", []), identifier, expected)
    if written is None:
        raise PreconditionFailed
    return written


@lru_cache(maxsize=256)
def _get_sql(entity: Entity, where: str) -> str:
    return (
        f"select t.version, (select row_to_json(i)::text from (select {entity.select()}) i) as image"
        f" from {entity.table.name} t {entity.join} where t.organization_id = $1 and {where}"
    )


async def get(tx: Transaction, entity: Entity, where: str, *values: object) -> tuple[int, str]:
    """Return version and image of the one entity that a condition over `t` ($2 …) finds; raises NotFound."""
    rows = await tx.read(_get_sql(entity, where), tx.organization_id, *values)
    if not rows:
        raise NotFound
    return rows[0]["version"], rows[0]["image"]


async def image_as_of(
    tx: Transaction, entity: Entity, identifier: UUID, moment: object, *, root: UUID | None = None
) -> tuple[int, str]:
    """Return version and image as they were at an instant; raises NotFound if it did not exist then.

    `root` is the aggregate that it must have been part of.
    """
    row = await tx.fetchrow(
        "select version, data::text as image from history where organization_id = $1 and entity = $2"
        " and entity_id = $3 and at <= $4 and ($5::uuid is null or root_id = $5) order by version desc limit 1",
        tx.organization_id,
        entity.name,
        identifier,
        moment,
        root,
    )
    if row is None or row["image"] is None:
        raise NotFound("It did not exist at that instant.")
    return row["version"], row["image"]


@dataclass(frozen=True, slots=True)
class Image:
    """One entity of a bulk write."""

    id: UUID
    version: int
    image: str


async def write_many(
    tx: Transaction,
    entity: Entity,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    action: str,
) -> list[Image]:
    """Insert or update (by `id`, the first column) many entities with their history; the caller records the event."""
    if not rows:
        return []
    kinds = [entity.sql_type(column) for column in columns]
    arrays = ", ".join(f"${5 + n}::{kind}[]" for n, kind in enumerate(kinds))
    names = ", ".join(columns)
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    table = entity.table.name
    sql = f"""
with changed as (
  insert into {table} as o (organization_id, version, {names})
  select $1, 1, v.* from unnest({arrays}) as v({names})
  on conflict (organization_id, id) do update set version = o.version + 1, updated_at = now(), {sets}
  returning *
),
written as (
  select t.id, t.version, t.{entity.root} as root_id, (select row_to_json(i) from (select {entity.select()}) i) as image
  from changed t {entity.join}
),
past as (
  insert into history
    (organization_id, entity, entity_id, version, root_id, actor, action, reason, correlation_id, data)
  select $1, '{entity.name}', id, version, root_id, $2, '{action}', $4, $3, image from written
)
select id, version, image::text as image from written
"""
    values = list(map(list, zip(*rows, strict=True)))
    context = tx.context
    found = await tx.fetch(sql, tx.organization_id, context.actor, context.correlation_id, context.reason, *values)
    return [Image(row["id"], row["version"], row["image"]) for row in found]


async def delete_many(tx: Transaction, entity: Entity, identifiers: Sequence[UUID]) -> list[tuple[UUID, int]]:
    """Delete many entities with their history; the caller records the event. Returns ids and final versions."""
    if not identifiers:
        return []
    rows = await tx.fetch(
        f"""
with gone as (delete from {entity.table.name} where organization_id = $1 and id = any($5) returning *),
past as (
  insert into history
    (organization_id, entity, entity_id, version, root_id, actor, action, reason, correlation_id, data)
  select $1, '{entity.name}', id, version + 1, {entity.root}, $2, 'deleted', $4, $3, null from gone
)
select id, version + 1 as version from gone
""",
        tx.organization_id,
        tx.context.actor,
        tx.context.correlation_id,
        tx.context.reason,
        list(identifiers),
    )
    return [(row["id"], row["version"]) for row in rows]
