"""Writes a plan and its schedule as Microsoft Project XML, in the published schema's order."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape

from services.projects.domain.conventions import ProgressMode
from services.projects.domain.ev_techniques import PercentComplete
from services.projects.domain.mspdi.attributes import ATTRIBUTES, MANDATORY, attributes_of
from services.projects.domain.plan import (
    Assignment,
    Baseline,
    ConstraintType,
    LagUnit,
    Link,
    LinkType,
    Plan,
    Resource,
    ResourceType,
    Task,
)
from services.projects.domain.progress import PercentCompleteType
from services.projects.domain.schedule import Schedule, ScheduledTask
from shared.working_time import Shifts, WorkingCalendar

Value = str | int | bool | Decimal | datetime | None
Fields = dict[str, Value]
Content = str | Fields

LINK_TYPES: Final = (
    LinkType.FINISH_TO_FINISH,
    LinkType.FINISH_TO_START,
    LinkType.START_TO_FINISH,
    LinkType.START_TO_START,
)
RESOURCE_TYPES: Final = (ResourceType.MATERIAL, ResourceType.WORK, ResourceType.COST)
LAG_FORMATS: Final = {
    LagUnit.WORKING: 7,
    LagUnit.ELAPSED: 8,
    LagUnit.PERCENT: 19,
    LagUnit.ELAPSED_PERCENT: 20,
}
CONSTRAINTS: Final = {kind: number for number, kind in enumerate(ConstraintType)}
_WHITE: Final = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}  # inside of texts; between elements it is layout
SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}
HEADER: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def mspdi_text(plan: Plan, schedule: Schedule, name: str = "plan.xml") -> str:
    """The whole file; ids must be whole numbers. Tasks that the schedule does not name have no computed dates."""
    return "".join(mspdi_pieces(plan, schedule, name))


def mspdi_pieces(plan: Plan, schedule: Schedule, name: str = "plan.xml") -> Iterator[str]:
    """The file in pieces of whole lines, one for each row."""
    dates = {each.source_id: each for each in schedule.tasks}
    links: dict[str, list[Link]] = {}
    for link in plan.links:
        links.setdefault(link.successor, []).append(link)
    booked: dict[str | None, list[Assignment]] = {}
    for each in plan.assignments:
        booked.setdefault(each.resource_source_id, []).append(each)
    by_id = {task.source_id: task for task in plan.tasks}
    header: Fields = {
        "SaveVersion": 14,
        "Name": name,
        "GUID": plan.source_guid and plan.source_guid.upper(),
        "Title": plan.name,
        "CreationDate": plan.start.replace(hour=9),
        "LastSaved": plan.status_date,
        "ScheduleFromStart": not plan.conventions.schedules_from_finish,
        "StartDate": plan.start,
        "FinishDate": plan.finish or schedule.project_finish,
        "CriticalSlackLimit": plan.conventions.critical_float_minutes // plan.minutes_per_day,
        "CurrencyDigits": 2,
        "CurrencySymbol": SYMBOLS.get(plan.currency, plan.currency),
        "CurrencyCode": plan.currency,
        "CurrencySymbolPosition": 0,
        "CalendarUID": plan.calendar_source_id,
        "DefaultStartTime": "08:00:00",
        "DefaultFinishTime": "17:00:00",
        "MinutesPerDay": plan.minutes_per_day,
        "MinutesPerWeek": plan.minutes_per_week,
        "DaysPerMonth": plan.days_per_month,
        "DefaultTaskType": 0,
        "DefaultFixedCostAccrual": 2,
        "DurationFormat": 7,
        "WorkFormat": 2,
        "HonorConstraints": plan.conventions.honors_constraints,
        "MultipleCriticalPaths": plan.conventions.open_ends_critical,
        "SplitsInProgressTasks": plan.conventions.progress is not ProgressMode.PROGRESS_OVERRIDE,
        "BaselineForEarnedValue": 0,
        "StatusDate": plan.status_date,
        "CurrentDate": plan.status_date,
        "DefaultTaskEVMethod": 0,
    }
    materials = {each.source_id for each in plan.resources if each.type is not ResourceType.WORK}
    sections = {
        "Calendars": map(_calendar, plan.calendars),
        "Tasks": (_task(each, dates.get(each.source_id), links.get(each.source_id, ())) for each in plan.tasks),
        "Resources": (_resource(each, booked.get(each.source_id, ())) for each in plan.resources),
        "Assignments": (
            _assignment(by_id[each.task_source_id], each, is_work=each.resource_source_id not in materials)
            for each in plan.assignments
        ),
    }
    yield f'{HEADER}<Project xmlns="http://schemas.microsoft.com/project">\n'
    yield _indented(_fields(header), 1)
    if definitions := _definitions(plan.tasks):
        yield _indented(_section("ExtendedAttributes", [definitions]), 1)
    for section, elements in sections.items():
        yield f"  <{section}>\n"
        for element in elements:
            yield _indented(element, 2)
        yield f"  </{section}>\n"
    yield "</Project>\n"


def _task(task: Task, dates: ScheduledTask | None, links: Sequence[Link]) -> str:
    fields: Fields = {
        "UID": task.source_id,
        "GUID": task.guid and task.guid.upper(),
        "ID": task.position,
        "Name": task.name,
        "Active": task.is_active,
        "Manual": task.is_manual,
        "Type": 2 if task.is_fixed_work else int(task.is_fixed_duration),
        "IsNull": False,
        "WBS": task.wbs,
        "OutlineNumber": task.wbs,
        "OutlineLevel": task.outline_level,
        "Priority": task.priority,
        "Start": task.start if dates is None or task.is_manual else dates.start,
        "Finish": task.finish if dates is None or task.is_manual else dates.finish,
        "Duration": _duration(task.duration_minutes),
        "DurationFormat": 8 if task.is_elapsed_duration else 7,
        "Work": _duration(task.work_minutes),
        "Stop": task.stop,
        "Resume": task.resume,
        "EffortDriven": False,
        "Estimated": False,
        "Milestone": task.is_milestone,
        "Summary": task.is_summary,
        "Critical": dates and dates.is_critical,
        "IsSubproject": False,
        "ExternalTask": False,
        "EarlyStart": dates and dates.early_start,
        "EarlyFinish": dates and dates.early_finish,
        "LateStart": dates and dates.late_start,
        "LateFinish": dates and dates.late_finish,
        "FreeSlack": dates and 10 * dates.free_float_minutes,
        "TotalSlack": dates and 10 * dates.total_float_minutes,
        "FixedCost": _hundredths(task.fixed_cost),
        "FixedCostAccrual": 2,
        "PercentComplete": task.percent_complete,
        "PercentWorkComplete": task.percent_work_complete,
        "Cost": _hundredths(task.cost),
        "ActualStart": task.actual_start,
        "ActualFinish": task.actual_finish,
        "ActualDuration": _duration(task.actual_duration_minutes),
        "ActualCost": _hundredths(task.actual_cost),
        "ActualWork": _duration(task.actual_work_minutes),
        "RegularWork": _duration(task.work_minutes),
        "RemainingDuration": None
        if task.remaining_duration_minutes is None
        else _duration(task.remaining_duration_minutes),
        "RemainingCost": _hundredths(task.cost - task.actual_cost),
        "RemainingWork": _duration(task.remaining_work_minutes),
        "ConstraintType": CONSTRAINTS[MANDATORY.get(task.constraint_type, task.constraint_type)],
        "CalendarUID": task.calendar_source_id or "-1",
        "ConstraintDate": task.constraint_date,
        "Deadline": task.deadline,
        "LevelingDelay": 10 * task.leveling_delay_minutes,
        "LevelingDelayFormat": 8,
        "IgnoreResourceCalendar": task.ignores_resource_calendar,
        "Notes": task.description or None,
        "PhysicalPercentComplete": task.physical_percent_complete,
        "EarnedValueMethod": _earns_physically(task),
    }
    more = _attributes(task) + _baselines(task)
    return _element("Task", _fields(fields) + "".join(map(_link, links)) + more)


def _definitions(tasks: Iterable[Task]) -> str:
    """The custom fields that the tasks use, if they use any."""
    used = {each for task in tasks for each in attributes_of(task, earns_physically=_earns_physically(task))}
    return "".join(
        _element("ExtendedAttribute", {"FieldID": each.number, "FieldName": each.name, "Alias": each.alias})
        for each in ATTRIBUTES
        if each in used
    )


def _attributes(task: Task) -> str:
    stated = attributes_of(task, earns_physically=_earns_physically(task))
    return "".join(
        _element("ExtendedAttribute", {"FieldID": each.number, "Value": value}) for each, value in stated.items()
    )


def _link(link: Link) -> str:
    in_percent = link.lag_unit in {LagUnit.PERCENT, LagUnit.ELAPSED_PERCENT}
    fields: Fields = {
        "PredecessorUID": link.predecessor,
        "Type": LINK_TYPES.index(link.type),
        "CrossProject": False,
        "LinkLag": link.lag if in_percent else 10 * link.lag,
        "LagFormat": LAG_FORMATS[link.lag_unit],
    }
    return _element("PredecessorLink", fields)


def _earns_physically(task: Task) -> bool:
    """The two methods there are: percent complete, or physical percent complete."""
    technique = task.ev_technique
    if isinstance(technique, PercentComplete) and technique.basis is not None:
        return technique.basis is PercentCompleteType.PHYSICAL
    return task.uses_physical_percent


def _baselines(task: Task) -> str:
    found = {} if task.baseline is None else {0: task.baseline}
    return "".join(_baseline(task, number, each) for number, each in sorted((found | dict(task.baselines)).items()))


def _baseline(task: Task, number: int, baseline: Baseline) -> str:
    fields: Fields = {
        "Number": number,
        "Start": baseline.start,
        "Finish": baseline.finish,
        "Duration": _duration(baseline.duration_minutes or 0),
        "DurationFormat": 8 if task.is_elapsed_duration else 7,
        "Work": _duration(baseline.work_minutes or 0),
        "Cost": _hundredths(baseline.cost or Decimal(0)),
    }
    return _element("Baseline", fields)


def _resource(resource: Resource, booked: Sequence[Assignment]) -> str:
    work = sum(each.work_minutes for each in booked)
    actual = sum(each.actual_work_minutes for each in booked)
    is_work = resource.type is ResourceType.WORK
    fields: Fields = {
        "UID": resource.source_id,
        "ID": resource.source_id,
        "Name": resource.name,
        "Type": RESOURCE_TYPES.index(resource.type),
        "IsNull": False,
        "EmailAddress": resource.email,
        "MaxUnits": resource.max_units if is_work else None,
        "Work": _duration(work) if is_work else None,
        "ActualWork": _duration(actual) if is_work else None,
        "RemainingWork": _duration(work - actual) if is_work else None,
        "StandardRate": resource.standard_rate,
        "StandardRateFormat": 2 if is_work else 8,
        "Cost": _hundredths(sum((each.cost for each in booked), Decimal(0))),
        "OvertimeRate": resource.overtime_rate,
        "OvertimeRateFormat": 2,
        "CostPerUse": _hundredths(resource.cost_per_use),
        "ActualCost": _hundredths(sum((each.actual_cost for each in booked), Decimal(0))),
        "CalendarUID": resource.calendar_source_id,
    }
    return _element("Resource", fields)


def _assignment(task: Task, assignment: Assignment, *, is_work: bool) -> str:
    quantity = int(assignment.units * 60)  # of material, as if it were hours
    share = task.percent_complete / 100
    work = assignment.work_minutes if is_work else quantity
    actual = assignment.actual_work_minutes if is_work else int(quantity * share)
    fields: Fields = {
        "UID": assignment.source_id,
        "TaskUID": assignment.task_source_id,
        "ResourceUID": assignment.resource_source_id or "-65535",
        "PercentWorkComplete": task.percent_complete,
        "ActualCost": _hundredths(assignment.actual_cost),
        "ActualFinish": task.actual_finish,
        "ActualStart": task.actual_start,
        "ActualWork": _duration(actual),
        "Cost": _hundredths(assignment.cost),
        "Finish": assignment.finish,
        "HasFixedRateUnits": is_work,
        "FixedMaterial": not is_work,
        "RemainingCost": _hundredths(assignment.cost - assignment.actual_cost),
        "RemainingWork": _duration(work - actual),
        "Start": assignment.start,
        "Units": assignment.units,
        "Work": _duration(work),
        "WorkContour": 0,
    }
    return _element("Assignment", fields)


def _calendar(calendar: WorkingCalendar) -> str:
    is_base = calendar.base_source_id is None
    fields: Fields = {
        "UID": calendar.source_id,
        "Name": calendar.name,
        "IsBaseCalendar": is_base,
        "IsBaselineCalendar": False,
        "BaseCalendarUID": calendar.base_source_id or "-1",
    }
    days = []
    for sunday_first in range(7):
        shifts = calendar.week[(sunday_first + 6) % 7]
        if shifts is not None:
            day: Fields = {"DayType": sunday_first + 1, "DayWorking": bool(shifts)}
            days.append(_element("WeekDay", _fields(day) + _times(shifts)))
    exceptions = []
    for exception in calendar.exceptions:
        end = datetime.combine(exception.last, datetime.max.time()).replace(second=0, microsecond=0)
        span: Fields = {"FromDate": datetime.combine(exception.first, datetime.min.time()), "ToDate": end}
        period = _element("TimePeriod", span)
        # Both styles, as Microsoft Project writes them: readers since 2007 look at the exceptions only.
        old: Fields = {"DayType": 0, "DayWorking": bool(exception.shifts)}
        days.append(_element("WeekDay", _fields(old) + period + _times(exception.shifts)))
        new: Fields = {"Occurrences": 1, "Name": exception.name, "Type": 1, "DayWorking": bool(exception.shifts)}
        entered: Fields = {"EnteredByOccurrences": False}
        exceptions.append(_element("Exception", _fields(entered) + period + _fields(new) + _times(exception.shifts)))
    stated = (_section("WeekDays", days) if days else "") + (_section("Exceptions", exceptions) if exceptions else "")
    return _element("Calendar", _fields(fields) + stated)


def _times(shifts: Shifts) -> str:
    if not shifts:
        return ""
    return _section(
        "WorkingTimes",
        [_element("WorkingTime", {"FromTime": _clock(begin), "ToTime": _clock(end % 1440)}) for begin, end in shifts],
    )


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}:00"


def _duration(minutes: int) -> str:
    return f"PT{minutes // 60}H{minutes % 60}M0S"


def _hundredths(amount: Decimal) -> int:
    return int(amount * 100)


def _section(name: str, elements: Iterable[str]) -> str:
    return _element(name, "".join(elements))


def _element(name: str, content: Content) -> str:
    return f"<{name}>{content if isinstance(content, str) else _fields(content)}</{name}>"


def _fields(fields: Fields) -> str:
    return "".join(_element(name, _text(value)) for name, value in fields.items() if value is not None)


def _text(value: Value) -> str:
    match value:
        case bool():
            return str(int(value))
        case datetime():
            return value.isoformat(timespec="seconds")
        case _:
            return escape(str(value), _WHITE)


def _indented(text: str, depth: int) -> str:
    """One element per line, so that changes of the file can be read."""
    lines: list[str] = []
    for piece in text.replace("><", ">\n<").split("\n"):
        depth -= piece.startswith("</")
        lines.append("  " * depth + piece)
        depth += piece.startswith("<") and "</" not in piece
    return "\n".join(lines) + "\n"
