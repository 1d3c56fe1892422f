"""The relay: takes committed events to the broker, in order per aggregate, and forgets none.

One relay per service works at a time, chosen by an advisory lock on a connection of its own. An event leaves the
pending set only after the stream has acknowledged it, so whatever dies in between, it is sent again under the same
message id. A few events of an aggregate are under way at a time, sent in their order over one connection; should one
fail among them, its successors wait for it at the consumers. Many aggregates go side by side. An aggregate whose event
the stream refuses is parked with a growing delay and the others go on; when the broker is down or full, all wait.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
import structlog

from shared import tracing
from shared.bus import Bus, BusDown, Refused
from shared.events import Unreadable, envelope, subject_of
from shared.faults import fault
from shared.lifecycle import Backoff, woken
from shared.telemetry import OUTBOX_AGE, OUTBOX_DEPTH

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

log = structlog.get_logger(__name__)

Aggregate = tuple[UUID, UUID]
"""Organization and aggregate."""

LOCK: Final = "pmo-relay"
IN_FLIGHT: Final = 256
"""Aggregates with an event under way at one time."""
PER_AGGREGATE: Final = 32
"""Events of one aggregate that are fetched at once."""
AHEAD: Final = 8
"""Events of one aggregate that are sent before the first of them is acknowledged."""
SHORTEST_POLL: Final = 0.1
LONGEST_POLL: Final = 1.0
LINGER: Final = 0.004
"""While events are under way the pending set is looked at this often, so that many are fetched and deleted at once."""
STANDBY_SECONDS: Final = 1.0
LONGEST_PARKING: Final = 300.0
GAUGE_SECONDS: Final = 5.0
DEPTH_CAP: Final = 100_000

_FETCH: Final = """
with oldest as materialized (
  select organization_id, aggregate_id, queued_at from outbox_pending
  where not aggregate_id = any($1) order by queued_at limit $2
),
root as (
  select organization_id, aggregate_id, min(queued_at) as queued_at from oldest group by 1, 2
)
select e.organization_id, e.aggregate_id, e.version, e.id, e.type, e.entity_id, e.time, e.actor,
       e.correlation_id, e.causation_id, e.traceparent, e.data, p.queued_at
from root
cross join lateral (
  select version, queued_at from outbox_pending p
  where p.organization_id = root.organization_id and p.aggregate_id = root.aggregate_id
  order by version limit $3
) p
join event_log e on e.organization_id = root.organization_id and e.aggregate_id = root.aggregate_id
                and e.version = p.version
order by root.queued_at, e.aggregate_id, e.version
"""
# Within an aggregate the order is that of the versions and never that of the clock or of the commits: a version is
# visible only when all before it are, since the aggregate's row lock is held until the commit.

_DELETE: Final = """
delete from outbox_pending p
using unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[])
  as d(organization_id, aggregate_id, version, queued_at)
where p.organization_id = d.organization_id and p.aggregate_id = d.aggregate_id and p.version = d.version
  and p.queued_at = d.queued_at
