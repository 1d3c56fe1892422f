"""The tables of resources: what it knows of plans by events, what it makes of that, and the images it serves."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, JSON, BigInteger, Column, Date, DateTime, Index, Integer, MetaData, Table, Uuid, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.entity import Entity
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


class ProjectRow(Known, table=True):
    """A project, as far as load depends on it."""

    __tablename__ = "project"
    __table_args__ = (Index("ix_project_key", "organization_id", "key"),)
    key: str = Field(default="", sa_column_kwargs={"server_default": ""})
    owner: str = Field(default="", sa_column_kwargs={"server_default": ""})
    time_zone: str = Field(default="UTC", sa_column_kwargs={"server_default": "UTC"})
    calendar_id: UUID | None = None


class Part(Known):
    """A part of a project's plan."""

    project_id: UUID


def _project(table: str) -> Index:
    return Index(f"ix_{table}_project", "organization_id", "project_id", "id")


class CalendarRow(Part, table=True):
    """A working calendar."""

    __tablename__ = "calendar"
    __table_args__ = (Index("ix_calendar_source", "organization_id", "project_id", "source_id"),)
    source_id: str = Field(default="", sa_column_kwargs={"server_default": ""})
    definition: str | None = Field(default=None, sa_type=JSON)


class ResourceRow(Part, table=True):
    """A resource as a project's plan names it. Its rates are kept as they came: nothing is computed of them here."""

    __tablename__ = "resource"
    __table_args__ = (
        Index("ix_resource_project", "organization_id", "project_id", "name", "id"),
        Index("ix_resource_name", "organization_id", "name", "id"),
    )
    source_id: str = Field(default="", sa_column_kwargs={"server_default": ""})
    name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    type: str = Field(default="work", sa_column_kwargs={"server_default": "work"})
    is_equipment: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    email: str | None = None
    max_units: Decimal = Field(default=Decimal(1), sa_column_kwargs={"server_default": "1"})
    calendar_id: UUID | None = None
    currency: str | None = None
    standard_rate: Decimal | None = None
    overtime_rate: Decimal | None = None
    cost_per_use: Decimal | None = None
    created_at: datetime = instant(now=True)
    updated_at: datetime = instant(now=True)


class TaskRow(Part, table=True):
    """A task: its name, and its dates as long as no schedule has it."""

    __tablename__ = "task"
    __table_args__ = (_project("task"),)
    name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    is_active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    planned_start: datetime | None = Field(default=None, sa_type=DateTime)
    planned_finish: datetime | None = Field(default=None, sa_type=DateTime)


class AssignmentRow(Part, table=True):
    """A resource's share in a task."""

    __tablename__ = "assignment"
    __table_args__ = (
        _project("assignment"),
        Index("ix_assignment_task", "organization_id", "task_id"),
        Index("ix_assignment_resource", "organization_id", "resource_id"),
    )
    task_id: UUID = Field(default=UUID(int=0), sa_column_kwargs={"server_default": str(UUID(int=0))})
    resource_id: UUID | None = None
    work_minutes: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class ScheduleItemRow(Part, table=True):
    """A task's dates in the present schedule; `id` is the task's, `version` the revision that set them."""

    __tablename__ = "schedule_item"
    __table_args__ = (_project("schedule_item"),)
    early_start: datetime | None = Field(default=None, sa_type=DateTime)
    early_finish: datetime | None = Field(default=None, sa_type=DateTime)


class ScheduleChunkRow(Base, table=True):
    """A piece of a schedule that has not come whole yet."""

    __tablename__ = "schedule_chunk"
    project_id: UUID = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    chunk: int = Field(primary_key=True)
    chunks: int
    task_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    starts: list[datetime] = Field(sa_column=Column(ARRAY(DateTime), nullable=False))
    finishes: list[datetime] = Field(sa_column=Column(ARRAY(DateTime), nullable=False))
    removed: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    received_at: datetime = instant(now=True)


class StaleLoadRow(Base, table=True):
    """A resource whose load must be computed anew, because something that it depends on has changed."""

    __tablename__ = "stale_load"
    __table_args__ = (_project("stale_load"),)
    id: UUID = Field(primary_key=True)
    project_id: UUID
    marked_at: datetime = instant(now=True)


class BookingRow(Base, table=True):
    """An assignment's minutes on each day from the first to the last; `id` is the assignment's."""

    __tablename__ = "booking"
    __table_args__ = (_project("booking"), Index("ix_booking_resource", "organization_id", "resource_id", "first_day"))
    id: UUID = Field(primary_key=True)
    project_id: UUID
    resource_id: UUID
    task_id: UUID
    first_day: date
    last_day: date
    minutes: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))


