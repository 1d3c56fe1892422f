"""Writing many entities at once, each on its own behalf: rows, versions and history in one statement."""

from collections.abc import Sequence
from typing import Final

from shared.db import Context, Transaction
from shared.entity import Entity, Image

_INSERT: Final = """
  insert into {table} (organization_id, version, {names}) select $1, 1, {given} from given g returning *"""
_UPDATE: Final = """
  update {table} o set version = o.version + 1, updated_at = now(), {sets} from given g
  where o.organization_id = $1 and o.id = g.id returning o.*"""
_WRITE: Final = """
with given as (
  select * from unnest($3::text[], $4::text[], $5::text[], {arrays}) as v(by_actor, for_request, with_reason, {names})
),
changed as ({write}),
written as (
  select t.id, t.version, t.{root} as root_id, (select row_to_json(i) from (select {image}) i) as image
  from changed t {join}
),
past as (
  insert into history
    (organization_id, entity, entity_id, version, root_id, actor, action, reason, correlation_id, data)
  select $1, '{name}', w.id, w.version, w.root_id, g.by_actor, $2, g.with_reason, g.for_request, w.image
  from written w join given g on g.id = w.id
)
select id, version, image::text as image from written
"""


async def insert_many(
    tx: Transaction,
    entity: Entity,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    contexts: Sequence[Context],
    *,
    action: str,
) -> list[Image]:
    """Insert entities (`id` is the first column), each in the context it belongs to; the caller records the events."""
    return await _write(tx, entity, _INSERT, columns, rows, contexts, action)


async def update_many(
    tx: Transaction,
    entity: Entity,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    contexts: Sequence[Context],
    *,
    action: str = "updated",
) -> list[Image]:
    """Change columns of entities that the caller has locked (`id` is the first column); it records the events."""
    return await _write(tx, entity, _UPDATE, columns, rows, contexts, action)


async def _write(
    tx: Transaction,
    entity: Entity,
    write: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    contexts: Sequence[Context],
    action: str,
) -> list[Image]:
    if not rows:
        return []
    names = ", ".join(columns)
    statement = write.format(
        table=entity.table.name,
        names=names,
        given=", ".join(f"g.{column}" for column in columns),
        sets=", ".join(f"{column} = g.{column}" for column in columns if column != "id"),
    )
    sql = _WRITE.format(
        arrays=", ".join(f"${6 + number}::{entity.sql_type(column)}[]" for number, column in enumerate(columns)),
        names=names,
        write=statement,
        root=entity.root,
        image=entity.select(),
        join=entity.join,
        name=entity.name,
    )
    found = await tx.fetch(
        sql,
        tx.organization_id,
        action,
        [context.actor for context in contexts],
        [context.correlation_id for context in contexts],
        [context.reason for context in contexts],
        *map(list, zip(*rows, strict=True)),
    )
    return [Image(row["id"], row["version"], row["image"]) for row in found]
