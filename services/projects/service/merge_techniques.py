"""How the tasks of a file earn: by what the file says of them, else as before."""

from collections.abc import Hashable, Mapping
from uuid import UUID

import asyncpg

from services.projects.domain.ev_techniques import Apportioned, EvTechnique, technique_json, technique_of
from services.projects.domain.plan import ActivityType, Plan, Task
from services.projects.entities import TASK
from services.projects.errors import TaskIsSummary, TechniqueInvalid
from services.projects.service.breathing import breathe
from services.projects.service.columns import Row
from services.projects.service.merge_rows import RowMerge
from services.projects.service.task_bounds import technique_after
from services.projects.service.techniques import Standing, check_technique


async def settle_techniques(
    merge: RowMerge,
    wanted: Mapping[Hashable, tuple[str, Row]],
    identifiers: Mapping[Hashable, UUID],
    rows: Mapping[UUID, asyncpg.Record],
) -> None:
    """Set the technique of every wanted task; one that cannot be a task's is left out and reported.

    A file names the base of an apportioned task by its GUID. Of tasks that are there already most files do not say how
    they earn.
    """
    guids = {task.guid: identifiers[task.source_id] for task in merge.plan.tasks if task.guid is not None}
    says = merge.states(TASK, "ev_technique")
    apportioned: list[tuple[Task, Apportioned]] = []
    for number, task in enumerate(merge.plan.tasks):
        await breathe(number)
        technique = _technique(merge.plan, task, rows.get(identifiers[task.source_id]), guids, says=says)
        wanted[task.source_id][1]["ev_technique"] = technique_json(technique)
        if isinstance(technique, Apportioned):
            apportioned.append((task, technique))
    if not apportioned:
        return
    after = {identifier: _standing(row) for identifier, row in rows.items()}
    after |= {identifiers[name]: _standing(values) for name, (_, values) in wanted.items()}
    for task, technique in apportioned:
        identifier = identifiers[task.source_id]
        try:
            check_technique(after, {}, identifier, technique)
        except (TaskIsSummary, TechniqueInvalid) as error:
            row = rows.get(identifier)
            before = None if row is None else technique_of(row["ev_technique"])
            if isinstance(before, Apportioned) and before.base_task_id not in after:
                before = None  # its base has left the file
                merge.lost[identifier] = {"ev_technique": None}
            wanted[task.source_id][1]["ev_technique"] = technique_json(before)
            why = error.errors[0].detail if error.errors else error.detail
            reason: Row = {"code": TechniqueInvalid.code, "detail": f"ev_technique: {why}; it is left out"}
            merge.merged.note(TASK.name, task.source_id, "skipped", reason=reason)


def _standing(row: Standing) -> Standing:
    return {name: row[name] for name in ("is_summary", "ev_technique")}


def _technique(
    plan: Plan, task: Task, row: asyncpg.Record | None, guids: Mapping[str, UUID], *, says: bool
) -> EvTechnique | None:
    technique = task.ev_technique
    if row is not None and not says and (plan.statements is not None or technique is None):
        was = ActivityType(str(row["activity_type"]))
        return technique_after(was, task.activity_type, technique_of(row["ev_technique"]))
    if isinstance(technique, Apportioned):
        base = guids.get(str(technique.base_task_id), technique.base_task_id)
        return technique.model_copy(update={"base_task_id": base})
    return technique
