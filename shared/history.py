"""The past of an entity: each of its versions with who made it, when, why, and what it changed."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import Depends, Query
from sqlalchemy import MetaData
from starlette.responses import Response

from shared import pagination
from shared.db import Transaction
from shared.entity import Entity
from shared.errors import NotFound
from shared.pagination import Listing, PageRequest, Sort, page_of
from shared.tables import infrastructure
from shared.types import Count, Instant, Schema, Text, Wanted


class VersionRead(Schema):
    """One version of an entity."""

    version: Count
    """Counts the entity's changes."""
    at: datetime
    """When it came to be, UTC."""
    actor: Text
    """Who made it."""
    action: Text
    """What was done: created, updated, deleted, or a fact such as approved."""
    reason: Text | None
    """Why, as the caller said: in the body where it has a reason, else in `PMO-Reason`."""
    request_id: Text
    """The request that made it; names it in the logs."""
    changed: list[Text]
    """Names of the fields that differ from the version before: at creation those not null, at deletion none."""
    after: dict[str, object] | None
    """The entity as it was from then on, in the shape that it had then; null once it is deleted."""


HistoryPage = page_of(VersionRead, "HistoryPage")

_TABLES: Final = MetaData()
infrastructure(_TABLES)

# What a version changed is told by the one before it. The version itself and its stamp always differ: they say nothing.
_CHANGED: Final = """(
  select coalesce(json_agg(coalesce(n.key, b.key) order by coalesce(n.key, b.key)), '[]')
  from json_each_text(coalesce(t.data, '{}')) n
  full join json_each_text(case when t.data is null then '{}' else coalesce(before.data, '{}') end) b on b.key = n.key
  where n.value is distinct from b.value and coalesce(n.key, b.key) not in ('version', 'updated_at')
)"""
_VERSION: Final = Entity(
    "",
    "history",
    _TABLES.tables["history"],
    {
        "version": "t.version",
        "at": "pmo_instant(t.at)",
        "actor": "t.actor",
        "action": "t.action",
        "reason": "t.reason",
        "request_id": "t.correlation_id",
        "changed": _CHANGED,
        "after": "t.data",
    },
    root="root_id",
    join="left join lateral (select h.data from history h where h.organization_id = t.organization_id"
    " and h.entity = t.entity and h.entity_id = t.entity_id and h.version < t.version"
    " order by h.version desc limit 1) before on true",
)
HISTORY: Final = Listing(
    _VERSION,
    conditions={
        "entity": "t.entity = {}",
        "entity_id": "t.entity_id = {}",
        "root_id": "t.root_id = {}",
        "actor": "t.actor = {}",
        "action": "t.action = any({}::text[])",
        "since": "t.at >= {}",
        "until": "t.at < {}",
    },
    sorts={"version": Sort("t.version", "int")},
    default_sort="-version",
    tie=Sort("t.version", "int"),
)


@dataclass(frozen=True, slots=True)
class HistoryFilters:
    """Which versions of an entity are asked for."""

    actor: str | None
    action: list[str] | None
    since: datetime | None
    until: datetime | None


async def _filters(
    actor: Annotated[Wanted | None, Query(max_length=200, description="Who made it.")] = None,
    action: Annotated[list[str] | None, Query(description="Any of these actions: created, updated, deleted, …")] = None,
    since: Annotated[Instant | None, Query(description="Made at this instant or later.")] = None,
    until: Annotated[Instant | None, Query(description="Made before this instant.")] = None,
) -> HistoryFilters:
    return HistoryFilters(actor, action, since, until)


Filters = Annotated[HistoryFilters, Depends(_filters)]


async def page(
    tx: Transaction,
    wanted: PageRequest,
    entity: Entity,
    identifier: UUID,
    filters: HistoryFilters,
    *,
    root: UUID | None = None,
) -> Response:
    """Answer an entity's versions, newest first, also of one that is deleted; raises NotFound where there are none.

    `root` is the aggregate that the entity must have been part of.
    """
    if await tx.read(_EXISTS, tx.organization_id, entity.name, identifier, root) == []:
        raise NotFound
    given = {"entity": entity.name, "entity_id": identifier, **asdict(filters)}
    return await pagination.page(tx, HISTORY, wanted, given)


_EXISTS: Final = """
select 1 from history where organization_id = $1 and entity = $2 and entity_id = $3
  and ($4::uuid is null or root_id = $4) limit 1
"""


async def last_image(tx: Transaction, entity: Entity, identifier: UUID) -> dict[str, object]:
    """Return an entity as it is, or as it was before it was deleted; raises NotFound if it never was."""
    rows = await tx.read(
        "select data::text as image from history where organization_id = $1 and entity = $2 and entity_id = $3"
        " and data is not null order by version desc limit 1",
        tx.organization_id,
        entity.name,
        identifier,
    )
    if not rows:
        raise NotFound
    image: dict[str, object] = orjson.loads(rows[0]["image"])
    return image
