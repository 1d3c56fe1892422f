"""The images of this service's entities: what the API answers, history keeps and events carry."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.projects.domain.convention_images import ConventionsRead
from services.projects.domain.conventions import LagCalendar
from services.projects.domain.ev_techniques import DefaultTechnique
from services.projects.domain.hierarchy import Health
from services.projects.domain.plan import ActivityType, ConstraintType, LagUnit, LinkType, ResourceType
from services.projects.domain.progress_images import TaskProgressRead
from services.projects.domain.project import ProjectStatus
from shared.types import Count, Money, MoneySum, Schema, Text


class HealthRead(Schema):
    """How something stands in the words of who is responsible for it, whatever the figures say."""

    status: Health
    """Declared, not computed."""
    note: Text
    """Why."""
    at: datetime
    """When it was declared, UTC."""
    by: Text
    """Who declared it."""


class GovernedRead(Schema):
    """What portfolios, programmes and projects have in common."""

    owner: Text
    """Subject of who manages it."""
    sponsor: Text | None
    """Subject of who answers for it and its money."""
    customer_id: UUID | None
    """Whom it is done for."""
    health: HealthRead | None
    """How it stands, as declared; null while nobody has said."""
    categories: list[Text]
    """What it is counted among."""
    custom_fields: dict[str, object]
    """What the organization's own fields say, by their keys; see /v1/custom-fields."""


class ProjectRead(GovernedRead):
    """A project."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    key: Text
    """Human key; accepted in place of the id."""
    name: Text
    """What people call it."""
    description: Text
    """What it is for."""
    status: ProjectStatus
    """State of the life cycle."""
    programme_id: UUID | None
    """The programme that it is part of."""
    currency: Text
    """ISO 4217 code of all its money."""
    time_zone: Text
    """IANA time zone that its local times are in."""
    start: datetime
    """When it starts, in its time zone."""
    status_date: datetime | None
    """As of when its progress is reported, in its time zone."""
    source_id: Text | None
    """What the system it came from calls it."""
    planned_finish: datetime | None
    """When it is to finish, in its time zone: what a plan scheduled from its finish lies against."""
    must_finish: datetime | None
    """What late dates are measured against instead of the early finish, in its time zone."""
    conventions: ConventionsRead
    """By which rules and options its schedule is computed."""
    calendar_id: UUID | None
    """Its default working calendar; null: Monday to Friday, 8 to 12 and 13 to 17."""
    minutes_per_day: Count
    """What a day of duration means."""
    code_mask: Text
    """How WBS codes are made."""
    is_template: bool
    """New projects may be made from it."""
    default_ev_technique: DefaultTechnique
    """How its tasks earn that say nothing of it themselves."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class TaskRead(TaskProgressRead):
    """A task of a project's work breakdown structure. Date-times are local to the project's time zone."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    project_id: UUID
    """Its project."""
    parent_id: UUID | None
    """The summary it belongs to."""
    position: Count
    """Order in the plan."""
    source_id: Text | None
    """What the system it came from calls it."""
    name: Text
    """What is to be done."""
    description: Text
    """Details."""
    work_breakdown_structure: Text
    """WBS code."""
    has_fixed_code: bool
    """The WBS code was given by hand and stays."""
    outline_level: Count
    """Depth in the work breakdown structure."""
    is_summary: bool
    """Sums up the tasks below it."""
    is_milestone: bool
    """A point in time rather than work."""
    is_active: bool
    """Inactive tasks are not scheduled."""
    is_manual: bool
    """Scheduled by hand: it keeps its planned dates."""
    priority: Count
    """0 to 1000."""
    duration_minutes: Count
    """Working minutes (elapsed ones if is_elapsed_duration)."""
    is_elapsed_duration: bool
    """The duration runs around the clock."""
    activity_type: ActivityType
    """What it is to scheduling; of a summary it says nothing."""
    is_fixed_duration: bool
    """Its duration is worked on its own calendar, whatever those of its resources say."""
    is_fixed_work: bool
    """Every assignment lasts as long as the task, whatever its units."""
    calendar_id: UUID | None
    """Its own working calendar; null: the project's."""
    ignores_resource_calendar: bool
    """A calendar of its own counts alone, without those of its resources."""
    constraint_type: ConstraintType
    """How its dates are bound."""
    constraint_date: datetime | None
    """The date of the constraint."""
    secondary_constraint_type: ConstraintType
    """How its dates are bound besides."""
    secondary_constraint_date: datetime | None
    """The date of the second constraint."""
    expected_finish: datetime | None
    """What remains of it takes until then, where the project's conventions say so."""
    leveling_delay_minutes: Count
    """By how much levelling has put it off: minutes of the clock."""
    deadline: datetime | None
    """When it should be finished."""
    planned_start: datetime | None
    """Start as a file or a request said; where a task scheduled by hand lies."""
    planned_finish: datetime | None
    """Finish as a file or a request said."""
    percent_complete: float
    """Progress of duration, 0 to 100."""
    physical_percent_complete: float
    """Progress of the physical result, 0 to 100."""
    uses_physical_percent: bool
    """Earned value goes by physical_percent_complete."""
    actual_start: datetime | None
    """When it began."""
    actual_finish: datetime | None
    """When it ended."""
    work_minutes: Count
    """Effort."""
    actual_work_minutes: Count
    """Effort spent."""
    remaining_work_minutes: Count
    """Effort still to spend."""
    cost: Money
    """Planned cost."""
    actual_cost: Money
    """Cost incurred."""
    baseline_start: datetime | None
    """Approved start."""
    baseline_finish: datetime | None
    """Approved finish."""
    baseline_duration_minutes: Count | None
    """Approved duration."""
    baseline_work_minutes: Count | None
    """Approved effort."""
    baseline_cost: MoneySum | None
    """Approved cost."""
    progress_at: datetime | None
    """As of when its progress was stated, UTC."""
    custom_fields: dict[str, object]
    """What the organization's own fields say, by their keys; see /v1/custom-fields."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class ScheduleItem(Schema):
    """The dates of one task, by the critical path method. Date-times are local to the project's time zone."""

    task_id: UUID
    """The task."""
    source_id: Text | None
    """What the file calls it."""
    name: Text
    """Its name."""
    is_summary: bool
    """Sums up the tasks below it."""
    is_milestone: bool
    """A point in time."""
    early_start: datetime
    """The earliest it can start."""
    early_finish: datetime
    """The earliest it can finish."""
    late_start: datetime
    """The latest it can start without delaying the project or a deadline."""
    late_finish: datetime
    """The latest it can finish without delaying the project or a deadline."""
    total_float_minutes: int
    """Working minutes it can slip without delaying the project; negative: it is late already."""
    free_float_minutes: int
    """Working minutes it can slip without delaying another task."""
    is_critical: bool
    """On the critical path."""


