"""Use cases of what comes in: storing it once, and learning what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from services.gateway import repository
from services.gateway.domain.inbound import InboundStatus, Receipt
from services.gateway.errors import EventConflict
from services.gateway.ingest.reading import Inbound
from services.gateway.models import INBOUND
from shared import entity
from shared.db import Transaction
from shared.errors import FieldError
from shared.messaging import MOST_POSITIONS, position


@dataclass(frozen=True, slots=True)
class Received:
    """What the sender is told of one event."""

    id: UUID
    source: str
    event_id: str
    status: Receipt


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an accepted event: the position of its effect, or why it has none."""

    inbound_id: UUID
    position: str | None = None
    code: str | None = None
    detail: str | None = None


async def accept_events(tx: Transaction, events: Sequence[Inbound]) -> tuple[list[Received], list[str]]:
    """Store what is new, and return a receipt for each event and the positions of our own events about them.

    Raises EventConflict, and then nothing is stored, when a source and id stand for another content already.
    """
    unique: dict[tuple[str, str], Inbound] = {}
    for event in events:
        unique.setdefault((event.source, event.event_id), event)
    stored = await repository.store_inbound(tx, list(unique.values()))
    new = {row["id"] for row in stored}
    first = {key: (event.id, event.fingerprint) for key, event in unique.items()}
    if len(new) < len(unique):
        known = [event for event in unique.values() if event.id not in new]
        for row in await repository.present_inbound(tx, known):
            first[row["source"], row["event_id"]] = (UUID(int=row["id"].int), row["fingerprint"])
    receipts, conflicts = [], []
    for index, event in enumerate(events):
        identifier, fingerprint = first[event.source, event.event_id]
        if fingerprint != event.fingerprint:
            conflicts.append(FieldError(f"/{index}", "event_conflict", f"differs from the first one, {identifier}"))
        status = Receipt.ACCEPTED if identifier == event.id and identifier in new else Receipt.DUPLICATE
        receipts.append(Received(identifier, event.source, event.event_id, status))
    if conflicts:
        raise EventConflict(errors=conflicts[:100])
    last: dict[UUID, int] = {}
    for row in stored:
        last[row["aggregate_id"]] = max(row["version"], last.get(row["aggregate_id"], 0))
    positions = [position("gateway", root, version) for root, version in last.items()]
    return receipts, positions if len(positions) <= MOST_POSITIONS else []


async def settle_events(tx: Transaction, status: InboundStatus, outcomes: Sequence[Outcome]) -> None:
    """Write down what became of events."""
    await repository.settle_inbound(
        tx,
        status,
        [outcome.inbound_id for outcome in outcomes],
        [outcome.position for outcome in outcomes],
        [outcome.code for outcome in outcomes],
        [outcome.detail for outcome in outcomes],
    )


async def find_event(tx: Transaction, identifier: UUID, sent_by: str | None) -> tuple[int, str, str | None]:
    """Return version, image and the position of the effect of an event, which this caller sent if one is named."""
    if sent_by is None:
        version, image = await entity.get(tx, INBOUND, "t.id = $2", identifier)
    else:
        version, image = await entity.get(tx, INBOUND, "t.id = $2 and t.actor = $3", identifier, sent_by)
    effect: str | None = orjson.loads(image)["position"]
    return version, image, effect
