"""The harbour terminal's story: what was planned, and how it stands at the status date.

`python -m examples.harbour_terminal` writes `harbour-terminal.mspdi.xml` beside this file.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

from examples.harbour_lines import CALENDARS, DAY, GUID, LINES, RESOURCES, STANDARD, START, STATUS_DATE, Line
from services.projects.domain.mspdi.writing import mspdi_text
from services.projects.domain.plan import (
    Assignment,
    Baseline,
    ConstraintType,
    LagUnit,
    Link,
    LinkType,
    Plan,
    ResourceType,
    Task,
)
from services.projects.domain.schedule import Schedule, critical_path
from shared.working_time import WorkingTime, compile_calendars, minute_of, moment_of

FILE: Final = Path(__file__).with_name("harbour-terminal.mspdi.xml")
TYPES: Final = {
    "FS": LinkType.FINISH_TO_START,
    "SS": LinkType.START_TO_START,
    "FF": LinkType.FINISH_TO_FINISH,
    "SF": LinkType.START_TO_FINISH,
}


def harbour_terminal() -> tuple[Plan, Schedule]:
    """The plan as it stands at the status date, with the baseline it had, and its schedule."""
    planned, calendars = _plan(current=False), compile_calendars(CALENDARS)
    baseline = _with_baseline(planned, critical_path(planned), calendars)
    current = replace(_plan(current=True), status_date=STATUS_DATE)
    current = replace(
        current,
        tasks=tuple(
            replace(task, baseline=known.baseline) for task, known in zip(current.tasks, baseline.tasks, strict=True)
        ),
    )
    current = _with_progress(current, critical_path(current), calendars)
    schedule = critical_path(current)
    return _with_sums(replace(current, finish=schedule.project_finish), schedule, calendars), schedule


def _plan(*, current: bool) -> Plan:
    tasks: list[Task] = []
    assignments: list[Assignment] = []
    above: list[Line] = []
    numbers: list[int] = []
    for position, line in enumerate(LINES):
        del above[line.level :]
        numbers = [*numbers[: line.level], 0][: line.level]
        if line.level:
            earlier = [each for each in tasks if each.parent_source_id == str(above[-1].uid)]
            numbers[line.level - 1] = len(earlier) + 1
        days = line.days if line.now is None or not current else line.now
        minutes = days * (1440 if line.elapsed else DAY)
        booked = list(_assignments(line, minutes, len(assignments), current=current))
        assignments += booked
        kind, moment = line.constraint or (ConstraintType.AS_SOON_AS_POSSIBLE, "")
        tasks.append(
            Task(
                source_id=str(line.uid),
                position=position,
                name=line.name,
                parent_source_id=str(above[-1].uid) if above else None,
                outline_level=line.level,
                wbs=".".join(str(number) for number in numbers) or "0",
                is_summary=position + 1 < len(LINES) and LINES[position + 1].level > line.level,
                is_fixed_duration=position + 1 < len(LINES) and LINES[position + 1].level > line.level,
                is_milestone=line.days == 0 and bool(line.after),
                duration_minutes=minutes,
                is_elapsed_duration=line.elapsed,
                calendar_source_id=line.calendar,
                constraint_type=kind,
                constraint_date=datetime.fromisoformat(moment) if moment else None,
                deadline=datetime.fromisoformat(line.deadline) if line.deadline else None,
                remaining_duration_minutes=minutes,
                work_minutes=sum(each.work_minutes for each in booked),
                remaining_work_minutes=sum(each.work_minutes for each in booked),
                fixed_cost=Decimal(line.fixed_cost),
                cost=line.fixed_cost + sum((each.cost for each in booked), Decimal(0)),
            )
        )
        above.append(line)
    links = tuple(_link(line, text) for line in LINES for text in line.after.split())
    return Plan(
        source_guid=GUID,
        name=LINES[0].name,
        currency="EUR",
        start=START,
        status_date=None,
        calendar_source_id=STANDARD,
        calendars=CALENDARS,
        tasks=tuple(tasks),
        links=links,
        resources=RESOURCES,
        assignments=tuple(assignments),
    )


def _assignments(line: Line, minutes: int, known: int, *, current: bool) -> Iterable[Assignment]:
    stated = line.who_now if current and line.who_now else line.who
    for number, text in enumerate(stated.split(), known + 1):
        uid, _, units = text.partition(":")
        resource = next(each for each in RESOURCES if each.source_id == uid)
        work = int(minutes * Decimal(units)) if resource.type is ResourceType.WORK else 0
        quantity = Decimal(work) / 60 if work else Decimal(units)
        cost = _cents(quantity * (resource.standard_rate or Decimal(0)) + resource.cost_per_use)
        yield Assignment(str(number), str(line.uid), uid, Decimal(units), work, remaining_work_minutes=work, cost=cost)


def _link(line: Line, text: str) -> Link:
    """`8SS+10d`: after task 8, start to start, ten days later; `ed` elapsed days, `%` of the predecessor's duration."""
    letters = next(each for each in TYPES if each in text)
    before, _, lag = text.partition(letters)
    unit = LagUnit.PERCENT if lag.endswith("%") else LagUnit.ELAPSED if lag.endswith("ed") else LagUnit.WORKING
    count = int(lag.rstrip("ed%") or 0)
    minutes = {LagUnit.PERCENT: 1, LagUnit.ELAPSED: 1440}.get(unit, DAY)
    return Link(before, str(line.uid), TYPES[letters], count * minutes, unit)


def _with_baseline(plan: Plan, schedule: Schedule, calendars: dict[str, WorkingTime]) -> Plan:
    summed = _with_sums(plan, schedule, calendars)
    return replace(
        summed,
        tasks=tuple(
            replace(
                task,
                baseline=Baseline(task.start, task.finish, task.duration_minutes, task.work_minutes, task.cost),
            )
            for task in summed.tasks
        ),
    )


