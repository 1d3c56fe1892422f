"""Recording events in the request's transaction, positions to wait for, and what a subscription is."""

import builtins
import re
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, Protocol, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from uuid_utils.compat import uuid7

from shared.db import Context, Database, Transaction
from shared.errors import FieldError, ProjectionBehind, ValidationFailed
from shared.events import Received
from shared.faults import fault
from shared.lifecycle import woken

POSITION: Final = re.compile(
    r"(?P<service>[a-z]{1,32}):(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@(?P<version>[1-9][0-9]{0,17})"
)
MOST_POSITIONS: Final = 16
POLL_SECONDS: Final = 0.05

_RECORD: Final = """
with given as (
  select *, row_number() over (partition by aggregate_id order by number) as place,
         count(*) over (partition by aggregate_id) as places
  from unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::text[])
    with ordinality as g(aggregate_id, id, type, entity_id, data, actor, correlation_id, causation_id, traceparent,
                         number)
),
root as (
  insert into aggregate as a (organization_id, id, version)
  select $1, aggregate_id, count(*) from given group by aggregate_id order by aggregate_id
  on conflict (organization_id, id) do update set version = a.version + excluded.version
  returning id, version
),
placed as (
  select g.*, root.version - g.places + g.place as version from given g join root on root.id = g.aggregate_id
),
event as (
  insert into event_log (organization_id, aggregate_id, version, id, type, entity_id, actor, correlation_id,
                         causation_id, traceparent, data)
  select $1, aggregate_id, version, id, type, entity_id, actor, correlation_id, causation_id, traceparent, data::json
  from placed
),
pending as (
  insert into outbox_pending (organization_id, aggregate_id, version) select $1, aggregate_id, version from placed
)
select version from placed order by number
"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be recorded; `data` is the JSON text that will be sent."""

    type: str
    entity_id: UUID
    data: bytes | str


@dataclass(frozen=True, slots=True)
class AddressedEvent:
    """An event to be recorded with its aggregate, in the context that it belongs to."""

    aggregate_id: UUID
    event: NewEvent
    context: Context


async def record(tx: Transaction, *, aggregate_id: UUID, type: str, entity_id: UUID, data: bytes | str) -> int:  # noqa: A002
    """Record one event of an aggregate and return the aggregate's new version."""
    return await record_many(tx, aggregate_id=aggregate_id, events=[NewEvent(type, entity_id, data)])


async def record_many(tx: Transaction, *, aggregate_id: UUID, events: Sequence[NewEvent]) -> int:
    """Record events of one aggregate in this order, with consecutive versions; returns the last of these."""
    if not events:
        raise ValueError("no events to record")
    versions = await record_each(tx, [AddressedEvent(aggregate_id, event, tx.context) for event in events])
    return versions[-1]


async def record_each(tx: Transaction, addressed: Sequence[AddressedEvent]) -> list[int]:
    """Record events of whatever aggregates of the organization; returns the version that each got."""
    if not addressed:
        return []
    events = [one.event for one in addressed]
    contexts = [one.context for one in addressed]
    rows = await tx.fetch(
        _RECORD,
        tx.organization_id,
        [one.aggregate_id for one in addressed],
        [uuid7() for _ in events],
        [event.type for event in events],
        [event.entity_id for event in events],
        [event.data if isinstance(event.data, str) else event.data.decode() for event in events],
        [context.actor for context in contexts],
        [context.correlation_id for context in contexts],
        [context.causation_id for context in contexts],
        [context.traceparent for context in contexts],
    )
    tx.wake("outbox")
    await fault("record.after_insert")
    return [row["version"] for row in rows]


@dataclass(frozen=True, slots=True)
class Position:
    """A point in an aggregate's events: all up to this version."""

    service: str
    aggregate_id: UUID
    version: int

    def __str__(self) -> str:
        return f"{self.service}:{self.aggregate_id}@{self.version}"


