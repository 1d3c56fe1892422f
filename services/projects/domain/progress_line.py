"""Where progress stands on the bars of a plan beside a date, as Microsoft Project's progress lines show it.

The line runs down the date and leaves it at each task that is not where it should be: to the left, to the point that
work has reached on the bar, if that lies before the date; to the right if it lies after it. What is finished before the
date, and what has not begun and need not have, is on the line.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.working_time import WorkingTime


class Deviation(StrEnum):
    """On which side of the date progress stands."""

    BEHIND = "behind"
    ON_DATE = "on_date"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Bar:
    """When a task is worked on, in local minutes."""

    start: int
    finish: int


@dataclass(frozen=True, slots=True)
class Peak:
    """Where the line passes a task, and by how many working minutes that is after the date; negative: before it."""

    at: int
    minutes: int

    @property
    def deviation(self) -> Deviation:
        """On which side it is."""
        if not self.minutes:
            return Deviation.ON_DATE
        return Deviation.BEHIND if self.minutes < 0 else Deviation.AHEAD


def peak(bar: Bar, percent: Decimal, date: int, time: WorkingTime) -> Peak:
    """Return where the line at a date passes a task that is so complete, on the task's calendar."""
    if percent == 0:
        reached = min(bar.start, date)
    elif percent == 100:
        reached = max(bar.finish, date)
    else:
        begin, end = time.index(bar.start), time.index(bar.finish)
        done = int(((end - begin) * percent / 100).to_integral_value())
        reached = time.finish_at(begin + done) if done else bar.start
    return Peak(reached, _between(time, date, reached))


def _between(time: WorkingTime, date: int, reached: int) -> int:
    if reached >= date:
        return time.working_minutes(date, reached)
    return -time.working_minutes(reached, date)
