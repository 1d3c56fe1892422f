"""Pending work: what a commit asked for is done after it, once at a time, again until it succeeds.

A request is a row of `work_pending`, unique by organization, kind and key; a new request changes its ticket. The
worker deletes the row only under the ticket it started with, so what was asked for meanwhile is done again. Whatever is
killed at any instant, the row is there: handlers must bear to be run again.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter

from shared import tracing
from shared.db import Context, Database, Transaction
from shared.dead_letters import reason_of
from shared.faults import fault
from shared.lifecycle import woken
from shared.telemetry import REGISTRY

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

log = structlog.get_logger(__name__)

Handler = Callable[[Database, Context, str], Awaitable[datetime | None]]
"""Does the work of one key in transactions of its own; may return an instant at which to look again."""

PER_KIND: Final = 2
FETCH: Final = 32
SHORTEST_POLL: Final = 0.1
LONGEST_POLL: Final = 1.0
AGAIN_SECONDS: Final = 0.1
"""What was asked for again while it was done waits at least so long, and gathers what else is asked for."""
RETRY_SECONDS: Final = (1.0, 5.0, 30.0, 120.0, 600.0)
STOP_SECONDS: Final = 1.5

FAILURES: Final = Counter("pmo_work_failures", "Failed tries of pending work.", ["kind"], registry=REGISTRY)

_DISCOVER: Final = """
with due as materialized (
  select w.organization_id, w.kind, w.key
  from unnest($1::text[], $2::int[]) as k(kind, most)
  cross join lateral (
    select organization_id, kind, key from work_pending p
    where p.kind = k.kind and (p.not_before is null or p.not_before <= now())
      and not (p.organization_id::text || p.kind || ' ' || p.key) = any($3)
    order by p.requested_at limit k.most
  ) w
)
select organization_id, kind, key,
       pg_try_advisory_lock(hashtextextended(organization_id::text || kind || ' ' || key, 1)) as locked
from due
"""
_DONE: Final = """
with done as (delete from work_pending where organization_id = $1 and kind = $2 and key = $3 and ticket = $4)
update work_pending set not_before = greatest(not_before, now() + make_interval(secs => $5))
where organization_id = $1 and kind = $2 and key = $3 and ticket <> $4
"""
_UNLOCK: Final = "select pg_advisory_unlock(hashtextextended(name, 1)) from unnest($1::text[]) as u(name)"


_REQUEST: Final = """
insert into work_pending as w (organization_id, kind, key, ticket, not_before, traceparents)
select $1, kind, key, gen_random_uuid(), now() + make_interval(secs => delay), array_remove(array[traceparent], '')
from unnest($2::text[], $3::text[], $4::float8[], $5::text[]) as r(kind, key, delay, traceparent)
on conflict (organization_id, kind, key) do update
set ticket = excluded.ticket, attempts = 0, error = null, requested_at = now(),
    not_before = least(w.not_before, excluded.not_before),
    traceparents = (excluded.traceparents || w.traceparents)[1:8]
"""
# Work that is asked for several times before it is done belongs to the newest trace; some others are linked.


@dataclass(slots=True)
class _Requests:
    """What a transaction asks for, written at its end: in one order, so that no two wait for each other in a ring."""

    organization_id: UUID
    asked: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    """(kind, key) -> delay and traceparent."""

    def statement(self) -> tuple[str, Sequence[object]]:
        rows = [(*name, *asked) for name, asked in sorted(self.asked.items())]
        return _REQUEST, (self.organization_id, *map(list, zip(*rows, strict=True)))


async def request(tx: Transaction, kind: str, key: str, *, delay: float = 0.0) -> None:
    """Ask for work on a key once this transaction has committed; of several requests the earliest time counts."""
    requests = tx.closing.setdefault("work", _Requests(tx.organization_id))
    assert isinstance(requests, _Requests)
    earlier, _ = requests.asked.get((kind, key), (delay, ""))
    requests.asked[kind, key] = min(delay, earlier), tx.context.traceparent
    tx.wake("work", after=delay)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of pending work."""

    organization_id: UUID
    kind: str
    key: str

    @property
    def lock(self) -> str:
        """What its advisory lock is named by."""
        return f"{self.organization_id}{self.kind} {self.key}"


