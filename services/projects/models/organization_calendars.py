"""Working calendars of an organization; what projects inherit of them are calendars of their own."""

from uuid import UUID

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field

from services.projects.models.base import Row
from services.projects.models.hierarchy import reference


class OrganizationCalendarRow(Row, table=True):
    """A working calendar of an organization."""

    __tablename__ = "organization_calendar"
    __table_args__ = (
        UniqueConstraint("organization_id", "name"),
        reference("base_calendar_id", "organization_calendar"),
        Index(
            "uq_organization_calendar_default",
            "organization_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )
    name: str
    rules: str = Field(sa_type=JSON)
    base_calendar_id: UUID | None = None
    is_default: bool = False
