"""Small calendars and baselines for the tests; minutes count from Monday 2000-01-03."""

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.planned_value import PlannedWork
from shared.working_time import Shifts, WorkingTime

DAY = 1440
OFFICE: Shifts = ((480, 720), (780, 1020))
WEEKDAYS = WorkingTime((OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, (), ()), {})
ALWAYS = WorkingTime((((0, 1440),),) * 7, {})


def at(day: int, hour: int = 0, minute: int = 0) -> int:
    """A minute by its day (0 is a Monday) and time of day."""
    return day * DAY + hour * 60 + minute


def baseline(*tasks: tuple[int, int, int], calendar: WorkingTime = WEEKDAYS) -> Baseline:
    """A baseline of tasks (cost in minor units, start, finish) that all keep one calendar."""
    costs, starts, finishes = (list(column) for column in zip(*tasks, strict=True))
    work = PlannedWork.between(costs, starts, finishes, [0] * len(costs), [calendar])
    return Baseline.compiled(work, [calendar], WEEKDAYS, min(starts), max(finishes))
