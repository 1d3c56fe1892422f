"""What comes in from other systems: its states, and the order that is kept among it."""

from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

_ORDERS: Final = UUID("6d2f1c1e-6f0a-5b57-9d0f-3d1f6a1d7a40")
"""The name space of the ids that `order_of` makes."""


class InboundStatus(StrEnum):
    """What became of an event that came in."""

    ACCEPTED = "accepted"  # stored; its effect is under way
    APPLIED = "applied"
    REJECTED = "rejected"


class Receipt(StrEnum):
    """What the sender is told of each event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


def order_of(organization_id: UUID, source: str, reference: str) -> UUID:
    """Return the aggregate among whose events order is kept: what one source says of one project."""
    return uuid5(_ORDERS, f"{organization_id}\n{source}\n{reference}")
