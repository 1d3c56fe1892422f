"""Working calendars as data. (The arithmetic of them is built beside this.)"""

from dataclasses import dataclass
from datetime import date

Shifts = tuple[tuple[int, int], ...]
"""Working intervals of one day, as [from, to) in minutes after midnight, ascending, apart; `to` may be 1440."""


@dataclass(frozen=True, slots=True)
class CalendarException:
    """Days, first to last inclusive, that differ from the week; no shifts: not worked."""

    first: date
    last: date
    shifts: Shifts = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """A working week (Monday first) with exceptions. A None day, and days outside exceptions, come from the base."""

    source_id: str
    name: str
    week: tuple[Shifts | None, Shifts | None, Shifts | None, Shifts | None, Shifts | None, Shifts | None, Shifts | None]
    exceptions: tuple[CalendarException, ...] = ()
    base_source_id: str | None = None
