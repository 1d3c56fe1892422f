"""The baselines of projects, compiled once per state of the plan and kept for the next question."""

import asyncio
from collections import OrderedDict
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


class BaselineCache:
    """The plans asked for last. A state of a plan has an id of its own, so nothing here can be out of date."""

    def __init__(self, most_plans: int = MOST_PLANS, most_tasks: int = MOST_TASKS) -> None:
        self._most_plans = most_plans
        self._most_tasks = most_tasks
        self._tasks = 0
        self._kept: OrderedDict[tuple[UUID, UUID], tuple[Baseline | UndefinedReason, int]] = OrderedDict()

    def get(self, organization_id: UUID, plan: UUID) -> Baseline | UndefinedReason | None:
        """Return what was compiled of a plan, if it is kept."""
        found = self._kept.get((organization_id, plan))
        if found is None:
            return None
        self._kept.move_to_end((organization_id, plan))
        return found[0]

    def put(self, organization_id: UUID, plan: UUID, baseline: Baseline | UndefinedReason, tasks: int) -> None:
        """Keep a plan, and let go of those that were not asked for longest."""
        before = self._kept.pop((organization_id, plan), None)
        self._tasks += tasks - (before[1] if before else 0)
        self._kept[organization_id, plan] = (baseline, tasks)
        while len(self._kept) > 1 and (len(self._kept) > self._most_plans or self._tasks > self._most_tasks):
            _, (_, let_go) = self._kept.popitem(last=False)
            self._tasks -= let_go

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self._tasks = 0


CACHE: Final = BaselineCache()
"""The cache of this process."""


async def baseline_of(tx: Transaction, project: Project) -> tuple[UUID, Baseline | UndefinedReason]:
    """Return a project's baseline, and of which state of its plan: it may have changed since the project was read."""
    found = CACHE.get(tx.organization_id, project.plan)
    if found is not None:
        return project.plan, found
    plan, rows = await reading.plan(tx, project.id)
    is_small = len(rows.cost) <= SMALL and max(rows.finish, default=0) - min(rows.start, default=0) <= SHORT
    found = compiled(rows) if is_small else await asyncio.to_thread(compiled, rows)
    CACHE.put(tx.organization_id, plan, found, len(rows.cost))
    return plan, found
