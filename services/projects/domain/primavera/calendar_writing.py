"""Calendars as Primavera writes them: each with its whole week, exceptions day by day."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from services.projects.domain.fields import MAX_EXCEPTIONS
from services.projects.domain.primavera.calendar_data import ORIGIN
from shared.working_time import Shifts, WorkingCalendar

BREAK: Final = "\x7f\x7f"  # the end of a line inside of a field
ALWAYS: Final[Shifts] = ((0, 1440),)


def around_the_clock(source_id: str) -> WorkingCalendar:
    """What elapsed durations are worked on."""
    return WorkingCalendar(source_id, "24 hours a day", (ALWAYS,) * 7)


def complete(calendar: WorkingCalendar, known: Mapping[str, WorkingCalendar]) -> WorkingCalendar:
    """A calendar that states its week itself; one that leaves days to its base has all of that base in it."""
    if None not in calendar.week or calendar.base_source_id is None:
        return calendar
    base = complete(known[calendar.base_source_id], known)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        theirs if own is None else own for own, theirs in zip(calendar.week, base.week, strict=True)
    )
    week = (monday, tuesday, wednesday, thursday, friday, saturday, sunday)
    return WorkingCalendar(
        calendar.source_id, calendar.name, week, (*calendar.exceptions, *base.exceptions), base.base_source_id
    )


def calendar_data(calendar: WorkingCalendar) -> str:
    """The text that XER has for a week, Sunday first, and its exceptions."""
    days = (calendar.week[(number + 5) % 7] or () for number in range(1, 8))
    week = BREAK.join(f"    (0||{number}()({_shifts(shifts)}))" for number, shifts in enumerate(days, 1))
    exceptions = BREAK.join(f"    (0||{at}(d|{day})({_shifts(shifts)}))" for at, (day, shifts) in _exceptions(calendar))
    return (
        f"(0||CalendarData()({BREAK}  (0||DaysOfWeek()({BREAK}{week})){BREAK}"
        f"  (0||VIEW(ShowTotal|N)()){BREAK}  (0||Exceptions()({BREAK}{exceptions}))))"
    )


def _exceptions(calendar: WorkingCalendar) -> Iterator[tuple[int, tuple[int, Shifts]]]:
    """Exceptional days in order; the first that names a day counts."""
    days: dict[int, Shifts] = {}
    for exception in calendar.exceptions:
        day = exception.first
        while day <= exception.last and len(days) < MAX_EXCEPTIONS:
            days.setdefault((day - ORIGIN).days, exception.shifts)
            day += timedelta(days=1)
    return enumerate(sorted(days.items()))


def _shifts(shifts: Shifts) -> str:
    return "".join(
        f"(0||{number}(s|{_clock(begin)}|f|{_clock(end % 1440)})())" for number, (begin, end) in enumerate(shifts)
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