def position(service: str, aggregate_id: UUID, version: int) -> str:
    """Return the text of a position, as PMO-Position carries it."""
    return str(Position(service, aggregate_id, version))


def parse_positions(text: str) -> list[Position]:
    """Read the value of PMO-Wait-For, positions separated by commas; raises ValidationFailed."""
    matches = [POSITION.fullmatch(part.strip(" ")) for part in text.split(",", MOST_POSITIONS)]
    found = [Position(m["service"], UUID(m["id"]), int(m["version"])) for m in matches if m is not None]
    if len(found) < len(matches) or len(found) > MOST_POSITIONS:
        detail = f"Give 1 to {MOST_POSITIONS} positions as PMO-Position gave them, separated by commas."
        raise ValidationFailed(errors=[FieldError("PMO-Wait-For", "invalid_position", detail)])
    return found


async def wait_for(
    database: Database,
    context: Context,
    positions: Sequence[Position],
    timeout: float,  # noqa: ASYNC109 - the bound is part of what is promised
    *,
    producers: Collection[str] | None = None,
) -> None:
    """Wait until this service has applied all positions (of these producers, if given); raises ProjectionBehind."""
    wanted = [p for p in positions if producers is None or p.service in producers]
    deadline = time.monotonic() + timeout
    signal = database.signal("position")
    while wanted:
        signal.clear()
        async with database.transaction(context, read_only=True) as tx:
            behind = await tx.fetchint(
                """
                select count(*) from unnest($1::text[], $2::uuid[], $3::bigint[]) as w(producer, aggregate_id, version)
                where not exists (
                  select from consumer_position p
                  where p.organization_id = $4 and p.producer = w.producer and p.aggregate_id = w.aggregate_id
                    and p.version >= w.version)
                """,
                [p.service for p in wanted],
                [p.aggregate_id for p in wanted],
                [p.version for p in wanted],
                context.organization_id,
            )
        if behind == 0:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise ProjectionBehind
        await woken(signal, min(left, POLL_SECONDS))


class Reader(BaseModel):
    """What a consumer reads of an event's data: just the fields it needs, whatever else may be there."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Data = TypeVar("Data", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ReadEvent(Generic[Data]):
    """An event with its data read by the consumer's own model."""

    event: Received
    data: Data


@dataclass(frozen=True, slots=True)
class Subscription(Generic[Data]):
    """What a consumer does with one type of event.

    The handler gets a run of consecutive events of the type, in one transaction with the consumer's position. After a
    repair an old event may come late, so its effect must not replace what a newer version of the entity has set.
    """

    type: str
    reader: builtins.type[Data]
    handle: Callable[[Transaction, Sequence[ReadEvent[Data]]], Awaitable[None]]
    keeps_past: bool = False
    """Whether what is kept tells what was before, so that it is whole only if such events come in their order."""

    async def apply(self, tx: Transaction, run: Sequence[ReadEvent[BaseModel]]) -> None:
        """Call the handler with events whose data its reader has read."""
        await self.handle(tx, cast("Sequence[ReadEvent[Data]]", run))


class AnySubscription(Protocol):
    """A subscription of whatever reader."""

    @property
    def type(self) -> str:
        """The event type."""

    @property
    def keeps_past(self) -> bool:
        """Whether its events have to come in their order among those of other such types."""

    @property
    def reader(self) -> builtins.type[BaseModel]:
        """The consumer's own model of the data."""

    async def apply(self, tx: Transaction, run: Sequence[ReadEvent[BaseModel]]) -> None:
        """Call the handler with events whose data its reader has read."""


def caused_by(tx: Transaction, event: Received) -> Transaction:
    """Return the same transaction in the context of an event, for what a handler records because of it."""
    context = replace(
        tx.context,
        actor=event.actor or tx.context.actor,
        correlation_id=event.correlation_id,
        causation_id=str(event.id),
        traceparent=event.traceparent,
    )
    return tx.under(context)
