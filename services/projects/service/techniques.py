"""How a task's progress is measured, and whether it can be: by whom, and who is measured by it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.domain.ev_techniques import (
    Apportioned,
    EvTechnique,
    LevelOfEffort,
    WeightedMilestones,
    as_technique,
    technique_json,
    technique_of,
)
from services.projects.domain.progress import PercentCompleteType
from services.projects.errors import TaskIsSummary, TechniqueInvalid
from services.projects.service.statements import AHEAD, IN_THE_FUTURE, is_ahead
from shared.db import Transaction
from shared.errors import FieldError, ValidationFailed

Standing = asyncpg.Record | Mapping[str, object]
"""A task's `is_summary` and `ev_technique`."""
POINTER: Final = "/ev_technique/base_task_id"
_ROWS: Final = """
select id, is_summary, ev_technique from task
where organization_id = $1 and project_id = $2
  and (ev_technique is not null or id = any($3)
       or id in (select (k.ev_technique->>'base_task_id')::uuid from task k
                 where k.organization_id = $1 and k.project_id = $2 and k.ev_technique ? 'base_task_id'))
"""


async def techniques_of(
    tx: Transaction, project_id: UUID, technique: EvTechnique | None, *tasks: UUID
) -> Mapping[UUID, asyncpg.Record]:
    """Return the tasks of a project that a technique can have to do with: those that have one, and their bases."""
    named = [*tasks, technique.base_task_id] if isinstance(technique, Apportioned) else list(tasks)
    return {row["id"]: row for row in await tx.fetch(_ROWS, tx.organization_id, project_id, named)}


def check_technique(
    rows: Mapping[UUID, Standing],
    changed: Mapping[UUID, Mapping[str, object]],
    task_id: UUID | None,
    technique: EvTechnique | None,
) -> None:
    """Raise TechniqueInvalid where a technique cannot be a task's; of `rows`, those `changed` are other by now."""

    def known(identifier: UUID) -> EvTechnique | None:
        fields = changed.get(identifier, {})
        text = fields["ev_technique"] if "ev_technique" in fields else rows[identifier]["ev_technique"]
        return technique_of(None if text is None else str(text))

    if task_id is not None and technique is not None and rows[task_id]["is_summary"]:
        raise TaskIsSummary
    if isinstance(technique, LevelOfEffort) and task_id is not None:
        for identifier in rows:
            other = known(identifier)
            if isinstance(other, Apportioned) and other.base_task_id == task_id:
                raise _refused("/ev_technique/kind", "base_of_others", "other tasks are apportioned to this one")
    seen = {task_id}
    base: EvTechnique | None = technique
    while isinstance(base, Apportioned):
        identifier = base.base_task_id
        if identifier in seen:
            raise _refused(POINTER, "apportioned_in_a_circle", "leads back to the task itself")
        if identifier not in rows:
            raise _refused(POINTER, "unknown_reference", "names no task of this project")
        if rows[identifier]["is_summary"]:
            raise _refused(POINTER, "base_is_summary", "sums up others; name one of the tasks below it")
        seen.add(identifier)
        base = known(identifier)
        if isinstance(base, LevelOfEffort):
            raise _refused(POINTER, "base_is_level_of_effort", "earns by the passage of time, not by progress")


def _refused(pointer: str, code: str, detail: str) -> TechniqueInvalid:
    return TechniqueInvalid(errors=[FieldError(pointer, code, detail)])


def copied_technique(kept: object, copies: Mapping[UUID, UUID]) -> str | None:
    """Return the technique of a task's copy: nothing is achieved yet, and its base is the copy of the base."""
    technique = technique_of(None if kept is None else str(kept))
    if isinstance(technique, WeightedMilestones):
        fresh = [each.model_copy(update={"achieved_at": None}) for each in technique.milestones]
        technique = technique.model_copy(update={"milestones": fresh})
    elif isinstance(technique, Apportioned):
        base = copies.get(technique.base_task_id)
        technique = None if base is None else technique.model_copy(update={"base_task_id": base})
    return technique_json(technique)


def measured_by(rows: Iterable[asyncpg.Record], gone: Collection[UUID]) -> list[UUID]:
    """Return the tasks that are apportioned to some that are gone: they earn as if nothing had been said of it."""
    found = []
    for row in rows if gone else ():
        technique = technique_of(row["ev_technique"])
        if isinstance(technique, Apportioned) and technique.base_task_id in gone and row["id"] not in gone:
            found.append(row["id"])
    return found


def settle_measure(project: asyncpg.Record, fields: dict[str, object]) -> None:
    """Put how a task's progress is told and earns as it is kept.

    Raises ValidationFailed for a milestone achieved later than both now and the project's status date.
    """
    kind = fields.pop("percent_complete_type", None)
    if kind is not None:
        fields["uses_physical_percent"] = kind is PercentCompleteType.PHYSICAL
        fields["uses_units_percent"] = kind is PercentCompleteType.UNITS
    if "ev_technique" not in fields:
        return
    technique = as_technique(fields["ev_technique"])
    now = datetime.now(UTC)
    for number, each in enumerate(technique.milestones if isinstance(technique, WeightedMilestones) else ()):
        if each.achieved_at is not None and is_ahead(each.achieved_at, project, now):
            where = f"/ev_technique/milestones/{number}/achieved_at"
            raise ValidationFailed(errors=[FieldError(where, IN_THE_FUTURE, AHEAD)])
    fields["ev_technique"] = technique_json(technique)
