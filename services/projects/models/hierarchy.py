"""What projects hang in: customers, portfolios, programmes, and the fields that an organization adds to them."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from services.projects.models.base import Row, project_key
from shared.tables import instant


def reference(column: str, table: str) -> ForeignKeyConstraint:
    """Return a foreign key that never crosses organizations; what is referred to cannot be deleted."""
    return ForeignKeyConstraint(["organization_id", column], [f"{table}.organization_id", f"{table}.id"])


class Governed(SQLModel):
    """What portfolios, programmes and projects have in common."""

    owner: str
    sponsor: str | None = None
    customer_id: UUID | None = None
    health_status: str | None = None
    health_note: str = ""
    health_at: datetime | None = instant(default=None)
    health_by: str | None = None
    categories: str = Field(default="{}", sa_type=ARRAY(Text))
    custom_fields: str = Field(default="{}", sa_type=JSONB)


class Transition(SQLModel):
    """What the moves of programmes and projects through their life cycle have in common."""

    from_status: str
    to_status: str
    reason: str | None = None
    moved_by: str
    is_override: bool = False
    still_open: str = Field(default="[]", sa_type=JSONB)


class CustomerRow(Row, table=True):
    """Whom projects are done for."""

    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("organization_id", "key"),)
    key: str
    name: str
    description: str = ""


class PortfolioRow(Governed, Row, table=True):
    """What is decided on together; it may be part of another."""

    __tablename__ = "portfolio"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        reference("parent_id", "portfolio"),
        reference("customer_id", "customer"),
        Index("ix_portfolio_parent", "organization_id", "parent_id"),
    )
    key: str
    name: str
    description: str = ""
    status: str
    parent_id: UUID | None = None


class ProgrammeRow(Governed, Row, table=True):
    """Projects that are managed together; it stands alone or in a portfolio."""

    __tablename__ = "programme"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        reference("portfolio_id", "portfolio"),
        reference("customer_id", "customer"),
        Index("ix_programme_portfolio", "organization_id", "portfolio_id"),
        Index("ix_programme_owner", "organization_id", "owner", "id"),
    )
    key: str
    name: str
    description: str = ""
    status: str
    portfolio_id: UUID | None = None


class ProgrammeTransitionRow(Transition, Row, table=True):
    """A move of a programme through its life cycle."""

    __tablename__ = "programme_transition"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "programme_id"], ["programme.organization_id", "programme.id"], ondelete="CASCADE"
        ),
        Index("ix_programme_transition_programme", "organization_id", "programme_id", "id"),
    )
    programme_id: UUID


class PortfolioItemRow(Row, table=True):
    """A project's place in a portfolio."""

    __tablename__ = "portfolio_item"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(
            ["organization_id", "portfolio_id"], ["portfolio.organization_id", "portfolio.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("organization_id", "portfolio_id", "project_id"),
        Index("ix_portfolio_item_project", "organization_id", "project_id"),
    )
    portfolio_id: UUID
    project_id: UUID
    weight: Decimal


class CustomFieldRow(Row, table=True):
    """A field that an organization has added to one kind of thing."""

    __tablename__ = "custom_field"
    __table_args__ = (UniqueConstraint("organization_id", "entity", "key"),)
    entity: str
    key: str
    name: str
    description: str = ""
    type: str
    status: str
    is_required: bool = False
    choices: str = Field(default="{}", sa_type=ARRAY(Text))
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    default_value: str | None = Field(default=None, sa_type=JSONB)
