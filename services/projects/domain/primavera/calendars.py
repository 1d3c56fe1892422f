"""Calendars of Primavera: global ones and those of a project, complete by themselves or with a base's holidays too."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from services.projects.domain.calendars import USUAL_WEEK, apart, leads_to_a_base
from services.projects.domain.fields import (
    MAX_CALENDARS,
    MAX_EXCEPTIONS,
    FieldError,
    Report,
    Row,
    identifier,
    label,
)
from services.projects.domain.primavera.calendar_data import CalendarDataError, read_calendar_data
from services.projects.domain.primavera.values import hours, moment
from services.projects.domain.xml_guard import PlanFileError
from shared.working_time import DAY, CalendarException, Shifts, WorkingCalendar

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Hours:
    """What a calendar counts as a day, a week and a month, in minutes; 0 where it does not say."""

    day: int
    week: int
    month: int


class CalendarReader:
    """Reads calendar rows one by one; `of_project` settles what each is based on."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._calendars: dict[str, WorkingCalendar] = {}
        self._projects: dict[str, str] = {}
        self._exceptions = 0
        self.hours: dict[str, Hours] = {}
        self.default: str | None = None

    def read(self, row: Row) -> None:
        """Take a calendar, or report why not."""
        uid = ""
        try:
            uid = identifier(row, "clndr_id") or ""
            if not uid or uid in self._calendars:
                self._report.skip("calendar", uid, "duplicate_uid" if uid else "missing_uid", "not the one of its id")
                return
            base, project = identifier(row, "base_clndr_id"), identifier(row, "proj_id")
            counted = Hours(*(hours(row, f"{unit}_hr_cnt", 31 * DAY) for unit in ("day", "week", "month")))
            week, exceptions = self._times(uid, row)
        except FieldError as error:
            self._report.skip("calendar", uid, "invalid_field", str(error))
            return
        self._exceptions += len(exceptions)
        if len(self._calendars) >= MAX_CALENDARS or self._exceptions > MAX_EXCEPTIONS:
            raise PlanFileError("plan_too_large", f"more than {MAX_CALENDARS} calendars or {MAX_EXCEPTIONS} exceptions")
        monday, tuesday, wednesday, thursday, friday, saturday, sunday = week
        days = (monday, tuesday, wednesday, thursday, friday, saturday, sunday)
        name = label(row, "clndr_name", f"Calendar {uid}")
        self._calendars[uid] = WorkingCalendar(uid, name, days, exceptions, base)
        self.hours[uid] = counted
        if project is not None:
            self._projects[uid] = project
        if row.texts.get("default_flag") == "Y" and self.default is None:
            self.default = uid

    def of_project(self, project: str) -> dict[str, WorkingCalendar]:
        """The global calendars and those of a project by their ids, every base among them and none in a circle."""
        own = {uid: each for uid, each in self._calendars.items() if self._projects.get(uid, project) == project}
        for uid, calendar in own.items():
            if calendar.base_source_id is not None and not leads_to_a_base(calendar.base_source_id, own):
                self._report.skip("calendar", uid, "unknown_base", "its base is unknown or circular and left out")
                own[uid] = replace(calendar, base_source_id=None)
        return own

    def _times(self, uid: str, row: Row) -> tuple[tuple[Shifts, ...], tuple[CalendarException, ...]]:
        try:
            if "week" in row.rows:
                return _stated_times(row)
            return read_calendar_data(row.texts.get("clndr_data", ""))
        except (CalendarDataError, FieldError) as error:
            detail = f"{error}; the usual working week takes its place"
            self._report.skip("calendar", uid, "invalid_calendar", detail)
            return USUAL_WEEK, ()


def _stated_times(row: Row) -> tuple[tuple[Shifts, ...], tuple[CalendarException, ...]]:
    """The week and the exceptions of PMXML, where each working time names its last minute."""
    week: list[Shifts] = [()] * 7
    for day in row.each("week", "StandardWorkHours"):
        name = day.texts.get("DayOfWeek", "")
        if name in WEEKDAYS:
            week[WEEKDAYS.index(name)] = apart(list(_work_times(day)))
    exceptions = {}
    for day in row.each("exceptions", "HolidayOrException"):
        when = moment(day, "Date")
        if when is not None:
            exceptions[when.date()] = apart(list(_work_times(day)))
    return tuple(week), tuple(CalendarException(day, day, exceptions[day]) for day in sorted(exceptions))


def _work_times(day: Row) -> Iterator[tuple[int, int]]:
    for times in day.rows.get("WorkTime", ()):
        if not times.texts:
            continue
        begin, end = _minute(times, "Start"), _minute(times, "Finish")
        end = end + 1 if end % 10 == 9 else end or DAY
        if begin < end:
            yield begin, end


def _minute(row: Row, field: str) -> int:
    text = row.texts.get(field, "")
    hour, _, rest = text.partition(":")
    minute = rest[:2]
    if not (hour.isascii() and minute.isascii() and hour.isdigit() and minute.isdigit()):
        if text:
            raise FieldError(field, "not a time of day")
        return 0
    found = int(hour[:2]) * 60 + int(minute)
    if found > DAY:
        raise FieldError(field, "not a time of day")
    return found
