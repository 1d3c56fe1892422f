"""From a statement in projects to the metric that a reader gets, through both services' real machinery."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from uuid import UUID

import httpx2
import pytest

from services.local.postgres import Postgres
from shared.bus import Bus
from shared.db import Context, Database
from shared.lifecycle import running
from shared.relay import Relay
from shared.testing.eventually import eventually
from tests.service.kpi.story import Story, later, plan

EVENTS = 100
PER_SECOND = 50


@pytest.fixture
async def told(live: Story, projects_database: Database, projects_bus: Bus, postgres: Postgres) -> AsyncIterator[Story]:
    """The story with the relay of projects running: kpi hears by the broker."""
    url = postgres.dsn("pmo_projects_told_to_kpi", "projects_relay")
    relay = Relay(url, projects_bus, producer="projects", signal=projects_database.signal("outbox"))
    async with running(relay):
        yield live


async def earned(client: httpx2.AsyncClient, project_id: UUID) -> str | None:
    answer = await client.get(f"/v1/projects/{project_id}/kpis")
    if answer.status_code == 404:
        return None
    value: str | None = answer.json()["metrics"]["earned_value"]["value"]
    return value


@pytest.mark.parametrize("projects", [1, 10])
async def test_pushed_facts_change_the_metrics_as_they_come(
    told: Story, director: httpx2.AsyncClient, projects: int
) -> None:
    ids = [await told.bring(plan()) for _ in range(projects)]
    for project_id in ids:
        await eventually(partial(earned, director, project_id))
    committed: dict[tuple[UUID, datetime], float] = {}
    latencies: list[float] = []

    async def push(number: int) -> None:
        project_id, at = ids[number % projects], later(1 + number)
        await told.push(project_id, "2", at, 1 + number % 99, f"{number}.00")
        committed[project_id, at] = time.perf_counter()

    async def watch() -> None:
        while len(latencies) < EVENTS:
            # One reader with one statement for all: many readers in a loop would measure their own load.
            async with told.kpi.transaction(Context(told.organization, "someone"), read_only=True) as tx:
                rows = await tx.fetch("select project_id, at from progress")
            now = time.perf_counter()
            for row in rows:
                if (began := committed.pop((row["project_id"], row["at"]), None)) is not None:
                    latencies.append(now - began)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        for number in range(EVENTS):
            tasks.create_task(push(number))
            await asyncio.sleep(1 / PER_SECOND)
    last = await director.get(f"/v1/projects/{ids[-1]}/kpis")
    assert datetime.fromisoformat(last.json()["as_of"]) == later(EVENTS)
    latencies.sort()
    p50, p99 = latencies[EVENTS // 2], latencies[int(EVENTS * 0.99) - 1]
    print(f"{projects} projects: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    assert p99 < 5.0  # the bench measures it; here it is only not seconds behind


async def test_a_reader_can_wait_for_what_it_has_written(told: Story, director: httpx2.AsyncClient) -> None:
    project_id = await told.bring(plan())
    await told.push(project_id, "2", later(1), 50, "1.00")
    version = (await told.events(project_id))[-1].version
    headers = {"PMO-Wait-For": f"projects:{project_id}@{version}"}
    answer = await director.get(f"/v1/projects/{project_id}/kpis", headers=headers)
    assert answer.json()["metrics"]["earned_value"]["value"] == "11000.00"
