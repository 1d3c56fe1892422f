"""What the checks look at: the tasks and links of a plan that count, with their computed dates."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.projects.domain.plan import ActivityType, Link, LinkType, Plan, Task
from services.projects.domain.schedule import Schedule, ScheduledTask
from shared.working_time import WorkingTime, compile_calendars, minute_of

_STARTS: Final = frozenset({LinkType.START_TO_START, LinkType.START_TO_FINISH})
_TO_START: Final = frozenset({LinkType.FINISH_TO_START, LinkType.START_TO_START})


@dataclass(slots=True)
class Ends:
    """Which ends of a task links hold: what comes before its start or finish, what waits for its start or finish."""

    start_waits: bool = False
    finish_waits: bool = False
    start_leads: bool = False
    finish_leads: bool = False

    @property
    def has_predecessor(self) -> bool:
        """Whether anything comes before it."""
        return self.start_waits or self.finish_waits

    @property
    def has_successor(self) -> bool:
        """Whether anything waits for it."""
        return self.start_leads or self.finish_leads


@dataclass(slots=True)
class Subject:
    """A plan with its schedule as of a status date.

    Links of a summary are links of every task below it. Summaries, level of effort and inactive tasks never count.
    """

    plan: Plan
    schedule: Schedule
    status_date: datetime | None
    calendar: WorkingTime = field(init=False)
    leaves: list[Task] = field(init=False)
    work: list[Task] = field(init=False)
    """Leaves of some duration: no milestones."""
    incomplete: list[Task] = field(init=False)
    """Work that is not finished: the population of most checks."""
    relations: list[Link] = field(init=False)
    """Links whose successor is not finished."""
    dates: dict[str, ScheduledTask] = field(init=False)
    ends: dict[str, Ends] = field(init=False)

    def __post_init__(self) -> None:
        """Sort out what counts."""
        tasks = {task.source_id: task for task in self.plan.tasks}
        self.calendar = compile_calendars(self.plan.calendars)[self.plan.calendar_source_id]
        self.dates = {task.source_id: task for task in self.schedule.tasks}
        self.leaves = [task for task in self.plan.tasks if task.is_active and not task.is_summary and is_discrete(task)]
        self.work = [task for task in self.leaves if task.duration_minutes and not task.is_milestone]
        self.incomplete = [task for task in self.work if not is_complete(task)]
        self.relations = [
            link
            for link in self.plan.links
            if (after := tasks.get(link.successor)) is not None
            and (before := tasks.get(link.predecessor)) is not None
            and before.is_active
            and after.is_active
            and not is_complete(after)
        ]
        self.ends = self._ends(tasks)

    def _ends(self, tasks: dict[str, Task]) -> dict[str, Ends]:
        own: dict[str, Ends] = {}
        for link in self.plan.links:
            if link.predecessor not in tasks or link.successor not in tasks:
                continue
            before, after = own.setdefault(link.predecessor, Ends()), own.setdefault(link.successor, Ends())
            if link.type in _STARTS:
                before.start_leads = True
            else:
                before.finish_leads = True
            if link.type in _TO_START:
                after.start_waits = True
            else:
                after.finish_waits = True
        nothing = Ends()
        for task in self.plan.tasks:  # a parent comes before its children
            above = own.get(task.parent_source_id or "", nothing)
            mine = own.setdefault(task.source_id, Ends())
            mine.start_waits |= above.start_waits
            mine.finish_waits |= above.finish_waits
            mine.start_leads |= above.start_leads
            mine.finish_leads |= above.finish_leads
        return own

    def days(self, minutes: int) -> float:
        """Working minutes as working days of the plan."""
        return minutes / self.plan.minutes_per_day

    def working_days_between(self, begin: datetime, end: datetime) -> float:
        """Working days of the project's calendar from one instant to another; negative if it lies before."""
        return self.days(self.calendar.working_minutes(minute_of(begin), minute_of(end)))

    def baselined(self) -> Iterator[tuple[Task, datetime]]:
        """Work that has a baseline finish, with it."""
        for task in self.work:
            if task.baseline is not None and task.baseline.finish is not None:
                yield task, task.baseline.finish


def is_complete(task: Task) -> bool:
    """Whether a task is finished."""
    return task.actual_finish is not None or task.percent_complete >= 100


def is_discrete(task: Task) -> bool:
    """Whether a task is worked on by itself: its dates do not follow from those of others."""
    return task.activity_type not in {ActivityType.LEVEL_OF_EFFORT, ActivityType.WBS_SUMMARY}
