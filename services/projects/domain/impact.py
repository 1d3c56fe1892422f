"""What it would do if a task slipped: a plan with the slip in it, and what then lies elsewhere than before."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.projects.domain.plan import Plan, Task
from services.projects.domain.schedule import Schedule, ScheduledTask
from services.projects.domain.schedule.effort import Calendars
from shared.working_time import WorkingTime, minute_of, moment_of


@dataclass(frozen=True, slots=True)
class Moved:
    """A task that would lie elsewhere; instants naive local, the move of its finish in the project's working time."""

    task: Task
    start_before: datetime
    start_after: datetime
    finish_before: datetime
    finish_after: datetime
    finish_moved_minutes: int
    misses_deadline: bool
    """It would pass its deadline, and does not now."""


def calendar_of(plan: Plan) -> WorkingTime:
    """The calendar of a plan's own dates."""
    return Calendars(plan).project.calendar


def slipped(plan: Plan, task_id: str, minutes: int, schedule: Schedule) -> Plan:
    """The plan with a task, or all below a summary, that much working time later than in its schedule.

    What has begun takes longer instead, and what is done stays.
    """
    calendar, dates = calendar_of(plan), {each.source_id: each for each in schedule.tasks}
    below = _below(plan, task_id)
    summaries = {task.parent_source_id for task in plan.tasks}
    late = below - summaries if task_id in summaries else {task_id}
    return replace(
        plan,
        tasks=tuple(
            _later(task, dates[task.source_id], minutes, calendar) if task.source_id in late else task
            for task in plan.tasks
        ),
    )


def _below(plan: Plan, task_id: str) -> set[str]:
    found = {task_id}
    for task in plan.tasks:  # a parent comes before its children
        if task.parent_source_id in found:
            found.add(task.source_id)
    return found


def _later(task: Task, dates: ScheduledTask, minutes: int, calendar: WorkingTime) -> Task:
    if task.actual_finish is not None:
        return task
    if task.actual_start is not None:
        rest = task.remaining_duration_minutes
        longer = None if rest is None else rest + minutes
        return replace(task, duration_minutes=task.duration_minutes + minutes, remaining_duration_minutes=longer)

    def moved(moment: datetime) -> datetime:
        return moment_of(calendar.add(minute_of(moment), minutes))

    if task.is_manual and task.start is not None:
        finish = None if task.finish is None else moved(task.finish)
        return replace(task, start=moved(task.start), finish=finish)
    asked = moved(dates.early_start)
    return replace(task, external_early_start=max(asked, task.external_early_start or asked))


def moves(plan: Plan, before: Schedule, after: Schedule) -> list[Moved]:
    """The tasks that lie elsewhere after than before, in the plan's order."""
    calendar, found = calendar_of(plan), []
    for task, was, now in zip(plan.tasks, before.tasks, after.tasks, strict=True):
        if (was.start, was.finish) == (now.start, now.finish):
            continue
        deadline = task.deadline
        found.append(
            Moved(
                task,
                was.start,
                now.start,
                was.finish,
                now.finish,
                calendar.working_minutes(minute_of(was.finish), minute_of(now.finish)),
                misses_deadline=deadline is not None and was.finish <= deadline < now.finish,
            )
        )
    return found
