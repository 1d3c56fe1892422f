"""Where in time a task can be worked on: on one calendar, or by several assignments on calendars of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from services.projects.domain.conventions import Rules
from services.projects.domain.plan import ActivityType, Assignment, Plan, Resource, ResourceType, Task
from services.projects.domain.schedule.result import UnusableProjectCalendar
from shared.working_time import WorkingTime, compile_calendars

ALWAYS: Final = WorkingTime((((0, 1440),),) * 7, {})
"""The clock: what elapsed durations and lags are counted on."""

Share = tuple[WorkingTime, int]
"""An assignment's calendar and the minutes it takes there."""


@dataclass(frozen=True, slots=True)
class Effort:
    """A task's calendar (floats are counted on it), the one it is worked on, and shares if those differ."""

    calendar: WorkingTime
    working: WorkingTime
    shares: tuple[Share, ...] = ()

    def settle(self, minute: int) -> int:
        """The first minute, from this one on, at which work can start."""
        if self.shares:
            return min(calendar.next_start(minute) for calendar, _ in self.shares)
        return self.working.next_start(minute)

    def settle_back(self, minute: int) -> int:
        """The last minute, up to this one, at which work can end."""
        if self.shares:
            return max(calendar.previous_finish(minute) for calendar, _ in self.shares)
        return self.working.previous_finish(minute)

    def finish(self, start: int, minutes: int, duration: int) -> int:
        """When so many minutes of the whole duration are done if begun at start."""
        if self.shares and duration:
            return max(calendar.add(start, _part(span, minutes, duration)) for calendar, span in self.shares)
        return self.working.add(start, minutes)

    def start(self, finish: int, minutes: int, duration: int) -> int:
        """The latest begin of so many minutes of the whole duration to have them done by finish."""
        if self.shares and duration:
            return min(calendar.subtract(finish, _part(span, minutes, duration)) for calendar, span in self.shares)
        return self.working.subtract(finish, minutes)


class Calendars:
    """The compiled calendars of a plan, and which of them each task is worked on."""

    def __init__(self, plan: Plan) -> None:
        compiled = compile_calendars(plan.calendars)
        project = compiled.get(plan.calendar_source_id)
        if project is None or not project.has_working_time:
            raise UnusableProjectCalendar(f"calendar {plan.calendar_source_id} of the project has no working time")
        self.project = project
        self._by_type = plan.conventions.rules is Rules.PRIMAVERA  # only some tasks mind their resources' calendars
        self._by_id = {source_id: calendar for source_id, calendar in compiled.items() if calendar.has_working_time}
        self._resources: Mapping[str, Resource] = {
            resource.source_id: resource for resource in plan.resources if resource.type is ResourceType.WORK
        }
        self._assignments: dict[str, list[Assignment]] = {}
        for assignment in plan.assignments:
            if assignment.resource_source_id in self._resources:
                self._assignments.setdefault(assignment.task_source_id, []).append(assignment)
        self._common: dict[tuple[int, int], WorkingTime] = {}
        self._efforts: dict[tuple[int, int], Effort] = {}

    def of_task(self, task: Task) -> WorkingTime:
        """The task's own calendar, else the project's."""
        return self._by_id.get(task.calendar_source_id or "", self.project)

    def effort(self, task: Task) -> Effort:
        """How the task is worked on: its resources' calendars count, within its own if it has one."""
        if task.is_elapsed_duration:
            return self._single(ALWAYS, ALWAYS)
        calendar = self.of_task(task) if task.calendar_source_id else self.project
        if self._by_type and task.activity_type is not ActivityType.RESOURCE_DEPENDENT:
            return self._single(calendar, calendar)
        assignments = self._assignments.get(task.source_id)
        if not assignments or task.is_fixed_duration or (task.calendar_source_id and task.ignores_resource_calendar):
            return self._single(calendar, calendar)
        if len(assignments) > 1:
            # One who is to do nothing holds nobody up, unless nothing is known of anybody's work.
            assignments = [each for each in assignments if each.work_minutes > 0 and each.units > 0] or assignments
        worked = [self._of_assignment(task, each) for each in assignments]
        if len({id(each) for each in worked}) == 1:
            return self._single(calendar, worked[0])
        shares = ((on, _span(task, each)) for on, each in zip(worked, assignments, strict=True))
        return Effort(calendar, worked[0], tuple(shares))

    def _single(self, calendar: WorkingTime, working: WorkingTime) -> Effort:
        key = (id(calendar), id(working))
        effort = self._efforts.get(key)
        if effort is None:
            effort = self._efforts[key] = Effort(calendar, working)
        return effort

    def _of_assignment(self, task: Task, assignment: Assignment) -> WorkingTime:
        resource = self._resources[assignment.resource_source_id or ""]
        own = self._by_id.get(resource.calendar_source_id or "", self.project)
        if not task.calendar_source_id:
            return own
        calendar = self.of_task(task)
        key = (id(calendar), id(own))
        if key not in self._common:
            common = calendar.intersection(own)
            self._common[key] = common if common.has_working_time else calendar
        return self._common[key]


def _span(task: Task, assignment: Assignment) -> int:
    """How long an assignment lasts on its calendar: its work at its units, or the whole task if work is fixed."""
    if task.is_fixed_work or assignment.work_minutes <= 0 or assignment.units <= 0:
        return task.duration_minutes
    span = (Decimal(assignment.work_minutes) / assignment.units).to_integral_value(ROUND_HALF_UP)
    return min(int(span), task.duration_minutes)


def _part(span: int, minutes: int, duration: int) -> int:
    return span if minutes == duration else (2 * span * minutes + duration) // (2 * duration)
