"""Comparing one aggregate with its owner's log, and repairing it: its events are projected once more.

They go through the same readers and handlers as live ones: a projection is by definition what these make of the log. To
compare, they are projected beside what is there, into an organization that exists only in a transaction which is
always rolled back: nobody waits for it. What differs is repaired in place, in one transaction under the lock of the
consumer's position: live events wait, and readers see what was or what is right, never half of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid5

from shared import worker
from shared.audit.owner import Owner, Told
from shared.audit.projection import Projection, Rows, clear, differing, rows_of
from shared.consumer import CONTENTION, Consumer
from shared.db import Context, Database, Transaction
from shared.dead_letters import Letter, reason_of
from shared.events import subject_of
from shared.inbox import Arrival, HandlerCut, HandlerFailed, Place

AHEAD_BYTES: Final = 16 * 2**20
"""Of a log this much is fetched before a transaction begins."""
AT_ONCE: Final = 1_000
"""Events that are projected together."""
READ_AT_ONCE: Final = 16
"""Events that are read before others have the event loop: a piece of a plan takes milliseconds."""
POSITION: Final = "consumer_position"
ACTOR: Final = "service:audit"
_PATIENCE: Final = """
select set_config('transaction_timeout', '0', true), set_config('transaction_timeout', '120s', true)
"""
# A long log takes longer than a request may; once on, the clock starts again only after it was off.


class CannotCompare(Exception):
    """The owner's log of an aggregate does not tell what its projection is to be."""


class _RollBack(Exception):
    """Nothing is to be kept."""


@dataclass(frozen=True, slots=True)
class Root:
    """An aggregate of an organization."""

    organization_id: UUID
    aggregate_id: UUID


@dataclass(frozen=True, slots=True)
class Finding:
    """What the comparison of an aggregate came to."""

    differences: Mapping[str, int]
    """Table -> rows that were missing, too many or different; the position is a row too."""
    rows: int
    events: int


@dataclass(frozen=True, slots=True)
class _Held:
    """What a projection has of an aggregate, as of one instant."""

    position: int
    rows: Rows
    dead: frozenset[int]
    """Versions that took no effect and were put aside: the log without them is what was projected."""


@dataclass(slots=True)
class _Story:
    """The events of an aggregate, as far as they were fetched."""

    owner: Owner
    root: Root
    types: Sequence[str]
    version: int = 0
    told: int = 0
    events: list[tuple[str, int, str]] = field(default_factory=list)

    async def more(self) -> None:
        """Fetch the next events and what the owner's last one is now."""
        page: Told = await self.owner.events(self.root.organization_id, self.root.aggregate_id, self.types, self.told)
        if not page.is_whole:
            raise CannotCompare("its log is not whole")
        self.version, self.told = page.version, page.up_to
        self.events += page.events

    async def begin(self) -> None:
        """Fetch what may be kept in memory."""
        await self.more()
        size = 0
        while self.told < self.version and size < AHEAD_BYTES:
            before = len(self.events)
            await self.more()
            size += sum(len(body) for _, _, body in self.events[before:])

    async def next(self, target: int) -> list[tuple[str, int, str]]:
        """Take the next events up to a version; none when that is reached."""
        while not self.events and self.told < target:
            if self.version < target:
                raise CannotCompare("its log has become shorter")
            await self.more()
        taken = [event for event in self.events[:AT_ONCE] if event[1] <= target]
        del self.events[:AT_ONCE]
        return taken

    def target(self, position: int, *, latest: bool) -> int:
        """Return as of which version to compare: the projection's position, if the owner ever was there."""
        return position if 0 < position <= self.version and not latest else self.version


def _turn(arrival: Arrival) -> tuple[str, int]:
    """Where an event stands among those that are projected together."""
    subscription = arrival.subscription
    return ("" if subscription is None or subscription.keeps_past else subscription.type, arrival.version)


