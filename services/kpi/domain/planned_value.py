"""Planned value of a baseline at instants, exact to the minor unit.

A task's baseline cost is spread evenly over the working minutes of its own calendar from baseline start to baseline
finish (ANSI/PMI 19-006, linear accrual); a task without duration counts in full from its finish on. Instants are
working-minute indexes: working minutes of a calendar since a common epoch. An index cannot tell the two ends of a
pause apart, so what is due on Monday at 08:00 without duration is planned from Friday 17:00 on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

_LIMIT: Final = 2**63 - 1
# Fractions of a minor unit are summed in doubles, good to far better than this, and a tie must be seen as one.
_FRACTION_DIGITS: Final = 4


class InvalidBaseline(ValueError):
    """The arrays of a baseline do not fit together, or hold negative cost, a finish before its start, or too much."""


class WorkingIndex(Protocol):
    """What is needed of a calendar (`shared.working_time.WorkingTime` has it)."""

    def index(self, minute: int) -> int:
        """Working minutes from the epoch to a local minute; a day begins at each multiple of 1440."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PlannedWork:
    """The baselined leaf tasks, one per position: cost in minor units, and start and finish on their calendar.

    `calendar` is a position in the sequence of calendars that the caller keeps. Build it with `of` or `between`.
    """

    cost: IntArray
    start: IntArray
    finish: IntArray
    calendar: IntArray

    def __post_init__(self) -> None:
        """Refuse arrays that no baseline can have: InvalidBaseline."""
        if not self.cost.shape == self.start.shape == self.finish.shape == self.calendar.shape:
            raise InvalidBaseline("arrays differ in length")
        if not self.cost.size:
            return
        if self.cost.min() < 0:
            raise InvalidBaseline("a baseline cost is negative")
        if (self.finish < self.start).any():
            raise InvalidBaseline("a baseline finish lies before its start")
        if self.calendar.min() < 0:
            raise InvalidBaseline("a calendar position is negative")
        if int(self.cost.max()) * self.cost.size > _LIMIT and sum(self.cost.tolist()) > _LIMIT:
            raise InvalidBaseline("the budget exceeds 2^63 minor units")

    @classmethod
    def of(
        cls,
        cost_minor: Sequence[int] | IntArray,
        start_index: Sequence[int] | IntArray,
        finish_index: Sequence[int] | IntArray,
        calendar: Sequence[int] | IntArray,
    ) -> Self:
        """Take the columns; numbers beyond 64 bits are refused (InvalidBaseline)."""
        try:
            columns = [np.asarray(c, dtype=np.int64) for c in (cost_minor, start_index, finish_index, calendar)]
        except OverflowError as error:
            raise InvalidBaseline("a number exceeds 64 bits") from error
        return cls(*columns)

    @classmethod
    def between(
        cls,
        cost_minor: Sequence[int],
        start_minute: Sequence[int],
        finish_minute: Sequence[int],
        calendar: Sequence[int],
        calendars: Sequence[WorkingIndex],
    ) -> Self:
        """Take local minutes instead of indexes."""
        starts = [calendars[c].index(minute) for c, minute in zip(calendar, start_minute, strict=True)]
        finishes = [calendars[c].index(minute) for c, minute in zip(calendar, finish_minute, strict=True)]
        return cls.of(cost_minor, starts, finishes, calendar)

    @property
    def budget_at_completion(self) -> int:
        """BAC in minor units."""
        return int(self.cost.sum())

    def only(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of the tasks."""
        return type(self)(self.cost[chosen], self.start[chosen], self.finish[chosen], self.calendar[chosen])

    def value_at(self, now: Sequence[int] | IntArray) -> int:
        """PV in minor units (half-even) at one instant, given as its index on every calendar."""
        return self.curve(np.asarray(now, dtype=np.int64).reshape(1, -1))[0]

    def curve(self, instants: IntArray) -> list[int]:
        """PV in minor units (half-even) at ascending instants, a row each, a column per calendar; never falls.

        The exact sum is rounded once per instant, so nothing is lost over tasks and the end is BAC to the unit.
        """
        # Cost per minute, split: whole units stay integers (and q·elapsed ≤ cost cannot overflow), the rest is a double
        # below 1. Without duration the whole cost falls to the minute that ends at the finish.
        duration = np.maximum(self.finish - self.start, 1)
        begin = self.finish - duration
        units, rest = np.divmod(self.cost, duration)
        fraction = rest / duration
        whole = np.empty(len(instants), dtype=np.int64)
        part = np.empty(len(instants), dtype=np.float64)
        elapsed = np.empty_like(duration)
        for row, indexes in enumerate(instants):
            np.subtract(indexes[self.calendar], begin, out=elapsed)
            np.clip(elapsed, 0, duration, out=elapsed)
            whole[row] = units @ elapsed
            part[row] = fraction @ elapsed.astype(np.float64)
        part = np.round(part, _FRACTION_DIGITS)
        carried = np.floor(part)
        whole += carried.astype(np.int64)
        left = part - carried
        # Half-even looks at the parity of the whole sum.
        whole += (left > 0.5) | ((left == 0.5) & (whole % 2 == 1))
        planned: list[int] = np.maximum.accumulate(whole).tolist()
        return planned


def indexes_at(calendars: Sequence[WorkingIndex], minutes: Sequence[int]) -> IntArray:
    """Local minutes as indexes: a row per minute, a column per calendar."""
    table = [[calendar.index(minute) for calendar in calendars] for minute in minutes]
    return np.array(table, dtype=np.int64).reshape(len(minutes), len(calendars))
