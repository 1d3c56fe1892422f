"""Putting events of the log back into the pending set, so that the relay publishes them again.

The relay's role reads the keys of all organizations and may insert nothing; the application's role inserts, one
organization in each transaction. So this needs no right that a running service has not. It may run while the service
works: an event that is pending already only gets a new ticket (see `relay.py`), one that is committed meanwhile is
pending by itself, and consumers ignore what they have.

The keys are queued within seconds, long before the relay has published them, and the relay takes an aggregate's
lowest versions first: the stream gets each aggregate in order, except for what was written while its keys were still
being queued. A consumer's gate parks such an event until the earlier ones have come.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

BATCH: Final = 2000
TRIES: Final = 5
"""Of a batch that a lock or a passing conflict keeps from being queued."""
CONTENTION: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)

_KEYS: Final = """
select organization_id, aggregate_id, version, time, $4::timestamptz is null or time >= $4 as is_wanted
from event_log
where (organization_id, aggregate_id, version) > ($1, $2, $3)
  and ($5::uuid is null or aggregate_id = $5) and {organization}
order by organization_id, aggregate_id, version limit $6
"""

_QUEUE: Final = """
insert into outbox_pending as p (organization_id, aggregate_id, version, queued_at)
select $1, g.aggregate_id, g.version, g.time + interval '100 years'
from unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) as g(aggregate_id, version, time)
on conflict (organization_id, aggregate_id, version) do update set queued_at = p.queued_at + interval '1 microsecond'
"""
# Among themselves in the order in which they were written, and behind whatever is written from now on: an aggregate's
# next event still waits for those before it, but nothing else waits for the whole history to pass.


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An event's key in the log; as text `organization/aggregate/version`."""

    organization_id: UUID
    aggregate_id: UUID
    version: int

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read a place; raises ValueError."""
        organization, aggregate, version = text.split("/")
        return cls(UUID(organization), UUID(aggregate), int(version))

    def __str__(self) -> str:
        return f"{self.organization_id}/{self.aggregate_id}/{self.version}"


BEGINNING: Final = Place(UUID(int=0), UUID(int=0), 0)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are wanted; none of the conditions: all."""

    since: datetime | None = None
    """Of each aggregate all from its first event of this instant or later on: clocks do not follow versions."""
    organization_id: UUID | None = None
    aggregate_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What is queued for good: going on after this place leaves nothing out."""

    place: Place
    seen: int
    queued: int


async def requeue(
    app_url: str, relay_url: str, selection: Selection, *, after: Place | None = None, batch: int = BATCH
) -> AsyncGenerator[Progress, None]:
    """Queue the wanted events, a batch in each transaction, and tell after each commit how far it is.

    Events are queued in the order of their keys, so what was broken off goes on after the last place that was told;
    beginning anew instead does no harm either.
    """
    place = after or BEGINNING
    seen = queued = 0
    is_open: tuple[UUID, UUID] | None = None
    async with _connected(relay_url) as reader, _connected(app_url) as writer:
        if selection.since is not None and after is not None and await _began(reader, selection.since, after):
            is_open = (after.organization_id, after.aggregate_id)
        is_last = False
        while not is_last and (keys := await _keys(reader, selection, place, batch)):
            is_last = len(keys) < batch  # what is written from now on is pending by itself: no race with the writers
            wanted: list[asyncpg.Record] = []
            for key in keys:
                if key["is_wanted"]:
                    is_open = (key["organization_id"], key["aggregate_id"])
                if is_open == (key["organization_id"], key["aggregate_id"]):
                    wanted.append(key)
            for organization_id, rows in groupby(wanted, lambda key: UUID(int=key["organization_id"].int)):
                await _queue(writer, organization_id, list(rows))
            last = keys[-1]
            place = Place(last["organization_id"], last["aggregate_id"], last["version"])
            seen += len(keys)
            queued += len(wanted)
            yield Progress(place, seen, queued)


@asynccontextmanager
async def _connected(url: str) -> "AsyncIterator[Connection]":
    connection = await asyncpg.connect(
        url, timeout=10, command_timeout=30, server_settings={"application_name": "pmo-republish"}
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def _keys(reader: "Connection", selection: Selection, after: Place, batch: int) -> list[asyncpg.Record]:
    # An unused condition would keep the index from bounding the scan to one organization.
    organization = selection.organization_id
    sql = _KEYS.format(organization="true" if organization is None else "organization_id = $7")
    return list(
        await reader.fetch(
            sql,
            after.organization_id,
            after.aggregate_id,
            after.version,
            selection.since,
            selection.aggregate_id,
            batch,
            *([] if organization is None else [organization]),
        )
    )


async def _began(reader: "Connection", since: datetime, place: Place) -> bool:
    """Whether an event of the place's aggregate up to the place was wanted already."""
    found: object = await reader.fetchval(
        "select exists (select from event_log"
        " where organization_id = $1 and aggregate_id = $2 and version <= $3 and time >= $4)",
        place.organization_id,
        place.aggregate_id,
        place.version,
        since,
    )
    return found is True


async def _queue(writer: "Connection", organization_id: UUID, rows: Sequence[asyncpg.Record]) -> None:
    for left in reversed(range(TRIES)):
        try:
            async with writer.transaction():
                await writer.execute("select set_config('app.organization', $1, true)", str(organization_id))
                await writer.execute(
                    _QUEUE,
                    organization_id,
                    [row["aggregate_id"] for row in rows],
                    [row["version"] for row in rows],
                    [row["time"] for row in rows],
                )
        except CONTENTION:
            if left == 0:
                raise
        else:
            return
