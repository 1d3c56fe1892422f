"""The present schedule of each project."""

from datetime import datetime
from decimal import Decimal
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
    percent_complete: Decimal | None = None  # of the whole project, weighted by duration
    problem: str | None = None


class ScheduleItemRow(Row, table=True):
    """A task's dates in the present schedule, and what it comes to; `id` is the task's."""

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
    # What the task comes to with all below it, as of the same plan; null until the schedule is computed next.
    start: datetime | None = wall(default=None)
    finish: datetime | None = wall(default=None)
    duration_minutes: int | None = None
    tasks: int | None = None
    work_minutes: int | None = Field(default=None, sa_type=BigInteger)
    actual_work_minutes: int | None = Field(default=None, sa_type=BigInteger)
    remaining_work_minutes: int | None = Field(default=None, sa_type=BigInteger)
    cost: Decimal | None = None
    actual_cost: Decimal | None = None
    percent_complete: Decimal | None = None
    percent_work_complete: Decimal | None = None
    start_variance_minutes: int | None = None
    finish_variance_minutes: int | None = None
    duration_variance_minutes: int | None = None
    work_variance_minutes: int | None = Field(default=None, sa_type=BigInteger)
    cost_variance: Decimal | None = None
