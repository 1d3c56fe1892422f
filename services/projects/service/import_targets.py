"""Which project a plan that was read from a file is of."""

from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.domain.plan import Plan
from services.projects.errors import ProjectSourceTaken
from shared.db import Transaction


def sees_only(row: asyncpg.Record) -> str | None:
    """Return whose projects alone the sender of an import sees; None: all."""
    return row["actor"] if row["own_only"] else None


async def find_project(tx: Transaction, source: str, row: asyncpg.Record) -> UUID | None:
    """Return the project that a plan is of: the one named, else the one of its source.

    Raises ProjectSourceTaken if that is one of somebody else's, and the sender may only change own ones.
    """
    owner = sees_only(row)
    if row["target_project_id"] is not None:
        identifier: UUID = (await repository.project_row(tx, str(row["target_project_id"]), owner))["id"]
        return identifier
    found = await tx.fetchrow(
        "select id, owner from project where organization_id = $1 and source_id = $2",
        tx.organization_id,
        source,
    )
    if found is None:
        return None
    if owner is not None and found["owner"] != owner:
        # It is told that there is one, which a refusal cannot hide, but not which, nor whose.
        raise ProjectSourceTaken("The file is of a project that is not yours; name one of yours with project_id.")
    known: UUID = found["id"]
    return known


def source_of(plan: Plan, sha256: str, part: str) -> str:
    """Return what identifies a file's project: its GUID, else the digest of the file's bytes; never a name."""
    return plan.source_guid or (f"sha256:{sha256}:{part}" if part else f"sha256:{sha256}")
