"""Real plans: every minute of every assignment is booked, on days of its task, and nobody else's."""

import os
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import Plan, ResourceType
from services.projects.domain.schedule import critical_path
from tests.service.resources.story import Listener, Project

CASES = Path(os.environ.get("PMO_CASES") or Path(__file__).parents[4] / "shared" / "data") / "schedules"
PLANS = (
    "MSP_Commercial_Construction",
    "MSP_New_Product",
    "MSP_Residential_Construction",
    "MSP_Software_Development_tracked",
    "MSP_mpxj_slack9",
)


def read(name: str) -> Plan:
    """The plan of a case."""
    if not CASES.is_dir():
        pytest.skip(f"no {CASES}/{name}.mspdi.xml")
    return read_mspdi([(CASES / f"{name}.mspdi.xml").read_bytes()])


async def whole_load(director: httpx2.AsyncClient, resource: object) -> list[dict[str, Any]]:
    """All days of a resource, over as many answers as it takes."""
    days: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    while True:
        body = (await director.get(f"/v1/resources/{resource}/load", params=first)).json()
        assert body["unbooked_minutes"] == 0
        days += body["days"]
        if not body["days"] or body["to"] >= body["booked_to"]:
            return days
        following = date.fromisoformat(body["to"]).toordinal() + 1
        first = {"from": date.fromordinal(following).isoformat()}


@pytest.mark.parametrize("name", PLANS)
async def test_load_adds_up_to_the_assignments_work_on_the_scheduled_days(
    listener: Listener, director: httpx2.AsyncClient, name: str
) -> None:
    given = read(name)
    project = Project()
    await listener.hear(*project.imported(given), *project.scheduled(given))
    dates = {str(project.part("task", t.source_id)): t for t in critical_path(given).tasks}
    work: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in given.assignments:
        if each.resource_source_id is not None and each.work_minutes:
            work[each.resource_source_id][str(project.part("task", each.task_source_id))] += each.work_minutes
    over = total = 0
    for resource in given.resources:
        assert resource.type is ResourceType.WORK
        booked: dict[str, int] = defaultdict(int)
        for day in await whole_load(director, project.part("resource", resource.source_id)):
            assert day["booked_minutes"] == sum(t["minutes"] for t in day["tasks"])
            assert day["over_allocated_minutes"] == max(0, day["booked_minutes"] - day["capacity_minutes"])
            over += day["over_allocated_minutes"]
            for t in day["tasks"]:
                booked[t["task_id"]] += t["minutes"]
                span = dates[t["task_id"]]
                first, last = span.early_start.date(), span.early_finish.date()
                assert first.isoformat() <= day["date"] <= last.isoformat()
        assert booked == work[resource.source_id]
        total += sum(booked.values())
    summary = (await director.get(f"/v1/load-summary?project_id={project.id}")).json()
    assert (summary["booked_minutes"], summary["over_allocated_minutes"]) == (total, over)
    assert summary["resources"] == len(given.resources)
    stretches = await director.get("/v1/over-allocations", params={"project_id": str(project.id), "limit": "200"})
    items = stretches.json()["items"]
    assert sum(item["over_allocated_minutes"] for item in items) == over
    for item in items:
        assert item["booked_minutes"] == sum(t["minutes"] for t in item["tasks"])