class CalendarRead(Schema):
    """A working calendar of a project."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes."""
    project_id: UUID
    """Its project."""
    source_id: Text
    """What the file calls it."""
    name: Text
    """Its name."""
    definition: dict[str, object]
    """Week, exceptions and base calendar; identifiers in it are source ids, shifts minutes after midnight."""
    rules: dict[str, object] | None
    """What the definition was made from; null: it came with a file."""
    base_calendar_id: UUID | None
    """The calendar of the project that it works as where its rules are silent."""
    organization_calendar_id: UUID | None
    """The organization's calendar that it is inherited from, and follows."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class DependencyRead(Schema):
    """A link between two tasks."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes."""
    project_id: UUID
    """Its project."""
    predecessor_id: UUID
    """The task that goes before."""
    successor_id: UUID
    """The task that hangs on it."""
    type: LinkType
    """Which ends are linked."""
    lag: int
    """Minutes, or percent for the percent units; negative is a lead."""
    lag_unit: LagUnit
    """What the lag is counted in."""
    lag_calendar: LagCalendar | None
    """On whose calendar a working lag is counted; null: as the plan's conventions say."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class PlanResourceRead(Schema):
    """A resource as a project's plan names it."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes."""
    project_id: UUID
    """Its project."""
    source_id: Text
    """What the file calls it."""
    name: Text
    """Its name."""
    type: ResourceType
    """Work, material or cost."""
    is_equipment: bool
    """A machine: work that is not labor."""
    email: Text | None
    """Address."""
    max_units: float
    """1 is one full-time unit."""
    calendar_id: UUID | None
    """Its working calendar; null: the project's."""
    standard_rate: Money | None
    """Per hour of work or unit of material."""
    overtime_rate: Money | None
    """Per hour of overtime."""
    cost_per_use: Money | None
    """For each use."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class AssignmentRead(Schema):
    """A resource's share in a task. Date-times are local to the project's time zone."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes."""
    project_id: UUID
    """Its project."""
    source_id: Text
    """What the file calls it."""
    task_id: UUID
    """The task."""
    resource_id: UUID | None
    """The resource; null: nobody yet."""
    units: float
    """Share of the resource; 1 is full time."""
    work_minutes: Count
    """Effort."""
    actual_work_minutes: Count
    """Effort spent."""
    remaining_work_minutes: Count
    """Effort still to spend."""
    cost: Money
    """Planned cost."""
    actual_cost: Money
    """Cost incurred."""
    planned_start: datetime | None
    """Start as a file or a request said; where a task scheduled by hand lies."""
    planned_finish: datetime | None
    """Finish as a file or a request said."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class ImportRead(Schema):
    """A file that came in."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes."""
    format: Literal["mspdi", "pmxml", "xer", "csv", "xlsx", "mpp", "mpx", "planner", "gan", "pod", "pp"]
    """What kind of file."""
    sha256: Text
    """Digest of its bytes."""
    size_bytes: Count
    """Its size."""
    operation_id: Text
    """The operation that tells how it stands."""
    project_id: UUID | None
    """The project it became."""
    dry_run: bool
    """Nothing was written."""
    status: Literal["pending", "running", "succeeded", "failed", "cancelled"]
    """How it stands."""
    actor: Text
    """Who sent it."""
    created_at: datetime
    """When it came, UTC."""
    updated_at: datetime
    """When it last changed, UTC."""
