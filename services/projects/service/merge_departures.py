"""Tasks that are no longer in a file: what was made by hand below them moves up, what hangs on them goes with them."""

from collections.abc import Callable, Mapping
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.entities import ASSIGNMENT, DEPENDENCY, TASK
from services.projects.repository import outlines
from services.projects.service.merge_rows import RowMerge
from shared import entity

Record = asyncpg.Record


def link_name(tasks: Mapping[UUID, Record]) -> Callable[[Record], str]:
    """Return what reports call a link: by the file's ids of its tasks, ours of those made by hand."""

    def name(key: UUID) -> object:
        return (tasks[key]["source_id"] or key) if key in tasks else ""

    return lambda row: f"{name(row['predecessor_id'])}>{name(row['successor_id'])}"


async def let_go(merge: RowMerge, tasks: Mapping[UUID, Record], stays: set[UUID]) -> None:
    """Loose what hangs on imported tasks that do not stay, whatever the file says of it.

    Their links and assignments are deleted; tasks made by hand below them hang on the next summary that stays.
    """
    unread = merge.unread(TASK.name)
    leaving = {
        key for key, row in tasks.items() if row["is_imported"] and key not in stays and row["source_id"] not in unread
    }
    for key, row in tasks.items():
        parent = row["parent_id"]
        if key in leaving or parent not in leaving:
            continue
        while parent in leaving:
            parent = tasks[parent]["parent_id"]
        level = 1 if parent is None else tasks[parent]["outline_level"] + 1
        moved = {"parent_id": parent, "outline_level": level}
        await entity.update(merge.tx, TASK, key, moved, expected=row["version"])
    project = merge.merged.project_id
    links = await outlines.links_of(merge.tx, project, leaving)
    shares = await outlines.assignments_of(merge.tx, project, leaving)
    named = link_name(tasks)
    rows = await repository.rows_by_id(merge.tx, DEPENDENCY, project, links)
    await merge.delete(DEPENDENCY, {row["id"]: named(row) for row in rows})
    rows = await repository.rows_by_id(merge.tx, ASSIGNMENT, project, shares)
    await merge.delete(ASSIGNMENT, {row["id"]: str(row["source_id"]) for row in rows})
