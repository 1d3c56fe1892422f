"""Small plans for the scheduler's tests: a Monday to Friday office, named tasks, short ways to say links and dates."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.projects.domain.plan import Link, LinkType, Plan, Task
from services.projects.domain.schedule import ScheduledTask, critical_path
from shared.working_time import Shifts, WorkingCalendar

DAY: Final = 480
OFFICE: Final[Shifts] = ((480, 720), (780, 1020))
STANDARD: Final = WorkingCalendar("1", "Standard", (OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, (), ()))
ROUND_THE_CLOCK: Final = WorkingCalendar("24", "24 hours", (((0, 1440),),) * 7)
NO_MONDAYS: Final = WorkingCalendar("no-mondays", "Bob", ((), None, None, None, None, None, None), base_source_id="1")

FS: Final = LinkType.FINISH_TO_START
SS: Final = LinkType.START_TO_START
FF: Final = LinkType.FINISH_TO_FINISH
SF: Final = LinkType.START_TO_FINISH


def at(text: str) -> datetime:
    """A moment of January 2026, whose 5th is a Monday: `5 08:00`."""
    day, time = text.split()
    return datetime.fromisoformat(f"2026-01-{int(day):02}T{time}")


def task(name: str, days: float = 1) -> Task:
    """A task of so many days of 480 minutes; `replace` gives it more."""
    return Task(name, 0, name, duration_minutes=round(days * DAY))


def plan(tasks: Iterable[Task], links: Iterable[Link] = ()) -> Plan:
    """A plan that starts on Monday 5 January 2026 at 8:00 in the office calendar; `replace` gives it more."""
    placed = tuple(replace(each, position=position) for position, each in enumerate(tasks))
    return Plan(
        source_guid=None,
        name="Plan",
        currency="EUR",
        start=at("5 08:00"),
        status_date=None,
        calendar_source_id="1",
        calendars=(STANDARD, ROUND_THE_CLOCK, NO_MONDAYS),
        tasks=placed,
        links=tuple(links),
    )


def scheduled(plan: Plan) -> dict[str, ScheduledTask]:
    """The scheduled tasks by name."""
    return {each.source_id: each for each in critical_path(plan).tasks}


def early(each: ScheduledTask) -> tuple[str, str]:
    """Early start and finish as `at` reads them."""
    return _said(each.early_start), _said(each.early_finish)


def late(each: ScheduledTask) -> tuple[str, str]:
    """Late start and finish as `at` reads them."""
    return _said(each.late_start), _said(each.late_finish)


def _said(moment: datetime) -> str:
    return f"{moment.day} {moment:%H:%M}"
