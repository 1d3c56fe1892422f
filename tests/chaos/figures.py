"""Figures of a run: how far behind readers are while it happens, and what is told of many spans."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from services.topology import CONSUMES
from tests.chaos.stage import Databases

READERS: Final = tuple(reader for reader, producers in CONSUMES.items() if "projects" in producers)
"""Who reads what projects says."""


@asynccontextmanager
async def lags(databases: Databases) -> AsyncIterator[list[float]]:
    """How many seconds every reader of projects needed to come to where projects was, asked again and again."""
    seen: list[float] = []

    async def watch() -> None:
        while True:
            ((version,),) = await databases.ask("projects", "select max(version) from aggregate")
            began, waiting = time.monotonic(), set(READERS)
            while waiting:
                for reader in tuple(waiting):
                    sql = "select coalesce(max(version), 0) from consumer_position where producer = 'projects'"
                    ((read,),) = await databases.ask(reader, sql)
                    if int(str(read)) >= int(str(version)):
                        waiting.remove(reader)
                await asyncio.sleep(0.002)
            seen.append(time.monotonic() - began)

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def percentile(spans: Sequence[float], percent: int) -> float:
    """A percentile of some spans; the longest where they are too few to tell."""
    return min(statistics.quantiles(spans, n=100)[percent - 1], max(spans)) if len(spans) > 1 else max(spans)


def summary(spans: Sequence[float]) -> str:
    """The 95th percentile and the longest of some spans."""
    return f"{percentile(spans, 95):.1f} / {max(spans):.1f}" if spans else "-"
