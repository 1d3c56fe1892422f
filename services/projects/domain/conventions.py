"""How a project's schedule is computed where the tools of the field differ: data of the plan."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Rules(StrEnum):
    """Whose reading of the critical path method holds where no option of its own says so.

    They differ in how milestones lie between shifts, whose calendars tasks are worked on, from where the rest of a
    started task goes on, and how far a task goes that is to lie as late as possible.
    """

    MICROSOFT_PROJECT = "microsoft_project"
    PRIMAVERA = "primavera"


class ProgressMode(StrEnum):
    """What holds back the rest of a task that began before its links allow."""

    RETAINED_LOGIC = "retained_logic"  # its links still do
    PROGRESS_OVERRIDE = "progress_override"  # nothing: it goes on
    ACTUAL_DATES = "actual_dates"  # its links, and actual dates also after the data date; what is done hands on no more


class LagCalendar(StrEnum):
    """Whose working time a lag is counted in."""

    PREDECESSOR = "predecessor"
    SUCCESSOR = "successor"
    PROJECT = "project"
    AROUND_THE_CLOCK = "around_the_clock"


class FloatType(StrEnum):
    """Which difference of late and early dates total float is."""

    START = "start"
    FINISH = "finish"
    SMALLEST = "smallest"


class CriticalBy(StrEnum):
    """What makes a task critical."""

    TOTAL_FLOAT = "total_float"  # its total float, up to a limit
    LONGEST_PATH = "longest_path"  # that links lead from it to the project's finish, each of which drives the next task


class FloatPathMethod(StrEnum):
    """Which float of relations leads from one path to the next."""

    FREE_FLOAT = "free_float"  # what drives comes first, constraints or not
    TOTAL_FLOAT = "total_float"  # what is most urgent comes first


@dataclass(frozen=True, slots=True)
class Conventions:
    """The options of scheduling; the defaults are Microsoft Project's."""

    rules: Rules = Rules.MICROSOFT_PROJECT
    progress: ProgressMode = ProgressMode.RETAINED_LOGIC
    lag_calendar: LagCalendar = LagCalendar.SUCCESSOR  # of links that name none
    lags_from_actual_start: bool = True  # a start-to-start lag counts from when the predecessor began, not resumes
    float_type: FloatType = FloatType.SMALLEST
    critical_by: CriticalBy = CriticalBy.TOTAL_FLOAT
    critical_float_minutes: int = 0  # a task with total float up to this is critical
    near_critical_float_minutes: int = 4800  # and one with total float up to this nearly so
    open_ends_critical: bool = False  # a task without open successors is measured against its own finish
    honors_constraints: bool = True  # constraints may pull a task before what its links allow; else links win
    uses_expected_finish: bool = True  # what remains of a task takes until the finish expected of it
    schedules_from_finish: bool = False  # tasks lie as late as the project's finish allows


MICROSOFT_PROJECT: Final = Conventions()
PRIMAVERA: Final = Conventions(
    rules=Rules.PRIMAVERA,
    lag_calendar=LagCalendar.PREDECESSOR,
    lags_from_actual_start=False,
    float_type=FloatType.FINISH,
    honors_constraints=False,
)
"""Primavera P6 as it is installed; only its mandatory constraints go against links."""
