"""Links between the projects of one file, made as hard ones: who brings the file in plans them all."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.domain.plan import CrossLink, LagUnit
from services.projects.domain.project_links import Hardness, LinkState
from services.projects.entities import PROJECT_LINK
from services.projects.errors import DependencyCycle
from services.projects.repository import project_links as rows
from services.projects.service.loops import refuse_loop
from services.projects.service.report import Merged
from shared import entity
from shared.db import Transaction

FROM_FILE: Final = "As the imported file says."
"""The reason of links that came from a file: by it they are found again."""
KIND: Final = "project_link"
_UNITS: Final = {LagUnit.WORKING: "working", LagUnit.ELAPSED: "elapsed"}


async def keep_file_links(
    tx: Transaction, own_only: str | None, links: Sequence[CrossLink], merged: Mapping[str, Merged]
) -> None:
    """Make, change and delete the links between a file's projects as it says, and report each; `merged` by its ids."""
    projects = {part: one.project_id for part, one in merged.items()}
    if len(projects) == 1:
        return
    tasks = await rows.tasks_by_source(tx, list(projects.values()))
    present = {_key(row): row for row in await rows.between(tx, list(projects.values()))}
    for cross in links:
        report = merged[cross.successor_project]
        name = f"{cross.link.predecessor}>{cross.link.successor}"
        first, second = projects[cross.predecessor_project], projects[cross.successor_project]
        before, after = tasks.get((first, cross.link.predecessor)), tasks.get((second, cross.link.successor))
        unit = _UNITS.get(cross.link.lag_unit)
        if before is None or after is None or unit is None:
            detail = "a task of it was not taken" if unit else "its lag is a percentage"
            report.note(KIND, name, "skipped", reason={"code": "cross_project_link", "detail": detail})
            continue
        known = present.pop((before, after, str(cross.link.type)), None)
        lag: dict[str, object] = {"lag": cross.link.lag, "lag_unit": unit}
        if known is not None:
            action, key = "unchanged", UUID(str(known["id"]))
            if any(known[column] != value for column, value in lag.items()) and known["reason"] == FROM_FILE:
                await entity.update(tx, PROJECT_LINK, key, lag, expected=known["version"])
                action = "updated"
            report.note(KIND, name, action, key)
            continue
        try:
            await refuse_loop(tx, own_only, (first, before), (second, after))
        except DependencyCycle as loop:
            report.note(KIND, name, "skipped", reason={"code": loop.code, "detail": loop.detail})
            continue
        fields: dict[str, object] = {"project_id": second, "predecessor_project_id": first, "predecessor_id": before}
        fields |= {"successor_id": after, "type": str(cross.link.type), "hardness": Hardness.HARD, **lag}
        fields |= {"state": LinkState.ACCEPTED, "reason": FROM_FILE, "requested_by": tx.context.actor}
        report.note(KIND, name, "created", (await entity.create(tx, PROJECT_LINK, fields)).id)
    by_project = {one.project_id: one for one in merged.values()}
    for row in present.values():
        if row["reason"] == FROM_FILE:
            await entity.delete(tx, PROJECT_LINK, row["id"], expected=row["version"])
            by_project[row["project_id"]].note(KIND, "", "deleted", row["id"])


def _key(row: asyncpg.Record) -> tuple[UUID, UUID, str]:
    return row["predecessor_id"], row["successor_id"], row["type"]
