"""What metrics of large plans cost: statements, and the event loop's patience."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.kpi.domain.measure import UndefinedReason
from services.kpi.domain.moments import HistoryInterval
from services.kpi.domain.plan import BaselineDates
from services.kpi.repository import reading as hot
from services.kpi.repository import standings, states, storing
from services.kpi.repository.facts import ProgressFact, ProjectFact, TaskFact
from services.kpi.service import baselines
from services.kpi.service.metrics import Series, metrics_at, metrics_over_time
from shared.db import Context, Database, Transaction
from shared.working_time import minute_of

START = datetime(2026, 1, 5, 8)  # noqa: DTZ001 - local wall time
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 9, 1, tzinfo=UTC)


async def large(database: Database, organization: UUID, tasks: int, facts_each: int) -> UUID:
    """A plan of so many tasks over a year, with so many facts of progress each."""
    rng = random.Random(tasks)
    project_id = uuid4()
    ids = [uuid4() for _ in range(tasks)]
    rows = []
    for identifier in ids:
        start = minute_of(START + timedelta(days=rng.randrange(330)))
        baseline = BaselineDates(start, start + rng.randrange(1, 30) * 1440 + 540, rng.randrange(10_000_000))
        rows.append(TaskFact(project_id, identifier, 1, SINCE, is_leaf=True, baseline=baseline))
    stated = [
        ProgressFact(project_id, task_id, _instant(rng), rng.randrange(10_001), n, rng.randrange(10_000_000), n)
        for n in range(1, facts_each + 1)
        for task_id in ids
    ]
    async with database.transaction(Context(organization, "test")) as tx:
        await storing.store_projects(tx, [ProjectFact(project_id, 1, SINCE, "BIG-1", "pm", "EUR")])
        for place in range(0, tasks, 1000):
            await storing.store_tasks(tx, rows[place : place + 1000])
        for place in range(0, len(stated), 1000):
            await storing.store_progress(tx, stated[place : place + 1000])
    async with database.connection() as connection:
        await connection.execute("analyze")
    return project_id


def _instant(rng: random.Random) -> datetime:
    return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=rng.randrange(238 * 1440))


@asynccontextmanager
async def reading(database: Database, organization: UUID) -> AsyncIterator[Transaction]:
    async with database.transaction(Context(organization, "test"), read_only=True) as tx:
        yield tx


async def test_a_page_of_history_goes_once_over_the_facts(quiet_database: Database, organization: UUID) -> None:
    project_id = await large(quiet_database, organization, 2_000, 10)
    asked = Series(HistoryInterval.DAY, date(2026, 1, 5), date(2026, 12, 31), None, 200)
    async with reading(quiet_database, organization) as tx:
        began = time.perf_counter()
        history = await metrics_over_time(tx, str(project_id), None, asked, NOW)
        took = time.perf_counter() - began
    print(f"200 points over 20,000 facts: {took * 1000:.0f} ms")
    assert len(history.points) == 200
    assert took <= 15  # no measure of speed: one query for each point would take longer


async def test_the_event_loop_is_not_held_up(quiet_database: Database, organization: UUID) -> None:
    project_id = await large(quiet_database, organization, 10_000, 1)
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began)

    asked = Series(HistoryInterval.DAY, date(2026, 1, 5), date(2026, 12, 31), None, 200)
    pauses = []
    for _ in range(4):
        baselines.CACHE.clear()
        longest = 0.0
        heart = asyncio.create_task(beat())
        async with reading(quiet_database, organization) as tx:
            await metrics_at(tx, str(project_id), None, datetime(2199, 1, 1, tzinfo=UTC), NOW)
            await metrics_over_time(tx, str(project_id), None, asked, NOW)
        heart.cancel()
        pauses.append(longest)
    print(f"longest pause {min(pauses) * 1000:.0f} ms")
    # A machine that is busy otherwise pauses everybody: of some tries the calmest tells.
    assert min(pauses) < 0.1


async def test_hot_statements_read_only_what_they_need(quiet_database: Database, organization: UUID) -> None:
    await large(quiet_database, organization, 5_000, 4)
    project_id = await large(quiet_database, organization, 20, 4)
    values = (organization, project_id, NOW)
    async with reading(quiet_database, organization) as tx:
        for statement, arguments in (
            (standings._STANDING, (organization, project_id, "{}", NOW)),
            (standings._SERIES, (organization, project_id, "{}", [NOW], NOW)),
            (hot._PLAN, values[:2]),
            (standings._STANDING_THEN, (organization, project_id, "{}", NOW, NOW)),
            (standings._SERIES_THEN, (organization, project_id, "{}", [NOW], NOW, NOW)),
            (standings._FINISH_THEN, (organization, project_id, NOW, NOW)),
            (hot._PLAN_THEN, values),
            (states._TIMELINE, values[:2]),
            (f"{hot._PROJECT} t.id = $2", values[:2]),
            (f"{hot._PROJECT} t.key = $2", (organization, "BIG-1")),
        ):
            rows = await tx.fetch(f"explain {statement}", *arguments)
            steps = "\n".join(row[0] for row in rows)
            # The service keeps few projects of few calendars; tasks and facts are many.
            assert not re.search("Seq Scan on (task|task_past|progress)", steps), steps


async def test_a_known_plan_is_asked_for_with_two_statements(
    quiet_database: Database, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = await large(quiet_database, organization, 10, 2)
    statements: list[str] = []
    original = Transaction.fetchrow

    async def counted(self: Transaction, sql: str, *values: object) -> object:
        if self.organization_id == organization:  # the services of other tests go on beside this one
            statements.append(sql)
        return await original(self, sql, *values)

    monkeypatch.setattr(Transaction, "fetchrow", counted)
    for expected in (3, 2, 2):
        statements.clear()
        async with reading(quiet_database, organization) as tx:
            await metrics_at(tx, str(project_id), None, None, NOW)
        assert len(statements) == expected


def test_the_cache_lets_go_of_what_was_not_asked_for_longest() -> None:
    cache = baselines.BaselineCache(most_plans=3, most_tasks=100)
    organization, plans = uuid4(), [uuid4() for _ in range(6)]
    reason = UndefinedReason.NO_BASELINE
    for plan in plans[:3]:
        cache.put((organization, plan, None), reason, 10)
    assert cache.get((organization, plans[0], None)) is reason
    cache.put((organization, plans[3], None), reason, 10)
    assert [cache.get((organization, plan, None)) for plan in plans[:4]] == [reason, None, reason, reason]
    assert cache.get((uuid4(), plans[0], None)) is None
    cache.put((organization, plans[4], None), reason, 90)
    assert [cache.get((organization, plan, None)) is reason for plan in plans[:5]] == [False, False, False, True, True]
    cache.put((organization, plans[5], None), reason, 1000)
    assert cache.get((organization, plans[5], None)) is reason
    assert cache.get((organization, plans[4], None)) is None
