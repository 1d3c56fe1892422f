"""What calendars come to: laid out as days, and looked at beside those that they work as."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from services.projects.domain.calendar_rules import CalendarRules, TooManyDays
from services.projects.errors import CalendarCycle, CalendarWithoutWork
from shared.errors import FieldError, ValidationFailed
from shared.working_calendar import CalendarError, CalendarLoop, WorkingCalendar
from shared.working_time import WorkingTime, compile_calendars

MOST_DAYS: Final = 366
"""So many days of working time are told at once."""
Day = tuple[date, int, list[tuple[str, str]]]
"""A day, its working minutes and its shifts."""


def laid_out(rules: CalendarRules, source_id: str, name: str, base_source_id: str | None, year: int) -> WorkingCalendar:
    """Return a calendar by its rules, laid out from a year on; raises ValidationFailed for too many days."""
    try:
        return rules.calendar(source_id, name, base_source_id, year)
    except TooManyDays as error:
        raise ValidationFailed(errors=[FieldError("/exceptions", "too_many_days", str(error))]) from error


def checked(others: Sequence[WorkingCalendar], calendar: WorkingCalendar) -> None:
    """Raise CalendarCycle where bases lead back, ValidationFailed or CalendarWithoutWork for what is no calendar."""
    known = {each.source_id: each for each in (*others, calendar)}
    try:
        compile_calendars([*others, calendar])
    except CalendarLoop as loop:
        names = [known[source_id].name for source_id in loop.source_ids]
        detail = f"the calendars are each other's base: {' > '.join(names)}"
        raise CalendarCycle(errors=[FieldError("/base_calendar_id", "calendar_cycle", detail)]) from loop
    except CalendarError as error:
        raise ValidationFailed(errors=[FieldError("", "calendar", str(error))]) from error
    chain = [calendar]
    while chain[-1].base_source_id is not None:
        chain.append(known[chain[-1].base_source_id])
    if not any(_works(chain, day) for day in range(7)) and not any(
        exception.shifts for each in chain for exception in each.exceptions
    ):
        raise CalendarWithoutWork


def _works(chain: Sequence[WorkingCalendar], day: int) -> bool:
    """Tell whether work is done on a day of the week, by the first of the calendars that says something of it."""
    return bool(next((each.week[day] for each in chain if each.week[day] is not None), ()))


def day_by_day(calendar: WorkingTime, first: date, last: date) -> list[Day]:
    """Return each day with its working minutes and shifts; raises ValidationFailed for a range that is none."""
    if not 0 <= (last - first).days < MOST_DAYS:
        detail = f"must not end before it begins, nor have more than {MOST_DAYS} days"
        raise ValidationFailed(errors=[FieldError("query/to", "range", detail)])
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return [
        (day, calendar.minutes_on(day), [(_clock(begin), _clock(end)) for begin, end in calendar.shifts_on(day)])
        for day in days
    ]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
