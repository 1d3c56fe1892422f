"""Where in time a task can be worked on: on one calendar, or by several assignments on calendars of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from services.projects.domain.conventions import Rules
from services.projects.domain.plan import ActivityType, Assignment, Plan, Resource, ResourceType, Task
from services.projects.domain.schedule.clock import Clock
from services.projects.domain.schedule.result import UnusableProjectCalendar
from shared.working_time import WorkingTime, compile_calendars

ALWAYS: Final = WorkingTime((((0, 1440),),) * 7, {})
"""What elapsed durations and lags are counted on."""

Share = tuple[Clock, int]
"""An assignment's calendar and the minutes it takes there."""


@dataclass(frozen=True, slots=True)
class Effort:
    """A task's calendar (floats are counted on it), the one it is worked on, and shares if those differ."""

    calendar: Clock
    working: Clock
    shares: tuple[Share, ...] = ()
    hands: tuple[Clock, ...] = ()  # of the shares, those with which work starts and ends

    def settle(self, minute: int) -> int:
        """The first minute, from this one on, at which work can start."""
        if self.shares:
            return min(calendar.next_start(minute) for calendar in self.hands)
        return self.working.next_start(minute)

    def settle_back(self, minute: int) -> int:
        """The last minute, up to this one, at which work can end."""
        if self.shares:
            return max(calendar.previous_finish(minute) for calendar in self.hands)
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
        clocks: dict[int, Clock] = {}  # calendars that work at the same times are one
        self._by_id = {
            source_id: clocks.setdefault(id(calendar), Clock(calendar))
            for source_id, calendar in compiled.items()
            if calendar.has_working_time
        }
        if plan.calendar_source_id not in self._by_id:
            raise UnusableProjectCalendar(f"calendar {plan.calendar_source_id} of the project has no working time")
        self.project = self._by_id[plan.calendar_source_id]
        always = Clock(ALWAYS)
        self.always = Effort(always, always)
        self._by_type = plan.conventions.rules is Rules.PRIMAVERA  # only some tasks mind their resources' calendars
        self._resources: Mapping[str, Resource] = {
            resource.source_id: resource for resource in plan.resources if resource.type is ResourceType.WORK
        }
        self._assignments: dict[str, list[Assignment]] = {}
        for assignment in plan.assignments:
            if assignment.resource_source_id in self._resources:
                self._assignments.setdefault(assignment.task_source_id, []).append(assignment)
        self._common: dict[tuple[Clock, Clock], Clock] = {}
        self._alone: dict[str | None, Effort] = {}
        self._efforts: dict[tuple[Clock, Clock], Effort] = {}

    def of_task(self, task: Task) -> Clock:
        """The task's own calendar, else the project's."""
        return self._by_id.get(task.calendar_source_id or "", self.project)

    def effort(self, task: Task) -> Effort:
        """How the task is worked on: its resources' calendars count, within its own if it has one."""
        if task.is_elapsed_duration:
            return self.always
        assignments = self._assignments.get(task.source_id) if self._assignments else None
        if assignments is None or not self._minds_resources(task):
            alone = self._alone.get(task.calendar_source_id)
            if alone is None:
                calendar = self.of_task(task)
                alone = self._alone[task.calendar_source_id] = self._single(calendar, calendar)
            return alone
        calendar = self.of_task(task)
        if len(assignments) > 1:
            # One who is to do nothing holds nobody up, unless nothing is known of anybody's work.
            assignments = [each for each in assignments if each.work_minutes > 0 and each.units > 0] or assignments
        worked = [self._of_assignment(task, each) for each in assignments]
        if len(set(worked)) == 1:
            return self._single(calendar, worked[0])
        shares = ((on, _span(task, each)) for on, each in zip(worked, assignments, strict=True))
        # A machine waits for those who work it.
        hands = (on for on, each in zip(worked, assignments, strict=True) if not self._is_equipment(each))
        return Effort(calendar, worked[0], tuple(shares), tuple(hands) or tuple(worked))

    def _is_equipment(self, assignment: Assignment) -> bool:
        return self._resources[assignment.resource_source_id or ""].is_equipment

    def _minds_resources(self, task: Task) -> bool:
        if self._by_type and task.activity_type is not ActivityType.RESOURCE_DEPENDENT:
            return False
        return not (task.is_fixed_duration or (task.calendar_source_id and task.ignores_resource_calendar))

    def _single(self, calendar: Clock, working: Clock) -> Effort:
        key = (calendar, working)
        effort = self._efforts.get(key)
        if effort is None:
            effort = self._efforts[key] = Effort(calendar, working)
        return effort

    def _of_assignment(self, task: Task, assignment: Assignment) -> Clock:
        resource = self._resources[assignment.resource_source_id or ""]
        own = self._by_id.get(resource.calendar_source_id or "", self.project)
        calendar = self.of_task(task)
        if not task.calendar_source_id or calendar is own or self._by_type:  # to Primavera only the resource's counts
            return own
        key = (calendar, own)
        if key not in self._common:
            common = calendar.calendar.intersection(own.calendar)
            self._common[key] = Clock(common) if common.has_working_time else calendar
        return self._common[key]


def _span(task: Task, assignment: Assignment) -> int:
    """How long an assignment lasts on its calendar: its work at its units, or the whole task if work is fixed."""
    if task.is_fixed_work or assignment.work_minutes <= 0 or assignment.units <= 0:
        return task.duration_minutes
    span = (Decimal(assignment.work_minutes) / assignment.units).to_integral_value(ROUND_HALF_UP)
    return min(int(span), task.duration_minutes)


def _part(span: int, minutes: int, duration: int) -> int:
    return span if minutes == duration else (2 * span * minutes + duration) // (2 * duration)