class Worker:
    """Works the pending work of one service; several replicas share it."""

    def __init__(
        self, database: Database, relay_url: str, handlers: Mapping[str, Handler], *, per_kind: int = PER_KIND
    ) -> None:
        self.name = "worker"
        self.trouble: str | None = "starting"
        self._database = database
        self._url = relay_url
        self._handlers = handlers
        self._per_kind = per_kind
        self._signal = database.signal("work")
        self._running: dict[Item, asyncio.Task[None]] = {}
        self._finished: list[Item] = []

    async def run(self) -> None:
        """Do what is pending, for ever."""
        self.trouble = "starting"
        connection: Connection | None = None
        try:
            connection = await asyncpg.connect(
                self._url, timeout=5, command_timeout=15, server_settings={"application_name": "pmo worker"}
            )
            await self._work_all(connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.trouble = f"database: {error}"
            log.warning("worker.database_lost", reason=str(error))
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=STOP_SECONDS)
            self._running.clear()
            self._finished.clear()
            if connection is not None:
                # The session's end frees the locks.
                connection.terminate()

    async def _work_all(self, connection: "Connection") -> None:
        poll = SHORTEST_POLL
        while True:
            self._signal.clear()
            if finished := self._finished[:]:
                await connection.execute(_UNLOCK, [item.lock for item in finished])
                del self._finished[: len(finished)]
            started = await self._discover(connection)
            self.trouble = None
            if started:
                poll = SHORTEST_POLL
            elif not self._finished:
                poll = SHORTEST_POLL if await woken(self._signal, poll) else min(poll * 2, LONGEST_POLL)

    async def _discover(self, connection: "Connection") -> int:
        """Start what is due and not under way elsewhere."""
        busy = list(self._running)
        room = {kind: self._per_kind - sum(1 for item in busy if item.kind == kind) for kind in self._handlers}
        free = [kind for kind, places in room.items() if places > 0]
        if not free:
            return 0
        held = [item.lock for item in (*busy, *self._finished)]
        rows = await connection.fetch(_DISCOVER, free, [FETCH] * len(free), held)
        surplus: list[str] = []
        started = 0
        for row in rows:
            if not row["locked"]:
                continue
            item = Item(row["organization_id"], row["kind"], row["key"])
            if room[item.kind] <= 0:
                surplus.append(item.lock)
                continue
            room[item.kind] -= 1
            started += 1
            self._running[item] = asyncio.create_task(self._work(item), name=f"work {item.kind}")
        if surplus:
            await connection.execute(_UNLOCK, surplus)
        return started

    async def _work(self, item: Item) -> None:
        try:
            await self._attempt(item, Context(item.organization_id, actor=f"worker:{item.kind}"))
        except Exception as error:  # the loop must live: what failed stays pending and is found again
            log.warning("worker.interrupted", kind=item.kind, key=item.key, reason=reason_of(error))
            await asyncio.sleep(random.uniform(0.5, 1.0))
        finally:
            self._running.pop(item, None)
            self._finished.append(item)
            self._signal.set()

    async def _attempt(self, item: Item, context: Context) -> None:
        # Read under the lock: another replica may have done it since it was discovered.
        async with self._database.transaction(context, read_only=True) as tx:
            row = await tx.fetchrow(
                "select ticket, attempts, traceparents from work_pending where organization_id = $1 and kind = $2"
                " and key = $3 and (not_before is null or not_before <= now())",
                item.organization_id,
                item.kind,
                item.key,
            )
        if row is None:
            return
        started = time.monotonic()
        try:
            with tracing.working(item.kind, row["traceparents"], row["attempts"] + 1) as hop:
                if hop.traceparent:
                    structlog.contextvars.bind_contextvars(trace_id=hop.traceparent[3:35])
                within = replace(context, traceparent=hop.traceparent)
                again = await self._handlers[item.kind](self._database, within, item.key)
            await fault("worker.before_delete")
        except Exception as error:
            FAILURES.labels(item.kind).inc()
            pause = RETRY_SECONDS[min(row["attempts"], len(RETRY_SECONDS) - 1)]
            log.exception("worker.failed", kind=item.kind, key=item.key, attempts=row["attempts"] + 1, seconds=pause)
            await self._postpone(item, context, row["ticket"], pause, reason_of(error))
            return
        async with self._database.transaction(context) as tx:
            if again is None:
                # As long as it took, so that what is asked for all the time takes no more than half of the time.
                pause = max(AGAIN_SECONDS, time.monotonic() - started)
                tag = await tx.execute(_DONE, item.organization_id, item.kind, item.key, row["ticket"], pause)
                if tag != "UPDATE 0":
                    tx.wake("work", after=pause)
            else:
                await tx.execute(
                    "update work_pending set not_before = $5, attempts = 0, error = null"
                    " where organization_id = $1 and kind = $2 and key = $3 and ticket = $4",
                    item.organization_id,
                    item.kind,
                    item.key,
                    row["ticket"],
                    again,
                )

    async def _postpone(self, item: Item, context: Context, ticket: UUID, seconds: float, reason: str) -> None:
        async with self._database.transaction(context) as tx:
            await tx.execute(
                "update work_pending set attempts = attempts + 1, error = $6,"
                " not_before = now() + make_interval(secs => $5)"
                " where organization_id = $1 and kind = $2 and key = $3 and ticket = $4",
                item.organization_id,
                item.kind,
                item.key,
                ticket,
                seconds,
                reason,
            )


async def settled(database: Database, context: Context, kinds: list[str], timeout: float) -> bool:  # noqa: ASYNC109
    """Wait until none of the kinds is pending in the organization; tells whether that came to be."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            while True:
                async with database.transaction(context, read_only=True) as tx:
                    left = await tx.fetchint(
                        "select count(*) from work_pending where organization_id = $1 and kind = any($2)",
                        context.organization_id,
                        kinds,
                    )
                if left == 0:
                    return True
                await asyncio.sleep(0.02)
    return False
