"""Earned schedule: how far, in time, the work done stands on the planned curve.

Sources: W. Lipke, "Schedule is Different" (2003); PMI Practice Standard for EVM, appendix D; M. Vanhoucke, "Measuring
Time" (2010) for the forecasts. Interpolation is linear within a whole period, which must be stated with the figures,
as it changes them where planned value is not linear in that period.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Self

from services.kpi.domain.measure import Measure, UndefinedReason


class InvalidPlannedCurve(ValueError):
    """The planned curve falls or is negative, or more is earned than it ends with."""


class Convention(StrEnum):
    """Where work stands that equals planned value over several periods in which nothing was planned."""

    PLATEAU_END = "plateau_end"
    """At the end of the last of them: C is the largest period with PV(C) ≤ EV (Lipke; the default)."""
    PLATEAU_START = "plateau_start"
    """At their beginning, the first instant that reached this value."""


@dataclass(frozen=True, slots=True)
class PlannedCurve:
    """Cumulative planned value at the end of periods 1…PD; zero at 0 and held at the last value after PD.

    Build it with `of`, unless the values are known not to fall.
    """

    values: Sequence[Decimal | int]

    @classmethod
    def of(cls, values: Sequence[Decimal | int]) -> Self:
        """Take the cumulative values in order; InvalidPlannedCurve where they fall or start below zero."""
        if values and values[0] < 0:
            raise InvalidPlannedCurve("planned value is negative")
        if any(later < earlier for earlier, later in pairwise(values)):
            raise InvalidPlannedCurve("cumulative planned value falls")
        return cls(tuple(values))

    @property
    def planned_duration(self) -> int:
        """PD, in periods."""
        return len(self.values)

    @property
    def budget_at_completion(self) -> Decimal | int:
        """The last value: BAC."""
        return self.values[-1] if self.values else 0

    def earned_schedule(self, earned: Measure, convention: Convention = Convention.PLATEAU_END) -> Measure:
        """ES = C + I, in periods: C whole periods with PV(C) ≤ EV, I = (EV − PV(C)) / (PV(C+1) − PV(C)).

        0 while nothing is earned; PD, without extrapolation, once all is (whatever the convention). InvalidPlannedCurve
        where more is earned than planned in all, or less than nothing.
        """
        value, budget = earned.value, self.budget_at_completion
        if value is None:
            return earned
        if not self.values:
            return Measure.undefined(UndefinedReason.NO_PLANNED_DURATION)
        if not 0 <= value <= budget:
            raise InvalidPlannedCurve("earned value is outside the planned curve")
        if budget == 0:
            return Measure.undefined(UndefinedReason.NO_BUDGET)
        if value in (0, budget):
            return Measure.known(self.planned_duration if value else 0)
        whole = bisect_right(self.values, value)
        if convention is Convention.PLATEAU_START and whole and self.values[whole - 1] == value:
            return Measure.known(bisect_left(self.values, value) + 1)
        reached = Measure.known(self.values[whole - 1] if whole else 0)
        rise = Measure.known(self.values[whole]) - reached
        return Measure.known(whole) + (earned - reached).over(rise, UndefinedReason.NO_PLANNED_VALUE)


@dataclass(frozen=True, slots=True)
class EarnedSchedule:
    """Earned against actual time, all in one unit (periods of the planned curve)."""

    planned_duration: Measure
    earned: Measure
    actual_time: Measure

    def __post_init__(self) -> None:
        """Refuse negative times: ValueError."""
        for figure in (self.planned_duration, self.earned, self.actual_time):
            if figure.value is not None and figure.value < 0:
                raise ValueError("times are not negative")

    @classmethod
    def on(
        cls,
        curve: PlannedCurve,
        earned: Measure,
        actual_time: Measure,
        convention: Convention = Convention.PLATEAU_END,
    ) -> Self:
        """Stand on a curve with the value earned and the time passed."""
        return cls(Measure.known(curve.planned_duration), curve.earned_schedule(earned, convention), actual_time)

    @property
    def schedule_variance_time(self) -> Measure:
        """SV(t) = ES − AT; negative is behind."""
        return self.earned - self.actual_time

    @property
    def schedule_performance_index_time(self) -> Measure:
        """SPI(t) = ES / AT."""
        return self.earned.over(self.actual_time, UndefinedReason.NO_TIME_ELAPSED)

    def estimate_at_completion_time(self, performance_factor: Measure | None = None) -> Measure:
        """IEAC(t) = AT + (PD − ES) / PF, the duration to expect; PF is SPI(t) unless given, which makes it PD / SPI(t).

        Usual factors: 1 (the rest as planned), SPI(t) (as so far), SPI(t) × CPI (as so far in time and cost).
        """
        if performance_factor is not None:
            rest = self.planned_duration - self.earned
            return self.actual_time + rest.over(performance_factor, UndefinedReason.NOTHING_EARNED)
        index = self.schedule_performance_index_time
        if index.value is None:
            return index
        return (self.planned_duration * self.actual_time).over(self.earned, UndefinedReason.NOTHING_EARNED)

    def to_complete_schedule_performance_index(self, duration: Measure | None = None) -> Measure:
        """TSPI = (PD − ES) / (D − AT), the pace the rest needs to end after duration D: PD unless given."""
        left = (self.planned_duration if duration is None else duration) - self.actual_time
        left = left.unless(left.value is not None and left.value <= 0, UndefinedReason.NO_TIME_REMAINING)
        return (self.planned_duration - self.earned).over(left, UndefinedReason.NO_TIME_REMAINING)
