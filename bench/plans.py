"""Plans of any size, always the same: tasks on three calendars, two links each, some constraints, a baseline."""

import random
import uuid
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from services.projects.domain.mspdi.writing import mspdi_text
from services.projects.domain.plan import Baseline, ConstraintType, Link, LinkType, Plan, Task
from services.projects.domain.schedule import critical_path
from shared.working_calendar import CalendarException, WorkingCalendar

_DAY: Final = ((480, 720), (780, 1020))
_LONG: Final = ((360, 720), (750, 1080))
_LATE: Final = ((840, 1320),)
_START: Final = datetime(2026, 1, 5, 8, 0)  # noqa: DTZ001 - a plan's local wall time
_HOLIDAYS: Final = tuple(CalendarException(date(year, *day), date(year, *day)) for year in range(2026, 2036)
                         for day in ((1, 1), (5, 1), (12, 25), (12, 26)))  # fmt: skip
CALENDARS: Final = (
    WorkingCalendar("1", "Standard", (_DAY, _DAY, _DAY, _DAY, _DAY, (), ()), _HOLIDAYS),
    WorkingCalendar("2", "Six days", (_LONG, _LONG, _LONG, _LONG, _LONG, _LONG, ()), _HOLIDAYS),
    WorkingCalendar("3", "Late shift", (_LATE, _LATE, _LATE, _LATE, _LATE, (), ()), _HOLIDAYS),
)


def plan(size: int) -> Plan:
    """A plan of so many tasks; as broad as it is long, so that its years stay few."""
    chance = random.Random(size)
    tasks, links = [], []
    reach = max(3, size // 200)
    for number in range(size):
        bound = number % 25 == 24
        tasks.append(
            Task(
                source_id=str(number + 1),
                position=number,
                name=f"Pour quay wall, section {number + 1}",
                wbs=str(number + 1),
                duration_minutes=60 * chance.randint(2, 40),
                calendar_source_id=chance.choice((None, None, "2", "3")),
                constraint_type=ConstraintType.START_NO_EARLIER_THAN if bound else ConstraintType.AS_SOON_AS_POSSIBLE,
                constraint_date=_START + timedelta(days=chance.randint(0, 200)) if bound else None,
                work_minutes=480,
                remaining_work_minutes=480,
                cost=Decimal(chance.randint(1, 50) * 100),
            )
        )
        before = {chance.randint(max(0, number - 2 * reach), max(0, number - reach)) for _ in range(4)} - {number}
        for other in sorted(before)[:2]:
            kind = chance.choice((LinkType.FINISH_TO_START,) * 4 + (LinkType.START_TO_START,))
            lag = chance.choice((0, 0, 0, 480, -120))
            links.append(Link(str(other + 1), str(number + 1), kind, lag))
    return Plan(
        source_guid=str(uuid.uuid5(uuid.NAMESPACE_OID, f"bench {size}")),
        name=f"Generated, {size} tasks",
        currency="EUR",
        start=_START,
        status_date=None,
        calendar_source_id="1",
        calendars=CALENDARS,
        tasks=tuple(tasks),
        links=tuple(links),
    )


def mspdi(size: int) -> str:
    """Such a plan as a Microsoft Project file, its present schedule as the baseline."""
    return mspdi_of(plan(size))


def mspdi_of(made: Plan) -> str:
    """A plan as a Microsoft Project file, its present schedule as the baseline."""
    schedule = critical_path(made)
    tasks = tuple(
        replace(
            task,
            start=dates.early_start,
            finish=dates.early_finish,
            baseline=Baseline(dates.early_start, dates.early_finish, task.duration_minutes, 480, task.cost),
        )
        for task, dates in zip(made.tasks, schedule.tasks, strict=True)
    )
    return mspdi_text(replace(made, tasks=tasks, finish=schedule.project_finish), schedule)
