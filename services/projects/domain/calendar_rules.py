"""What a working calendar is stated as, and the week and days that follow from it.

Recurring exceptions, alternative weeks and public holidays are laid out as dated days from the year before the project
starts for as many years as are asked for, so that whoever reads the calendar needs to know of none of them.
"""

import importlib
import warnings
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from types import ModuleType
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.projects.domain.mspdi.recurrence import Pattern, Recurrence, occurrences
from shared.types import Schema
from shared.working_calendar import CalendarException, Shifts, Week, WorkingCalendar

YEARS: Final = 15
"""How far recurring days are laid out."""
MOST_DAYS: Final = 10_000
MOST_LAID_OUT: Final = 1_500
"""Dated days of a calendar: an event carries all of them."""

Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$", examples=["08:00"])]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 12, 31))]


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


class TooManyDays(ValueError):
    """A calendar's rules come to more dated days than can be told of."""


class Shift(Schema):
    """Working time of a day, local; 24:00 is its end."""

    start: Clock
    """When work begins."""
    finish: Clock
    """When work ends."""


DayShifts = Annotated[list[Shift], Field(max_length=24)]


def _shifts(stated: list[Shift]) -> Shifts:
    return tuple((_minutes(each.start), _minutes(each.finish)) for each in stated)


def _in_order(stated: list[Shift] | None) -> bool:
    edges = [edge for shift in _shifts(stated or []) for edge in shift]
    return all(a < b for a, b in zip(edges[::2], edges[1::2], strict=True)) and edges == sorted(edges)


class WeekRules(Schema):
    """A working week; null: as the base works (no base: not at all)."""

    monday: DayShifts | None = None
    """Its shifts."""
    tuesday: DayShifts | None = None
    """Its shifts."""
    wednesday: DayShifts | None = None
    """Its shifts."""
    thursday: DayShifts | None = None
    """Its shifts."""
    friday: DayShifts | None = None
    """Its shifts."""
    saturday: DayShifts | None = None
    """Its shifts."""
    sunday: DayShifts | None = None
    """Its shifts."""

    @property
    def days(self) -> list[list[Shift] | None]:
        """The days, Monday first."""
        return [self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday]

    @model_validator(mode="after")
    def _shifts_follow_each_other(self) -> Self:
        if not all(map(_in_order, self.days)):
            raise PydanticCustomError("shifts", "shifts of a day must follow each other without overlap")
        return self


class Every(StrEnum):
    """How often an exception comes again."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Weekday(StrEnum):
    """Days of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Position(StrEnum):
    """Which of a month's days of one kind."""

    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    FOURTH = "fourth"
    LAST = "last"


_SUNDAY_FIRST: Final = (Weekday.SUNDAY, *list(Weekday)[:6])


class Recurs(Schema):
    """How an exception recurs between its first and its last day."""

    every: Every
    """The unit."""
    interval: Annotated[int, Field(ge=1, le=99, strict=True)] = 1
    """Every so many of them; years always recur every year."""
    weekdays: Annotated[list[Weekday], Field(max_length=7)] = Field(default_factory=list)
    """On these days: of the week; of a month or year one, with its position."""
    position: Position | None = None
    """Of a month or year: the first, …, the last such weekday."""
    month: Annotated[int, Field(ge=1, le=12, strict=True)] | None = None
    """Of a year: the month."""
    month_day: Annotated[int, Field(ge=1, le=31, strict=True)] | None = None
    """Of a month or year: the day; the last where a month is shorter."""
    occurrences: Annotated[int, Field(ge=1, le=999, strict=True)] | None = None
    """So often at most."""

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        by_day, by_position = self.month_day is not None, self.position is not None and len(self.weekdays) == 1
        monthly = self.every in {Every.MONTH, Every.YEAR}
        if monthly and by_day is by_position:
            raise PydanticCustomError("recurrence", "a month needs month_day, or position and one weekday")
        if self.every is Every.WEEK and not self.weekdays:
            raise PydanticCustomError("recurrence", "a week needs weekdays")
        if self.every is Every.YEAR and self.month is None:
            raise PydanticCustomError("recurrence", "a year needs a month")
        return self

    def days(self, first: date, last: date) -> list[date]:
        """Return the days on which it falls."""
        of_day = self.month_day is not None
        pattern = {
            Every.DAY: Pattern.EVERY_N_DAYS,
            Every.WEEK: Pattern.WEEKLY,
            Every.MONTH: Pattern.MONTHLY_DAY if of_day else Pattern.MONTHLY_POSITION,
            Every.YEAR: Pattern.YEARLY_DAY if of_day else Pattern.YEARLY_POSITION,
        }[self.every]
        numbers = [_SUNDAY_FIRST.index(day) for day in self.weekdays]
        rule = Recurrence(
            pattern,
            first,
            last,
            self.occurrences,
            self.interval,
            sum(1 << number for number in set(numbers)),
            self.month or 1,
            self.month_day or 1,
            numbers[0] + 3 if numbers else 0,
            0 if self.position is None else list(Position).index(self.position),
        )
        return occurrences(rule)[:MOST_DAYS]


