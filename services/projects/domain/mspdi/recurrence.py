"""The days on which a recurring calendar exception of Microsoft Project falls."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from itertools import count, islice, takewhile
from typing import Final

MAX_OCCURRENCES: Final = 10_000
_LAST_POSITION: Final = 4


class Pattern(IntEnum):
    """`Exception/Type` of the file."""

    DAYS = 1  # every day of the period
    YEARLY_DAY = 2
    YEARLY_POSITION = 3
    MONTHLY_DAY = 4
    MONTHLY_POSITION = 5
    WEEKLY = 6
    EVERY_N_DAYS = 7
    EVERY_N_WEEKDAYS = 8
    NONE = 9


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule of recurrence from a first day to a last, or for a number of occurrences, whichever ends sooner."""

    pattern: Pattern
    first: date
    last: date
    occurrences: int | None = None
    period: int = 1
    weekdays: int = 0  # bits from Sunday
    month: int = 1
    month_day: int = 1
    month_item: int = 0  # 0 any day, 1 Monday to Friday, 2 Saturday and Sunday, 3 to 9 Sunday to Saturday
    month_position: int = 0  # 0 first to 3 fourth, 4 last


def occurrences(rule: Recurrence) -> list[date]:
    """The rule's days in order, at most MAX_OCCURRENCES and one, which says that there are more."""
    days = takewhile(lambda day: day <= rule.last, (day for day in _candidates(rule) if day >= rule.first))
    limit = MAX_OCCURRENCES + 1 if rule.occurrences is None else min(rule.occurrences, MAX_OCCURRENCES + 1)
    return list(islice(days, limit))


def _candidates(rule: Recurrence) -> Iterator[date]:
    """Days in order, some perhaps before the first, and at least one after the last."""
    match rule.pattern:
        case Pattern.EVERY_N_DAYS:
            return (rule.first + timedelta(days=n) for n in count(0, rule.period))
        case Pattern.EVERY_N_WEEKDAYS:
            monday = rule.first - timedelta(days=rule.first.weekday())
            start = min(rule.first.weekday(), 5)  # from Saturday it is the next Monday
            return (monday + timedelta(days=n // 5 * 7 + n % 5) for n in count(start, rule.period))
        case Pattern.WEEKLY:
            return _weekly(rule)
        case Pattern.MONTHLY_DAY | Pattern.MONTHLY_POSITION:
            month = rule.first.year * 12 + rule.first.month - 1
            if _in_month(rule, *divmod(month, 12)) < rule.first:
                month += 1
            return (_in_month(rule, *divmod(each, 12)) for each in count(month, rule.period))
        case Pattern.YEARLY_DAY | Pattern.YEARLY_POSITION:
            return (_in_month(rule, year, rule.month - 1) for year in count(rule.first.year))
        case Pattern.DAYS | Pattern.NONE:
            return (rule.first + timedelta(days=n) for n in count())


def _weekly(rule: Recurrence) -> Iterator[date]:
    # Weeks are counted from Sunday, whatever day the project's weeks begin on.
    sunday = rule.first - timedelta(days=rule.first.isoweekday() % 7)
    offsets = [offset for offset in range(7) if rule.weekdays >> offset & 1]
    for week in count(0, rule.period):
        for offset in offsets:
            yield sunday + timedelta(days=7 * week + offset)
        if not offsets:
            yield date.max


def _in_month(rule: Recurrence, year: int, month_index: int) -> date:
    month = month_index + 1
    length = monthrange(year, month)[1]
    if rule.pattern in (Pattern.YEARLY_DAY, Pattern.MONTHLY_DAY):
        return date(year, month, min(rule.month_day, length))
    days = [day for day in (date(year, month, n) for n in range(1, length + 1)) if _is_item(rule.month_item, day)]
    return days[-1] if rule.month_position == _LAST_POSITION else days[rule.month_position]


def _is_item(item: int, day: date) -> bool:
    match item:
        case 0:
            return True
        case 1:
            return day.weekday() < 5
        case 2:
            return day.weekday() >= 5
        case _:
            return day.isoweekday() % 7 == item - 3
