"""The baselines of projects, compiled once per state of the plan and kept for the next question."""

import asyncio
from collections import OrderedDict
from datetime import datetime
from typing import Final
from uuid import UUID

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.measure import UndefinedReason
from services.kpi.domain.plan import compiled
from services.kpi.repository import reading
from services.kpi.repository.reading import Project
from shared.db import Transaction

MOST_PLANS: Final = 256
MOST_TASKS: Final = 500_000
"""What is kept at most; some 50 bytes a task."""
SMALL: Final = 300
SHORT: Final = 2 * 365 * 1440
"""Tasks and minutes of a plan that is compiled in less than some 3 ms, so that a thread would not be worth it."""

Key = tuple[UUID, UUID, datetime | None]
"""Organization, state of the plan with all its past, and the instant of that past; None: as it is now."""


class BaselineCache:
    """The plans asked for last. A state of a plan has an id of its own, so nothing here can be out of date."""

    def __init__(self, most_plans: int = MOST_PLANS, most_tasks: int = MOST_TASKS) -> None:
        self._most_plans = most_plans
        self._most_tasks = most_tasks
        self._tasks = 0
        self._kept: OrderedDict[Key, tuple[Baseline | UndefinedReason, int]] = OrderedDict()

    def get(self, key: Key) -> Baseline | UndefinedReason | None:
        """Return what was compiled of a plan, if it is kept."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Key, baseline: Baseline | UndefinedReason, tasks: int) -> None:
        """Keep a plan, and let go of those that were not asked for longest."""
        before = self._kept.pop(key, None)
        self._tasks += tasks - (before[1] if before else 0)
        self._kept[key] = (baseline, tasks)
        while len(self._kept) > 1 and (len(self._kept) > self._most_plans or self._tasks > self._most_tasks):
            _, (_, let_go) = self._kept.popitem(last=False)
            self._tasks -= let_go

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self._tasks = 0


CACHE: Final = BaselineCache()
"""The cache of this process."""


async def baseline_of(
    tx: Transaction, project: Project, then: datetime | None = None
) -> tuple[UUID, Baseline | UndefinedReason]:
    """Return a project's baseline, now or of then, and of which state of its plan: it may have changed meanwhile."""
    found = CACHE.get((tx.organization_id, project.plan, then))
    if found is not None:
        return project.plan, found
    plan, rows = await reading.plan(tx, project.id, then)
    is_small = len(rows.cost) <= SMALL and max(rows.finish, default=0) - min(rows.start, default=0) <= SHORT
    found = compiled(rows) if is_small else await asyncio.to_thread(compiled, rows)
    CACHE.put((tx.organization_id, plan, then), found, len(rows.cost))
    return plan, found
