"""The project's own fields of Microsoft Project XML, and the plan put together with them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from services.projects.domain.calendars import usual_calendar
from services.projects.domain.conventions import Conventions, ProgressMode
from services.projects.domain.fields import CURRENCY_CODE, FieldError, Report, Row, flag, identifier, integer, label
from services.projects.domain.mspdi.values import moment
from services.projects.domain.plan import Assignment, Link, Plan, Resource, Task
from services.projects.domain.xml_guard import PlanFileError
from shared.working_time import WorkingCalendar

PROJECT_SUMMARY: Final = "0"  # the UID of the row that sums up the project
FALLBACK_CURRENCY: Final = "USD"
_SYMBOLS: Final = {"€": "EUR", "£": "GBP", "$": "USD"}

Value = TypeVar("Value")


def status_date(header: Row) -> datetime | None:
    """The date that progress is as of; one that cannot be read is none."""
    return _either(lambda: moment(header, "StatusDate"), None)


def rates_date(header: Row) -> datetime | None:
    """The date whose rates are in force: the status date, else the day on which the file was written."""
    return status_date(header) or _either(lambda: moment(header, "CurrentDate"), None)


def earns_by_physical_percent(header: Row) -> bool:
    """What tasks that name no earned value method use."""
    return _either(lambda: flag(header, "DefaultTaskEVMethod"), fallback=False)


def assemble(
    header: Row,
    report: Report,
    *,
    calendars: Mapping[str, WorkingCalendar],
    tasks: Mapping[str, Task],
    links: tuple[Link, ...],
    resources: tuple[Resource, ...],
    assignments: tuple[Assignment, ...],
) -> Plan:
    """The whole plan; fields of the project that cannot be read are reported and take their usual values."""

    def read(value: Callable[[], Value], fallback: Value) -> Value:
        return _either(value, fallback, report)

    start = read(lambda: moment(header, "StartDate"), None)
    start = start or min((task.start for task in tasks.values() if task.start is not None), default=None)
    if start is None:
        raise PlanFileError("mspdi_without_start", "neither the project nor a task names a start")
    name = _name(header, tasks)
    summary = tasks.get(PROJECT_SUMMARY)
    if summary is not None and not summary.name:
        tasks = {**tasks, PROJECT_SUMMARY: replace(summary, name=name)}
    calendars = calendars or {"": usual_calendar()}
    minutes_per_day = read(lambda: integer(header, "MinutesPerDay", 480, 1, 1440), 480)
    critical_days = read(lambda: integer(header, "CriticalSlackLimit", 0, 0, 10_000), 0)
    return Plan(
        source_guid=_guid(header, report),
        name=name,
        currency=_currency(header, report),
        start=start,
        status_date=read(lambda: moment(header, "StatusDate"), None),
        calendar_source_id=_calendar(header, report, calendars),
        calendars=tuple(calendars.values()),
        tasks=tuple(tasks.values()),
        links=links,
        resources=resources,
        assignments=assignments,
        finish=read(lambda: moment(header, "FinishDate"), None),
        minutes_per_day=minutes_per_day,
        minutes_per_week=read(lambda: integer(header, "MinutesPerWeek", 2400, 1, 10_080), 2400),
        days_per_month=read(lambda: integer(header, "DaysPerMonth", 20, 1, 31), 20),
        conventions=_conventions(header, report, critical_days * minutes_per_day),
        skipped=report.finish(),
    )


def _conventions(header: Row, report: Report, critical_float_minutes: int) -> Conventions:
    def says(name: str, *, usually: bool) -> bool:
        return _either(lambda: flag(header, name, default=usually), usually, report)

    splits = says("SplitsInProgressTasks", usually=True)
    return Conventions(
        progress=ProgressMode.RETAINED_LOGIC if splits else ProgressMode.PROGRESS_OVERRIDE,
        critical_float_minutes=critical_float_minutes,
        open_ends_critical=says("MultipleCriticalPaths", usually=False),
        honors_constraints=says("HonorConstraints", usually=True),
        schedules_from_finish=not says("ScheduleFromStart", usually=True),
    )


def _either(value: Callable[[], Value], fallback: Value, report: Report | None = None) -> Value:
    try:
        return value()
    except FieldError as error:
        if report is not None:
            report.skip("project", "", "invalid_field", str(error))
        return fallback


def _name(header: Row, tasks: Mapping[str, Task]) -> str:
    """The title, else the summary row's name, else the name of the file that it was."""
    summary = tasks.get(PROJECT_SUMMARY)
    file_name = re.sub(r"\.(xml|mpp|mpt)$", "", label(header, "Name"), flags=re.IGNORECASE)
    return label(header, "Title") or (summary.name if summary else "") or file_name.strip() or "Project"


def _guid(header: Row, report: Report) -> str | None:
    """The project's GUID in its one spelling; the nil GUID is none."""
    text = header.texts.get("GUID")
    if text is None:
        return None
    try:
        guid = UUID(text)
    except ValueError:
        report.skip("project", "", "invalid_field", "GUID: not a GUID")
        return None
    return str(guid) if guid.int else None


def _currency(header: Row, report: Report) -> str:
    code = header.texts.get("CurrencyCode", "").upper()
    if CURRENCY_CODE.fullmatch(code):
        return code
    currency = _SYMBOLS.get(header.texts.get("CurrencySymbol", ""), FALLBACK_CURRENCY)
    report.skip("project", "", "currency_missing", f"it names no currency code; {currency} is assumed")
    return currency


def _calendar(header: Row, report: Report, calendars: Mapping[str, WorkingCalendar]) -> str:
    uid = _either(lambda: identifier(header, "CalendarUID"), None)
    if uid is not None and uid in calendars:
        return uid
    # MS Project's own choice when the calendar is gone is the one named Standard, which it always writes first.
    calendar = next((each for each in calendars.values() if each.base_source_id is None), None)
    calendar = calendar or next(iter(calendars.values()))
    report.skip("project", "", "unknown_calendar", f"its calendar is unknown; calendar {calendar.source_id} is used")
    return calendar.source_id
