"""What the gateway learns from the services: what became of the events that came in."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from services.gateway.domain.inbound import InboundStatus
from services.gateway.service.inbound import Outcome, settle_events
from shared.db import Transaction
from shared.messaging import Reader, ReadEvent, Subscription


class Applied(Reader):
    """An inbound event took effect."""

    inbound_id: UUID
    position: str


class Rejected(Reader):
    """An inbound event could not take effect."""

    inbound_id: UUID
    code: str
    detail: str


async def _applied(tx: Transaction, events: Sequence[ReadEvent[Applied]]) -> None:
    outcomes = [Outcome(event.data.inbound_id, position=event.data.position) for event in events]
    await settle_events(tx, InboundStatus.APPLIED, outcomes)


async def _rejected(tx: Transaction, events: Sequence[ReadEvent[Rejected]]) -> None:
    outcomes = [Outcome(e.data.inbound_id, code=e.data.code, detail=e.data.detail) for e in events]
    await settle_events(tx, InboundStatus.REJECTED, outcomes)


SUBSCRIPTIONS: Final[Mapping[str, Sequence[Subscription[Any]]]] = MappingProxyType(
    {
        "projects": (
            Subscription("pmo.projects.inbound.applied.v1", Applied, _applied),
            Subscription("pmo.projects.inbound.rejected.v1", Rejected, _rejected),
        ),
        "resources": (),
        "kpi": (),
    }
)
"""Producing service -> what is done with its events."""
