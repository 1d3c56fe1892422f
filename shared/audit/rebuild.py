"""Building a projection anew from its owner's log, aggregate by aggregate: beside what is read, compared, swapped."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from shared.audit.answers import organizations
from shared.audit.examination import CannotCompare, Examiner, Finding, Root
from shared.audit.projection import standing
from shared.consumer import CONTENTION
from shared.db import Context

TRIES: Final = 5
AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which aggregates; none of the conditions: all."""

    organization_id: UUID | None = None
    aggregate_id: UUID | None = None


@dataclass(slots=True)
class Progress:
    """What was done so far."""

    aggregates: int = 0
    events: int = 0
    rows: int = 0
    differing: int = 0
    """Aggregates that were not as their events make them."""
    differences: dict[str, int] = field(default_factory=dict)
    """Table -> rows."""
    failed: dict[Root, str] = field(default_factory=dict)
    """Aggregates that were left as they were, and why."""

    def add(self, finding: Finding) -> None:
        """Count an aggregate."""
        self.aggregates += 1
        self.events += finding.events
        self.rows += finding.rows
        self.differing += bool(finding.differences)
        for table, rows in finding.differences.items():
            self.differences[table] = self.differences.get(table, 0) + rows


async def rebuild(
    examiner: Examiner, relay_url: str, wanted: Wanted, *, repair: bool
) -> AsyncGenerator[Progress, None]:
    """Project all that is wanted again and keep it (or, without `repair`, only tell); yields after each aggregate.

    What differs without being repaired is looked at once more at the end: by then what was under way has come.
    """
    progress = Progress()
    doubtful: list[Root] = []
    async for root in _roots(examiner, relay_url, wanted):
        finding = await _patiently(examiner, root, progress, repair=repair)
        if finding is not None and finding.differences and not repair:
            doubtful.append(root)
        elif finding is not None:
            progress.add(finding)
        yield progress
    if doubtful:
        await asyncio.sleep(AGAIN_SECONDS)
    for root in doubtful:
        finding = await _patiently(examiner, root, progress, repair=False)
        if finding is not None:
            progress.add(finding)
        yield progress


async def _roots(examiner: Examiner, relay_url: str, wanted: Wanted) -> AsyncIterator[Root]:
    """Return what either side has."""
    known = {*await organizations(relay_url)} | {each async for each in examiner.owner.organizations()}
    for organization_id in sorted(known if wanted.organization_id is None else {wanted.organization_id}):
        theirs = await examiner.owner.aggregates(organization_id, [])
        async with examiner.database.transaction(Context(organization_id, "pmo rebuild"), read_only=True) as tx:
            ours = await standing(tx, examiner.projection)
        for aggregate_id in sorted(ours.keys() | theirs.keys()):
            if wanted.aggregate_id in {None, aggregate_id}:
                yield Root(organization_id, aggregate_id)


async def _patiently(examiner: Examiner, root: Root, progress: Progress, *, repair: bool) -> Finding | None:
    """Examine an aggregate, again if others work on it; None, and noted, if it cannot be."""
    left = TRIES
    while True:
        try:
            return await examiner.examine(root, repair=repair, latest=repair)
        except CannotCompare as error:
            progress.failed[root] = str(error)
            return None
        except CONTENTION:
            left -= 1
            if not left:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
