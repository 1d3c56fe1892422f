"""The 14 points, one function each."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from services.projects.domain.plan import ConstraintType, Link, LinkType, Plan, Task
from services.projects.domain.quality.check import (
    HUNDRED,
    Check,
    Offender,
    Thresholds,
    Unit,
    index,
    share,
    tally,
    undefined,
)
from services.projects.domain.quality.subject import Subject, is_complete
from services.projects.domain.schedule import Schedule, ScheduleOutOfRange, critical_path

HARD: Final = frozenset(
    {
        ConstraintType.MUST_START_ON,
        ConstraintType.MUST_FINISH_ON,
        ConstraintType.START_NO_LATER_THAN,
        ConstraintType.FINISH_NO_LATER_THAN,
        ConstraintType.MANDATORY_START,
        ConstraintType.MANDATORY_FINISH,
    }
)
"""Constraints that can hold a task against its logic."""
NOTHING_DUE: Final = "nothing_baselined_to_finish"


def assess(plan: Plan, schedule: Schedule, status_date: datetime | None, limits: Thresholds) -> tuple[Check, ...]:
    """Assess a plan and its present schedule as of a status date (naive local); the points in order, 1b after 1.

    The critical path test schedules the plan once more.
    """
    subject = Subject(plan, schedule, status_date)
    return tuple(check(subject, limits) for check in CHECKS)


def _tasks(tasks: Iterable[Task]) -> tuple[Offender, ...]:
    return tuple(Offender(task.source_id) for task in tasks)


def _links(links: Iterable[Link]) -> tuple[Offender, ...]:
    return tuple(Offender(link.predecessor, link.successor) for link in links)


def logic(subject: Subject, limits: Thresholds) -> Check:
    """1: unfinished tasks without a predecessor or a successor, but for where the project begins and where it ends."""
    begins = [task for task in subject.leaves if not subject.ends[task.source_id].has_predecessor]
    ends = [task for task in subject.leaves if not subject.ends[task.source_id].has_successor]
    first = min(
        begins, key=lambda t: (subject.dates[t.source_id].early_start, t.duration_minutes, t.position), default=None
    )
    last = max(
        ends, key=lambda t: (subject.dates[t.source_id].early_finish, -t.duration_minutes, t.position), default=None
    )
    missing = [
        task
        for task in subject.incomplete
        if (task is not first and not subject.ends[task.source_id].has_predecessor)
        or (task is not last and not subject.ends[task.source_id].has_successor)
    ]
    return share(1, "logic", _tasks(missing), len(subject.incomplete), limits.missing_logic_percent)


def dangling(subject: Subject, _limits: Thresholds) -> Check:
    """1b: unfinished tasks whose start nothing holds, or whose finish nothing waits for, though they have links."""
    loose = []
    for task in subject.incomplete:
        ends = subject.ends[task.source_id]
        if (ends.has_predecessor and not ends.start_waits) or (ends.has_successor and not ends.finish_leads):
            loose.append(task)
    return share(1, "dangling", _tasks(loose), len(subject.incomplete), None)


def leads(subject: Subject, limits: Thresholds) -> Check:
    """2: links with a negative lag."""
    return tally(2, "leads", _links(r for r in subject.relations if r.lag < 0), len(subject.relations), limits.leads)


def lags(subject: Subject, limits: Thresholds) -> Check:
    """3: links with a positive lag."""
    lagging = _links(relation for relation in subject.relations if relation.lag > 0)
    return share(3, "lags", lagging, len(subject.relations), limits.lags_percent)


def relation_types(subject: Subject, limits: Thresholds) -> Check:
    """4: finish-to-start links among all; the others are named."""
    others = _links(r for r in subject.relations if r.type is not LinkType.FINISH_TO_START)
    population = len(subject.relations)
    check = share(4, "relationship_types", others, population, limits.finish_to_start_percent)
    value = None if check.value is None else HUNDRED - check.value
    return replace(check, value=value, at_least=True)


def hard_constraints(subject: Subject, limits: Thresholds) -> Check:
    """5: unfinished tasks whose constraint holds them against their logic."""
    held = [t for t in subject.incomplete if {t.constraint_type, t.secondary_constraint_type} & HARD]
    return share(5, "hard_constraints", _tasks(held), len(subject.incomplete), limits.hard_constraints_percent)


def high_float(subject: Subject, limits: Thresholds) -> Check:
    """6: unfinished tasks with more than 44 working days of total float."""
    loose = [t for t in subject.incomplete if _float_days(subject, t) > limits.high_float_days]
    return share(6, "high_float", _tasks(loose), len(subject.incomplete), limits.high_float_percent)


def negative_float(subject: Subject, _limits: Thresholds) -> Check:
    """7: unfinished tasks with less than no total float."""
    late = [task for task in subject.incomplete if subject.dates[task.source_id].total_float_minutes < 0]
    return tally(7, "negative_float", _tasks(late), len(subject.incomplete), 0)


def high_duration(subject: Subject, limits: Thresholds) -> Check:
    """8: unfinished tasks baselined (without a baseline: planned) for more than 44 working days."""

    def minutes(task: Task) -> int:
        baseline = None if task.baseline is None else task.baseline.duration_minutes
        return task.duration_minutes if baseline is None else baseline

    long = [task for task in subject.incomplete if subject.days(minutes(task)) > limits.high_duration_days]
    return share(8, "high_duration", _tasks(long), len(subject.incomplete), limits.high_duration_percent)


def invalid_dates(subject: Subject, limits: Thresholds) -> Check:
    """9: forecasts before the status date, actual dates after it; dates equal to it are valid."""
    status = subject.status_date
    if status is None:
        return undefined(9, "invalid_dates", Unit.COUNT, Decimal(limits.invalid_dates), "no_status_date")
    wrong = []
    for task in subject.work:
        dates = subject.dates[task.source_id]
        actual = any(moment is not None and moment > status for moment in (task.actual_start, task.actual_finish))
        unstarted = task.actual_start is None and not is_complete(task)
        forecast = (unstarted and dates.start < status) or (not is_complete(task) and dates.finish < status)
        if actual or forecast:
            wrong.append(task)
    return tally(9, "invalid_dates", _tasks(wrong), len(subject.work), limits.invalid_dates)


def resources(subject: Subject, _limits: Thresholds) -> Check:
    """10: unfinished tasks that neither cost anything nor have a resource."""
    assigned = {each.task_source_id for each in subject.plan.assignments if each.resource_source_id is not None}
    bare = [task for task in subject.incomplete if not task.cost and task.source_id not in assigned]
    return share(10, "resources", _tasks(bare), len(subject.incomplete), None)


def missed_tasks(subject: Subject, limits: Thresholds) -> Check:
    """11: tasks baselined to finish by the status date that did not, or later than their baseline."""
    status = subject.status_date
    if status is None:
        return undefined(11, "missed_tasks", Unit.PERCENT, limits.missed_percent, "no_status_date")
    due = [(task, finish) for task, finish in subject.baselined() if finish <= status]
    missed = [task for task, finish in due if not _hit(task, finish)]
    return share(11, "missed_tasks", _tasks(missed), len(due), limits.missed_percent, nobody=NOTHING_DUE)


def critical_path_test(subject: Subject, limits: Thresholds) -> Check:
    """12: working days that the finish moves when 600 are put on the first critical task that has not begun.

    Days are those of the project's calendar, so a task on another one counts by what its own finish moves.
    """
    days = limits.critical_path_delay_days
    code, threshold = "critical_path_test", Decimal(days)
    candidates = [
        task
        for task in subject.incomplete
        if subject.dates[task.source_id].is_critical and task.actual_start is None and not task.is_manual
    ]
    if not candidates:
        return undefined(12, code, Unit.WORKING_DAY, threshold, "no_critical_task")
    chosen = min(candidates, key=lambda task: (subject.dates[task.source_id].early_start, task.position))
    longer = replace(
        chosen,
        duration_minutes=chosen.duration_minutes + days * subject.plan.minutes_per_day,
        is_fixed_duration=True,
        remaining_duration_minutes=None,
    )
    plan = replace(subject.plan, tasks=tuple(longer if task is chosen else task for task in subject.plan.tasks))
    try:
        delayed = critical_path(plan)
    except ScheduleOutOfRange:
        return undefined(12, code, Unit.WORKING_DAY, threshold, "schedule_out_of_range")
    after = next(task for task in delayed.tasks if task.source_id == chosen.source_id)
    own = subject.working_days_between(subject.dates[chosen.source_id].early_finish, after.early_finish)
    moved = subject.working_days_between(subject.schedule.project_finish, delayed.project_finish)
    is_passed = own > 0 and moved >= own - 1
    value = Decimal(days if is_passed else round(days * moved / own) if own > 0 else 0)
    offenders = () if is_passed else (Offender(chosen.source_id),)
    return Check(
        code, 12, Unit.WORKING_DAY, value, 1, len(offenders), threshold, at_least=True, offenders=offenders
    )  # fmt: skip


def critical_path_length_index(subject: Subject, limits: Thresholds) -> Check:
    """13: (critical path length + total float) / critical path length.

    The length is in working days from the status date to the forecast finish, the float from there to the baseline's.
    """
    code, least = "critical_path_length_index", limits.critical_path_length_index
    if subject.status_date is None:
        return undefined(13, code, Unit.RATIO, least, "no_status_date")
    finishes = [finish for _, finish in subject.baselined()]
    if not finishes:
        return undefined(13, code, Unit.RATIO, least, "no_baseline")
    length = subject.working_days_between(subject.status_date, subject.schedule.project_finish)
    slack = subject.working_days_between(subject.schedule.project_finish, max(finishes))
    return index(13, code, length_index(length, slack), least, "nothing_left_to_do", population=1)


def length_index(length: float, slack: float) -> Decimal | None:
    """CPLI of a critical path's length and total float, both in working days; None without a length."""
    return Decimal(str((length + slack) / length)) if length > 0 else None


