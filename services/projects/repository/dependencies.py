"""The statements of links between tasks."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.entities import DEPENDENCY
from shared.db import Transaction
from shared.errors import NotFound
from shared.pagination import Listing, Sort

DEPENDENCIES: Final = Listing(
    DEPENDENCY,
    conditions={
        "project_id": "t.project_id = {}",
        "predecessor_id": "t.predecessor_id = {}",
        "successor_id": "t.successor_id = {}",
        "task_id": "{} in (t.predecessor_id, t.successor_id)",
        "type": "t.type = any({}::text[])",
    },
    sorts={
        "id": Sort("t.id", "uuid"),
        "type": Sort("t.type", "text"),
        "lag": Sort("t.lag", "int"),
        "created_at": Sort("t.created_at", "timestamptz"),
        "updated_at": Sort("t.updated_at", "timestamptz"),
    },
    default_sort="id",
)


async def dependency_row(tx: Transaction, project_id: UUID, dependency_id: UUID) -> asyncpg.Record:
    """Return and lock a link's row; raises NotFound."""
    row = await tx.fetchrow(
        f"select {DEPENDENCY.columns} from dependency t"
        " where organization_id = $1 and project_id = $2 and id = $3 for update",
        tx.organization_id,
        project_id,
        dependency_id,
    )
    if row is None:
        raise NotFound
    return row


async def parents(tx: Transaction, project_id: UUID) -> Mapping[UUID, UUID | None]:
    """Return the parent of every task of a project."""
    rows = await tx.fetch(
        "select id, parent_id from task where organization_id = $1 and project_id = $2 order by position, id",
        tx.organization_id,
        project_id,
    )
    return {row[0]: row[1] for row in rows}


async def links(tx: Transaction, project_id: UUID) -> list[tuple[UUID, UUID]]:
    """Return predecessor and successor of every link of a project."""
    rows = await tx.fetch(
        "select predecessor_id, successor_id from dependency where organization_id = $1 and project_id = $2",
        tx.organization_id,
        project_id,
    )
    return [(row[0], row[1]) for row in rows]
