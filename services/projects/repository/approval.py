"""The statements of limits of approval."""

from typing import Final

import asyncpg

from services.projects.entities import APPROVAL_LIMIT
from shared.db import Transaction
from shared.pagination import Listing, Sort

LIMITS: Final = Listing(
    APPROVAL_LIMIT,
    conditions={"role": "t.role = any({}::text[])", "currency": "t.currency = {}"},
    sorts={
        "id": Sort("t.id", "uuid"),
        "role": Sort("t.role", "text"),
        "currency": Sort("t.currency", "text"),
        "created_at": Sort("t.created_at", "timestamptz"),
    },
    default_sort="role,currency",
)


async def limits(tx: Transaction) -> list[asyncpg.Record]:
    """Return all limits of the organization."""
    return await tx.read(
        f"select {APPROVAL_LIMIT.columns} from approval_limit t where t.organization_id = $1", tx.organization_id
    )
