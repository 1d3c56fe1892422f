"""The images and events of limits of approval."""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from services.projects.domain.approval import LimitedRole
from shared.events import EntityEvent, Event
from shared.types import Count, Money, Schema, Text


class ApprovalLimitRead(Schema):
    """Up to what whoever has a role approves baselines of projects in a currency."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    role: LimitedRole
    """Whom it limits."""
    currency: Text
    """ISO 4217 code of the projects that it is about."""
    cost: Money
    """The most cost of a first baseline, and the most that another may add to the one in force."""
    delay_minutes: Count | None
    """The most that another may finish later than the one in force, in working minutes; null: any."""
    created_at: datetime
    """When it was made, UTC."""
    updated_at: datetime
    """When it was changed last, UTC."""


class ApprovalLimitCreated(EntityEvent[ApprovalLimitRead]):
    """A role was limited in what it approves."""

    type: ClassVar[str] = "pmo.projects.approval_limit.created.v1"


class ApprovalLimitUpdated(EntityEvent[ApprovalLimitRead]):
    """A role approves up to something else."""

    type: ClassVar[str] = "pmo.projects.approval_limit.updated.v1"


class ApprovalLimitDeleted(EntityEvent[ApprovalLimitRead]):
    """A role's limit in a currency is no more."""

    type: ClassVar[str] = "pmo.projects.approval_limit.deleted.v1"


APPROVAL_EVENTS: Final[tuple[type[Event], ...]] = (ApprovalLimitCreated, ApprovalLimitUpdated, ApprovalLimitDeleted)
"""All of them."""
