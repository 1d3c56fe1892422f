"""A project plan as data: what every import format is read into and what the schedule is computed from.

Date-times are naive local wall time of the project; durations and work are working minutes; money is in the plan's
currency in major units. Identifiers (`source_id`) are the file's own, as strings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from services.projects.domain.conventions import MICROSOFT_PROJECT, Conventions, LagCalendar
from services.projects.domain.ev_techniques import EvTechnique
from services.projects.domain.progress import PercentCompleteType
from shared.working_time import WorkingCalendar


class ActivityType(StrEnum):
    """What a row of the plan is to scheduling."""

    TASK = "task"  # worked on its own calendar (Microsoft Project: on its resources' too)
    RESOURCE_DEPENDENT = "resource_dependent"  # worked on its resources' calendars
    START_MILESTONE = "start_milestone"  # lies where work begins
    FINISH_MILESTONE = "finish_milestone"  # lies where work ends
    LEVEL_OF_EFFORT = "level_of_effort"  # spans what it is linked to, and holds nobody; a hammock
    WBS_SUMMARY = "wbs_summary"  # spans all else below its parent


MILESTONES: Final = frozenset({ActivityType.START_MILESTONE, ActivityType.FINISH_MILESTONE})
"""They have no duration."""
SPANNING: Final = frozenset({ActivityType.LEVEL_OF_EFFORT, ActivityType.WBS_SUMMARY})
"""They lie where others do, and hold nobody."""


class LinkType(StrEnum):
    """How a successor hangs on its predecessor: the first letter is the predecessor's end of the link."""

    FINISH_TO_START = "finish_to_start"
    START_TO_START = "start_to_start"
    FINISH_TO_FINISH = "finish_to_finish"
    START_TO_FINISH = "start_to_finish"


class LagUnit(StrEnum):
    """What a lag is counted in."""

    WORKING = "working"  # working minutes
    ELAPSED = "elapsed"  # minutes of the clock
    PERCENT = "percent"  # percent of the predecessor's duration
    ELAPSED_PERCENT = "elapsed_percent"


class ConstraintType(StrEnum):
    """The eight date constraints of the field, and the two that go against links under any convention."""

    AS_SOON_AS_POSSIBLE = "as_soon_as_possible"
    AS_LATE_AS_POSSIBLE = "as_late_as_possible"
    MUST_START_ON = "must_start_on"
    MUST_FINISH_ON = "must_finish_on"
    START_NO_EARLIER_THAN = "start_no_earlier_than"
    START_NO_LATER_THAN = "start_no_later_than"
    FINISH_NO_EARLIER_THAN = "finish_no_earlier_than"
    FINISH_NO_LATER_THAN = "finish_no_later_than"
    MANDATORY_START = "mandatory_start"
    MANDATORY_FINISH = "mandatory_finish"


class ResourceType(StrEnum):
    """What a resource is: people and machines work, material is consumed, cost is only money."""

    WORK = "work"
    MATERIAL = "material"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was approved for a task."""

    start: datetime | None = None
    finish: datetime | None = None
    duration_minutes: int | None = None
    work_minutes: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the work breakdown structure."""

    source_id: str
    position: int  # order in the plan, from 0
    name: str
    parent_source_id: str | None = None
    outline_level: int = 1
    wbs: str = ""
    activity_type: ActivityType = ActivityType.TASK
    is_summary: bool = False
    is_milestone: bool = False
    is_active: bool = True
    is_manual: bool = False
    priority: int = 500
    duration_minutes: int = 0
    is_elapsed_duration: bool = False
    is_fixed_duration: bool = False  # its duration is worked on the task's calendar, whatever its resources' say
    is_fixed_work: bool = False  # every assignment lasts as long as the task, whatever its units
    calendar_source_id: str | None = None  # None: the project's
    ignores_resource_calendar: bool = False
    constraint_type: ConstraintType = ConstraintType.AS_SOON_AS_POSSIBLE
    constraint_date: datetime | None = None
    secondary_constraint_type: ConstraintType = ConstraintType.AS_SOON_AS_POSSIBLE
    secondary_constraint_date: datetime | None = None
    expected_finish: datetime | None = None  # what remains takes until then
    external_early_start: datetime | None = None  # what links from other projects allow
    external_early_finish: datetime | None = None
    external_late_start: datetime | None = None  # what waits for it in other projects allows
    external_late_finish: datetime | None = None
    deadline: datetime | None = None
    start: datetime | None = None  # as the file says; the dates of a manual task
    finish: datetime | None = None
    percent_complete: Decimal = Decimal(0)  # of duration, 0..100
    percent_work_complete: Decimal = Decimal(0)
    physical_percent_complete: Decimal = Decimal(0)
    uses_physical_percent: bool = False  # its percent complete, and with it earned value, is the physical one
    uses_units_percent: bool = False  # … is that of work
    ev_technique: EvTechnique | None = None  # None: as the project's tasks do
    actual_start: datetime | None = None
    actual_finish: datetime | None = None
    actual_duration_minutes: int = 0
    remaining_duration_minutes: int | None = None
    stop: datetime | None = None  # when work was suspended
    resume: datetime | None = None  # when it goes on
    leveling_delay_minutes: int = 0  # elapsed minutes
    work_minutes: int = 0
    actual_work_minutes: int = 0
    remaining_work_minutes: int = 0
    fixed_cost: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    actual_cost: Decimal = Decimal(0)
    baseline: Baseline | None = None
    baselines: Mapping[int, Baseline] = field(default_factory=dict)  # the other ten of a file, by number
    description: str | None = None  # None: the file says nothing of it
    custom_fields: Mapping[str, object] | None = None  # of the organization, by key; texts where they are of a table
    guid: str | None = None  # the same row's in every copy of the file; of rows of our own our id

    @property
    def percent_complete_type(self) -> PercentCompleteType:
        """Which percent its progress is told by."""
        if self.uses_physical_percent:
            return PercentCompleteType.PHYSICAL
        return PercentCompleteType.UNITS if self.uses_units_percent else PercentCompleteType.DURATION


