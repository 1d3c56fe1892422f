"""The statements of an organization's calendars."""

from typing import Final
from uuid import UUID, uuid5

import asyncpg

from services.projects.entities import ORGANIZATION_CALENDAR
from shared.db import Transaction
from shared.pagination import Listing, Sort

ORGANIZATION_CALENDARS: Final = Listing(
    ORGANIZATION_CALENDAR,
    conditions={
        "base_calendar_id": "t.base_calendar_id = {}",
        "is_default": "t.is_default = {}",
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


async def lock_calendars(tx: Transaction) -> None:
    """Hold off all others who change the organization's calendars: together they must lead to no loop."""
    key = uuid5(tx.organization_id, "organization calendars").int >> 65
    await tx.execute("select pg_advisory_xact_lock($1)", key)


async def calendars(tx: Transaction) -> dict[UUID, asyncpg.Record]:
    """Return all calendars of the organization by id."""
    rows = await tx.read(
        f"select {ORGANIZATION_CALENDAR.columns} from organization_calendar t where t.organization_id = $1",
        tx.organization_id,
    )
    return {row["id"]: row for row in rows}


async def held_calendars(tx: Transaction) -> dict[UUID, asyncpg.Record]:
    """Return all calendars of the organization by id, which nobody changes until the transaction ends.

    Whoever changes one afterwards finds all that took it over as it was.
    """
    rows = await tx.fetch(
        f"select {ORGANIZATION_CALENDAR.columns} from organization_calendar t"
        " where t.organization_id = $1 order by t.id for share",
        tx.organization_id,
    )
    return {row["id"]: row for row in rows}


async def default_calendar(tx: Transaction) -> UUID | None:
    """Return the calendar that new projects begin with."""
    rows = await tx.read(
        "select id from organization_calendar where organization_id = $1 and is_default", tx.organization_id
    )
    return rows[0]["id"] if rows else None


async def heirs(tx: Transaction, calendar_id: UUID) -> list[UUID]:
    """Return the projects that inherit a calendar."""
    rows = await tx.fetch(
        "select distinct project_id from calendar where organization_id = $1 and organization_calendar_id = $2"
        " order by project_id",
        tx.organization_id,
        calendar_id,
    )
    return [row["project_id"] for row in rows]
