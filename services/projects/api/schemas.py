"""What the projects API takes and gives."""

import zoneinfo
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.projects.api.convention_schemas import ConventionsUpdate
from services.projects.api.governed import CustomFields, GovernedCreate, GovernedUpdate
from services.projects.api.progress_schemas import Duration, StatedFields
from services.projects.domain.codes import InvalidMask, Mask
from services.projects.domain.convention_images import ConventionsRead
from services.projects.domain.ev_techniques import DefaultTechnique, EvTechnique
from services.projects.domain.images import ImportRead, ProjectRead, ScheduleItem
from services.projects.domain.plan import ActivityType, ConstraintType
from services.projects.domain.progress import PercentCompleteType
from services.projects.domain.project import INITIAL, ProjectStatus
from services.projects.domain.projection_images import TaskView
from shared.pagination import page_of
from shared.types import (
    Count,
    Currency,
    Description,
    Flag,
    Instant,
    Key,
    Money,
    Name,
    Schema,
    SourceId,
    Text,
    absent,
)

ZONES = frozenset(name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
"""Zones that PostgreSQL knows too: not `localtime`, `Factory` and other names of one machine."""


def _zone(value: str) -> str:
    if value not in ZONES:
        raise PydanticCustomError("time_zone", "is not an IANA time zone")
    return value


TimeZone = Annotated[str, AfterValidator(_zone), Field(max_length=64, examples=["Europe/Amsterdam"])]


def _mask(value: str) -> str:
    try:
        Mask.parse(value)
    except InvalidMask as error:
        raise PydanticCustomError("code_mask", "is no mask such as 1.1, A-01 or HT|1.1") from error
    return value


CodeMask = Annotated[Name, AfterValidator(_mask), Field(max_length=40, examples=["1.1"])]
Code = Annotated[Name, Field(max_length=100, examples=["1.2.3"])]
"""A WBS code given by hand."""
Delay = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]
Priority = Annotated[int, Field(strict=True, ge=0, le=1000)]


PROJECT_EXAMPLE: JsonDict = {
    "name": "Harbour Terminal Expansion",
    "currency": "EUR",
    "time_zone": "Europe/Amsterdam",
    "start": "2026-03-02T08:00:00+01:00",
}