class ResourceLoadRow(Base, table=True):
    """A resource's load in figures; `digest` tells whether any of its days has changed."""

    __tablename__ = "resource_load"
    __table_args__ = (_project("resource_load"),)
    id: UUID = Field(primary_key=True)
    project_id: UUID
    first_day: date | None = None
    last_day: date | None = None
    booked_minutes: int = Field(sa_type=BigInteger)
    unbooked_minutes: int = Field(sa_type=BigInteger)
    over_allocated_minutes: int = Field(sa_type=BigInteger)
    digest: str


class OverAllocationRow(Base, table=True):
    """A stretch of over-allocated days of a resource."""

    __tablename__ = "over_allocation"
    __table_args__ = (
        Index("ix_over_allocation_project", "organization_id", "project_id", "first_day", "id"),
        Index("ix_over_allocation_resource", "organization_id", "resource_id"),
    )
    id: UUID = Field(primary_key=True)
    project_id: UUID
    resource_id: UUID
    first_day: date = Field(sa_column=Column(Date, nullable=False))
    last_day: date = Field(sa_column=Column(Date, nullable=False))
    days: int
    capacity_minutes: int = Field(sa_type=BigInteger)
    booked_minutes: int = Field(sa_type=BigInteger)
    over_allocated_minutes: int = Field(sa_type=BigInteger)


TABLES: Final = tuple(METADATA.tables)


def table(row: type[Base]) -> Table:
    """Return the table of a row class."""
    found: Table = METADATA.tables[str(row.__tablename__)]
    return found


PARTS: Final = tuple(
    str(row.__tablename__)
    for row in (
        CalendarRow,
        ResourceRow,
        TaskRow,
        AssignmentRow,
        ScheduleItemRow,
        ScheduleChunkRow,
        StaleLoadRow,
        BookingRow,
        ResourceLoadRow,
        OverAllocationRow,
    )
)
"""What belongs to a project and goes with it."""

_LIVE: Final = (
    "join project p on p.organization_id = t.organization_id and p.id = t.project_id"
    " and not p.is_deleted and not t.is_deleted"
)
RESOURCE: Final = Entity(
    "resources",
    "resource",
    table(ResourceRow),
    {
        **{
            name: f"t.{name}"
            for name in (
                "id",
                "version",
                "project_id",
                "source_id",
                "name",
                "type",
                "is_equipment",
                "email",
                "max_units",
                "calendar_id",
            )
        },
        "created_at": "pmo_instant(t.created_at)",
        "updated_at": "pmo_instant(t.updated_at)",
    },
    root="project_id",
    join=_LIVE,
)
"""What everyone who sees a resource sees of it."""

RESOURCE_WITH_RATES: Final = Entity(
    "resources",
    "resource",
    RESOURCE.table,
    {
        **RESOURCE.image,
        **{name: f"pmo_money(t.{name}, t.currency)" for name in ("standard_rate", "overtime_rate", "cost_per_use")},
    },
    root="project_id",
    join=_LIVE,
)
"""What those who may see rates see of it."""

TASK_MINUTES: Final = """
select json_agg(row_to_json(x) order by x.minutes desc, x.task_id)
from (
  select b.task_id, k.name, b.project_id, sum(u.minutes) as minutes
  from booking b
  cross join lateral unnest(b.minutes) with ordinality as u(minutes, n)
  left join task k on k.organization_id = b.organization_id and k.id = b.task_id
  where b.organization_id = t.organization_id and b.resource_id = t.resource_id
    and b.first_day <= t.last_day and b.last_day >= t.first_day
    and b.first_day + (u.n - 1)::int between t.first_day and t.last_day
  group by b.task_id, k.name, b.project_id having sum(u.minutes) > 0
) x
"""
OVER_ALLOCATION: Final = Entity(
    "resources",
    "over_allocation",
    table(OverAllocationRow),
    {
        "id": "t.id",
        "project_id": "t.project_id",
        "resource_id": "t.resource_id",
        "resource_name": "r.name",
        "from": "t.first_day",
        "to": "t.last_day",
        **{name: f"t.{name}" for name in ("days", "capacity_minutes", "booked_minutes", "over_allocated_minutes")},
        "tasks": f"({TASK_MINUTES})",
    },
    root="project_id",
    join=(
        "join project p on p.organization_id = t.organization_id and p.id = t.project_id and not p.is_deleted"
        " join resource r on r.organization_id = t.organization_id and r.id = t.resource_id and not r.is_deleted"
    ),
)