def baseline_execution_index(subject: Subject, limits: Thresholds) -> Check:
    """14: tasks completed / (tasks baselined to finish by the status date + tasks without a baseline)."""
    code, least = "baseline_execution_index", limits.baseline_execution_index
    if subject.status_date is None:
        return undefined(14, code, Unit.RATIO, least, "no_status_date")
    baselined = {task.source_id: finish for task, finish in subject.baselined()}
    if not baselined:
        return undefined(14, code, Unit.RATIO, least, "no_baseline")
    due = [finish for finish in baselined.values() if finish <= subject.status_date]
    expected = len(due) + len(subject.work) - len(baselined)
    completed = sum(is_complete(task) for task in subject.work)
    return index(14, code, execution_index(completed, expected), least, NOTHING_DUE, population=expected)


def execution_index(completed: int, expected: int) -> Decimal | None:
    """BEI of how many tasks are completed and how many should be; None where none should."""
    return Decimal(completed) / expected if expected else None


def hit_tasks(subject: Subject, _limits: Thresholds) -> Check:
    """14b: tasks that finished by their baseline among those baselined to finish by the status date; no threshold."""
    if subject.status_date is None:
        return undefined(14, "hit_tasks", Unit.PERCENT, None, "no_status_date")
    due = [(task, finish) for task, finish in subject.baselined() if finish <= subject.status_date]
    late = [task for task, finish in due if not _hit(task, finish)]
    check = share(14, "hit_tasks", _tasks(late), len(due), None, nobody=NOTHING_DUE)
    return check if check.value is None else replace(check, value=HUNDRED - check.value)


def _hit(task: Task, baseline_finish: datetime) -> bool:
    return is_complete(task) and (task.actual_finish is None or task.actual_finish <= baseline_finish)


def _float_days(subject: Subject, task: Task) -> float:
    return subject.days(subject.dates[task.source_id].total_float_minutes)


CHECKS: Final[tuple[Callable[[Subject, Thresholds], Check], ...]] = (
    logic,
    dangling,
    leads,
    lags,
    relation_types,
    hard_constraints,
    high_float,
    negative_float,
    high_duration,
    invalid_dates,
    resources,
    missed_tasks,
    critical_path_test,
    critical_path_length_index,
    baseline_execution_index,
    hit_tasks,
)