class ProjectCreate(GovernedCreate):
    """A new project."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROJECT_EXAMPLE]})

    name: Name
    """What people call it."""
    key: Key | None = None
    """Human key, unique in the organization; given by us (PRJ-1, PRJ-2, …) if absent."""
    description: Description = ""
    """What it is for."""
    status: ProjectStatus = ProjectStatus.IDEA
    """State of the life cycle; up to active. Approved and active need the right to approve."""
    programme_id: UUID | None = None
    """The programme that it is part of."""
    currency: Currency = "EUR"
    """Currency of all its money."""
    time_zone: TimeZone = "UTC"
    """IANA time zone that its local times are in."""
    start: Instant | None = None
    """When the project starts, to the minute; now if absent."""
    status_date: Instant | None = None
    """As of when its progress is reported, to the minute."""
    source_id: SourceId | None = None
    """What another system calls it; unique in the organization."""
    code_mask: CodeMask = "1.1"
    """How WBS codes are made, as an example: 1.1, A-01, HT|1.1 with HT before all of them."""
    is_template: Flag = False
    """New projects may be made from it."""
    default_ev_technique: DefaultTechnique = DefaultTechnique.PERCENT_COMPLETE
    """How tasks earn that say nothing of it themselves; none: they do not, and are told as tasks without one."""
    template_id: UUID | None = None
    """A project whose plan is copied into the new one: a template, or one that the caller sees."""

    @model_validator(mode="after")
    def _starts_early_in_life(self) -> "ProjectCreate":
        if self.status not in INITIAL:
            raise PydanticCustomError("initial_status", "a project starts as idea, proposed, approved or active")
        return self


class ProjectUpdate(GovernedUpdate):
    """Changes to a project; absent fields keep their values."""

    name: Name = absent()
    """What people call it."""
    key: Key = absent()
    """Human key, unique in the organization."""
    description: Description = absent()
    """What it is for."""
    status: ProjectStatus = absent()
    """State of the life cycle, under the same rights as a transition."""
    programme_id: UUID | None = None
    """The programme that it is part of; null: none."""
    start: Instant = absent()
    """When the project starts, to the minute."""
    status_date: Instant | None = None
    """As of when its progress is reported; null clears."""
    calendar_id: UUID | None = None
    """Its default working calendar; null: Monday to Friday, 8 to 12 and 13 to 17."""
    code_mask: CodeMask = absent()
    """How WBS codes are made from now on; those there are change by renumbering."""
    is_template: Flag = absent()
    """New projects may be made from it."""
    default_ev_technique: DefaultTechnique = absent()
    """How tasks earn that say nothing of it themselves."""
    planned_finish: Instant | None = None
    """When it is to finish, to the minute: what a plan scheduled from its finish lies against; null clears."""
    must_finish: Instant | None = None
    """What late dates are measured against instead of the early finish, to the minute; null clears."""
    conventions: ConventionsUpdate = absent()
    """By which rules and options its schedule is computed; what is absent keeps its value."""

    def changes(self) -> dict[str, object]:
        """Return only what the caller named, of the conventions as well."""
        changed = super().changes()
        if "conventions" in changed:
            changed["conventions"] = self.conventions.changes()
        return changed


class TaskFields(Schema):
    """A new task, its place aside."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Pour quay wall, section 3", "duration_minutes": 4800}]}
    )

    name: Name
    """What is to be done."""
    description: Description = ""
    """Details."""
    source_id: SourceId | None = None
    """What another system calls it; unique in the project."""
    work_breakdown_structure: Code | None = None
    """WBS code given by hand; made by the project's mask if absent."""
    is_milestone: Flag = False
    """A point in time rather than work."""
    duration_minutes: Duration = 0
    """Working minutes (480 = one day of eight hours)."""
    activity_type: ActivityType = ActivityType.TASK
    """What it is to scheduling: a level of effort (a hammock) spans what it is linked to, a wbs_summary all else below
    its parent, and both earn by time unless told else; where there is nothing to span they last their duration.
    Milestones of both kinds have no duration. Of a summary it says nothing."""
    is_fixed_duration: Flag = False
    """Its duration is worked on its own calendar, whatever those of its resources say."""
    is_fixed_work: Flag = False
    """Every assignment lasts as long as the task, whatever its units."""
    ignores_resource_calendar: Flag = False
    """A calendar of its own counts alone, without those of its resources."""
    is_elapsed_duration: Flag = False
    """The duration runs around the clock."""
    is_active: Flag = True
    """Inactive tasks are not scheduled and hold nobody, nor do those below them."""
    is_manual: Flag = False
    """Scheduled by hand: it lies at its planned dates, if it has a planned start, whatever its links say."""
    planned_start: Instant | None = None
    """Where a task scheduled by hand starts."""
    planned_finish: Instant | None = None
    """Where it finishes; null: as long after its start as it lasts."""
    work_minutes: Count = 0
    """Effort in working minutes."""
    priority: Priority = 500
    """0 to 1000; higher is more important."""
    calendar_id: UUID | None = None
    """Its own working calendar, of the same project; null: the project's."""
    constraint_type: ConstraintType = ConstraintType.AS_SOON_AS_POSSIBLE
    """How its dates are bound."""
    constraint_date: Instant | None = None
    """The date of the constraint."""
    secondary_constraint_type: ConstraintType = ConstraintType.AS_SOON_AS_POSSIBLE
    """How its dates are bound besides."""
    secondary_constraint_date: Instant | None = None
    """The date of the second constraint."""
    expected_finish: Instant | None = None
    """What remains of it takes until then, where the project's conventions say so."""
    leveling_delay_minutes: Delay = 0
    """By how much levelling has put it off: minutes of the clock."""
    deadline: Instant | None = None
    """When it should be finished; bounds the late dates."""
    cost: Money | None = None
    """Planned cost, in the project's currency."""
    percent_complete_type: PercentCompleteType = PercentCompleteType.DURATION
    """Which percent its progress is told by."""
    ev_technique: EvTechnique | None = None
    """How its progress earns its budget; null: as the project's default says."""
    custom_fields: CustomFields = Field(default_factory=dict)

    def values(self) -> dict[str, object]:
        """Return everything but the cost."""
        return self.model_dump(exclude={"cost", "ev_technique"}) | {"ev_technique": self.ev_technique}


