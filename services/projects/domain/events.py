"""The events that projects publishes. The root aggregate of what is part of a project is the project."""

from datetime import datetime
from typing import ClassVar, Final, Literal
from uuid import UUID

from services.projects.domain.approval_images import APPROVAL_EVENTS
from services.projects.domain.baseline_images import BaselineRead
from services.projects.domain.hierarchy_events import HIERARCHY_EVENTS
from services.projects.domain.images import (
    AssignmentRead,
    CalendarRead,
    DependencyRead,
    PlanResourceRead,
    ProjectRead,
    TaskRead,
)
from services.projects.domain.intake_events import INTAKE_EVENTS
from services.projects.domain.life_cycle_images import TransitionRead
from services.projects.domain.organization_calendars import ORGANIZATION_CALENDAR_EVENTS
from services.projects.domain.progress_images import ProgressRead, StatedProgress
from services.projects.domain.project_link_events import PROJECT_LINK_EVENTS
from services.projects.domain.quality.images import ScheduleAssessmentRead
from shared.events import EntityEvent, Event
from shared.types import Count, Schema, Text


class ProjectCreated(EntityEvent[ProjectRead]):
    """A project was created."""

    type: ClassVar[str] = "pmo.projects.project.created.v1"


class ProjectUpdated(EntityEvent[ProjectRead]):
    """A project was changed."""

    type: ClassVar[str] = "pmo.projects.project.updated.v1"


class ProjectDeleted(EntityEvent[ProjectRead]):
    """A project was deleted with everything in it."""

    type: ClassVar[str] = "pmo.projects.project.deleted.v1"


class ProjectTransitioned(EntityEvent[TransitionRead]):
    """A project moved through its life cycle; its new state comes as project.updated."""

    type: ClassVar[str] = "pmo.projects.project.transitioned.v1"


class TaskCreated(EntityEvent[TaskRead]):
    """A task was added to a plan."""

    type: ClassVar[str] = "pmo.projects.task.created.v1"


class TaskUpdated(EntityEvent[TaskRead]):
    """A task was changed."""

    type: ClassVar[str] = "pmo.projects.task.updated.v1"


class TaskDeleted(EntityEvent[TaskRead]):
    """A task was removed from a plan."""

    type: ClassVar[str] = "pmo.projects.task.deleted.v1"


class TaskProgressed(EntityEvent[ProgressRead]):
    """Someone stated a task's progress as of an instant; facts may come out of the order of their instants."""

    type: ClassVar[str] = "pmo.projects.task.progressed.v1"


class BaselineRequested(EntityEvent[BaselineRead]):
    """Somebody asked that the plan as it is be a baseline."""

    type: ClassVar[str] = "pmo.projects.baseline.requested.v1"


class BaselineApproved(EntityEvent[BaselineRead]):
    """A baseline is in force from now on; the tasks' own figures of it come as plan.changed."""

    type: ClassVar[str] = "pmo.projects.baseline.approved.v1"


class BaselineSuperseded(EntityEvent[BaselineRead]):
    """A baseline was in force until now."""

    type: ClassVar[str] = "pmo.projects.baseline.superseded.v1"


class BaselineRejected(EntityEvent[BaselineRead]):
    """A baseline will not be."""

    type: ClassVar[str] = "pmo.projects.baseline.rejected.v1"


class BaselineWithdrawn(EntityEvent[BaselineRead]):
    """Who asked for a baseline does so no more."""

    type: ClassVar[str] = "pmo.projects.baseline.withdrawn.v1"


class BaselineImported(EntityEvent[BaselineRead]):
    """A file brought one of the baselines that it has beside the one in force; it is for comparing."""

    type: ClassVar[str] = "pmo.projects.baseline.imported.v1"


class DependencyCreated(EntityEvent[DependencyRead]):
    """Two tasks were linked."""

    type: ClassVar[str] = "pmo.projects.dependency.created.v1"


class DependencyUpdated(EntityEvent[DependencyRead]):
    """A link between two tasks was changed."""

    type: ClassVar[str] = "pmo.projects.dependency.updated.v1"


class DependencyDeleted(EntityEvent[DependencyRead]):
    """A link between two tasks was removed."""

    type: ClassVar[str] = "pmo.projects.dependency.deleted.v1"


class ScheduleAssessed(EntityEvent[ScheduleAssessmentRead]):
    """The quality of a schedule was assessed."""

    type: ClassVar[str] = "pmo.projects.schedule_assessment.created.v1"


Action = Literal["created", "updated", "unchanged", "deleted"]


class ImportedCalendar(Schema):
    """A calendar of an imported plan."""

    kind: Literal["calendar"]
    id: UUID
    version: Count
    action: Action
    after: CalendarRead | None


