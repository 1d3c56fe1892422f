"""What summaries come to: span, work, cost and progress of the tasks below them, and how tasks stand to the baseline.

Conventions: a summary's own share is its fixed cost and what resources do on it itself; what was stated as its work,
cost or progress otherwise does not count. Inactive tasks do not count for what is above them. Percent complete is
weighted by duration, as Microsoft Project's is, and percent of work complete by work; without any it is undefined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from services.projects.domain.baselines import Figures, variance
from services.projects.domain.plan import Assignment, Plan, Task
from services.projects.domain.schedule import Schedule, ScheduledTask
from services.projects.domain.schedule.effort import Calendars
from shared.working_time import WorkingTime, minute_of

_HUNDREDTH: Final = Decimal("0.01")
_NOTHING: Final = Decimal(0)


class RollUp(NamedTuple):
    """What a task comes to, with all below it: instants naive local, durations and work in working minutes."""

    start: datetime
    finish: datetime
    duration_minutes: int  # of a summary: from start to finish on the project's calendar
    tasks: int  # below it that are no summaries
    work_minutes: int
    actual_work_minutes: int
    remaining_work_minutes: int
    cost: Decimal
    actual_cost: Decimal
    percent_complete: Decimal | None
    percent_work_complete: Decimal | None
    start_variance_minutes: int | None  # to the baseline in force, on the project's calendar; positive is later
    finish_variance_minutes: int | None
    duration_variance_minutes: int | None
    work_variance_minutes: int | None
    cost_variance: Decimal | None


@dataclass(slots=True)
class _Sum:
    """What has been added up of a task so far."""

    tasks: int = 0
    duration: int = 0
    done: int = 0
    work: int = 0
    actual_work: int = 0
    remaining_work: int = 0
    cost: Decimal = _NOTHING
    actual_cost: Decimal = _NOTHING

    def add(self, other: "_Sum") -> None:
        self.tasks += other.tasks
        self.duration += other.duration
        self.done += other.done
        self.work += other.work
        self.actual_work += other.actual_work
        self.remaining_work += other.remaining_work
        self.cost += other.cost
        self.actual_cost += other.actual_cost


def roll_up(plan: Plan, schedule: Schedule) -> list[RollUp]:
    """What each task of a plan comes to, in the plan's order; `schedule` is the plan's."""
    index = {task.source_id: at for at, task in enumerate(plan.tasks)}
    parents = [index.get(task.parent_source_id or "", -1) for task in plan.tasks]
    summaries = set(parents)
    own: dict[str, list[Assignment]] = {}
    for assignment in plan.assignments:
        # Microsoft Project writes one of nobody on each summary, with the work of its span.
        if assignment.resource_source_id is not None and index.get(assignment.task_source_id, -1) in summaries:
            own.setdefault(assignment.task_source_id, []).append(assignment)
    sums = [
        _of_summary(task, own.get(task.source_id, ())) if at in summaries else _of_task(task)
        for at, task in enumerate(plan.tasks)
    ]
    for at in reversed(range(len(sums))):  # subtasks come after their summary
        if parents[at] >= 0 and plan.tasks[at].is_active:
            sums[parents[at]].add(sums[at])
    calendar = Calendars(plan).project.calendar
    return [
        _rolled(task, dates, total, calendar, is_summary=at in summaries)
        for at, (task, dates, total) in enumerate(zip(plan.tasks, schedule.tasks, sums, strict=True))
    ]


def percent_complete(plan: Plan) -> Decimal | None:
    """How far a whole plan is, weighted by duration; None without any."""
    summaries = {task.parent_source_id for task in plan.tasks}
    work = [task for task in plan.tasks if task.is_active and task.source_id not in summaries]
    return _percent(sum(task.actual_duration_minutes for task in work), sum(task.duration_minutes for task in work))


def _of_task(task: Task) -> _Sum:
    return _Sum(
        1,
        task.duration_minutes,
        task.actual_duration_minutes,
        task.work_minutes,
        task.actual_work_minutes,
        task.remaining_work_minutes,
        task.cost,
        task.actual_cost,
    )


def _of_summary(task: Task, assignments: Sequence[Assignment]) -> _Sum:
    total = _Sum(cost=task.fixed_cost)
    for each in assignments:
        total.work += each.work_minutes
        total.actual_work += each.actual_work_minutes
        total.remaining_work += each.remaining_work_minutes
        total.cost += each.cost
        total.actual_cost += each.actual_cost
    return total


def _rolled(task: Task, dates: ScheduledTask, total: _Sum, calendar: WorkingTime, *, is_summary: bool) -> RollUp:
    start, finish, duration = dates.start, dates.finish, task.duration_minutes
    if is_summary:
        duration = calendar.working_minutes(minute_of(start), minute_of(finish))
    moved: tuple[int | None, int | None, int | None, int | None, Decimal | None] = (None,) * 5
    if task.baseline is not None:
        present = Figures(start, finish, duration, total.work, total.cost)
        was = task.baseline
        approved = Figures(
            was.start, was.finish, was.duration_minutes or 0, was.work_minutes or 0, was.cost or _NOTHING
        )
        differs = variance(approved, present, calendar)
        moved = (
            differs.start_minutes,
            differs.finish_minutes,
            differs.duration_minutes,
            differs.work_minutes,
            differs.cost,
        )
    return RollUp(
        start,
        finish,
        duration,
        total.tasks if is_summary else 0,
        total.work,
        total.actual_work,
        total.remaining_work,
        total.cost,
        total.actual_cost,
        _percent(total.done, total.duration) if is_summary else task.percent_complete,
        _percent(total.actual_work, total.work),
        *moved,
    )


def _percent(part: int, whole: int) -> Decimal | None:
    return (Decimal(100 * part) / whole).quantize(_HUNDREDTH, ROUND_HALF_UP) if whole else None
