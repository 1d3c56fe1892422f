"""Calendars of Microsoft Project XML: weeks, exceptions old and new, alternative weeks, bases."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from services.projects.domain.calendars import USUAL_WEEK, apart, leads_to_a_base
from services.projects.domain.fields import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_CALENDARS,
    MAX_EXCEPTIONS,
    FieldError,
    Report,
    Row,
    flag,
    identifier,
    integer,
    label,
)
from services.projects.domain.mspdi.recurrence import MAX_OCCURRENCES, Pattern, Recurrence, occurrences
from services.projects.domain.mspdi.values import moment
from services.projects.domain.xml_guard import PlanFileError
from shared.working_time import DAY, CalendarException, Shifts, WorkingCalendar

NO_WEEK: Final[tuple[None, ...]] = (None,) * 7
FIRST_DAY: Final = date(FIRST_YEAR, 1, 1)
LAST_DAY: Final = date(LAST_YEAR, 12, 31)

_TIME: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Days:
    """Days that differ, and which sort of statement said so: the lower rank wins."""

    rank: int
    first: date
    last: date
    shifts: Shifts
    name: str


class CalendarReader:
    """Reads calendar rows one by one; `finish` settles what each is based on."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._calendars: dict[str, WorkingCalendar] = {}
        self._exceptions = 0

    def read(self, row: Row) -> None:
        """Take a calendar, or report why not."""
        uid = ""
        try:
            found = identifier(row)
            if found is None:
                self._report.skip("calendar", "", "missing_uid", "a calendar has no UID")
                return
            uid = found
            if uid in self._calendars:
                self._report.skip("calendar", uid, "duplicate_uid", "another calendar before it has the same UID")
                return
            base = None if flag(row, "IsBaseCalendar") else identifier(row, "BaseCalendarUID")
            week = self._week(uid, row)
        except FieldError as error:
            self._report.skip("calendar", uid, "invalid_field", str(error))
            return
        exceptions = tuple(_settle([*self._exceptions_of(uid, row), *self._work_weeks(uid, row)]))
        if len(self._calendars) >= MAX_CALENDARS:
            raise PlanFileError("plan_too_large", f"more than {MAX_CALENDARS} calendars")
        self._calendars[uid] = _calendar(uid, label(row, "Name", f"Calendar {uid}"), week, exceptions, base)

    def finish(self) -> dict[str, WorkingCalendar]:
        """All calendars by their ids, in the file's order, every base among them and none in a circle."""
        settled: dict[str, WorkingCalendar] = {}
        for uid, calendar in self._calendars.items():
            base = calendar.base_source_id
            if base is not None and not leads_to_a_base(base, self._calendars):
                if int(base) > 0:  # 0 and -1 say that there is none
                    detail = "its base calendar is unknown or circular; the usual working week takes its place"
                    self._report.skip("calendar", uid, "unknown_base", detail)
                base = None
            settled[uid] = (
                calendar if base is not None else replace(calendar, base_source_id=None, week=_full(calendar))
            )
        return settled

    def _spend(self, exceptions: int) -> None:
        self._exceptions += exceptions
        if self._exceptions > MAX_EXCEPTIONS:
            raise PlanFileError("plan_too_large", f"more than {MAX_EXCEPTIONS} calendar exceptions")

    def _week(self, uid: str, row: Row) -> list[Shifts | None]:
        week: list[Shifts | None] = list(NO_WEEK)
        for day in row.each("WeekDays", "WeekDay"):
            kind = integer(day, "DayType", 0, 0, 7)
            if kind:
                week[_monday_first(kind)] = self._shifts(uid, day)
        return week

    def _exceptions_of(self, uid: str, row: Row) -> Iterator[_Days]:
        """Both generations of exceptions; days of the older that the newer covers are lost in `_settle`."""
        for exception in row.each("Exceptions", "Exception"):
            try:
                yield from self._exception(uid, exception)
            except FieldError as error:
                self._report.skip("calendar", uid, "invalid_exception", str(error))
        for day in row.each("WeekDays", "WeekDay"):
            try:
                if integer(day, "DayType", 0, 0, 7) == 0 and (period := _period(day)) is not None:
                    self._spend(1)
                    yield _Days(2, *period, self._stated_shifts(uid, day), "")
            except FieldError as error:
                self._report.skip("calendar", uid, "invalid_exception", str(error))

    def _exception(self, uid: str, row: Row) -> Iterator[_Days]:
        name = label(row, "Name")
        shifts = self._stated_shifts(uid, row)
        pattern = Pattern(integer(row, "Type", Pattern.DAYS, Pattern.DAYS, Pattern.NONE))
        times = integer(row, "Occurrences", 0, 0)
        period = _period(row, open_end=times > 0 and pattern not in (Pattern.DAYS, Pattern.NONE))
        if period is None:
            raise FieldError("TimePeriod", "missing")
        every = max(1, integer(row, "Period", 1, 0, 60_000))
        if pattern in (Pattern.DAYS, Pattern.NONE) or (pattern is Pattern.EVERY_N_DAYS and every == 1):
            self._spend(1)
            yield _Days(0, *period, shifts, name)
            return
        by_count = times > 0 and (flag(row, "EnteredByOccurrences") or period[1] == LAST_DAY)
        days = occurrences(
            Recurrence(
                pattern=pattern,
                first=period[0],
                last=period[1],
                occurrences=times if by_count else None,
                period=every,
                weekdays=integer(row, "DaysOfWeek", 0, 0, 127),
                month=1 + integer(row, "Month", 0, 0, 11),
                month_day=integer(row, "MonthDay", 1, 1, 31),
                month_item=integer(row, "MonthItem", 0, 0, 9),
                month_position=integer(row, "MonthPosition", 0, 0, 4),
            )
        )
        self._spend(len(days))
        if len(days) > MAX_OCCURRENCES:
            raise FieldError("Occurrences", f"recurs more than {MAX_OCCURRENCES} times")
        for day in days:
            yield _Days(1, day, day, shifts, name)

    def _work_weeks(self, uid: str, row: Row) -> Iterator[_Days]:
        """Alternative weeks: for their time each day of the week that they state is an exception."""
        for work_week in row.each("WorkWeeks", "WorkWeek"):
            try:
                period = _period(work_week)
                week = self._week(uid, work_week)
            except FieldError as error:
                self._report.skip("calendar", uid, "invalid_work_week", str(error))
                continue
            if period is None:  # the default week, which WeekDays states too
                continue
            days = (period[1] - period[0]).days + 1
            if days > MAX_OCCURRENCES:
                detail = f"an alternative week lasts more than {MAX_OCCURRENCES} days"
                self._report.skip("calendar", uid, "invalid_work_week", detail)
                continue
            name = label(work_week, "Name")
            for day in (period[0] + timedelta(days=n) for n in range(days)):
                shifts = week[day.weekday()]
                if shifts is not None:
                    self._spend(1)
                    yield _Days(3, day, day, shifts, name)

    def _stated_shifts(self, uid: str, row: Row) -> Shifts:
        shifts = self._shifts(uid, row)
        if shifts is None:
            raise FieldError("WorkingTimes", "a working exception without working times")
        return shifts

    def _shifts(self, uid: str, row: Row) -> Shifts | None:
        """The working intervals of a day; None for a working day that does not name them."""
        if not flag(row, "DayWorking", default=bool(row.rows.get("WorkingTimes"))):
            return ()
        found: list[tuple[int, int]] = []
        stated = list(row.each("WorkingTimes", "WorkingTime"))
        for times in stated:
            begin, end = _time(times, "FromTime"), _time(times, "ToTime") or DAY
            if begin < end:
                found.append((begin, end))
            elif begin != end:
                self._report.skip("calendar", uid, "invalid_working_time", "working time that ends before it begins")
        return apart(found) if stated else None


