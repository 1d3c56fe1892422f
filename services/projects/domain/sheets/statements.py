"""What a table's columns say of rows that are there already."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from services.projects.domain.plan import Statement
from services.projects.domain.sheets.headers import is_own

_DATES_OF_PROGRESS: Final = "actual_start actual_finish actual_duration_minutes remaining_duration_minutes"
_PROGRESS: Final = f"{_DATES_OF_PROGRESS} actual_work_minutes remaining_work_minutes progress_at"
_CONSTRAINT: Final = "constraint_type constraint_date"
_COLUMNS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "wbs": ("work_breakdown_structure", ""),
        "outline_level": ("parent_id outline_level is_summary", ""),
        "name": ("name", ""),
        "duration": ("duration_minutes is_elapsed_duration", "remaining_duration_minutes actual_duration_minutes"),
        "duration_minutes": ("duration_minutes", "remaining_duration_minutes actual_duration_minutes"),
        "is_elapsed_duration": ("is_elapsed_duration", ""),
        "remaining_duration": ("remaining_duration_minutes", "progress_at"),
        "work": ("work_minutes", "actual_work_minutes remaining_work_minutes"),
        "work_minutes": ("work_minutes", "actual_work_minutes remaining_work_minutes"),
        "start": ("planned_start", ""),
        "finish": ("planned_finish", ""),
        "constraint_type": (_CONSTRAINT, ""),
        "deadline": ("deadline", ""),
        "percent_complete": ("percent_complete", f"{_PROGRESS} percent_work_complete"),
        "physical_percent_complete": ("physical_percent_complete", ""),
        "actual_start": ("actual_start", "progress_at"),
        "actual_finish": ("actual_finish", "percent_complete percent_work_complete progress_at"),
        "cost": ("cost", ""),
        "actual_cost": ("actual_cost", ""),
        "fixed_cost": ("fixed_cost", ""),
        "priority": ("priority", ""),
        "is_milestone": ("is_milestone", ""),
        "is_active": ("is_active", ""),
        "is_manual": ("is_manual", ""),
        "activity_type": ("activity_type", "is_milestone ev_technique"),
        "percent_complete_type": ("uses_physical_percent uses_units_percent", ""),
        "percent_work_complete": ("percent_work_complete", "progress_at"),
        "secondary_constraint_type": ("secondary_constraint_type secondary_constraint_date", ""),
        "expected_finish": ("expected_finish", ""),
        "leveling_delay_minutes": ("leveling_delay_minutes", ""),
        "is_fixed_duration": ("is_fixed_duration", ""),
        "is_fixed_work": ("is_fixed_work", ""),
        "ignores_resource_calendar": ("ignores_resource_calendar", ""),
        "ev_technique": ("ev_technique", ""),
        "actual_duration_minutes": ("actual_duration_minutes", "progress_at"),
        "remaining_duration_minutes": ("remaining_duration_minutes", "progress_at"),
        "actual_work_minutes": ("actual_work_minutes", "progress_at"),
        "remaining_work_minutes": ("remaining_work_minutes", "progress_at"),
        "baseline_start": ("baseline_start", ""),
        "baseline_finish": ("baseline_finish", ""),
        "baseline_duration": ("baseline_duration_minutes", ""),
        "baseline_duration_minutes": ("baseline_duration_minutes", ""),
        "baseline_work": ("baseline_work_minutes", ""),
        "baseline_work_minutes": ("baseline_work_minutes", ""),
        "baseline_cost": ("baseline_cost", ""),
        "stop": ("stop", "progress_at"),
        "resume": ("resume", "progress_at"),
        "external_early_start": ("external_early_start", ""),
        "external_late_finish": ("external_late_finish", ""),
        "description": ("description", ""),
    }
)
"""For each field the columns of a task that it states, and those that follow from it."""

_LINKS: Final = "lag lag_unit"
_SHARES: Final = "units"
_WORK: Final = "work_minutes actual_work_minutes remaining_work_minutes"


def statements_of(fields: Collection[str]) -> dict[str, tuple[Statement, ...]]:
    """The statements of a table with these fields, by kind of row; what a kind has none of stays untouched."""
    pairs = [_COLUMNS[field] for field in fields if field in _COLUMNS]
    pairs.append(("position", ""))
    if "wbs" in fields and "outline_level" not in fields:
        pairs.append(_COLUMNS["outline_level"])
    if "constraint_type" not in fields and "start" in fields:
        pairs.append(("planned_start", _CONSTRAINT))
    if not {"duration", "duration_minutes"} & set(fields) and {"start", "finish"} <= set(fields):
        pairs.append(("planned_start planned_finish", "duration_minutes remaining_duration_minutes"))
    if any(map(is_own, fields)):
        pairs.append(("custom_fields", ""))
    found = {"task": tuple(_statement(*pair) for pair in pairs)}
    if "predecessors" in fields:
        found["dependency"] = (_statement(_LINKS, ""),)
    if "resources" in fields:
        found["assignment"] = (_statement(_SHARES, _WORK),)
    return found


def _statement(stated: str, derived: str) -> Statement:
    return Statement(frozenset(stated.split()), frozenset(derived.split()))