def _with_progress(plan: Plan, schedule: Schedule, calendars: dict[str, WorkingTime]) -> Plan:
    """Work goes on as scheduled until the status date; percentages are whole."""
    status = minute_of(STATUS_DATE)
    shares: dict[str, Decimal] = {}
    tasks: list[Task] = []
    for task, dates in zip(plan.tasks, schedule.tasks, strict=True):
        begin, end = minute_of(dates.start), minute_of(dates.finish)
        if task.is_summary or begin >= status or (task.is_milestone and end > status):
            tasks.append(task)
            continue
        calendar = _calendar(plan, task, calendars)
        percent = 100
        stop, resume = end, end
        if end > status:
            passed = status - begin if task.is_elapsed_duration else calendar.working_minutes(begin, status)
            percent = 100 * passed // task.duration_minutes
            done = task.duration_minutes * percent // 100
            stop = begin + done if task.is_elapsed_duration else calendar.add(begin, done)
            resume = stop if task.is_elapsed_duration else calendar.next_start(stop)
        done = task.duration_minutes * percent // 100
        shares[task.source_id] = Decimal(percent) / 100
        tasks.append(
            replace(
                task,
                percent_complete=Decimal(percent),
                percent_work_complete=Decimal(percent if task.work_minutes else 0),
                actual_start=dates.start,
                actual_finish=dates.finish if percent == 100 else None,
                actual_duration_minutes=done,
                remaining_duration_minutes=task.duration_minutes - done,
                stop=moment_of(stop),
                resume=moment_of(resume) if percent < 100 else None,
            )
        )
    assignments = tuple(
        _worked(each, shares[each.task_source_id]) if each.task_source_id in shares else each
        for each in plan.assignments
    )
    progressed = []
    for task in tasks:
        booked = [each for each in assignments if each.task_source_id == task.source_id]
        fixed = _cents(task.fixed_cost * shares.get(task.source_id, Decimal(0)))
        actual = sum(each.actual_work_minutes for each in booked)
        progressed.append(
            replace(
                task,
                actual_work_minutes=actual,
                remaining_work_minutes=task.work_minutes - actual,
                actual_cost=fixed + sum((each.actual_cost for each in booked), Decimal(0)),
            )
        )
    return replace(plan, tasks=tuple(progressed), assignments=assignments)


def _worked(assignment: Assignment, share: Decimal) -> Assignment:
    """Cost per use is due at the start, everything else as work goes on."""
    resource = next(each for each in RESOURCES if each.source_id == assignment.resource_source_id)
    actual = int(assignment.work_minutes * share)
    return replace(
        assignment,
        actual_work_minutes=actual,
        remaining_work_minutes=assignment.work_minutes - actual,
        actual_cost=_cents((assignment.cost - resource.cost_per_use) * share + resource.cost_per_use),
    )


def _calendar(plan: Plan, task: Task, calendars: dict[str, WorkingTime]) -> WorkingTime:
    booked = next((each for each in plan.assignments if each.task_source_id == task.source_id), None)
    resource = next((each for each in RESOURCES if booked and each.source_id == booked.resource_source_id), None)
    own = resource.calendar_source_id if resource else None
    return calendars[task.calendar_source_id or own or plan.calendar_source_id]


def _with_sums(plan: Plan, schedule: Schedule, calendars: dict[str, WorkingTime]) -> Plan:
    """Scheduled dates for all, and for summaries what is below them."""
    standard = calendars[STANDARD]
    tasks = [
        replace(task, start=dates.start, finish=dates.finish)
        for task, dates in zip(plan.tasks, schedule.tasks, strict=True)
    ]
    below: dict[str | None, list[Task]] = {}
    for at in reversed(range(len(tasks))):
        task = tasks[at]
        if task.is_summary:
            task = tasks[at] = _summed(task, below[task.source_id], standard)
        below.setdefault(task.parent_source_id, []).append(task)
    moments = {task.source_id: (task.start, task.finish) for task in tasks}
    assignments = tuple(
        replace(each, start=moments[each.task_source_id][0], finish=moments[each.task_source_id][1])
        for each in plan.assignments
    )
    return replace(plan, tasks=tuple(tasks), assignments=assignments)


def _summed(task: Task, children: list[Task], standard: WorkingTime) -> Task:
    start = min(child.start for child in children if child.start)
    finish = max(child.finish for child in children if child.finish)
    duration = standard.working_minutes(minute_of(start), minute_of(finish))
    total = sum(child.duration_minutes for child in children)
    done = sum(child.actual_duration_minutes for child in children)
    percent = Decimal(100 * done // total)
    begun = [child.actual_start for child in children if child.actual_start]
    actual = int(duration * percent / 100)
    work = sum(child.work_minutes for child in children)
    worked = sum(child.actual_work_minutes for child in children)
    return replace(
        task,
        start=start,
        finish=finish,
        duration_minutes=duration,
        percent_complete=percent,
        percent_work_complete=Decimal(100 * worked // work) if work else Decimal(0),
        actual_start=min(begun, default=None),
        actual_finish=finish if percent == 100 else None,
        actual_duration_minutes=actual,
        remaining_duration_minutes=duration - actual,
        work_minutes=work,
        actual_work_minutes=worked,
        remaining_work_minutes=work - worked,
        cost=sum((child.cost for child in children), Decimal(0)),
        actual_cost=sum((child.actual_cost for child in children), Decimal(0)),
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def text() -> str:
    """The file's text."""
    return mspdi_text(*harbour_terminal(), "harbour-terminal.mspdi.xml")


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
