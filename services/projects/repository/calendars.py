"""The statements of working calendars."""

from typing import Final
from uuid import UUID

import asyncpg

from services.projects.entities import CALENDAR
from shared.db import Transaction
from shared.errors import NotFound
from shared.pagination import Listing, Sort

CALENDARS: Final = Listing(
    CALENDAR,
    conditions={
        "project_id": "t.project_id = {}",
        "source_id": "t.source_id = {}",
        "base_calendar_id": "t.base_calendar_id = {}",
        "name": "position(lower({}) in lower(t.name)) > 0",
    },
    sorts={
        "id": Sort("t.id", "uuid"),
        "name": Sort("t.name", "text"),
        "created_at": Sort("t.created_at", "timestamptz"),
        "updated_at": Sort("t.updated_at", "timestamptz"),
    },
    default_sort="name",
)

_USED: Final = """
select (select count(*) from project where organization_id = $1 and id = $2 and calendar_id = $3)
     + (select count(*) from task where organization_id = $1 and project_id = $2 and calendar_id = $3)
     + (select count(*) from plan_resource where organization_id = $1 and project_id = $2 and calendar_id = $3)
     + (select count(*) from calendar where organization_id = $1 and project_id = $2
        and (base_calendar_id = $3 or definition ->> 'base_source_id' = $4))
"""


async def calendar_row(tx: Transaction, project_id: UUID, calendar_id: UUID) -> asyncpg.Record:
    """Return a calendar's row; raises NotFound."""
    row = await tx.fetchrow(
        f"select {CALENDAR.columns} from calendar t where organization_id = $1 and project_id = $2 and id = $3",
        tx.organization_id,
        project_id,
        calendar_id,
    )
    if row is None:
        raise NotFound
    return row


async def uses(tx: Transaction, row: asyncpg.Record) -> int:
    """Return how many things work by a calendar."""
    return await tx.fetchint(_USED, tx.organization_id, row["project_id"], row["id"], row["source_id"])
