"""The events that resources publishes. The root aggregate of all of them is the project."""

from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from pydantic import Field

from shared.events import Event
from shared.types import Count, Schema


class ResourceLoad(Schema):
    """A resource's load in figures."""

    resource_id: UUID
    """The resource."""
    booked_minutes: Count
    """What tasks book of it in all."""
    over_allocated_minutes: Count
    """What is booked beyond its capacity, day by day."""
    from_: date | None = Field(alias="from")
    """The first day that anything is booked on; null: nothing is."""
    to: date | None
    """The last day that anything is booked on."""


class LoadChanged(Event):
    """The load of some resources of a project has changed; one event per recomputation."""

    type: ClassVar[str] = "pmo.resources.load.changed.v1"

    project_id: UUID
    """The project."""
    changed: list[ResourceLoad]
    """The resources whose days have changed."""
    removed: list[UUID]
    """Resources that have no load any more: deleted, or not of type work."""
    booked_minutes: Count
    """What is booked in the whole project."""
    over_allocated_minutes: Count
    """What is booked beyond capacity in the whole project."""
    over_allocated_resources: Count
    """How many resources of the project are over-allocated on some day."""


EVENTS: Final[tuple[type[Event], ...]] = (LoadChanged,)
"""Everything this service publishes."""
