"""What happened to a plan since it was read: the statements on its project's events."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from shared.db import Transaction


async def last_event(tx: Transaction, project_id: UUID) -> tuple[int, UUID | None]:
    """Return number and id of a project's last event: 0 and None before the first."""
    row = await tx.fetchrow(
        "select a.version, e.id from aggregate a left join event_log e on e.organization_id = $1"
        " and e.aggregate_id = $2 and e.version = a.version where a.organization_id = $1 and a.id = $2",
        tx.organization_id,
        project_id,
    )
    return (0, None) if row is None else (row["version"], row["id"])


async def events_from(tx: Transaction, project_id: UUID, first: int, *, most: int) -> list[asyncpg.Record]:
    """Return number, id, type and entity of a project's events from one on, in their order."""
    return await tx.fetch(
        "select version, id, type, entity_id from event_log"
        " where organization_id = $1 and aggregate_id = $2 and version >= $3 order by version limit $4",
        tx.organization_id,
        project_id,
        first,
        most,
    )


async def items_of(tx: Transaction, project_id: UUID, versions: Sequence[int]) -> list[tuple[str, UUID]]:
    """Return kind and id of the rows that events of many changes at once name."""
    rows = await tx.fetch(
        "select item->>'kind' as kind, (item->>'id')::uuid as id from event_log"
        " cross join json_array_elements(data->'items') as item"
        " where organization_id = $1 and aggregate_id = $2 and version = any($3)",
        tx.organization_id,
        project_id,
        list(versions),
    )
    return [(row["kind"], row["id"]) for row in rows]
