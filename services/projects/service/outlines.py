"""A project's outline as it is kept, and writing what changed in it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from services.projects.domain.codes import Mask
from services.projects.domain.outline import Outline, Place
from services.projects.entities import TASK
from services.projects.repository import outlines
from services.projects.service.changes import PlanChanges
from shared.db import Transaction
from shared.entity import Entity

Fields = dict[str, object]


def outline_of(rows: Sequence[asyncpg.Record], mask: str) -> Outline[UUID]:
    """Return the outline of rows that `task_places` found."""
    places = (
        Place(
            row["id"],
            row["parent_id"],
            row["position"],
            row["outline_level"],
            row["work_breakdown_structure"],
            is_summary=row["is_summary"],
            has_fixed_code=row["has_fixed_code"],
        )
        for row in rows
    )
    return Outline(places, Mask.parse(mask))


async def load_outline(tx: Transaction, project: asyncpg.Record) -> Outline[UUID]:
    """Return the outline of a project."""
    return outline_of(await outlines.task_places(tx, project["id"]), project["code_mask"])


async def update_rows(
    tx: Transaction, changes: PlanChanges, kind: Entity, rows: Mapping[UUID, Mapping[str, object]]
) -> None:
    """Change rows, those with the same columns in one statement."""
    groups: dict[tuple[str, ...], list[tuple[object, ...]]] = {}
    for identifier, fields in rows.items():
        if fields:
            names = tuple(sorted(fields))
            groups.setdefault(names, []).append((identifier, *(fields[name] for name in names)))
    for names, group in groups.items():
        await changes.update(tx, kind, ("id", *names), group)


async def write_outline(tx: Transaction, project_id: UUID, settled: Mapping[UUID, Mapping[str, object]]) -> str | None:
    """Write what settling an outline changed, as one event; returns the position of its effect."""
    changes = PlanChanges(project_id)
    await update_rows(tx, changes, TASK, settled)
    return await changes.record(tx)