"""
# The time of queueing is a ticket: an event that was queued again since it was fetched, because the stream may have
# lost it, stays and is published again.

_PARK: Final = """
update outbox_pending set attempts = attempts + 1, parked_until = now() + make_interval(secs => $4)
where organization_id = $1 and aggregate_id = $2 and version = $3 returning attempts
"""


class Relay:
    """Publishes the pending events of one service."""

    def __init__(self, url: str, bus: Bus, *, producer: str, signal: asyncio.Event | None = None) -> None:
        self.name = f"relay {producer}"
        self.trouble: str | None = "starting"
        self._url = url
        self._bus = bus
        self._producer = producer
        self._stream = producer.upper()
        self._signal = signal or asyncio.Event()
        self._lanes: dict[Aggregate, asyncio.Task[None]] = {}
        self._published: list[tuple[UUID, UUID, int, datetime]] = []
        self._refused: list[tuple[asyncpg.Record, str]] = []
        self._parked: dict[Aggregate, float] = {}
        self._broken: str | None = None
        self._crash: Exception | None = None
        self._measured_at = 0.0

    async def run(self) -> None:
        """Publish what is pending, for ever."""
        self.trouble = "starting"
        try:
            async with self._leadership() as connection:
                await self._publish_all(connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.trouble = f"database: {error}"
            log.warning("relay.database_lost", relay=self._producer, reason=str(error))
        finally:
            lanes = list(self._lanes.values())
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
            self._published.clear()
            self._refused.clear()

    @asynccontextmanager
    async def _leadership(self) -> "AsyncIterator[Connection]":
        """Hold the one connection that may publish; another relay's death frees it."""
        connection = await asyncpg.connect(
            self._url, timeout=5, command_timeout=15, server_settings={"application_name": self.name}
        )
        try:
            while not await connection.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", LOCK):
                self.trouble = None  # another replica's relay works
                await asyncio.sleep(STANDBY_SECONDS)
            log.info("relay.leading", relay=self._producer)
            yield connection
        finally:
            connection.terminate()

    async def _publish_all(self, connection: "Connection") -> None:
        poll = SHORTEST_POLL
        backoff = Backoff(0.1, 1.0)
        while True:
            self._signal.clear()
            if await self._settle(connection):
                # Only what got through shows that the broker takes it: a try that is under way may fail as the last.
                self.trouble = None
                backoff.succeeded()
            if self._crash is not None:
                crash, self._crash = self._crash, None
                raise crash
            if self._broken is not None:
                await self._wait_for_broker(backoff)
                continue
            fetched = 0
            if len(self._lanes) <= IN_FLIGHT // 2:
                fetched = await self._fetch(connection)
            await self._measure(connection)
            if self._lanes:
                poll = SHORTEST_POLL
                await woken(self._signal, LONGEST_POLL)
                await asyncio.sleep(LINGER)
            elif self._broken is None and not (fetched or self._published or self._refused):
                self.trouble = None
                poll = SHORTEST_POLL if await woken(self._signal, poll) else min(poll * 2, LONGEST_POLL)

    async def _wait_for_broker(self, backoff: Backoff) -> None:
        """All lanes have stopped or will: what they had not delivered stays pending."""
        if self._lanes:
            await asyncio.wait(self._lanes.values())
        if self.trouble is None or not self.trouble.startswith("broker"):
            log.warning("relay.broker_lost", relay=self._producer, reason=self._broken)
        self.trouble = f"broker: {self._broken}"
        self._broken = None
        await asyncio.sleep(backoff.pause())

    async def _fetch(self, connection: "Connection") -> int:
        """Start a lane for each aggregate that has events pending and none under way."""
        if not self._bus.is_connected:
            self._broken = self._bus.trouble or "not connected"
            return 0
        now = time.monotonic()
        self._parked = {root: until for root, until in self._parked.items() if until > now}
        # What was acknowledged but is not deleted yet must not be fetched again.
        busy = {root for _, root in self._lanes} | {root for _, root in self._parked}
        busy |= {root for _, root, _, _ in self._published} | {row["aggregate_id"] for row, _ in self._refused}
        rows = await connection.fetch(_FETCH, list(busy), 2 * IN_FLIGHT, PER_AGGREGATE)
        await fault("relay.after_claim")
        lanes: dict[Aggregate, list[asyncpg.Record]] = {}
        for row in rows:
            lanes.setdefault((row["organization_id"], row["aggregate_id"]), []).append(row)
        for root, events in list(lanes.items())[: IN_FLIGHT - len(self._lanes)]:
            self._lanes[root] = asyncio.create_task(self._lane(root, events))
        return len(rows)

    async def _lane(self, root: Aggregate, events: list[asyncpg.Record]) -> None:
        """Publish events of one aggregate, a few at a time; stops where one does not get through."""
        try:
            for first in range(0, len(events), AHEAD):
                if self._broken is not None:
                    return
                rows = events[first : first + AHEAD]
                answers = await asyncio.gather(*map(self._publish, rows), return_exceptions=True)
                if not self._took(root, rows, answers):
                    return
        finally:
            self._lanes.pop(root, None)
            self._signal.set()

    def _took(self, root: Aggregate, rows: list[asyncpg.Record], answers: list[BaseException | None]) -> bool:
        """Note what became of events; tells whether all got through."""
        failed = False
        for row, answer in zip(rows, answers, strict=True):
            if answer is None:
                self._published.append((*root, row["version"], row["queued_at"]))
            elif isinstance(answer, BusDown):
                self._broken = str(answer)
            elif isinstance(answer, Refused | Unreadable):
                if not failed:
                    self._refused.append((row, str(answer)))
            elif isinstance(answer, Exception):
                self._crash = answer
            else:
                raise answer
            failed = failed or answer is not None
        return not failed

    async def _publish(self, row: asyncpg.Record) -> None:
        organization_id, aggregate_id, kind = row["organization_id"], row["aggregate_id"], row["type"]
        body = envelope(
            id=row["id"],
            type=kind,
            organization_id=organization_id,
            aggregate_id=aggregate_id,
            version=row["version"],
            entity_id=row["entity_id"],
            time=row["time"],
            actor=row["actor"],
            correlation_id=row["correlation_id"],
            causation_id=row["causation_id"],
            traceparent=row["traceparent"],
            data=row["data"],
        )
        headers = {"Nats-Msg-Id": str(row["id"]), "Pmo-Type": kind, "Pmo-Version": str(row["version"])}
        await fault("relay.before_publish")
        with tracing.publishing(row["traceparent"], self._stream, kind, headers["Nats-Msg-Id"]) as hop:
            # The event keeps the place where it was recorded, the message has that of its way.
            if hop.traceparent:
                headers["traceparent"] = hop.traceparent
            await self._bus.publish(self._stream, subject_of(kind, organization_id, aggregate_id), body, headers)
        await fault("relay.after_publish")

    async def _settle(self, connection: "Connection") -> bool:
        """Delete what was acknowledged and park what was refused; tells whether anything was acknowledged."""
        if done := self._published[:]:
            await fault("relay.before_delete")
            await connection.execute(_DELETE, *map(list, zip(*done, strict=True)))
            await fault("relay.after_delete")
            del self._published[: len(done)]
        while self._refused:
            row, reason = self._refused[0]
            root = (row["organization_id"], row["aggregate_id"])
            pause = min(2.0 ** await self._attempts(connection, row), LONGEST_PARKING)
            await connection.fetchval(_PARK, *root, row["version"], pause)
            self._parked[root] = time.monotonic() + pause
            self._refused.pop(0)
            log.error(
                "relay.parked",
                relay=self._producer,
                aggregate=str(root[1]),
                version=row["version"],
                seconds=pause,
                reason=reason,
            )
        return bool(done)

    @staticmethod
    async def _attempts(connection: "Connection", row: asyncpg.Record) -> int:
        count: object = await connection.fetchval(
            "select attempts from outbox_pending where organization_id = $1 and aggregate_id = $2 and version = $3",
            row["organization_id"],
            row["aggregate_id"],
            row["version"],
        )
        return min(count, 16) if isinstance(count, int) else 0

    async def _measure(self, connection: "Connection") -> None:
        now = time.monotonic()
        if now - self._measured_at < GAUGE_SECONDS:
            return
        self._measured_at = now
        row = await connection.fetchrow(
            "select (select count(*) from (select from outbox_pending limit $1) p) as depth,"
            " extract(epoch from clock_timestamp() - (select min(queued_at) from outbox_pending))::float8 as age",
            DEPTH_CAP,
        )
        if row is not None:
            OUTBOX_DEPTH.set(row["depth"])
            OUTBOX_AGE.set(max(0.0, row["age"] or 0.0))
