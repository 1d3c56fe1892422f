"""Links between tasks of two projects, and what they ask of their successors at present."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlmodel import Field

from services.projects.models.base import Row, project_key
from shared.tables import instant, wall


class ProjectLinkRow(Row, table=True):
    """A link from a task of one project to a task of another; `project_id` is the successor's.

    The predecessor's project may be gone, and either task: then it is about to be deleted.
    """

    __tablename__ = "project_link"
    __table_args__ = (
        project_key(),
        Index("ix_project_link_project", "organization_id", "project_id", "id"),
        Index("ix_project_link_predecessor", "organization_id", "predecessor_project_id", "id"),
        Index(
            "uq_project_link_pair",
            "organization_id",
            "predecessor_id",
            "successor_id",
            "type",
            unique=True,
            postgresql_where=text("state in ('offered', 'accepted')"),
        ),
    )
    project_id: UUID
    predecessor_project_id: UUID
    predecessor_id: UUID
    successor_id: UUID
    type: str
    lag: int = 0
    lag_unit: str = "working"
    hardness: str
    state: str
    reason: str = ""
    requested_by: str
    decided_by: str | None = None
    decided_at: datetime | None = instant(default=None)
    decision_reason: str | None = None


class LinkBoundRow(Row, table=True):
    """What a link asks of its successor, and leaves its predecessor, in the present schedule; `id` is the link's."""

    __tablename__ = "project_link_bound"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "id"], ["project_link.organization_id", "project_link.id"], ondelete="CASCADE"
        ),
        Index("ix_project_link_bound_project", "organization_id", "project_id"),
    )
    project_id: UUID
    bound: datetime = wall()
    latest: datetime | None = wall(default=None)
    is_driving: bool = Field(default=False)