@dataclass(frozen=True, slots=True)
class Link:
    """A dependency between two tasks."""

    predecessor: str
    successor: str
    type: LinkType = LinkType.FINISH_TO_START
    lag: int = 0  # minutes, or percent for the percent units
    lag_unit: LagUnit = LagUnit.WORKING
    lag_calendar: LagCalendar | None = None  # of a working lag; None: as the plan's conventions say


@dataclass(frozen=True, slots=True)
class CrossLink:
    """A dependency between tasks of two projects of one file, which are told by the file's ids of them."""

    predecessor_project: str
    successor_project: str
    link: Link


@dataclass(frozen=True, slots=True)
class Resource:
    """A person, machine, material or cost that tasks need."""

    source_id: str
    name: str
    type: ResourceType = ResourceType.WORK
    email: str | None = None
    max_units: Decimal = Decimal(1)  # 1 = one full-time unit
    calendar_source_id: str | None = None  # None: the project's
    standard_rate: Decimal | None = None  # per hour of work, or per unit of material
    overtime_rate: Decimal | None = None
    cost_per_use: Decimal = Decimal(0)
    is_equipment: bool = False  # a machine: work that is not labor


@dataclass(frozen=True, slots=True)
class Assignment:
    """A resource's share in a task."""

    source_id: str
    task_source_id: str
    resource_source_id: str | None  # None: nobody yet
    units: Decimal = Decimal(1)
    work_minutes: int = 0
    actual_work_minutes: int = 0
    remaining_work_minutes: int = 0
    cost: Decimal = Decimal(0)
    actual_cost: Decimal = Decimal(0)
    start: datetime | None = None
    finish: datetime | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row of the file that could not be taken, and why."""

    kind: str  # task, link, resource, assignment, calendar
    source_id: str
    code: str
    detail: str
    row: int | None = None  # of a table, from 1
    column: str | None = None  # of a table, as a spreadsheet names it


@dataclass(frozen=True, slots=True)
class Statement:
    """Columns that a table states of a kind of row, and those that follow from them where they change."""

    stated: frozenset[str]
    derived: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. Tasks come in the file's order, a parent before its children."""

    source_guid: str | None
    name: str
    currency: str
    start: datetime
    status_date: datetime | None  # as of when progress is known: the data date
    calendar_source_id: str
    calendars: tuple[WorkingCalendar, ...]
    tasks: tuple[Task, ...]
    links: tuple[Link, ...]
    resources: tuple[Resource, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    finish: datetime | None = None
    must_finish: datetime | None = None  # late dates are measured against this instead of the project's early finish
    minutes_per_day: int = 480
    minutes_per_week: int = 2400
    days_per_month: int = 20
    conventions: Conventions = MICROSOFT_PROJECT
    awaited: frozenset[str] = frozenset()
    """Tasks that others wait for in other projects: these and all before them lie as soon as possible."""
    statements: Mapping[str, tuple[Statement, ...]] | None = None
    """What a table says of a project that is there already, by kind of row; None: the file says all of everything."""
    inferred: frozenset[tuple[str, str]] = frozenset()
    """Columns of tasks that a table has no values of: they follow from others, and state nothing of their own."""

    @property
    def last_date(self) -> date:
        """The latest day any date of the file names: where calendars must reach at least."""
        moments = [self.start, self.finish, self.must_finish, self.status_date]
        for task in self.tasks:
            moments += [task.start, task.finish, task.deadline, task.actual_finish, task.expected_finish]
            moments += [task.constraint_date, task.secondary_constraint_date, task.resume]
            if task.baseline is not None:
                moments.append(task.baseline.finish)
        return max(moment for moment in moments if moment is not None).date()


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a file holds: a plan for each project of it, by the file's ids in its order, and links between them."""

    plans: dict[str, Plan]
    cross_links: tuple[CrossLink, ...] = ()
