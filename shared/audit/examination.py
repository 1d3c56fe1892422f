"""Comparing one aggregate with its owner's log, and repairing it: its events are projected again and compared.

All in one transaction under the lock of the consumer's position, so live events wait and readers see what was or what
is right, never half of it. The events go through the same readers and handlers as live ones: a projection is by
definition what these make of the log. If nothing differs, or nothing is to be changed, it is rolled back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from shared import worker
from shared.audit.owner import Owner, Told
from shared.audit.projection import Projection, clear, differing, rows_of
from shared.consumer import CONTENTION, Consumer
from shared.db import Context, Database, Transaction
from shared.dead_letters import Letter, reason_of
from shared.events import subject_of
from shared.inbox import Arrival, HandlerCut, HandlerFailed, Place

AHEAD_BYTES: Final = 16 * 2**20
"""Of a log this much is fetched before the lock is taken."""
POSITION: Final = "consumer_position"
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


@dataclass(slots=True)
class _Story:
    """The events of an aggregate, as far as they were fetched."""

    owner: Owner
    root: Root
    types: Sequence[str]
    version: int = 0
    told: int = 0
    pages: list[Told] = field(default_factory=list)

    async def more(self) -> Told:
        """Fetch the next events and what the owner's last one is now."""
        page = await self.owner.events(self.root.organization_id, self.root.aggregate_id, self.types, self.told)
        if not page.is_whole:
            raise CannotCompare("its log is not whole")
        self.version, self.told = page.version, page.up_to
        return page

    async def begin(self) -> None:
        """Fetch what may be kept in memory."""
        size = 0
        while size < AHEAD_BYTES and (not self.pages or self.told < self.version):
            self.pages.append(page := await self.more())
            size += sum(len(body) for _, _, body in page.events)


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
        story = _Story(self.owner, root, self.consumer.types)
        await story.begin()
        finding: Finding | None = None
        try:
            async with self.database.transaction(self._context(root)) as tx:
                await tx.execute(_PATIENCE)
                places = await self.consumer.gate.lock(tx, {root.aggregate_id})
                place = places[root.aggregate_id]
                if place.version > story.version:  # live events came in between
                    story.pages.append(await story.more())
                target = place.version if 0 < place.version <= story.version and not latest else story.version
                finding = await self._compared(tx, root, story, place, target)
                if not (repair and finding.differences):
                    raise _RollBack
                await self._settle(tx, root, places, target, was_ahead=place.version > story.version)
        except _RollBack:
            pass
        assert finding is not None
        return finding

    async def _compared(self, tx: Transaction, root: Root, story: _Story, place: Place, target: int) -> Finding:
        before = await rows_of(tx, self.projection, root.aggregate_id)
        await clear(tx, self.projection, root.aggregate_id)
        dead = await self._dead(tx, root)
        events = 0
        for page in story.pages:
            events += await self._project(tx, root, page, target, dead)
        while story.told < target:
            events += await self._project(tx, root, await story.more(), target, dead)
        after = await rows_of(tx, self.projection, root.aggregate_id)
        differences = differing(before, after)
        if place.version != target:
            differences[POSITION] = 1
        return Finding(differences, sum(map(len, after.values())), events)

    async def _dead(self, tx: Transaction, root: Root) -> frozenset[int]:
        """Return the versions that took no effect and were put aside: the log without them is what was projected."""
        rows = await tx.fetch(
            "select headers->>'Pmo-Version' as version from dead_letter"
            " where organization_id = $1 and consumer = $2 and aggregate_id = $3 and replayed_at is null",
            tx.organization_id,
            self.consumer.name,
            root.aggregate_id,
        )
        return frozenset(int(row["version"]) for row in rows)

    async def _project(self, tx: Transaction, root: Root, page: Told, target: int, dead: frozenset[int]) -> int:
        """Hand events up to a version to their handlers."""
        arrivals = [
            self._arrival(root, kind, version, body)
            for kind, version, body in page.events
            if version <= target and version not in dead
        ]
        try:
            await self.consumer.gate.apply(tx, arrivals)
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
        return Context(root.organization_id, actor="service:audit")
