"""What this service answers: resources, their load, over-allocations."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from shared.types import Count, Money, Schema, Text


class ResourceRead(Schema):
    """A person, machine, material or cost that tasks need. Its rates are there for those who may see rates."""

    # The rates are absent for most callers: only what every answer has is required.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    project_id: UUID
    """The project whose plan names it."""
    source_id: Text
    """What the system it came from calls it."""
    name: Text
    """Its name."""
    type: Literal["work", "material", "cost"]
    """People and machines work, material is consumed, cost is only money."""
    is_equipment: bool
    """A machine: work that is not labor (Primavera's nonlabor)."""
    email: Text | None
    """Address."""
    max_units: float
    """1 is one full-time unit."""
    calendar_id: UUID | None
    """Its working calendar; null: the project's."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""
    standard_rate: Money | None = None
    """Per hour of work or unit of material; absent without the permission rate.read."""
    overtime_rate: Money | None = None
    """Per hour of overtime; absent without the permission rate.read."""
    cost_per_use: Money | None = None
    """For each use; absent without the permission rate.read."""


class TaskMinutes(Schema):
    """What a task books of a resource."""

    task_id: UUID
    """The task."""
    name: Text | None
    """Its name."""
    project_id: UUID
    """Its project."""
    minutes: Count
    """Working minutes booked."""


class LoadDay(Schema):
    """A day of a resource, in the time zone of its project."""

    date: date
    """The day."""
    capacity_minutes: Count
    """What it can work: the working minutes of its calendar times its units."""
    booked_minutes: Count
    """What tasks book of it."""
    over_allocated_minutes: Count
    """What is booked beyond capacity."""
    tasks: list[TaskMinutes]
    """Who books it, the most first."""


class LoadTotals(Schema):
    """The sums over the days of an answer."""

    capacity_minutes: Count
    """What it can work."""
    booked_minutes: Count
    """What tasks book of it."""
    over_allocated_minutes: Count
    """What is booked beyond capacity, day by day."""


class LoadRead(Schema):
    """A resource's load by days.

    The work of an assignment is spread over the days from its task's early start to its early finish, in proportion to
    the working minutes of the resource on each day; on tasks without any, evenly over their calendar days. The minutes
    of all days add up to the work exactly.
    """

    resource_id: UUID
    """The resource."""
    name: Text
    """Its name."""
    type: Literal["work", "material", "cost"]
    """Only resources of type work have load."""
    project_id: UUID
    """Its project."""
    time_zone: Text
    """IANA time zone that the days are of."""
    from_: date | None = Field(alias="from")
    """The first day of this answer; null where there is nothing to show."""
    to: date | None
    """The last day of this answer."""
    booked_from: date | None
    """The first day that anything is booked on."""
    booked_to: date | None
    """The last day that anything is booked on."""
    unbooked_minutes: Count
    """Work of tasks that have no dates yet, or that last longer than twenty years."""
    reason: Literal["not_a_work_resource", "nothing_booked"] | None
    """Why there are no days; null when there are."""
    totals: LoadTotals
    """Sums over these days."""
    days: list[LoadDay]
    """Each day from the first to the last."""


class OverAllocationRead(Schema):
    """A stretch of days on each of which more is booked of a resource than it can work, and by which tasks.

    Days off, without capacity and bookings, do not end a stretch.
    """

    id: UUID
    """Stays the same as long as resource and first day do."""
    project_id: UUID
    """The project."""
    resource_id: UUID
    """The resource."""
    resource_name: Text
    """Its name."""
    from_: date = Field(alias="from")
    """The first day."""
    to: date
    """The last day."""
    days: Count
    """How many days of the stretch are over-allocated."""
    capacity_minutes: Count
    """What the resource can work on them."""
    booked_minutes: Count
    """What is booked on them."""
    over_allocated_minutes: Count
    """What is booked beyond capacity."""
    tasks: list[TaskMinutes]
    """Who books it on these days, the most first."""


class LoadSummaryRead(Schema):
    """How loaded the resources of a project are."""

    project_id: UUID
    """The project."""
    resources: Count
    """How many resources its plan names."""
    work_resources: Count
    """How many of them are people or machines."""
    over_allocated_resources: Count
    """How many of them are over-allocated on some day."""
    over_allocated_minutes: Count
    """What is booked beyond capacity in all."""
    booked_minutes: Count
    """What is booked in all."""
    unbooked_minutes: Count
    """Work of tasks that have no dates yet, or that last longer than twenty years."""
    from_: date | None = Field(alias="from")
    """The first day that anything is booked on."""
    to: date | None
    """The last day that anything is booked on."""
