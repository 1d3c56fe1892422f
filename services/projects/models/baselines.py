"""Baselines: what was approved of a plan, kept whatever the plan does later."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from services.projects.models.base import Row, project_key
from shared.tables import instant, wall


class BaselineRow(Row, table=True):
    """A baseline of a project with its totals; of those that are approved, one is in force."""

    __tablename__ = "baseline"
    __table_args__ = (
        project_key(),
        Index("ix_baseline_project", "organization_id", "project_id", "id"),
        Index(
            "uq_baseline_in_force",
            "organization_id",
            "project_id",
            unique=True,
            postgresql_where=text("status = 'approved'"),
        ),
    )
    project_id: UUID
    name: str
    status: str
    reason: str
    requested_by: str
    decided_by: str | None = None
    decided_at: datetime | None = instant(default=None)
    decision_reason: str | None = None
    schedule_revision: int
    start: datetime | None = wall(default=None)
    finish: datetime | None = wall(default=None)
    tasks: int
    work_minutes: int = Field(sa_type=BigInteger)
    cost: Decimal
    file_number: int | None = None
    replaces_id: UUID | None = None
    replaced_variance: str | None = Field(default=None, sa_type=JSON)  # how the plan stood to what this one replaced


class BaselineTaskRow(Row, table=True):
    """A task as a baseline has it; `id` is the task's, which may be gone by now."""

    __tablename__ = "baseline_task"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "baseline_id"], ["baseline.organization_id", "baseline.id"], ondelete="CASCADE"
        ),
        Index("ix_baseline_task_position", "organization_id", "baseline_id", "position", "id"),
    )
    baseline_id: UUID = Field(primary_key=True)
    parent_id: UUID | None = None
    position: int
    name: str
    work_breakdown_structure: str = ""
    is_summary: bool = False
    is_milestone: bool = False
    start: datetime | None = wall(default=None)
    finish: datetime | None = wall(default=None)
    duration_minutes: int = 0
    work_minutes: int = Field(default=0, sa_type=BigInteger)
    cost: Decimal = Decimal(0)
