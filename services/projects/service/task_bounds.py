"""What a task is to scheduling, and the dates that bind it: what follows from them, and what they exclude."""

from collections.abc import Mapping
from typing import Final

import asyncpg

from services.projects.domain.ev_techniques import LEVEL_OF_EFFORT, EvTechnique, technique_of
from services.projects.domain.plan import MILESTONES, SPANNING, ActivityType, ConstraintType
from services.projects.errors import TaskUnderWay
from shared.errors import FieldError, ValidationFailed

DATELESS: Final = frozenset({ConstraintType.AS_SOON_AS_POSSIBLE, ConstraintType.AS_LATE_AS_POSSIBLE})
"""Constraints without a date."""
PINNED: Final = frozenset(
    {
        ConstraintType.MUST_START_ON,
        ConstraintType.MUST_FINISH_ON,
        ConstraintType.MANDATORY_START,
        ConstraintType.MANDATORY_FINISH,
    }
)
"""Constraints that say where a task lies, beside which no other has a meaning."""
DATES: Final = (
    "constraint_date",
    "secondary_constraint_date",
    "expected_finish",
    "deadline",
    "planned_start",
    "planned_finish",
)
"""What binds a task to the calendar, as local wall time of its project."""
_PREFIXES: Final = ("", "secondary_")
_NEW: Final[Mapping[str, object]] = {
    "activity_type": ActivityType.TASK,
    "is_milestone": False,
    "is_manual": False,
    "duration_minutes": 0,
    "ev_technique": None,
    **{f"{prefix}constraint_type": ConstraintType.AS_SOON_AS_POSSIBLE for prefix in _PREFIXES},
    **{f"{prefix}constraint_date": None for prefix in _PREFIXES},
}


def check_parent(row: asyncpg.Record) -> None:
    """Raise TaskUnderWay if a task cannot become a summary without losing what was done of it."""
    begun = row["percent_complete"] > 0 or row["actual_start"] is not None
    if not row["is_summary"] and (begun or row["actual_cost"] > 0):
        raise TaskUnderWay


def settle_new(fields: dict[str, object]) -> None:
    """Put what follows from the activity type of a new task; raises ValidationFailed."""
    kind = ActivityType(str(fields.get("activity_type", ActivityType.TASK)))
    if kind in MILESTONES:
        fields["is_milestone"] = True
    if kind in SPANNING and fields.get("ev_technique") is None:
        fields["ev_technique"] = LEVEL_OF_EFFORT
    _check({**_NEW, **fields}, fields)


def settle_changed(row: asyncpg.Record, fields: dict[str, object]) -> None:
    """Put what follows from a change of a task's activity type or constraint; raises ValidationFailed.

    What spans others earns by the passing of time unless something else is said of it. A constraint that needs no
    date loses it.
    """
    was = ActivityType(str(row["activity_type"]))
    kind = ActivityType(str(fields.get("activity_type", was)))
    if kind is not was:
        if MILESTONES & {kind, was}:
            fields.setdefault("is_milestone", kind in MILESTONES)
        technique = technique_of(row["ev_technique"])
        if (following := technique_after(was, kind, technique)) != technique:
            fields.setdefault("ev_technique", following)
    for prefix in _PREFIXES:
        if fields.get(f"{prefix}constraint_type") in DATELESS:
            fields.setdefault(f"{prefix}constraint_date", None)
    _check({name: row[name] for name in _NEW} | fields, fields)


def technique_after(was: ActivityType, kind: ActivityType, technique: EvTechnique | None) -> EvTechnique | None:
    """Return how a task earns whose activity type changes, as long as nothing else is said of it."""
    if kind in SPANNING and kind is not was:
        return technique or LEVEL_OF_EFFORT
    return None if was in SPANNING and kind not in SPANNING and technique == LEVEL_OF_EFFORT else technique


def _check(task: Mapping[str, object], stated: Mapping[str, object]) -> None:
    """Raise ValidationFailed where what is stated of a task contradicts the rest: what a file brought may stay so."""
    kind = ActivityType(str(task["activity_type"]))
    errors: list[FieldError] = []

    def refuse(name: str, code: str, detail: str, *concerned: str) -> None:
        if not stated.keys().isdisjoint({name, *concerned}):
            errors.append(FieldError(f"/{name}", code, detail))

    for prefix in _PREFIXES:
        name, date = f"{prefix}constraint_type", f"{prefix}constraint_date"
        if task[name] not in DATELESS and task[date] is None:
            refuse(date, "constraint_date", f"{task[name]} needs a date", name)
        elif task[name] in DATELESS and task[date] is not None:
            refuse(date, "constraint_date", f"{task[name]} has no date", name)
        if kind in SPANNING and task[name] != ConstraintType.AS_SOON_AS_POSSIBLE:
            refuse(name, "activity_type", f"{kind} lies where others do", "activity_type")
    if task["secondary_constraint_type"] == ConstraintType.AS_LATE_AS_POSSIBLE:
        refuse("secondary_constraint_type", "constraint_type", "as late as possible is no second constraint")
    if task["constraint_type"] in PINNED and task["secondary_constraint_type"] not in DATELESS:
        refuse(
            "secondary_constraint_type",
            "constraint_type",
            f"{task['constraint_type']} lets no other",
            "constraint_type",
        )
    if task["secondary_constraint_type"] in PINNED:
        refuse("secondary_constraint_type", "constraint_type", f"{task['secondary_constraint_type']} is no second one")
    if kind in MILESTONES and task["duration_minutes"]:
        refuse("duration_minutes", "activity_type", f"{kind} has no duration", "activity_type")
    if kind in MILESTONES and not task["is_milestone"]:
        refuse("is_milestone", "activity_type", f"{kind} is a milestone", "activity_type")
    for name in ("is_milestone", "is_manual") if kind in SPANNING else ():
        if task[name]:
            refuse(name, "activity_type", f"{kind} is neither a milestone nor scheduled by hand", "activity_type")
    if errors:
        raise ValidationFailed(errors=errors)
