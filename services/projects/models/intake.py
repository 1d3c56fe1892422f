"""Requests for projects, what assessors say of them, and by what."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.projects.models.base import Row
from services.projects.models.hierarchy import reference
from shared.tables import instant


class IntakeRequestRow(Row, table=True):
    """A request for a project."""

    __tablename__ = "intake_request"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        reference("customer_id", "customer"),
        Index("ix_intake_request_score", "organization_id", "score", "id"),
        Index("ix_intake_request_requester", "organization_id", "requester", "id"),
    )
    key: str
    title: str
    description: str = ""
    status: str
    requester: str
    customer_id: UUID | None = None
    desired_start: date | None = None
    desired_finish: date | None = None
    currency: str | None = None
    estimated_cost: Decimal | None = None
    estimated_benefit: Decimal | None = None
    custom_fields: str = Field(default="{}", sa_type=JSONB)
    assessments: int = 0
    outdated_assessments: int = 0
    content_version: int = 0  # the request's, when its content changed last after it could be assessed
    score: Decimal | None = None
    score_coverage: Decimal | None = None
    submitted_by: str | None = None
    submitted_at: datetime | None = instant(default=None)
    decided_by: str | None = None
    decided_at: datetime | None = instant(default=None)
    decision_reason: str | None = None
    project_id: UUID | None = None  # may be gone by now


class IntakeAssessmentRow(Row, table=True):
    """What one assessor says of a request."""

    __tablename__ = "intake_assessment"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "request_id"],
            ["intake_request.organization_id", "intake_request.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("organization_id", "request_id", "assessor"),
    )
    request_id: UUID
    request_version: int = 0
    assessor: str
    scores: str = Field(default="[]", sa_type=JSONB)
    note: str = ""


class IntakeCriterionRow(Row, table=True):
    """What an organization assesses requests by."""

    __tablename__ = "intake_criterion"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)
    name: str
    description: str = ""
    weight: Decimal
    minimum: Decimal
    maximum: Decimal
    direction: str
    status: str
