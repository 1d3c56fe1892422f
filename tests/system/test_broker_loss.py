"""The broker gone for a while, and its whole store gone for good, while people write: nothing is lost or doubled."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import psutil
import pytest

from services.local import privileges
from shared.testing.cases import ROOT
from shared.testing.eventually import eventually
from tests.chaos.stage import Databases, environment, imported, pmo, standing, without_nats
from tests.system.instance import DIRECTOR, Caller, System, ended, started

EXAMPLE: Final = ROOT / "examples" / "harbour-terminal.mspdi.xml"
XML: Final = {"Content-Type": "application/xml"}
EVENTS: Final = {"Content-Type": "application/cloudevents-batch+json"}
TASKS: Final = ("16", "25", "26", "31", "34", "35", "37", "40", "41", "42")
"""Tasks of the example that progress is stated of."""
BEGIN: Final = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)
AS_OF: Final = "2026-11-10"


@pytest.fixture(scope="module")
def lonely() -> Iterator[tuple[System, psutil.Process]]:
    """A running system of these tests' own, and its supervisor."""
    with standing() as stage:
        yield stage


@dataclass
class Writers:
    """People who write without a pause, and what they were told is stored."""

    client: httpx2.AsyncClient
    headers: dict[str, str]
    project: dict[str, Any]
    tasks: list[str] = field(default_factory=list)
    stated: list[tuple[str, int]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    is_over: bool = False

    async def create_tasks(self, number: int) -> None:
        """Create a project, and tasks in it one after another."""
        made = await self.client.post("/v1/projects", json={"name": f"Project {number}"}, headers=self.headers)
        assert made.status_code == 201, made.text
        path = f"/v1/projects/{made.json()['id']}/tasks"
        turn = 0
        while not self.is_over:
            turn += 1
            body = {"name": f"task {number}-{turn}", "duration_minutes": 480}
            answer = await self.client.post(path, json=body, headers=self.headers)
            if answer.status_code == 201:
                self.tasks.append(answer.json()["id"])
            else:
                self.refused.append(answer.text)
            await asyncio.sleep(0.1)

    async def state_progress(self, source_id: str) -> None:
        """Push one fact after another of a task, each later and further than the one before."""
        turn = 0
        while not self.is_over and turn < 1000:
            turn += 1
            answer = await push(self.client, self.headers, self.project["project_id"], [(source_id, turn)])
            if answer.status_code == 202:
                self.stated.append((source_id, turn))
            else:
                self.refused.append(answer.text)
            await asyncio.sleep(0.2)


async def push(
    client: httpx2.AsyncClient, headers: dict[str, str], project_id: str, facts: list[tuple[str, int]]
) -> httpx2.Response:
    """Push facts of progress."""
    events = [
        {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "/sites/one",
            "type": "pmo.inbound.task.progressed.v1",
            "data": {
                "project": {"id": project_id},
                "task": {"source_id": source_id},
                "percent_complete": round(50 + turn / 100, 2),
                "actual_cost": {"amount": f"{1000 + turn}.00", "currency": "EUR"},
                "at": (BEGIN + timedelta(seconds=turn)).isoformat(),
            },
        }
        for source_id, turn in facts
    ]
    return await client.post("/v1/ingest/events", content=json.dumps(events).encode(), headers={**headers, **EVENTS})


@asynccontextmanager
async def writing(system: System, organization: UUID, project: dict[str, Any]) -> AsyncIterator[Writers]:
    """Write while the block runs."""
    caller = system.as_(organization, DIRECTOR)
    async with httpx2.AsyncClient(base_url=system.base_url, timeout=30, trust_env=False) as client:
        writers = Writers(client, caller.authorization, project)
        async with asyncio.TaskGroup() as group:
            for number in range(2):
                group.create_task(writers.create_tasks(number))
            for source_id in TASKS[:4]:
                group.create_task(writers.state_progress(source_id))
            try:
                yield writers
            finally:
                writers.is_over = True


async def check(system: System, organization: UUID, writers: Writers) -> None:
    """Nothing that was accepted is lost or doubled: all projections are what their owners have."""
    assert writers.refused == []
    assert len(writers.tasks) > 10
    assert len(writers.stated) > 10
    async with Databases.of(system, organization) as databases:
        await eventually(databases.settled, seconds=30, every=0.2)
        tasks = await databases.ask("projects", "select id, version from task order by id")
        assert {str(identifier) for identifier, _ in tasks} >= set(writers.tasks)
        for reader in ("kpi", "resources"):
            known = "select id, version from task where not is_deleted order by id"
            assert await databases.ask(reader, known) == tasks, reader
        facts = await databases.ask(
            "projects",
            "select task_id, at, (percent_complete * 100)::int, (actual_cost * 100)::bigint"
            f" from progress where at >= '{BEGIN}' order by 1, 2",
        )
        assert len(facts) == len(writers.stated)
        known = f"select task_id, at, percent, actual_cost from progress where at >= '{BEGIN}' order by 1, 2"
        assert await databases.ask("kpi", known) == facts
        inbound = await databases.ask("gateway", "select status, count(*) from inbound_event group by 1")
        assert inbound == [("applied", len(writers.stated))]


async def check_figures(system: System, organization: UUID, project: dict[str, Any], writers: Writers) -> None:
    """All figures are those of an organization to which nothing happened."""
    twin = uuid4()
    same = await imported(system.as_(twin, DIRECTOR))
    headers = system.as_(twin, DIRECTOR).authorization
    async with httpx2.AsyncClient(base_url=system.base_url, timeout=30, trust_env=False) as client:
        for first in range(0, len(writers.stated), 500):
            facts_of_it = sorted(writers.stated, key=lambda fact: fact[1])[first : first + 500]
            assert (await push(client, headers, same["project_id"], facts_of_it)).status_code == 202
    async with Databases.of(system, twin) as databases:
        await eventually(databases.settled, seconds=30, every=0.2)
    ours = figures(system.as_(organization, DIRECTOR), project["project_id"])
    theirs = figures(system.as_(twin, DIRECTOR), same["project_id"])
    assert ours == theirs


def figures(caller: Caller, project_id: str) -> dict[str, Any]:
    """The metrics of a project and the load of its resources, without what only names them."""
    kpis = caller("GET", f"/v1/projects/{project_id}/kpis?as_of={AS_OF}")
    summary = caller("GET", f"/v1/load-summary?project_id={project_id}")
    resources = caller("GET", f"/v1/resources?project_id={project_id}&limit=200")
    assert {kpis.status_code, summary.status_code, resources.status_code} == {200}
    loads = {}
    for resource in resources.json()["items"]:
        path = f"/v1/resources/{resource['id']}/load?from=2026-09-01&to=2027-05-31"
        loads[resource["source_id"]] = [
            (day["date"], day["booked_minutes"], day["capacity_minutes"]) for day in caller("GET", path).json()["days"]
        ]
    assert any(booked for days in loads.values() for _, booked, _ in days)
    metrics: dict[str, Any] = kpis.json()["metrics"]
    return {"metrics": metrics, "summary": {**summary.json(), "project_id": None}, "loads": loads}


@pytest.mark.parametrize(
    "commands", [[("republish", "all")], [("migrate", "all"), ("republish", "all")]], ids=lambda c: c[0][0]
)
async def test_the_loss_of_the_whole_store_loses_nothing(
    lonely: tuple[System, psutil.Process], commands: list[tuple[str, ...]]
) -> None:
    system, supervisor = lonely
    organization = uuid4()
    project = await imported(system.as_(organization, DIRECTOR))
    async with writing(system, organization, project) as writers:
        await asyncio.sleep(1.5)
        variables = environment(system)
        with without_nats(system, supervisor):
            shutil.rmtree(system.data / "nats/store")
        await asyncio.sleep(1.5)
        began = time.monotonic()
        for command in commands:
            await pmo(variables, *command)
            await asyncio.sleep(0.5)
        await asyncio.sleep(1)
    await check(system, organization, writers)
    print(f"queued and converged within {time.monotonic() - began:.1f} s: {len(writers.tasks)}, {len(writers.stated)}")
    if len(commands) == 1:
        await check_figures(system, organization, project, writers)


async def test_a_broker_that_is_down_for_a_while_stops_no_write_and_loses_nothing(
    lonely: tuple[System, psutil.Process],
) -> None:
    system, supervisor = lonely
    organization = uuid4()
    project = await imported(system.as_(organization, DIRECTOR))
    async with Databases.of(system, organization) as databases, writing(system, organization, project) as writers:
        await asyncio.sleep(0.5)
        with without_nats(system, supervisor):
            await asyncio.sleep(10)
            backlog = await databases.pending()
        assert backlog > 50
        await asyncio.sleep(0.5)
    await check(system, organization, writers)


async def test_an_instance_whose_store_was_deleted_starts_with_new_streams() -> None:
    parent = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    parent.chmod(0o711)
    data = parent / "data"
    organization = uuid4()
    try:
        for turn in range(2):
            process, answer = await asyncio.to_thread(started, data)
            try:
                with httpx2.Client(base_url=answer["base_url"], timeout=30, trust_env=False) as client:
                    system = System(answer["base_url"], data, client)
                    caller = system.as_(organization, DIRECTOR)
                    assert caller("POST", "/v1/projects", json={"name": f"Project {turn}"}).status_code == 201
                    async with Databases.of(system, organization) as databases:
                        await eventually(databases.settled, seconds=20, every=0.1)
                        assert await databases.ask("kpi", "select count(*) from project") == [(turn + 1,)]
            finally:
                await asyncio.to_thread(ended, process)
            if turn == 0:
                shutil.rmtree(data / "nats/store")
    finally:
        privileges.remove_home(data / "postgres")
        shutil.rmtree(parent)
