"""What a plan holds: calendars, tasks, links, resources, assignments, and what was stated of progress."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import JSON, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.projects.models.base import Row, project_key
from services.projects.models.hierarchy import reference
from shared.tables import instant, wall


class CalendarRow(Row, table=True):
    """A working calendar of a project."""

    __tablename__ = "calendar"
    __table_args__ = (
        project_key(),
        Index("ix_calendar_project", "organization_id", "project_id", "id"),
        Index(
            "ix_calendar_heirs",
            "organization_id",
            "organization_calendar_id",
            "project_id",
            postgresql_where=text("organization_calendar_id is not null"),
        ),
        reference("organization_calendar_id", "organization_calendar"),
    )
    project_id: UUID
    source_id: str
    name: str
    definition: str = Field(sa_type=JSON)
    rules: str | None = Field(default=None, sa_type=JSON)
    base_calendar_id: UUID | None = None
    organization_calendar_id: UUID | None = None


class TaskRow(Row, table=True):
    """One row of a project's work breakdown structure."""

    __tablename__ = "task"
    __table_args__ = (
        project_key(),
        Index("ix_task_position", "organization_id", "project_id", "position", "id"),
        Index(
            "uq_task_source",
            "organization_id",
            "project_id",
            "source_id",
            unique=True,
            postgresql_where=text("source_id is not null"),
        ),
    )
    project_id: UUID
    parent_id: UUID | None = None
    position: int
    source_id: str | None = None
    is_imported: bool = False
    name: str
    description: str = ""
    work_breakdown_structure: str = ""
    has_fixed_code: bool = False
    outline_level: int = 1
    activity_type: str = "task"
    is_summary: bool = False
    is_milestone: bool = False
    is_active: bool = True
    is_manual: bool = False
    priority: int = 500
    duration_minutes: int = 0
    is_elapsed_duration: bool = False
    is_fixed_duration: bool = False
    is_fixed_work: bool = False
    calendar_id: UUID | None = None
    ignores_resource_calendar: bool = False
    constraint_type: str = "as_soon_as_possible"
    constraint_date: datetime | None = wall(default=None)
    secondary_constraint_type: str = "as_soon_as_possible"
    secondary_constraint_date: datetime | None = wall(default=None)
    expected_finish: datetime | None = wall(default=None)
    external_early_start: datetime | None = wall(default=None)
    external_late_finish: datetime | None = wall(default=None)
    deadline: datetime | None = wall(default=None)
    planned_start: datetime | None = wall(default=None)
    planned_finish: datetime | None = wall(default=None)
    percent_complete: Decimal = Decimal(0)
    percent_work_complete: Decimal = Decimal(0)
    physical_percent_complete: Decimal = Decimal(0)
    uses_physical_percent: bool = False
    uses_units_percent: bool = False
    units_done: Decimal = Decimal(0)
    ev_technique: str | None = Field(default=None, sa_type=JSONB)
    actual_start: datetime | None = wall(default=None)
    actual_finish: datetime | None = wall(default=None)
    actual_duration_minutes: int = 0
    remaining_duration_minutes: int | None = None
    stop: datetime | None = wall(default=None)
    resume: datetime | None = wall(default=None)
    leveling_delay_minutes: int = 0
    work_minutes: int = 0
    actual_work_minutes: int = 0
    remaining_work_minutes: int = 0
    fixed_cost: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    actual_cost: Decimal = Decimal(0)
    baseline_start: datetime | None = wall(default=None)
    baseline_finish: datetime | None = wall(default=None)
    baseline_duration_minutes: int | None = None
    baseline_work_minutes: int | None = None
    baseline_cost: Decimal | None = None
    progress_at: datetime | None = instant(default=None)
    custom_fields: str = Field(default="{}", sa_type=JSONB)


class DependencyRow(Row, table=True):
    """A link between two tasks of a project."""

    __tablename__ = "dependency"
    __table_args__ = (
        project_key(),
        Index("ix_dependency_project", "organization_id", "project_id", "id"),
        Index(
            "uq_dependency_pair",
            "organization_id",
            "project_id",
            "predecessor_id",
            "successor_id",
            "type",
            unique=True,
        ),
        Index("ix_dependency_successor", "organization_id", "project_id", "successor_id", "id"),
    )
    project_id: UUID
    predecessor_id: UUID
    successor_id: UUID
    type: str
    lag: int = 0
    lag_unit: str = "working"
    lag_calendar: str | None = None


class PlanResourceRow(Row, table=True):
    """A resource as a project's plan names it."""

    __tablename__ = "plan_resource"
    __table_args__ = (project_key(), Index("ix_plan_resource_project", "organization_id", "project_id", "id"))
    project_id: UUID
    source_id: str
    name: str
    type: str
    is_equipment: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    email: str | None = None
    max_units: Decimal
    calendar_id: UUID | None = None
    standard_rate: Decimal | None = None
    overtime_rate: Decimal | None = None
    cost_per_use: Decimal = Decimal(0)


class AssignmentRow(Row, table=True):
    """A resource's share in a task."""

    __tablename__ = "assignment"
    __table_args__ = (project_key(), Index("ix_assignment_project", "organization_id", "project_id", "id"))
    project_id: UUID
    source_id: str
    task_id: UUID
    resource_id: UUID | None = None
    units: Decimal
    work_minutes: int = 0
    actual_work_minutes: int = 0
    remaining_work_minutes: int = 0
    cost: Decimal = Decimal(0)
    actual_cost: Decimal = Decimal(0)
    planned_start: datetime | None = wall(default=None)
    planned_finish: datetime | None = wall(default=None)


class ProgressRow(Row, table=True):
    """What someone stated of a task's progress, and as of when. Facts are kept, never changed."""

    __tablename__ = "progress"
    __table_args__ = (
        project_key(),
        Index("ix_progress_task", "organization_id", "task_id", "at"),
        Index("ix_progress_project_at", "organization_id", "project_id", "at", "id"),
    )
    project_id: UUID
    task_id: UUID
    at: datetime = instant()
    percent_complete: Decimal
    actual_cost: Decimal | None = None
    remaining_work_minutes: int | None = None
    source: str = ""
    percent_work_complete: Decimal | None = None
    physical_percent_complete: Decimal | None = None
    units_done: Decimal | None = None
    actual_start: datetime | None = wall(default=None)
    actual_finish: datetime | None = wall(default=None)
    actual_duration_minutes: int | None = None
    remaining_duration_minutes: int | None = None
    actual_work_minutes: int | None = None
