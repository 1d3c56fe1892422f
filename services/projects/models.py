"""The tables of projects, and how PostgreSQL writes each entity's image."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKeyConstraint, Index, LargeBinary, MetaData, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field

from shared.tables import NAMING, EntityRow, infrastructure, instant, server_defaults, wall

METADATA: Final = MetaData(naming_convention=NAMING)
infrastructure(METADATA)


class Row(EntityRow, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


def _project_key(*columns: str) -> ForeignKeyConstraint:
    """Return the foreign key to the project; the organization is part of it, so it never crosses organizations."""
    return ForeignKeyConstraint(
        ["organization_id", "project_id"], ["project.organization_id", "project.id"], ondelete="CASCADE"
    )


class ProjectRow(Row, table=True):
    """A project and the settings of its plan."""

    __tablename__ = "project"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index(
            "uq_project_source",
            "organization_id",
            "source_id",
            unique=True,
            postgresql_where=text("source_id is not null"),
        ),
        Index("ix_project_owner", "organization_id", "owner", "id"),
    )
    key: str
    name: str
    description: str = ""
    status: str
    owner: str
    currency: str
    time_zone: str
    start: datetime = wall()
    status_date: datetime | None = wall(default=None)
    source_id: str | None = None
    calendar_id: UUID | None = None
    planned_finish: datetime | None = wall(default=None)
    minutes_per_day: int = 480
    plan_settings: str = Field(default="{}", sa_type=JSONB)  # what only scheduling reads


class CalendarRow(Row, table=True):
    """A working calendar of a project."""

    __tablename__ = "calendar"
    __table_args__ = (_project_key(), Index("ix_calendar_project", "organization_id", "project_id", "id"))
    project_id: UUID
    source_id: str
    name: str
    definition: str = Field(sa_type=JSON)


class TaskRow(Row, table=True):
    """One row of a project's work breakdown structure."""

    __tablename__ = "task"
    __table_args__ = (
        _project_key(),
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
    outline_level: int = 1
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
    deadline: datetime | None = wall(default=None)
    planned_start: datetime | None = wall(default=None)
    planned_finish: datetime | None = wall(default=None)
    percent_complete: Decimal = Decimal(0)
    percent_work_complete: Decimal = Decimal(0)
    physical_percent_complete: Decimal = Decimal(0)
    uses_physical_percent: bool = False
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


class DependencyRow(Row, table=True):
    """A link between two tasks of a project."""

    __tablename__ = "dependency"
    __table_args__ = (_project_key(), Index("ix_dependency_project", "organization_id", "project_id", "id"))
    project_id: UUID
    predecessor_id: UUID
    successor_id: UUID
    type: str
    lag: int = 0
    lag_unit: str = "working"


class PlanResourceRow(Row, table=True):
    """A resource as a project's plan names it."""

    __tablename__ = "plan_resource"
    __table_args__ = (_project_key(), Index("ix_plan_resource_project", "organization_id", "project_id", "id"))
    project_id: UUID
    source_id: str
    name: str
    type: str
    email: str | None = None
    max_units: Decimal
    calendar_id: UUID | None = None
    standard_rate: Decimal | None = None
    overtime_rate: Decimal | None = None
    cost_per_use: Decimal = Decimal(0)


class AssignmentRow(Row, table=True):
    """A resource's share in a task."""

    __tablename__ = "assignment"
    __table_args__ = (_project_key(), Index("ix_assignment_project", "organization_id", "project_id", "id"))
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
    __table_args__ = (_project_key(), Index("ix_progress_task", "organization_id", "task_id", "at"))
    project_id: UUID
    task_id: UUID
    at: datetime = instant()
    percent_complete: Decimal
    actual_cost: Decimal | None = None
    remaining_work_minutes: int | None = None
    source: str = ""


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
        _project_key(),
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


class ImportRow(Row, table=True):
    """A file that came in, and what became of it."""

    __tablename__ = "plan_import"
    format: str
    sha256: str
    size_bytes: int
    operation_id: UUID
    project_id: UUID | None = None
    target_project_id: UUID | None = None
    dry_run: bool = False
    status: str
    actor: str
    own_only: bool = False
    request_id: str = ""
    content: bytes | None = Field(default=None, sa_type=LargeBinary)


class KeyCounterRow(Row, table=True):
    """The last number given to a human key in an organization; `version` is the number."""

    __tablename__ = "key_counter"


server_defaults(*Row.__subclasses__())
TABLES: Final = tuple(METADATA.tables)
