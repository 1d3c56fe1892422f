"""The images of moves through the life cycle."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.projects.domain.project import ProjectStatus
from shared.types import Count, Schema, Text


class OpenItemsRead(Schema):
    """What of one kind is still open."""

    kind: Text
    """`open_tasks`, `missing_actual_finish`, `pending_baselines`, `pending_links`, `running_imports`,
    `open_projects`"""
    count: Count
    """How many there are."""
    first: list[UUID]
    """Ids of the first few."""


class MadeMoveRead(Schema):
    """A move through the life cycle that was made."""

    id: UUID
    """Our id."""
    version: Count
    """Always 1: what happened stays."""
    from_status: ProjectStatus
    """The state that it left."""
    to_status: ProjectStatus
    """The state that it came to."""
    reason: Text | None
    """Why, as the caller said."""
    moved_by: Text
    """Who moved it."""
    moved_at: datetime
    """When, UTC."""
    is_override: bool
    """Whether it was closed although something was open."""
    still_open: list[OpenItemsRead]
    """What was open when that was overridden."""


class TransitionRead(MadeMoveRead):
    """A move of a project through its life cycle."""

    project_id: UUID
    """The project."""


class ProgrammeTransitionRead(MadeMoveRead):
    """A move of a programme through its life cycle."""

    programme_id: UUID
    """The programme."""


class MoveRead(Schema):
    """A move that the life cycle has from the present state."""

    to: ProjectStatus
    """The state that it leads to."""
    is_allowed: bool
    """Whether the caller may make it now."""
    needs_reason: bool
    """Whether a reason has to be given."""
    refusal: Literal["forbidden", "own_request", "still_open"] | None
    """Why not: the code of the problem that it would be answered with."""
    may_override: bool
    """Whether the caller may make it although something is open."""
    still_open: list[OpenItemsRead]
    """What is still open, for moves that close."""


class MovesRead(Schema):
    """Where a project or programme can go from here."""

    status: ProjectStatus
    """The present state."""
    items: list[MoveRead]
    """The moves from there; none once it is closed or cancelled."""
