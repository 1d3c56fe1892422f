"""The tables of kpi: its own copy of what projects' events tell, and what was last published of it.

Beside what holds now stands what held before, as far as metrics of past instants depend on it: each state with the
instant `since` which it counts.

Money is in minor units of the project's currency, local wall time in minutes as in `shared.working_time`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, BigInteger, DateTime, Index, MetaData, Table, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.tables import NAMING, infrastructure, instant

METADATA: Final = MetaData(naming_convention=NAMING)
infrastructure(METADATA)


class Base(SQLModel, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""

    organization_id: UUID = Field(primary_key=True)


class Known(Base):
    """What an event told of an entity. A deleted one stays as a tombstone, so that no older version brings it back."""

    id: UUID = Field(primary_key=True)
    version: int
    is_deleted: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


def _since() -> Any:
    arguments = {"server_default": text("'epoch'")}
    return Field(sa_type=DateTime(timezone=True), sa_column_kwargs=arguments)


class ProjectRow(Known, table=True):
    """A project; `plan` changes with everything that the baseline depends on and never takes a value again."""

    __tablename__ = "project"
    __table_args__ = (Index("ix_project_key", "organization_id", "key"),)
    key: str = Field(default="", sa_column_kwargs={"server_default": ""})
    owner: str = Field(default="", sa_column_kwargs={"server_default": ""})
    currency: str = Field(default="", sa_column_kwargs={"server_default": ""})
    time_zone: str = Field(default="UTC", sa_column_kwargs={"server_default": "UTC"})
    status_date: datetime | None = None
    calendar_id: UUID | None = None
    technique: str | None = Field(default="percent_complete", sa_column_kwargs={"server_default": "percent_complete"})
    start_share: int | None = None
    plan: UUID = Field(sa_column_kwargs={"server_default": text("gen_random_uuid()")})
    since: datetime = _since()


class ProjectPastRow(Base, table=True):
    """What a project decided of its metrics until it decided otherwise."""

    __tablename__ = "project_past"
    project_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    since: datetime = instant()
    calendar_id: UUID | None = None
    technique: str | None = None
    start_share: int | None = None


class CalendarRow(Known, table=True):
    """A working calendar of a project."""

    __tablename__ = "calendar"
    __table_args__ = (Index("ix_calendar_project", "organization_id", "project_id"),)
    project_id: UUID
    definition: str = Field(sa_type=JSON)
    since: datetime = _since()


class CalendarPastRow(Base, table=True):
    """A working calendar as it was until it was changed or deleted."""

    __tablename__ = "calendar_past"
    __table_args__ = (Index("ix_calendar_past_project", "organization_id", "project_id"),)
    id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    project_id: UUID
    since: datetime = instant()
    definition: str = Field(sa_type=JSON)


class TaskState(Base):
    """A task; only leaves count, and in the baseline are those with a baseline cost (0 too): they have both dates."""

    id: UUID = Field(primary_key=True)
    version: int
    project_id: UUID
    since: datetime = _since()
    is_leaf: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    is_elapsed: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    calendar_id: UUID | None = None
    baseline_start: int | None = None
    baseline_finish: int | None = None
    baseline_cost: int | None = Field(default=None, sa_type=BigInteger)
    actual_finish: int | None = None
    technique: str | None = None  # how it earns; None: as the project's tasks do
    basis: str = Field(default="duration", sa_column_kwargs={"server_default": "duration"})
    start_share: int | None = None  # of a split: what is earned at the start, in hundredths of a percent
    planned_units: Decimal | None = None
    base_task_id: UUID | None = None
    milestones: str | None = Field(default=None, sa_type=JSON)  # [[weight, achieved at or null], …]


class TaskRow(TaskState, Known, table=True):
    """A task as it is now."""

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_leaf", "organization_id", "project_id", "id", postgresql_where=text("is_leaf")),
        Index(
            "ix_task_achieved",
            "organization_id",
            "project_id",
            "achieved_at",
            postgresql_where=text("achieved_at is not null"),
        ),
    )
    achieved_at: datetime | None = instant(default=None)  # the last of its milestones


class TaskPastRow(TaskState, table=True):
    """A task as it was until another state, in what metrics depend on, took the place of this one."""

    __tablename__ = "task_past"
    __table_args__ = (Index("ix_task_past_project", "organization_id", "project_id"),)
    version: int = Field(primary_key=True)
    until: datetime = instant()


class ProgressRow(Base, table=True):
    """What was stated of a task as of an instant, with the numbers of the project's events that did so last."""

    __tablename__ = "progress"
    __table_args__ = (Index("ix_progress_project", "organization_id", "project_id", "at"),)
    task_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=DateTime(timezone=True), primary_key=True)
    project_id: UUID
    percent: int = Field(description="Hundredths of a percent: 0 to 10,000.")
    stated: int = Field(sa_type=BigInteger)
    actual_cost: int | None = Field(default=None, sa_type=BigInteger)
    cost_stated: int | None = Field(default=None, sa_type=BigInteger)
    work: int | None = None  # … of the work
    physical: int | None = None  # … of the physical result
    units: Decimal | None = None
    state: int | None = None  # 0 not begun, 1 begun, 2 finished; None: only `percent` was known, whatever it is of
    finish: int | None = None  # when it was finished, a local minute


class EvaluationRow(Base, table=True):
    """The metrics of a project as they were last published; `id` is the project's."""

    __tablename__ = "evaluation"
    id: UUID = Field(primary_key=True)
    as_of: datetime = instant()
    metrics: str = Field(sa_type=JSON)


TABLES: Final = tuple(METADATA.tables)


def table(row: type[Base]) -> Table:
    """Return the table of a row class."""
    found: Table = METADATA.tables[str(row.__tablename__)]
    return found