class TaskCreate(TaskFields):
    """A new task."""

    parent_id: UUID | None = None
    """The summary it belongs to, of the same project; null: that of the sibling named, else none."""
    before_id: UUID | None = None
    """The sibling to stand before; neither this nor after_id: last below the parent."""
    after_id: UUID | None = None
    """The sibling to stand after."""

    @model_validator(mode="after")
    def _stands_beside_one(self) -> Self:
        if self.before_id is not None and self.after_id is not None:
            raise PydanticCustomError("two_siblings", "before_id and after_id exclude each other")
        return self


class TaskUpdate(StatedFields):
    """Changes to a task; absent fields keep their values."""

    name: Name = absent()
    """What is to be done."""
    description: Description = absent()
    """Details."""
    work_breakdown_structure: Code | None = None
    """WBS code given by hand; null: made by the project's mask again."""
    is_milestone: Flag = absent()
    """A point in time rather than work."""
    duration_minutes: Duration = absent()
    """Working minutes."""
    activity_type: ActivityType = absent()
    """What it is to scheduling: a level of effort (a hammock) spans what it is linked to, a wbs_summary all else below
    its parent, and both earn by time unless told else; where there is nothing to span they last their duration.
    Milestones of both kinds have no duration. Of a summary it says nothing."""
    is_fixed_duration: Flag = absent()
    """Its duration is worked on its own calendar, whatever those of its resources say."""
    is_fixed_work: Flag = absent()
    """Every assignment lasts as long as the task, whatever its units."""
    ignores_resource_calendar: Flag = absent()
    """A calendar of its own counts alone, without those of its resources."""
    is_elapsed_duration: Flag = absent()
    """The duration runs around the clock."""
    is_active: Flag = absent()
    """Inactive tasks are not scheduled and hold nobody, nor do those below them."""
    is_manual: Flag = absent()
    """Scheduled by hand: it lies at its planned dates, if it has a planned start, whatever its links say."""
    planned_start: Instant | None = None
    """Where a task scheduled by hand starts; null clears."""
    planned_finish: Instant | None = None
    """Where it finishes; null: as long after its start as it lasts."""
    work_minutes: Count = absent()
    """Effort in working minutes."""
    priority: Priority = absent()
    """0 to 1000; higher is more important."""
    calendar_id: UUID | None = None
    """Its own working calendar; null: the project's."""
    constraint_type: ConstraintType = absent()
    """How its dates are bound."""
    constraint_date: Instant | None = None
    """The date of the constraint; null clears."""
    secondary_constraint_type: ConstraintType = absent()
    """How its dates are bound besides."""
    secondary_constraint_date: Instant | None = None
    """The date of the second constraint; null clears."""
    expected_finish: Instant | None = None
    """What remains of it takes until then, where the project's conventions say so; null clears."""
    leveling_delay_minutes: Delay = absent()
    """By how much levelling has put it off: minutes of the clock."""
    deadline: Instant | None = None
    """When it should be finished; null clears."""
    cost: Money = absent()
    """Planned cost, in the project's currency."""
    percent_complete_type: PercentCompleteType = absent()
    """Which percent its progress is told by."""
    ev_technique: EvTechnique | None = None
    """How its progress earns its budget; null: as the project's default says."""
    custom_fields: CustomFields = absent()
    """What is absent keeps its value, null clears."""
    progress_at: Instant = absent()
    """As of when what follows is true; now if absent."""


class SchedulePage(Schema):
    """A page of the present schedule of a project."""

    revision: Count
    """Counts the schedules of this project; all items of a page are of this revision."""
    time_zone: Text
    """IANA time zone of the date-times."""
    project_start: datetime | None
    """When the first task starts."""
    project_finish: datetime | None
    """When the last task finishes."""
    problem: Text | None
    """Why there is no newer schedule (a loop of dependencies, say); null when this one is up to date."""
    conventions: ConventionsRead
    """By which rules and options it is computed; floats and lags are minutes."""
    items: list[ScheduleItem]
    """Tasks in the order of the plan."""
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last one."""


ProjectPage = page_of(ProjectRead, "ProjectPage")
TaskPage = page_of(TaskView, "TaskPage")
ImportPage = page_of(ImportRead, "ImportPage")
