"""The images and events of an organization's calendars."""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from shared.events import EntityEvent, Event
from shared.types import Count, Schema, Text


class OrganizationCalendarRead(Schema):
    """A working calendar of the organization, which projects inherit."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    name: Text
    """Its name; unique in the organization."""
    rules: dict[str, object]
    """What it is stated as: week, exceptions, alternative weeks, public holidays."""
    base_calendar_id: UUID | None
    """The calendar of the organization that it works as where its rules are silent."""
    is_default: bool
    """Whether new projects begin with it."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class OrganizationCalendarCreated(EntityEvent[OrganizationCalendarRead]):
    """The organization has a calendar more."""

    type: ClassVar[str] = "pmo.projects.organization_calendar.created.v1"


class OrganizationCalendarUpdated(EntityEvent[OrganizationCalendarRead]):
    """A calendar of the organization was changed; the projects that inherit it follow, each with plan.changed."""

    type: ClassVar[str] = "pmo.projects.organization_calendar.updated.v1"


class OrganizationCalendarDeleted(EntityEvent[OrganizationCalendarRead]):
    """A calendar of the organization was deleted."""

    type: ClassVar[str] = "pmo.projects.organization_calendar.deleted.v1"


ORGANIZATION_CALENDAR_EVENTS: Final[tuple[type[Event], ...]] = (
    OrganizationCalendarCreated,
    OrganizationCalendarUpdated,
    OrganizationCalendarDeleted,
)
"""All of them."""
