"""What calendars of files have in common: the usual week, shifts put in order, bases that lead somewhere."""

from collections.abc import Mapping
from typing import Final

from shared.working_time import Shifts, WorkingCalendar

MAX_BASES: Final = 16
USUAL_DAY: Final[Shifts] = ((480, 720), (780, 1020))
USUAL_WEEK: Final[tuple[Shifts, ...]] = (USUAL_DAY,) * 5 + ((), ())


def usual_calendar() -> WorkingCalendar:
    """Monday to Friday, 8 to 12 and 13 to 17: what a project without a calendar works by."""
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = USUAL_WEEK
    return WorkingCalendar("standard", "Standard", (monday, tuesday, wednesday, thursday, friday, saturday, sunday))


def apart(shifts: list[tuple[int, int]]) -> Shifts:
    """Ascending, those that touch or overlap joined."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(shifts):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return tuple(joined)


def leads_to_a_base(source_id: str | None, calendars: Mapping[str, WorkingCalendar]) -> bool:
    """Whether a calendar's bases end at one that has none, all of them known."""
    for _ in range(MAX_BASES):
        if source_id is None:
            return True
        if source_id not in calendars:
            return False
        source_id = calendars[source_id].base_source_id
    return False