def _calendar(
    uid: str, name: str, week: Sequence[Shifts | None], exceptions: tuple[CalendarException, ...], base: str | None
) -> WorkingCalendar:
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = week
    days = (monday, tuesday, wednesday, thursday, friday, saturday, sunday)
    return WorkingCalendar(uid, name, days, exceptions, base)


def _full(calendar: WorkingCalendar) -> tuple[Shifts, Shifts, Shifts, Shifts, Shifts, Shifts, Shifts]:
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (
        usual if own is None else own for own, usual in zip(calendar.week, USUAL_WEEK, strict=True)
    )
    return monday, tuesday, wednesday, thursday, friday, saturday, sunday


def _monday_first(day_type: int) -> int:
    """The file counts the week's days from Sunday = 1."""
    return (day_type + 5) % 7


def _period(row: Row, *, open_end: bool = False) -> tuple[date, date] | None:
    for period in row.rows.get("TimePeriod", ()):
        # The last second of a day belongs to that day.
        first, last = moment(period, "FromDate"), moment(period, "ToDate", half=60)
        if first is None or (last is None and not open_end):
            raise FieldError("TimePeriod", "has no beginning or no end")
        end = LAST_DAY if last is None else last.date()
        if end < first.date():
            raise FieldError("TimePeriod", "ends before it begins")
        return first.date(), end
    return None


def _time(row: Row, field: str) -> int:
    """Minutes after midnight, rounded: 23:59:59 is the end of the day."""
    match = _TIME.fullmatch(row.texts.get(field, ""))
    if match is None:
        raise FieldError(field, "not a time of day")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return min(hours * 60 + minutes + (seconds >= 30), DAY)


def _settle(stated: list[_Days]) -> list[CalendarException]:
    """Exceptions in order of date, each day in one at most: the lower rank's, then the one stated first."""
    origin = FIRST_DAY.toordinal()
    taken = bytearray((LAST_DAY - FIRST_DAY).days + 1) if stated else bytearray()
    settled: list[CalendarException] = []
    for days in sorted(stated, key=lambda each: each.rank):
        begin, stop = days.first.toordinal() - origin, days.last.toordinal() - origin + 1
        while (begin := taken.find(0, begin, stop)) >= 0:
            end = taken.find(1, begin, stop)
            end = stop if end < 0 else end
            taken[begin:end] = b"\x01" * (end - begin)
            first, last = date.fromordinal(origin + begin), date.fromordinal(origin + end - 1)
            settled.append(CalendarException(first, last, days.shifts, days.name))
            begin = end
    return sorted(settled, key=lambda each: each.first)
