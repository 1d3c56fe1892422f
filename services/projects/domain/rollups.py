"""What summaries come to: span, work, cost and progress of the tasks below them, and how tasks stand to the baseline.

Conventions: a summary's own share is its fixed cost and what resources do on it itself; what was stated as its work,
cost or progress otherwise does not count. Inactive tasks do not count for what is above them. Percent complete is
weighted by duration, as Microsoft Project's is, and percent of work complete by work; without any it is undefined.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Sums:
    """What the summaries of a plan and the plan as a whole come to, by place in the plan."""

    tasks: Sequence[Task]
    calendar: WorkingTime
    """The project's."""
    children: Mapping[int, Sequence[int]]
    own: Mapping[str, Sequence[Assignment]]
    """What resources do on summaries themselves."""
    of_summaries: Mapping[int, _Sum]
    done: int
    """Of all tasks that count, as their duration is."""
    duration: int

    @property
    def percent_complete(self) -> Decimal | None:
        """How far the whole plan is, weighted by duration; None without any."""
        return _percent(self.done, self.duration)

    def rolled(self, dates: Iterable[tuple[int, ScheduledTask]]) -> Iterator[RollUp]:
        """What tasks come to, given with their dates."""
        for at, scheduled in dates:
            task, total = self.tasks[at], self.of_summaries.get(at)
            is_summary = total is not None
            yield _rolled(task, scheduled, total or _of_task(task), self.calendar, is_summary=is_summary)

    def after(self, tasks: Sequence[Task], places: Collection[int]) -> "Sums":
        """The sums where these tasks, and with them all summaries above, may be others; their outline is the same."""
        done, duration, sums = self.done, self.duration, dict(self.of_summaries)
        for at in places:
            if at not in self.children and tasks[at].is_active:
                done += tasks[at].actual_duration_minutes - self.tasks[at].actual_duration_minutes
                duration += tasks[at].duration_minutes - self.tasks[at].duration_minutes
        for at in sorted(self.children.keys() & places, reverse=True):  # subtasks come after their summary
            sums[at] = _of_summary(at, tasks, self.children, self.own, sums)
        return replace(self, tasks=tasks, of_summaries=sums, done=done, duration=duration)


def add_up(plan: Plan) -> Sums:
    """What the summaries of a plan come to."""
    tasks = plan.tasks
    index = {task.source_id: at for at, task in enumerate(tasks)}
    children: dict[int, list[int]] = {}
    for at, task in enumerate(tasks):
        parent = index.get(task.parent_source_id or "", -1)
        if parent >= 0:
            children.setdefault(parent, []).append(at)
    own: dict[str, list[Assignment]] = {}
    for assignment in plan.assignments:
        # Microsoft Project writes one of nobody on each summary, with the work of its span.
        if assignment.resource_source_id is not None and index.get(assignment.task_source_id, -1) in children:
            own.setdefault(assignment.task_source_id, []).append(assignment)
    sums: dict[int, _Sum] = {}
    for at in sorted(children, reverse=True):  # subtasks come after their summary
        sums[at] = _of_summary(at, tasks, children, own, sums)
    work = [task for at, task in enumerate(tasks) if task.is_active and at not in children]
    return Sums(
        tasks,
        Calendars(plan).project.calendar,
        children,
        own,
        sums,
        sum(task.actual_duration_minutes for task in work),
        sum(task.duration_minutes for task in work),
    )


def roll_up(plan: Plan, schedule: Schedule) -> list[RollUp]:
    """What each task of a plan comes to, in the plan's order; `schedule` is the plan's."""
    return list(add_up(plan).rolled(enumerate(schedule.tasks)))


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


def _of_summary(
    at: int,
    tasks: Sequence[Task],
    children: Mapping[int, Sequence[int]],
    own: Mapping[str, Sequence[Assignment]],
    sums: Mapping[int, _Sum],
) -> _Sum:
    total = _Sum(cost=tasks[at].fixed_cost)
    for each in own.get(tasks[at].source_id, ()):
        total.work += each.work_minutes
        total.actual_work += each.actual_work_minutes
        total.remaining_work += each.remaining_work_minutes
        total.cost += each.cost
        total.actual_cost += each.actual_cost
    for child in children[at]:
        if tasks[child].is_active:
            total.add(sums.get(child) or _of_task(tasks[child]))
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