@dataclass(frozen=True, slots=True)
class Examiner:
    """Compares aggregates of one projection."""

    database: Database
    consumer: Consumer
    projection: Projection
    owner: Owner

    async def examine(self, root: Root, *, repair: bool, latest: bool = False) -> Finding:
        """Compare an aggregate as of the projection's position and, if wanted, keep what its log makes of it.

        A position that the owner has not reached (restored from a backup, it lost events) is wrong; then, and with
        `latest`, the owner's last event counts. Raises CannotCompare, NotAnswered, BusDown, and the driver's errors,
        one of CONTENTION where others work on it.
        """
        # In this order: the owner, asked later, cannot be behind unless it has lost something.
        async with self.database.transaction(self._context(root), read_only=True, snapshot=True) as tx:
            held = await self._held(tx, root)
        finding = await self._compared(root, held, latest=latest)
        if repair and finding.differences:
            finding = await self._repaired(root, latest=latest)
        return finding

    async def _held(self, tx: Transaction, root: Root) -> _Held:
        key = (tx.organization_id, self.projection.producer, root.aggregate_id)
        position = await tx.fetchint(
            "select version from consumer_position where organization_id = $1 and producer = $2 and aggregate_id = $3",
            *key,
        )
        dead = await tx.fetch(
            "select headers->>'Pmo-Version' as version from dead_letter"
            " where organization_id = $1 and consumer = $2 and aggregate_id = $3 and replayed_at is null",
            tx.organization_id,
            self.consumer.name,
            root.aggregate_id,
        )
        rows = await rows_of(tx, self.projection, root.aggregate_id)
        return _Held(position, rows, frozenset(int(row["version"]) for row in dead))

    async def _compared(self, root: Root, held: _Held, *, latest: bool) -> Finding:
        """Compare what is held with what the log makes beside it."""
        story = await self._story(root)
        target = story.target(held.position, latest=latest)
        finding: Finding | None = None
        beside = Context(uuid5(root.organization_id, "audit"), ACTOR)
        try:
            async with self.database.transaction(beside) as tx:
                finding = await self._projected(tx, root, story, target, held)
                raise _RollBack
        except _RollBack:
            pass
        assert finding is not None
        return finding

    async def _repaired(self, root: Root, *, latest: bool) -> Finding:
        """Compare and repair in place; what was put right meanwhile is left alone."""
        story = await self._story(root)
        finding: Finding | None = None
        try:
            async with self.database.transaction(self._context(root)) as tx:
                places = await self.consumer.gate.lock(tx, {root.aggregate_id})
                held = await self._held(tx, root)
                if held.position > story.version:  # live events came in between
                    await story.more()
                was_ahead, target = held.position > story.version, story.target(held.position, latest=latest)
                await clear(tx, self.projection, root.aggregate_id)
                finding = await self._projected(tx, root, story, target, held)
                if not finding.differences:
                    raise _RollBack
                await self._settle(tx, root, places, target, was_ahead=was_ahead)
        except _RollBack:
            pass
        assert finding is not None
        return finding

    async def _story(self, root: Root) -> _Story:
        story = _Story(self.owner, root, self.consumer.types)
        await story.begin()
        return story

    async def _projected(self, tx: Transaction, root: Root, story: _Story, target: int, held: _Held) -> Finding:
        """Project an aggregate's events up to a version, and compare what comes of it with what was held."""
        await tx.execute(_PATIENCE)
        count = 0
        while events := await story.next(target):
            count += await self._apply(tx, root, [event for event in events if event[1] not in held.dead])
        rows = await rows_of(tx, self.projection, root.aggregate_id)
        differences = differing(held.rows, rows)
        if held.position != target:
            differences[POSITION] = 1
        return Finding(differences, sum(map(len, rows.values())), count)

    async def _apply(self, tx: Transaction, root: Root, events: Sequence[tuple[str, int, str]]) -> int:
        """Hand events to their handlers: first in their order those that the past is kept of, then each type at once.

        As a handler bears an old event that comes late, it may as well be given a newer one of another type before.
        """
        arrivals = []
        for number, (kind, version, body) in enumerate(events, 1):
            arrivals.append(self._arrival(root, kind, version, body))
            if number % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
        try:
            await self.consumer.gate.apply(tx, sorted(arrivals, key=_turn))
        except HandlerFailed as error:
            cause = error.__cause__ or error
            if isinstance(error, HandlerCut) or isinstance(cause, CONTENTION):
                raise cause from None
            raise CannotCompare(f"its events cannot be projected: {reason_of(cause)}") from cause
        return len(arrivals)

    def _arrival(self, root: Root, kind: str, version: int, body: str) -> Arrival:
        subject = subject_of(kind, root.organization_id, root.aggregate_id)
        letter = Letter(self.projection.producer.upper(), 0, subject, {"Pmo-Version": str(version)}, body.encode())
        arrival = self.consumer.read(letter, 1)
        if arrival is None or arrival.unreadable is not None:
            raise CannotCompare(f"version {version} cannot be read: {arrival.unreadable if arrival else subject}")
        return arrival

    async def _settle(
        self, tx: Transaction, root: Root, places: dict[UUID, Place], target: int, *, was_ahead: bool
    ) -> None:
        """Let the projection stand at a version: what waited or was passed over up to it has had its effect."""
        key = (tx.organization_id, self.projection.producer, root.aggregate_id)
        where = "where organization_id = $1 and producer = $2 and aggregate_id = $3"
        # What waits behind a position that the owner never reached is of a past that the owner has lost.
        await tx.execute(f"delete from inbox_parked {where} and (version <= $4 or $5)", *key, target, was_ahead)
        await tx.execute(f"delete from inbox_gap {where}", *key)
        place = places[root.aggregate_id]
        place.version, place.changed = target, True
        place.waiting = bool(await tx.fetchint(f"select count(*) from inbox_parked {where}", *key))
        await self.consumer.gate.advance(tx, places)
        if place.waiting:
            await worker.request(tx, self.consumer.work, str(root.aggregate_id))
        if target == 0:
            await tx.execute(f"delete from consumer_position {where}", *key)
        await self.projection.redo(tx, root.aggregate_id)

    def _context(self, root: Root) -> Context:
        return Context(root.organization_id, ACTOR)
