"""How PostgreSQL writes an organization's calendars."""

from typing import Final

from services.projects.entities.base import STAMPS, plain, table
from services.projects.models import OrganizationCalendarRow
from shared.entity import Entity

ORGANIZATION_CALENDAR: Final = Entity(
    "projects",
    "organization_calendar",
    table(OrganizationCalendarRow),
    {**plain("id", "version", "name", "rules", "base_calendar_id", "is_default"), **STAMPS},
    root="id",
)
