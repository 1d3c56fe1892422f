"""Working calendars as data: a week with exceptions, on a base, and its JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

DAY: Final = 1440

Shifts = tuple[tuple[int, int], ...]
"""Working intervals of one day, as [from, to) in minutes after midnight, ascending, apart; `to` may be 1440."""

Week = tuple[Shifts | None, Shifts | None, Shifts | None, Shifts | None, Shifts | None, Shifts | None, Shifts | None]
"""Monday first; None: as the base works."""


@dataclass(frozen=True, slots=True)
class CalendarException:
    """Days, first to last inclusive, that differ from the week; no shifts: not worked."""

    first: date
    last: date
    shifts: Shifts = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """A working week (Monday first) with exceptions. A None day, and days outside exceptions, come from the base.

    Exceptions win over weeks, a calendar's own exceptions over its base's, an exception over those listed after it.
    """

    source_id: str
    name: str
    week: Week
    exceptions: tuple[CalendarException, ...] = ()
    base_source_id: str | None = None


class CalendarError(ValueError):
    """A calendar that cannot be used."""


class InvalidCalendar(CalendarError):
    """Shifts outside the day, unordered or overlapping, an exception that ends before it begins, or malformed JSON."""


class UnknownBaseCalendar(CalendarError):
    """A calendar names a base that is not among the calendars."""


class CalendarLoop(CalendarError):
    """Calendars are each other's base; `source_ids` names the loop in order."""

    def __init__(self, source_ids: tuple[str, ...]) -> None:
        super().__init__(f"calendars are each other's base: {' > '.join(source_ids)}")
        self.source_ids = source_ids


class NoWorkingTime(CalendarError):
    """Time was asked of a calendar that has none left."""


def check_calendar(calendar: WorkingCalendar) -> None:
    """InvalidCalendar if shifts leave the day, overlap or are out of order, or an exception ends before it begins."""
    for shifts in (*calendar.week, *(exception.shifts for exception in calendar.exceptions)):
        at = 0
        for begin, end in shifts or ():
            if not at <= begin < end <= DAY:
                raise InvalidCalendar(f"calendar {calendar.source_id} has an impossible shift {begin} to {end}")
            at = end
    for exception in calendar.exceptions:
        if exception.last < exception.first:
            raise InvalidCalendar(f"calendar {calendar.source_id} has an exception that ends before {exception.first}")


def to_json(calendar: WorkingCalendar) -> dict[str, object]:
    """A calendar as JSON values; shifts are [from, to] pairs of minutes after midnight, days ISO 8601."""
    return {
        "source_id": calendar.source_id,
        "name": calendar.name,
        "base_source_id": calendar.base_source_id,
        "week": [None if shifts is None else _shifts_to_json(shifts) for shifts in calendar.week],
        "exceptions": [
            {
                "first": exception.first.isoformat(),
                "last": exception.last.isoformat(),
                "shifts": _shifts_to_json(exception.shifts),
                "name": exception.name,
            }
            for exception in calendar.exceptions
        ],
    }


def from_json(value: object) -> WorkingCalendar:
    """The calendar of `to_json`; InvalidCalendar if the value is not one. Unknown members are ignored."""
    members = _members(value)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        None if shifts is None else _shifts_from_json(shifts) for shifts in _items(members.get("week"), 7)
    )
    base = members.get("base_source_id")
    calendar = WorkingCalendar(
        source_id=_text(members.get("source_id")),
        name=_text(members.get("name", "")),
        week=(monday, tuesday, wednesday, thursday, friday, saturday, sunday),
        exceptions=tuple(_exception_from_json(each) for each in _items(members.get("exceptions", []))),
        base_source_id=None if base is None else _text(base),
    )
    check_calendar(calendar)
    return calendar


def _exception_from_json(value: object) -> CalendarException:
    members = _members(value)
    try:
        first, last = (date.fromisoformat(_text(members.get(end))) for end in ("first", "last"))
    except ValueError as mistake:
        raise InvalidCalendar(f"not a day: {mistake}") from mistake
    return CalendarException(first, last, _shifts_from_json(members.get("shifts", [])), _text(members.get("name", "")))


def _shifts_to_json(shifts: Shifts) -> list[list[int]]:
    return [[begin, end] for begin, end in shifts]


def _shifts_from_json(value: object) -> Shifts:
    shifts: list[tuple[int, int]] = []
    for pair in _items(value):
        begin, end = _items(pair, 2)
        if type(begin) is not int or type(end) is not int:
            raise InvalidCalendar("a shift is two integers")
        shifts.append((begin, end))
    return tuple(shifts)


def _members(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidCalendar("an object is missing")
    return value


def _items(value: object, count: int | None = None) -> list[object]:
    if not isinstance(value, list) or count not in {None, len(value)}:
        raise InvalidCalendar("a list is missing" if count is None else f"a list of {count} is missing")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidCalendar("a text is missing")
    return value
