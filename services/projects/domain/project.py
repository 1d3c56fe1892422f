"""The life cycle of projects and programmes: one table of moves, and what each of them asks for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.permissions import Permission


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


@dataclass(frozen=True, slots=True)
class Move:
    """A move that there is, and what it asks for."""

    source: ProjectStatus
    target: ProjectStatus
    permission: Permission
    needs_reason: bool = False
    by_another: bool = False
    """Whoever brought it into the state that it leaves cannot make it."""
    closes: bool = False
    """Nothing may be open any more, unless that is overridden."""


_S = ProjectStatus
_MANAGE, _APPROVE = Permission.PROJECT_UPDATE, Permission.PROJECT_APPROVE
MOVES: Final = (
    Move(_S.IDEA, _S.PROPOSED, _MANAGE),
    Move(_S.IDEA, _S.CANCELLED, _MANAGE, needs_reason=True),
    Move(_S.PROPOSED, _S.IDEA, _MANAGE, needs_reason=True),
    Move(_S.PROPOSED, _S.APPROVED, _APPROVE, by_another=True),
    Move(_S.PROPOSED, _S.CANCELLED, _APPROVE, needs_reason=True),
    Move(_S.APPROVED, _S.ACTIVE, _MANAGE),
    Move(_S.APPROVED, _S.CANCELLED, _APPROVE, needs_reason=True),
    Move(_S.ACTIVE, _S.ON_HOLD, _MANAGE, needs_reason=True),
    Move(_S.ACTIVE, _S.CLOSING, _MANAGE, closes=True),
    Move(_S.ACTIVE, _S.CANCELLED, _APPROVE, needs_reason=True),
    Move(_S.ON_HOLD, _S.ACTIVE, _MANAGE),
    Move(_S.ON_HOLD, _S.CANCELLED, _APPROVE, needs_reason=True),
    Move(_S.CLOSING, _S.ACTIVE, _MANAGE, needs_reason=True),
    Move(_S.CLOSING, _S.CLOSED, _APPROVE, closes=True),
)
"""All of them; closed and cancelled are final."""

INITIAL: Final = frozenset({_S.IDEA, _S.PROPOSED, _S.APPROVED, _S.ACTIVE})
"""In these something may begin; in the last two only for whoever may approve."""
DECIDED: Final = frozenset({_S.APPROVED, _S.ACTIVE})
OVER: Final = frozenset({_S.CLOSED, _S.CANCELLED})
"""In these nothing of a plan changes any more."""


def moves_from(present: ProjectStatus) -> tuple[Move, ...]:
    """Return the moves that leave a state."""
    return tuple(move for move in MOVES if move.source is present)
