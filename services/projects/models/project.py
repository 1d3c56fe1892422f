"""Projects themselves, and the numbers of their keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.projects.models.base import Row, project_key
from services.projects.models.hierarchy import Governed, Transition, reference
from shared.tables import wall


class ProjectRow(Governed, Row, table=True):
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
        Index("ix_project_programme", "organization_id", "programme_id"),
        reference("programme_id", "programme"),
        reference("customer_id", "customer"),
    )
    key: str
    name: str
    description: str = ""
    status: str
    programme_id: UUID | None = None
    currency: str
    time_zone: str
    start: datetime = wall()
    status_date: datetime | None = wall(default=None)
    source_id: str | None = None
    calendar_id: UUID | None = None
    planned_finish: datetime | None = wall(default=None)
    minutes_per_day: int = 480
    code_mask: str = "1.1"
    is_template: bool = False
    default_ev_technique: str = "percent_complete"
    plan_settings: str = Field(default="{}", sa_type=JSONB)  # what only scheduling reads


class ProjectTransitionRow(Transition, Row, table=True):
    """A move of a project through its life cycle."""

    __tablename__ = "project_transition"
    __table_args__ = (project_key(), Index("ix_project_transition_project", "organization_id", "project_id", "id"))
    project_id: UUID


class KeyCounterRow(Row, table=True):
    """The last number given to a human key in an organization; `version` is the number."""

    __tablename__ = "key_counter"
