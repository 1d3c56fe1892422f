"""A project's baseline on the time axis: its working days, the planned value at the end of each, the time elapsed.

Period k is the k-th working day of the project's calendar. It runs to that day's midnight, the first one from the
baseline start, the last one to the baseline finish, so that a project on plan ends with ES = AT = PD.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self, overload

import numpy as np
from numpy.typing import NDArray

from services.kpi.domain.earned_schedule import PlannedCurve
from services.kpi.domain.earning import NOTHING_SPECIAL, Earning
from services.kpi.domain.measure import ARITHMETIC
from services.kpi.domain.planned_value import InvalidBaseline, PlannedWork, WorkingIndex, indexes_at

DAY: Final = 1440


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A baseline prepared once and asked often; minutes are local wall time. Build it with `compiled`."""

    work: PlannedWork
    calendars: tuple[WorkingIndex, ...]
    project_calendar: WorkingIndex
    start: int
    finish: int
    period_ends: tuple[int, ...]
    curve: PlannedCurve
    later_days: "WorkingDays"
    level_of_effort: PlannedWork
    """Those of the tasks that earn what is planned."""
    earning: Earning = NOTHING_SPECIAL

    @classmethod
    def compiled(
        cls,
        work: PlannedWork,
        calendars: Sequence[WorkingIndex],
        project_calendar: WorkingIndex,
        start: int,
        finish: int,
        *,
        level_of_effort: NDArray[np.bool_] | None = None,
        earning: Earning = NOTHING_SPECIAL,
    ) -> Self:
        """Lay out the periods between the earliest baseline start and the latest baseline finish of all tasks."""
        if finish < start:
            raise InvalidBaseline("the baseline finish lies before its start")
        if work.calendar.size and int(work.calendar.max()) >= len(calendars):
            raise InvalidBaseline("a calendar position is beyond the calendars given")
        ends = _working_day_ends(project_calendar, start, finish)
        if ends:
            ends[-1] = finish
        planned = PlannedValues(work, calendars, ends)
        if planned and planned[-1] != work.budget_at_completion:
            raise InvalidBaseline("a task is planned beyond the baseline finish")
        later = WorkingDays(project_calendar, (finish - 1) // DAY + 1)
        curve = PlannedCurve(planned)
        effort = work.only(np.zeros(work.cost.shape, dtype=bool) if level_of_effort is None else level_of_effort)
        return cls(work, tuple(calendars), project_calendar, start, finish, tuple(ends), curve, later, effort, earning)

    @property
    def budget_at_completion(self) -> int:
        """BAC in minor units."""
        return self.work.budget_at_completion

    def planned_value(self, minute: int) -> int:
        """PV in minor units at a local minute: nothing before the baseline start, all from the finish on."""
        return self._planned(self.work, minute)

    def planned_effort(self, minute: int) -> int:
        """PV of the level of effort alone, which is its EV too."""
        return self._planned(self.level_of_effort, minute)

    def _planned(self, work: PlannedWork, minute: int) -> int:
        # Calendars are never asked about times far from the plan, which they would have to lay out first.
        return work.value_at(indexes_at(self.calendars, (min(minute, self.finish),))) if minute >= self.start else 0

    def elapsed(self, minute: int) -> Decimal:
        """AT: working days from the baseline start to a local minute, the current day by its share of working minutes.

        Counting goes on past the baseline finish from the next day.
        """
        ends = self.period_ends
        if minute <= self.start or not ends:
            return Decimal(0)
        whole = bisect_left(ends, minute)
        if whole < len(ends):
            since = ends[whole - 1] if whole else self.start
            return ARITHMETIC.add(Decimal(whole), self._share(since, minute, ends[whole]))
        whole += self.later_days.ended_by(minute)
        today = max(minute // DAY * DAY, self.later_days.first * DAY)
        return ARITHMETIC.add(Decimal(whole), self._share(today, max(minute, today), today + DAY))

    def _share(self, begin: int, now: int, end: int) -> Decimal:
        """Working minutes to now as a part of those to the end; 0 where there are none."""
        index = self.project_calendar.index
        at_begin = index(begin)
        total = index(end) - at_begin
        return ARITHMETIC.divide(Decimal(index(now) - at_begin), Decimal(total)) if total else Decimal(0)


class PlannedValues(Sequence[int]):
    """Planned value at instants, in minor units, each computed when it is first looked at.

    A search looks at few of them, so that the length of a plan costs next to nothing.
    """

    __slots__ = ("_calendars", "_instants", "_known", "_work")

    def __init__(self, work: PlannedWork, calendars: Sequence[WorkingIndex], instants: Sequence[int]) -> None:
        """Take the work, its calendars and ascending local minutes."""
        self._work = work
        self._calendars = calendars
        self._instants = instants
        self._known: dict[int, int] = {}

    def __len__(self) -> int:
        """How many instants there are."""
        return len(self._instants)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[int, ...]: ...

    def __getitem__(self, at: int | slice) -> int | tuple[int, ...]:
        """The value at one instant, or the values at some."""
        if isinstance(at, slice):
            return tuple(self[each] for each in range(len(self))[at])
        minute = self._instants[at]
        value = self._known.get(minute)
        if value is None:
            value = self._known[minute] = self._work.value_at(indexes_at(self._calendars, (minute,)))
        return value


class WorkingDays:
    """Counts the days from a first one on that a calendar works on; what was looked at once is kept.

    Safe to share between threads: longer ends replace the old ones in one assignment.
    """

    __slots__ = ("_calendar", "_ends", "first")

    def __init__(self, calendar: WorkingIndex, first: int) -> None:
        """Take a calendar and the number of the first day."""
        self._calendar = calendar
        self.first = first
        self._ends: tuple[int, tuple[int, ...]] = (first, ())

    def ended_by(self, minute: int) -> int:
        """How many working days have ended by a minute."""
        known, ends = self._ends
        wanted = minute // DAY
        if wanted > known:
            # At least doubled, so that the cost of looking further and further stays in proportion.
            upto = max(wanted, 2 * known - self.first, known + 366)
            ends += tuple(_working_day_ends(self._calendar, known * DAY, upto * DAY))
            self._ends = (upto, ends)
        return bisect_right(ends, minute)


def _working_day_ends(calendar: WorkingIndex, start: int, finish: int) -> list[int]:
    """The midnights that end the days on which work is done between two minutes."""
    ends = []
    worked = calendar.index(start)
    for day in range(start // DAY, -(-finish // DAY)):
        end = (day + 1) * DAY
        index = calendar.index(min(end, finish))
        if index > worked:
            ends.append(end)
        worked = index
    return ends
