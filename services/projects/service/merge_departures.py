"""Tasks that are no longer in a file: what was made by hand below them moves up, what hangs on them goes with them."""

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.entities import ASSIGNMENT, DEPENDENCY, TASK
from services.projects.repository import outlines
from services.projects.service.merge_rows import RowMerge
from services.projects.service.techniques import measured_by
from shared import entity

Record = asyncpg.Record


def link_name(tasks: Mapping[UUID, Record]) -> Callable[[Record], str]:
    """Return what reports call a link: by the file's ids of its tasks, ours of those made by hand."""

    def name(key: UUID) -> object:
        return (tasks[key]["source_id"] or key) if key in tasks else ""

    return lambda row: f"{name(row['predecessor_id'])}>{name(row['successor_id'])}"


def leaving_of(merge: RowMerge, tasks: Mapping[UUID, Record], stays: Collection[UUID]) -> set[UUID]:
    """Return the imported tasks that the file holds no longer; those that could not be read are still in it."""
    unread = merge.unread(TASK.name)
    return {
        key for key, row in tasks.items() if row["is_imported"] and key not in stays and row["source_id"] not in unread
    }


async def let_go(
    merge: RowMerge, tasks: Mapping[UUID, Record], stays: Collection[UUID], leaving: Collection[UUID]
) -> None:
    """Loose what hangs on tasks that leave, whatever the file says of it.

    Their links and assignments are deleted; tasks made by hand below them hang on the next summary that stays, and earn
    no part of what one of them would.
    """
    unmeasured = set(measured_by(tasks.values(), leaving)) - set(stays)
    for key, row in tasks.items():
        parent = row["parent_id"]
        changed: dict[str, object] = {"ev_technique": None} if key in unmeasured else {}
        if key not in leaving and parent in leaving:
            while parent in leaving:
                parent = tasks[parent]["parent_id"]
            level = 1 if parent is None else tasks[parent]["outline_level"] + 1
            changed |= {"parent_id": parent, "outline_level": level}
        if changed:
            await entity.update(merge.tx, TASK, key, changed, expected=row["version"])
    project = merge.merged.project_id
    links = await outlines.links_of(merge.tx, project, leaving)
    shares = await outlines.assignments_of(merge.tx, project, leaving)
    named = link_name(tasks)
    rows = await repository.rows_by_id(merge.tx, DEPENDENCY, project, links)
    await merge.delete(DEPENDENCY, {row["id"]: named(row) for row in rows})
    rows = await repository.rows_by_id(merge.tx, ASSIGNMENT, project, shares)
    await merge.delete(ASSIGNMENT, {row["id"]: str(row["source_id"]) for row in rows})
