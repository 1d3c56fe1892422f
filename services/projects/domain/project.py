"""The life cycle of a project."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ProjectStatus(StrEnum):
    """Where a project stands in its life cycle."""

    IDEA = "idea"
    PROPOSED = "proposed"
    APPROVED = "approved"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    CLOSING = "closing"
    CLOSED = "closed"
    CANCELLED = "cancelled"


ALLOWED: Final = MappingProxyType(
    {
        ProjectStatus.IDEA: frozenset({ProjectStatus.PROPOSED, ProjectStatus.CANCELLED}),
        ProjectStatus.PROPOSED: frozenset({ProjectStatus.IDEA, ProjectStatus.APPROVED, ProjectStatus.CANCELLED}),
        ProjectStatus.APPROVED: frozenset({ProjectStatus.ACTIVE, ProjectStatus.CANCELLED}),
        ProjectStatus.ACTIVE: frozenset({ProjectStatus.ON_HOLD, ProjectStatus.CLOSING, ProjectStatus.CANCELLED}),
        ProjectStatus.ON_HOLD: frozenset({ProjectStatus.ACTIVE, ProjectStatus.CANCELLED}),
        ProjectStatus.CLOSING: frozenset({ProjectStatus.ACTIVE, ProjectStatus.CLOSED}),
        ProjectStatus.CLOSED: frozenset[ProjectStatus](),
        ProjectStatus.CANCELLED: frozenset[ProjectStatus](),
    }
)
"""The moves there are; a project may be created in any state up to active."""

INITIAL: Final = frozenset({ProjectStatus.IDEA, ProjectStatus.PROPOSED, ProjectStatus.APPROVED, ProjectStatus.ACTIVE})


def may_move(present: ProjectStatus, wanted: ProjectStatus) -> bool:
    """Tell whether a project may go from one state to another; staying is always allowed."""
    return wanted is present or wanted in ALLOWED[present]
