"""What this service reads of projects' events: just the fields it needs."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Discriminator, Tag

from shared.messaging import Reader


def _wall(value: datetime) -> datetime:
    return value.replace(tzinfo=None)


Wall = Annotated[datetime, AfterValidator(_wall)]
"""A local date-time of the project: what the clock on the wall says, without the offset it came with."""


class Rate(Reader):
    """Money, as it came."""

    amount: Decimal
    currency: str


class ProjectImage(Reader):
    """A project."""

    id: UUID
    version: int
    key: str
    owner: str
    time_zone: str
    calendar_id: UUID | None


class CalendarImage(Reader):
    """A working calendar."""

    project_id: UUID
    source_id: str
    definition: dict[str, object]


class ResourceImage(Reader):
    """A resource of a plan."""

    project_id: UUID
    source_id: str
    name: str
    type: Literal["work", "material", "cost"]
    is_equipment: bool = False
    email: str | None
    max_units: Decimal
    calendar_id: UUID | None
    standard_rate: Rate | None
    overtime_rate: Rate | None
    cost_per_use: Rate | None
    created_at: datetime
    updated_at: datetime


class TaskImage(Reader):
    """A task."""

    project_id: UUID
    name: str
    is_active: bool
    planned_start: Wall | None
    planned_finish: Wall | None


class AssignmentImage(Reader):
    """A resource's share in a task."""

    project_id: UUID
    task_id: UUID
    resource_id: UUID | None
    work_minutes: int


class ProjectChanged(Reader):
    """A project was created or updated."""

    id: UUID
    version: int
    after: ProjectImage


class TaskChanged(Reader):
    """A task was created or updated."""

    id: UUID
    version: int
    after: TaskImage


class Deleted(Reader):
    """A project or a task was deleted."""

    id: UUID
    version: int


class CalendarItem(Reader):
    """A calendar of an imported plan."""

    kind: Literal["calendar"]
    id: UUID
    version: int
    after: CalendarImage | None


class ResourceItem(Reader):
    """A resource of an imported plan."""

    kind: Literal["resource"]
    id: UUID
    version: int
    after: ResourceImage | None


class TaskItem(Reader):
    """A task of an imported plan."""

    kind: Literal["task"]
    id: UUID
    version: int
    after: TaskImage | None


class AssignmentItem(Reader):
    """An assignment of an imported plan."""

    kind: Literal["assignment"]
    id: UUID
    version: int
    after: AssignmentImage | None


class OtherItem(Reader):
    """Something of an imported plan that load does not depend on."""


def _kind(item: object) -> str:
    kind = item.get("kind") if isinstance(item, dict) else None
    return kind if kind in {"calendar", "resource", "task", "assignment"} else "other"


Item = Annotated[
    Annotated[CalendarItem, Tag("calendar")]
    | Annotated[ResourceItem, Tag("resource")]
    | Annotated[TaskItem, Tag("task")]
    | Annotated[AssignmentItem, Tag("assignment")]
    | Annotated[OtherItem, Tag("other")],
    Discriminator(_kind),
]


class PlanChanged(Reader):
    """A piece of what changed in a plan at once, by an import or otherwise."""

    project: ProjectImage
    chunk: int
    chunks: int
    items: list[Item]


class ScheduledTask(Reader):
    """A task's dates in a schedule."""

    task_id: UUID
    early_start: Wall
    early_finish: Wall


class SchedulePublished(Reader):
    """A piece of a new schedule."""

    project_id: UUID
    revision: int
    chunk: int
    chunks: int
    items: list[ScheduledTask]
    removed: list[UUID]
