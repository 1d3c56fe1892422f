"""The images of links between projects."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.projects.domain.plan import LinkType
from services.projects.domain.project_links import Hardness, LinkState
from shared.types import Count, Schema, Text

CrossLagUnit = Literal["working", "elapsed"]


class ProjectLinkRead(Schema):
    """A link between tasks of two projects."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    predecessor_project_id: UUID
    """The project of the task that goes before."""
    predecessor_id: UUID
    """The task that goes before: a summary stands for all tasks below it."""
    successor_project_id: UUID
    """The project of the task that hangs on it."""
    successor_id: UUID
    """The task that hangs on it."""
    type: LinkType
    """Which ends are linked."""
    lag: int
    """Minutes; negative is a lead."""
    lag_unit: CrossLagUnit
    """Working minutes of the calendar of the successor's project, or minutes of the clock."""
    hardness: Hardness
    """Hard ones are in force at once; soft ones once they are accepted for the successor's project."""
    state: LinkState
    """Accepted ones are in force: the successor's schedule follows the predecessor's."""
    reason: Text
    """Why it was made."""
    requested_by: Text
    """Who made or offered it."""
    decided_by: Text | None
    """Who accepted, refused or withdrew it."""
    decided_at: datetime | None
    """When, UTC."""
    decision_reason: Text | None
    """Why it was decided so."""
    created_at: datetime
    """When it was made, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class ProjectLinkView(ProjectLinkRead):
    """A link between tasks of two projects, with what it does in the present schedule of the successor's."""

    bound: datetime | None
    """The earliest start (or finish, by its type) that it allows its successor, in the time zone of that project;
    null while it is not in force, or its predecessor is not scheduled."""
    is_driving: bool
    """The successor lies where it does because of it."""
    latest: datetime | None
    """The latest finish (or start, by its type) of the predecessor that makes nothing late in the successor's project,
    in that project's time zone: it bounds the predecessor's late dates and floats. Null while it is not in force, or
    its successor has begun."""