class ExceptionRules(Schema):
    """Days that differ from the week."""

    name: Line
    """What they are."""
    first: Day
    """The first day."""
    last: Day
    """The last day."""
    shifts: DayShifts = Field(default_factory=list)
    """When work is done; none: not at all."""
    recurs: Recurs | None = None
    """Only on some of the days; null: on all of them."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.last < self.first:
            raise PydanticCustomError("range", "must not end before it begins")
        if not _in_order(self.shifts):
            raise PydanticCustomError("shifts", "shifts of a day must follow each other without overlap")
        if self.recurs is None and (self.last - self.first).days > MOST_DAYS:
            raise PydanticCustomError("range", "is too long")
        return self


class WeekBetween(Schema):
    """Another week for a while."""

    name: Line
    """What it is."""
    first: Day
    """The first day."""
    last: Day
    """The last day."""
    week: WeekRules
    """The week; null days are as usual."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not 0 <= (self.last - self.first).days <= MOST_DAYS:
            raise PydanticCustomError("range", "must not end before it begins, nor be too long")
        return self


class PublicHolidays(Schema):
    """The public holidays of a country or of a region of it."""

    country: Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["DE"])]
    """ISO 3166-1 code."""
    region: Annotated[str, Field(pattern="^[A-Z0-9]{1,5}$", examples=["BY"])] | None = None
    """ISO 3166-2 code without the country; null: those of the whole country."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        regions = supported().get(self.country)
        if regions is None or (self.region is not None and self.region not in regions):
            raise PydanticCustomError("holidays", "no public holidays are known of this country or region")
        return self

    def days(self, first: int, last: int) -> dict[date, str]:
        """Return the days of these years with their names, as far as they are known: some follow the moon."""
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of years that it does not know
            found = _holidays().country_holidays(self.country, subdiv=self.region, years=range(first, last + 1))
            return dict(found.items())


@lru_cache
def supported() -> dict[str, list[str]]:
    """Return the regions whose holidays are known, by country."""
    regions: dict[str, list[str]] = _holidays().list_supported_countries()
    return regions


def _holidays() -> ModuleType:
    """The library, loaded by whoever asks first: it takes 8 MiB."""
    return importlib.import_module("holidays")


class CalendarRules(Schema):
    """What a calendar is stated as. Of several things that say something of a day, the first here wins."""

    exceptions: Annotated[list[ExceptionRules], Field(max_length=500)] = Field(default_factory=list)
    """Days that differ."""
    alternative_weeks: Annotated[list[WeekBetween], Field(max_length=50)] = Field(default_factory=list)
    """Other weeks for a while."""
    holidays: PublicHolidays | None = None
    """Days off by law."""
    week: WeekRules = WeekRules()
    """The usual week."""

    def calendar(self, source_id: str, name: str, base_source_id: str | None, year: int) -> WorkingCalendar:
        """Return the calendar with everything laid out as dated days; raises TooManyDays."""
        week = [None if day is None else _shifts(day) for day in self.week.days]
        if base_source_id is None:
            week = [() if day is None else day for day in week]
        monday, tuesday, wednesday, thursday, friday, saturday, sunday = week
        days: Week = (monday, tuesday, wednesday, thursday, friday, saturday, sunday)
        exceptions = tuple(islice(self._days(year), MOST_LAID_OUT + 1))
        if len(exceptions) > MOST_LAID_OUT:
            raise TooManyDays(f"the rules come to more than {MOST_LAID_OUT} days; state what is usual as the week")
        return WorkingCalendar(source_id, name, days, exceptions, base_source_id)

    def _days(self, year: int) -> Iterator[CalendarException]:
        end = date(year + YEARS, 12, 31)
        for each in self.exceptions:
            shifts = _shifts(each.shifts)
            if each.recurs is None:
                yield CalendarException(each.first, each.last, shifts, each.name)
            else:
                for day in each.recurs.days(each.first, min(each.last, end)):
                    yield CalendarException(day, day, shifts, each.name)
        for other in self.alternative_weeks:
            for offset in range((other.last - other.first).days + 1):
                day = other.first + timedelta(days=offset)
                stated = other.week.days[day.weekday()]
                if stated is not None:
                    yield CalendarException(day, day, _shifts(stated), other.name)
        if self.holidays is not None:
            for day, name in sorted(self.holidays.days(year - 1, year + YEARS).items()):
                yield CalendarException(day, day, (), name[:200])
