"""The columns of a task as a file's plan says."""

from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

from services.projects.domain.ev_techniques import technique_json, technique_of
from services.projects.domain.outline import STEP
from services.projects.domain.plan import Task

Row = dict[str, object]

PROGRESS_COLUMNS: Final = (
    "percent_complete",
    "percent_work_complete",
    "physical_percent_complete",
    "actual_start",
    "actual_finish",
    "actual_duration_minutes",
    "remaining_duration_minutes",
    "stop",
    "resume",
    "actual_work_minutes",
    "remaining_work_minutes",
    "actual_cost",
    "progress_at",
)
"""What a fact of progress sets on a task."""


def same_column(name: str, old: object, new: object) -> bool:
    """Tell whether a task's column has a value already."""
    if name == "ev_technique":
        known, wanted = (technique_of(None if each is None else str(each)) for each in (old, new))
        return known == wanted
    if name == "description":
        return old == new or prose_of(str(old)) == prose_of(str(new))
    return old == new


def prose_of(text: str) -> str:
    """Return a text as files keep it: line ends are of one kind, and none at its ends."""
    return "\n".join(text.splitlines()).strip()


def task_columns(
    task: Task,
    calendars: Mapping[Hashable, UUID],
    identifiers: Mapping[Hashable, UUID],
    money: Callable[[Decimal | None], Decimal | None],
) -> Row:
    """Return a task's columns as the file says; `money` rounds to the currency."""
    baseline = task.baseline
    return {
        "parent_id": identifiers.get(task.parent_source_id or ""),
        "position": task.position * STEP,
        "source_id": task.source_id,
        "is_imported": True,
        "name": task.name,
        "description": task.description or "",
        "work_breakdown_structure": task.wbs,
        "outline_level": task.outline_level,
        "activity_type": str(task.activity_type),
        "is_summary": task.is_summary,
        "is_milestone": task.is_milestone,
        "is_active": task.is_active,
        "is_manual": task.is_manual,
        "priority": task.priority,
        "duration_minutes": task.duration_minutes,
        "is_elapsed_duration": task.is_elapsed_duration,
        "is_fixed_duration": task.is_fixed_duration,
        "is_fixed_work": task.is_fixed_work,
        "calendar_id": calendars.get(task.calendar_source_id),
        "ignores_resource_calendar": task.ignores_resource_calendar,
        "constraint_type": str(task.constraint_type),
        "constraint_date": task.constraint_date,
        "secondary_constraint_type": str(task.secondary_constraint_type),
        "secondary_constraint_date": task.secondary_constraint_date,
        "expected_finish": task.expected_finish,
        "external_early_start": task.external_early_start,
        "external_late_finish": task.external_late_finish,
        "deadline": task.deadline,
        "planned_start": task.start,
        "planned_finish": task.finish,
        "percent_complete": task.percent_complete,
        "percent_work_complete": task.percent_work_complete,
        "physical_percent_complete": task.physical_percent_complete,
        "uses_physical_percent": task.uses_physical_percent,
        "uses_units_percent": task.uses_units_percent,
        "ev_technique": technique_json(task.ev_technique),
        "actual_start": task.actual_start,
        "actual_finish": task.actual_finish,
        "actual_duration_minutes": task.actual_duration_minutes,
        "remaining_duration_minutes": task.remaining_duration_minutes,
        "stop": task.stop,
        "resume": task.resume,
        "leveling_delay_minutes": task.leveling_delay_minutes,
        "work_minutes": task.work_minutes,
        "actual_work_minutes": task.actual_work_minutes,
        "remaining_work_minutes": task.remaining_work_minutes,
        "fixed_cost": money(task.fixed_cost),
        "cost": money(task.cost),
        "actual_cost": money(task.actual_cost),
        "baseline_start": None if baseline is None else baseline.start,
        "baseline_finish": None if baseline is None else baseline.finish,
        "baseline_duration_minutes": None if baseline is None else baseline.duration_minutes,
        "baseline_work_minutes": None if baseline is None else baseline.work_minutes,
        "baseline_cost": None if baseline is None else money(baseline.cost or Decimal(0)),
    }
