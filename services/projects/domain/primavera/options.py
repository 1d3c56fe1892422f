"""Primavera's options of scheduling as conventions of a plan."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from services.projects.domain.conventions import (
    PRIMAVERA,
    Conventions,
    CriticalBy,
    FloatType,
    LagCalendar,
    ProgressMode,
)
from services.projects.domain.fields import Row

LAG_CALENDARS: Final[Mapping[str, LagCalendar]] = MappingProxyType(
    {
        "rcal_Predecessor": LagCalendar.PREDECESSOR,
        "rcal_Successor": LagCalendar.SUCCESSOR,
        "rcal_ProjDefault": LagCalendar.PROJECT,
        "rcal_24Hour": LagCalendar.AROUND_THE_CLOCK,
    }
)
FLOAT_TYPES: Final[Mapping[str, FloatType]] = MappingProxyType(
    {"FT_FF": FloatType.FINISH, "FT_SF": FloatType.START, "FT_MIN": FloatType.SMALLEST}
)

PATHS: Final[Mapping[str, CriticalBy]] = MappingProxyType(
    {"CT_TotFloat": CriticalBy.TOTAL_FLOAT, "CT_DrivPath": CriticalBy.LONGEST_PATH}
)


def conventions_of(options: Row | None, project: Row, critical_float: int) -> Conventions:
    """What a project's options say, and Primavera's own defaults where they say nothing."""
    texts = {} if options is None else options.texts
    retains, overrides = texts.get("sched_retained_logic", "Y") == "Y", texts.get("sched_progress_override") == "Y"
    if overrides:
        progress = ProgressMode.PROGRESS_OVERRIDE
    else:
        progress = ProgressMode.RETAINED_LOGIC if retains else ProgressMode.ACTUAL_DATES
    return replace(
        PRIMAVERA,
        progress=progress,
        lag_calendar=LAG_CALENDARS.get(texts.get("sched_calendar_on_relationship_lag", ""), PRIMAVERA.lag_calendar),
        lags_from_actual_start=texts.get("sched_lag_early_start_flag", "Y") == "N",
        float_type=FLOAT_TYPES.get(texts.get("sched_float_type", "").upper(), PRIMAVERA.float_type),
        critical_by=PATHS.get(project.texts.get("critical_path_type", ""), PRIMAVERA.critical_by),
        critical_float_minutes=critical_float,
        open_ends_critical=texts.get("sched_open_critical_flag") == "Y",
        uses_expected_finish=texts.get("sched_use_expect_end_flag", "Y") == "Y",
    )
