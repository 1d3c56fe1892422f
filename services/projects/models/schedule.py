"""The present schedule of each project."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index
from sqlmodel import Field

from services.projects.models.base import Row, project_key
from shared.tables import wall


class ScheduleRow(Row, table=True):
    """The present schedule of a project; `id` is the project's, `version` the revision."""

    __tablename__ = "schedule"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "id"], ["project.organization_id", "project.id"], ondelete="CASCADE"),
    )
    plan_version: int = Field(default=0, sa_type=BigInteger)  # the project's last event when the plan was read
    project_start: datetime | None = wall(default=None)
    project_finish: datetime | None = wall(default=None)
    problem: str | None = None


class ScheduleItemRow(Row, table=True):
    """A task's dates in the present schedule; `id` is the task's."""

    __tablename__ = "schedule_item"
    __table_args__ = (
        project_key(),
        Index("ix_schedule_item_position", "organization_id", "project_id", "position", "id"),
    )
    project_id: UUID
    position: int
    early_start: datetime = wall()
    early_finish: datetime = wall()
    late_start: datetime = wall()
    late_finish: datetime = wall()
    total_float_minutes: int
    free_float_minutes: int
    is_critical: bool