class ImportedTask(Schema):
    """A task of an imported plan."""

    kind: Literal["task"]
    id: UUID
    version: Count
    action: Action
    after: TaskRead | None


class ImportedDependency(Schema):
    """A link of an imported plan."""

    kind: Literal["dependency"]
    id: UUID
    version: Count
    action: Action
    after: DependencyRead | None


class ImportedResource(Schema):
    """A resource of an imported plan."""

    kind: Literal["resource"]
    id: UUID
    version: Count
    action: Action
    after: PlanResourceRead | None


class ImportedAssignment(Schema):
    """An assignment of an imported plan."""

    kind: Literal["assignment"]
    id: UUID
    version: Count
    action: Action
    after: AssignmentRead | None


class PlanImported(Event):
    """A plan was imported: what changed, in chunks of at most 200 KiB. Items name what they are built on first."""

    type: ClassVar[str] = "pmo.projects.plan.imported.v1"
    bulk: ClassVar[bool] = True

    import_id: UUID
    """The import."""
    project: ProjectRead
    """The project after it."""
    chunk: Count
    """Number of this chunk, from 1."""
    chunks: Count
    """How many there are."""
    progress_at: datetime
    """As of when the progress in it counts, UTC: the plan's status date, else the import."""
    items: list[ImportedCalendar | ImportedTask | ImportedDependency | ImportedResource | ImportedAssignment]
    """What was created, updated or deleted."""


class PlanChanged(Event):
    """Much of a plan was changed at once: what changed, in chunks of at most 200 KiB, as an import has it."""

    type: ClassVar[str] = "pmo.projects.plan.changed.v1"
    bulk: ClassVar[bool] = True

    project: ProjectRead
    """The project after it."""
    chunk: Count
    """Number of this chunk, from 1."""
    chunks: Count
    """How many there are."""
    items: list[
        ImportedCalendar | ImportedTask | ImportedDependency | ImportedResource | ImportedAssignment | StatedProgress
    ]
    """What was created, updated or deleted."""


class ScheduledTask(Schema):
    """A task's dates in a schedule, local to the project's time zone."""

    task_id: UUID
    early_start: datetime
    early_finish: datetime
    late_start: datetime
    late_finish: datetime
    total_float_minutes: int
    free_float_minutes: int
    is_critical: bool


class SchedulePublished(Event):
    """A new schedule of a project, in chunks of at most 200 KiB; it counts once its last chunk has come."""

    type: ClassVar[str] = "pmo.projects.schedule.published.v1"
    bulk: ClassVar[bool] = True

    project_id: UUID
    """The project."""
    revision: Count
    """Counts the schedules of the project."""
    time_zone: Text
    """IANA time zone of the date-times."""
    project_start: datetime | None
    """When the first task starts."""
    project_finish: datetime | None
    """When the last task finishes."""
    chunk: Count
    """Number of this chunk, from 1."""
    chunks: Count
    """How many there are."""
    items: list[ScheduledTask]
    """Only tasks whose dates changed since the revision before."""
    removed: list[UUID]
    """Tasks that are no longer scheduled."""


class InboundApplied(Event):
    """An event that came in from another system took effect."""

    type: ClassVar[str] = "pmo.projects.inbound.applied.v1"

    inbound_id: UUID
    """The inbound event, as the gateway numbered it."""
    position: Text
    """PMO-Position of the effect."""


class InboundRejected(Event):
    """An event that came in from another system could not take effect."""

    type: ClassVar[str] = "pmo.projects.inbound.rejected.v1"

    inbound_id: UUID
    """The inbound event, as the gateway numbered it."""
    code: Text
    """Why; stable."""
    detail: Text
    """Why, for people."""


EVENTS: Final[tuple[type[Event], ...]] = (
    ProjectCreated,
    ProjectUpdated,
    ProjectDeleted,
    ProjectTransitioned,
    TaskCreated,
    TaskUpdated,
    TaskDeleted,
    TaskProgressed,
    BaselineRequested,
    BaselineApproved,
    BaselineSuperseded,
    BaselineRejected,
    BaselineWithdrawn,
    BaselineImported,
    DependencyCreated,
    DependencyUpdated,
    DependencyDeleted,
    ScheduleAssessed,
    PlanImported,
    PlanChanged,
    SchedulePublished,
    InboundApplied,
    InboundRejected,
    *APPROVAL_EVENTS,
    *HIERARCHY_EVENTS,
    *INTAKE_EVENTS,
    *PROJECT_LINK_EVENTS,
    *ORGANIZATION_CALENDAR_EVENTS,
)
"""Everything this service publishes."""
