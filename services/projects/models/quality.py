"""Assessments of a schedule's quality, kept as they were found."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKeyConstraint, Index
from sqlmodel import Field

from services.projects.models.base import Row, project_key
from shared.tables import wall


class ScheduleAssessmentRow(Row, table=True):
    """What the 14 points said of one revision of a project's schedule."""

    __tablename__ = "schedule_assessment"
    __table_args__ = (project_key(), Index("ix_schedule_assessment_project", "organization_id", "project_id", "id"))
    project_id: UUID
    ruleset: str
    schedule_revision: int
    status_date: datetime | None = wall(default=None)
    requested_by: str
    passed: int
    failed: int
    thresholds: str = Field(sa_type=JSON)
    checks: str = Field(sa_type=JSON)


class AssessmentOffenderRow(Row, table=True):
    """A task or link that a check objects to."""

    __tablename__ = "assessment_offender"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "assessment_id"],
            ["schedule_assessment.organization_id", "schedule_assessment.id"],
            ondelete="CASCADE",
        ),
        Index("ix_assessment_offender_assessment", "organization_id", "assessment_id", "check_code", "id"),
    )
    assessment_id: UUID
    check_code: str
    task_id: UUID
    successor_id: UUID | None = None
