"""The audit of a projection: a background loop that finds what differs from the owner, repairs it and counts it.

Each round compares all aggregates by version and hash, and a few, in turn, by content. What is still under way is no
difference: an aggregate is compared where both sides stand at the same version. A round reads the projection first and
then asks the owner, so a position that the owner has not reached is wrong whatever happens meanwhile.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Gauge, Histogram

from shared.audit.answers import organizations
from shared.audit.examination import CannotCompare, Examiner, Root
from shared.audit.owner import NotAnswered
from shared.audit.projection import Standing, standing
from shared.bus import BusDown
from shared.consumer import CONTENTION
from shared.db import Context
from shared.errors import Overloaded
from shared.telemetry import REGISTRY

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

log = structlog.get_logger(__name__)

STANDBY_SECONDS: Final = 5.0
PASSES: Final = 2
"""A row that hangs on the wrong aggregate keeps the right one from having it until the wrong one is repaired."""

AGGREGATES: Final = Counter(
    "pmo_audit_aggregates", "Aggregates compared with their owner.", ["consumer", "depth"], registry=REGISTRY
)
DIFFERENCES: Final = Counter(
    "pmo_audit_differences", "Rows that were not as their owner's events make them.", ["consumer", "table"],
    registry=REGISTRY,
)  # fmt: skip
REPAIRED: Final = Counter("pmo_audit_repaired", "Aggregates that were repaired.", ["consumer"], registry=REGISTRY)
FAILED: Final = Counter(
    "pmo_audit_failed", "Aggregates that could not be compared or repaired.", ["consumer"], registry=REGISTRY
)
SECONDS: Final = Histogram(
    "pmo_audit_seconds",
    "Seconds per round.",
    ["consumer"],
    registry=REGISTRY,
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
LAST_ROUND: Final = Gauge(
    "pmo_audit_last_round_timestamp_seconds", "When a round was last completed.", ["consumer"], registry=REGISTRY
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how much is compared."""

    first: float = 10.0
    """Seconds from the start to the first round, at most."""
    between: float = 300.0
    patience: float = 120.0
    """Seconds that a projection may stand still behind its owner, or alone, before that is a difference."""
    contents: int = 50
    """Aggregates compared by content in a round."""
    contents_seconds: float = 10.0


USUAL: Final = Pace()


