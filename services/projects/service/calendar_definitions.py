"""What calendars come to: laid out as days, and looked at beside those that they work as."""

from collections.abc import Sequence

from services.projects.domain.calendar_rules import CalendarRules, TooManyDays
from services.projects.errors import CalendarWithoutWork, ReferenceInvalid
from shared.errors import FieldError, ValidationFailed
from shared.working_calendar import CalendarError, CalendarLoop, WorkingCalendar
from shared.working_time import compile_calendars


def laid_out(rules: CalendarRules, source_id: str, name: str, base_source_id: str | None, year: int) -> WorkingCalendar:
    """Return a calendar by its rules, laid out from a year on; raises ValidationFailed for too many days."""
    try:
        return rules.calendar(source_id, name, base_source_id, year)
    except TooManyDays as error:
        raise ValidationFailed(errors=[FieldError("/exceptions", "too_many_days", str(error))]) from error


def checked(others: Sequence[WorkingCalendar], calendar: WorkingCalendar) -> None:
    """Raise ReferenceInvalid where bases lead back, ValidationFailed or CalendarWithoutWork for what is no calendar."""
    try:
        compile_calendars([*others, calendar])
    except CalendarLoop as loop:
        raise ReferenceInvalid(errors=[FieldError("/base_calendar_id", "calendar_loop", str(loop))]) from loop
    except CalendarError as error:
        raise ValidationFailed(errors=[FieldError("", "calendar", str(error))]) from error
    known = {each.source_id: each for each in others}
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
