"""Primavera's plans as the real cases put them: inputs in plain JSON."""

from datetime import date, datetime
from typing import Any, Final

from services.projects.domain.conventions import PRIMAVERA
from services.projects.domain.plan import ActivityType, ConstraintType, Link, LinkType, Plan, Task
from shared.working_calendar import CalendarException
from shared.working_time import WorkingCalendar

TYPES: Final = {
    "TT_Task": ActivityType.TASK,
    "TT_Rsrc": ActivityType.RESOURCE_DEPENDENT,
    "TT_Mile": ActivityType.START_MILESTONE,
    "TT_FinMile": ActivityType.FINISH_MILESTONE,
}
LINKS: Final = {
    "FS": LinkType.FINISH_TO_START,
    "SS": LinkType.START_TO_START,
    "FF": LinkType.FINISH_TO_FINISH,
    "SF": LinkType.START_TO_FINISH,
}
CONSTRAINTS: Final = {None: ConstraintType.AS_SOON_AS_POSSIBLE, "CS_MSOB": ConstraintType.START_NO_LATER_THAN}


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _calendar(name: str, case: dict[str, Any]) -> WorkingCalendar:
    shifts = [tuple((begin, end) for begin, end in case["week"][str(day)]) for day in range(7)]
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = shifts
    week = (monday, tuesday, wednesday, thursday, friday, saturday, sunday)
    exceptions = tuple(
        CalendarException(date.fromisoformat(day), date.fromisoformat(day), tuple((a, b) for a, b in worked))
        for day, worked in case["exceptions"].items()
    )
    return WorkingCalendar(name, case["name"], week, exceptions)


def primavera_plan(case: dict[str, Any]) -> Plan:
    """The plan of a case, under the options that all of them were scheduled with."""
    project = case["project"]
    options = project["options"]
    assert (options["sched_calendar_on_relationship_lag"], options["sched_float_type"]) == ("rcal_Predecessor", "FT_FF")
    tasks = [
        Task(
            source_id=uid,
            position=at,
            name=row["name"],
            activity_type=TYPES[row["type"]],
            duration_minutes=int(row.get("duration") or 0),
            calendar_source_id=row["calendar"],
            constraint_type=CONSTRAINTS[row.get("constraint")],
            constraint_date=moment(row.get("constraint_date")),
        )
        for at, (uid, row) in enumerate(case["tasks"].items())
    ]
    start = moment(project["start"])
    assert start is not None
    return Plan(
        source_guid=None,
        name=case["name"],
        currency="USD",
        start=start,
        status_date=moment(project["data_date"]),
        must_finish=moment(project["must_finish"]),
        calendar_source_id=next(iter(case["calendars"])),
        calendars=tuple(_calendar(name, each) for name, each in case["calendars"].items()),
        tasks=tuple(tasks),
        links=tuple(Link(e["pred"], e["succ"], LINKS[e["type"]], int(e["lag_min"])) for e in case["links"]),
        conventions=PRIMAVERA,
    )