class Audit:
    """Compares one projection with its owner, round after round."""

    def __init__(self, examiner: Examiner, relay_url: str, *, pace: Pace = USUAL) -> None:
        self._consumer = examiner.consumer.name
        self.name = f"audit {self._consumer}"
        self.trouble: str | None = None
        for metric in (REPAIRED, FAILED, SECONDS):
            metric.labels(self._consumer)  # its first count would else look like no growth
        self._examiner = examiner
        self._relay_url = relay_url
        self._pace = pace
        self._next = (UUID(int=random.getrandbits(128)), UUID(int=0))
        self._still: dict[Root, tuple[int, float]] = {}
        """Where an aggregate stood, and since when, that was not where its owner is."""

    async def run(self) -> None:
        """Compare for ever."""
        try:
            async with self._leadership() as connection:
                pause = random.uniform(0.5, 1.0) * self._pace.first
                while not connection.is_closed():
                    await asyncio.sleep(pause)
                    await self.round()
                    self.trouble = None
                    pause = random.uniform(0.9, 1.1) * self._pace.between
        except (BusDown, NotAnswered) as error:
            self.trouble = f"owner: {error}"
        except (OSError, Overloaded, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.trouble = f"database: {error}"
        log.info("audit.interrupted", consumer=self._consumer, reason=self.trouble)

    @asynccontextmanager
    async def _leadership(self) -> "AsyncIterator[Connection]":
        """Be the one replica that compares; another's death makes it this one."""
        connection = await asyncpg.connect(
            self._relay_url, timeout=5, command_timeout=15, server_settings={"application_name": self.name}
        )
        try:
            while not await connection.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", self.name):
                self.trouble = None  # another replica compares
                await asyncio.sleep(STANDBY_SECONDS)
            yield connection
        finally:
            connection.terminate()

    async def round(self) -> None:
        """Compare everything once by version, and the next few by content."""
        began = time.monotonic()
        level: list[Root] = []
        seen = dict(self._still)
        self._still = {}
        for organization_id in await self._organizations():
            for _ in range(PASSES):
                roots, suspects = await self._suspects(organization_id, seen)
                repaired = [await self._examine(root, latest=latest) for root, latest in suspects]
                if not any(repaired):
                    break
            level += roots
        await self._contents(level)
        SECONDS.labels(self._consumer).observe(time.monotonic() - began)
        LAST_ROUND.labels(self._consumer).set_to_current_time()

    async def _organizations(self) -> list[UUID]:
        """Return the organizations of the owner and, should it have lost some, our own."""
        theirs = [each async for each in self._examiner.owner.organizations()]
        return sorted({*theirs, *await organizations(self._relay_url)})

    async def _suspects(
        self, organization_id: UUID, seen: Mapping[Root, tuple[int, float]]
    ) -> tuple[list[Root], list[tuple[Root, bool]]]:
        """Return an organization's aggregates that stand level, and those to examine, True where it stands still."""
        projection = self._examiner.projection
        async with self._examiner.database.transaction(Context(organization_id, self.name), read_only=True) as tx:
            ours = await standing(tx, projection)
        theirs = await self._examiner.owner.aggregates(organization_id, projection.entities)
        AGGREGATES.labels(self._consumer, "versions").inc(len(ours.keys() | theirs.keys()))
        nothing = Standing(0, 0)
        level, suspects = [], []
        for identifier in sorted(ours.keys() | theirs.keys()):
            root = Root(organization_id, identifier)
            mine, its = ours.get(identifier, nothing), theirs.get(identifier, nothing)
            if 0 < mine.version == its.version:
                level.append(root)
                if mine.hash != its.hash:
                    suspects.append((root, False))
            elif its.version and mine.version > its.version:
                suspects.append((root, False))
            elif not mine.is_waiting and self._stands_still(root, mine.version, seen):
                suspects.append((root, True))
        return level, suspects

    def _stands_still(self, root: Root, version: int, seen: Mapping[Root, tuple[int, float]]) -> bool:
        now = time.monotonic()
        before, since = seen.get(root, (version, now))
        self._still[root] = (version, since if before == version else now)
        return now - self._still[root][1] >= self._pace.patience

    async def _contents(self, level: Iterable[Root]) -> None:
        """Compare the next few aggregates by content, beginning where the round before has ended."""
        ordered = sorted((root.organization_id, root.aggregate_id) for root in level)
        begin = next((n for n, key in enumerate(ordered) if key > self._next), 0)
        end = time.monotonic() + self._pace.contents_seconds
        for key in (ordered[begin:] + ordered[:begin])[: self._pace.contents]:
            if time.monotonic() > end:
                break
            await self._examine(Root(*key))
            self._next = key

    async def _examine(self, root: Root, *, latest: bool = False) -> bool:
        """Compare an aggregate by content and repair it; tells whether it had to be."""
        try:
            finding = await self._examiner.examine(root, repair=True, latest=latest)
        except CannotCompare as error:
            FAILED.labels(self._consumer).inc()
            log.error("audit.failed", **self._told(root), reason=str(error))
            return False
        except CONTENTION:
            return False  # it is being worked on: next time
        AGGREGATES.labels(self._consumer, "contents").inc()
        if finding.differences:
            REPAIRED.labels(self._consumer).inc()
            for table, rows in finding.differences.items():
                DIFFERENCES.labels(self._consumer, table).inc(rows)
            log.warning("audit.repaired", **self._told(root), rows=dict(finding.differences))
        return bool(finding.differences)

    def _told(self, root: Root) -> dict[str, str]:
        """Return what log lines say of an aggregate."""
        return {
            "consumer": self._consumer,
            "organization": str(root.organization_id),
            "aggregate": str(root.aggregate_id),
        }
