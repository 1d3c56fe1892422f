"""Limits of approval: managers approve up to them, others above; a plan with a problem is no baseline."""

import xml.etree.ElementTree as ET
from uuid import UUID

import httpx2
import pytest

from shared.testing.http import Api
from tests.service.projects.test_baselines import change, decided, planned, taken, tasks
from tests.service.projects.test_imports import EXAMPLE, imported

PATH = "/v1/approval-limits"


@pytest.fixture
def manager(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A PMO manager, who decides."""
    return service.as_(organization, "pmo_manager", subject="manager")


@pytest.fixture
def asking(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A project manager, who asks."""
    return service.as_(organization, "project_manager", subject="pm")


async def limited(
    client: httpx2.AsyncClient, role: str, amount: str, currency: str = "EUR", **more: object
) -> httpx2.Response:
    return await client.post(PATH, json={"role": role, "cost": {"amount": amount, "currency": currency}, **more})


def codes(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_first_baseline_counts_whole_and_the_next_by_what_it_adds(
    asking: httpx2.AsyncClient,
    manager: httpx2.AsyncClient,
    director: httpx2.AsyncClient,
    service: Api,
    organization: UUID,
) -> None:
    assert (await limited(director, "pmo_manager", "149.99", delay_minutes=480)).status_code == 201
    path = await planned(asking)
    first = await taken(asking, path)  # of 150.00 EUR
    refused = await decided(manager, first)
    assert codes(refused) == (403, "above_limit")
    assert refused.json()["detail"] == "pmo_manager: 150.00 EUR more than 149.99."
    assert (await decided(manager, first, "rejected")).status_code == 200
    executive = service.as_(organization, "executive", subject="ceo")
    assert (await decided(executive, await taken(asking, path))).status_code == 200

    # What is added is little, and late by a day: within. Late by another two: beyond.
    await change(asking, path, (await tasks(asking, path))["Pour"], duration_minutes=960)
    assert (await decided(manager, await taken(asking, path, "Second"))).status_code == 200
    await change(asking, path, (await tasks(asking, path))["Pour"], duration_minutes=1920)
    third = await taken(asking, path, "Third")
    refused = await decided(manager, third)
    assert refused.json()["detail"] == "pmo_manager: 960 working minutes later than 480."
    assert (await decided(director, third)).status_code == 200


async def test_a_limited_role_approves_nothing_in_other_currencies(
    asking: httpx2.AsyncClient, manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    made = await limited(director, "pmo_manager", "1000000.00", "USD")
    path = await planned(asking)
    first = await taken(asking, path)
    refused = await decided(manager, first)
    assert refused.json()["detail"] == "pmo_manager has no limit in EUR."
    assert (await director.delete(made.headers["location"], headers={"If-Match": '"1"'})).status_code == 204
    assert (await decided(manager, first)).status_code == 200


async def test_only_directors_set_limits_and_all_of_them_are_kept(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    assert codes(await limited(manager, "pmo_manager", "10.00")) == (403, "forbidden")
    made = await limited(director, "pmo_manager", "10.00")
    path = made.headers["location"]
    assert codes(await limited(director, "pmo_manager", "20.00")) == (409, "limit_exists")
    assert (await limited(director, "pmo_director", "20.00")).status_code == 422
    body = {"cost": {"amount": "20.00", "currency": "EUR"}, "delay_minutes": 60}
    changed = await director.patch(path, json=body, headers={"If-Match": '"1"'})
    assert changed.json()["cost"] == {"amount": "20.00", "currency": "EUR"}
    other = {"cost": {"amount": "20.00", "currency": "USD"}}
    assert codes(await director.patch(path, json=other, headers={"If-Match": '"2"'})) == (422, "currency_mismatch")
    assert (await manager.get(path, params={"as_of": made.json()["created_at"]})).json() == made.json()
    assert [one["action"] for one in (await manager.get(f"{path}/history")).json()["items"]] == ["updated", "created"]
    assert (await manager.get(f"{PATH}?role=pmo_manager&currency=EUR")).json()["items"] == [changed.json()]


def looped(content: bytes) -> bytes:
    """A plan in which two tasks wait for each other."""
    root = ET.fromstring(content)
    space = root.tag.removesuffix("Project")
    found = {task.findtext(f"{space}UID"): task for task in root.iter(f"{space}Task")}
    waiting = next(task for task in found.values() if task.find(f"{space}PredecessorLink") is not None)
    link = waiting.find(f"{space}PredecessorLink")
    assert link is not None
    before = found[link.findtext(f"{space}PredecessorUID")]
    back = ET.SubElement(before, f"{space}PredecessorLink")
    for name, text in (("PredecessorUID", waiting.findtext(f"{space}UID")), ("Type", "1"), ("LinkLag", "0")):
        ET.SubElement(back, f"{space}{name}").text = text
    ET.register_namespace("", space.strip("{}"))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


async def test_while_the_plan_cannot_be_scheduled_it_is_no_baseline(director: httpx2.AsyncClient) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    path = f"/v1/projects/{project_id}"
    assert (await imported(director, looped(EXAMPLE.read_bytes())))["result"]["project_id"] == project_id
    problem = (await director.get(f"{path}/schedule")).json()["problem"]
    assert problem
    refused = await director.post(f"{path}/baselines", json={"name": "No", "reason": "no"})
    assert codes(refused) == (409, "schedule_has_problem")
    assert refused.json()["detail"] == problem
    await imported(director, EXAMPLE.read_bytes())
    await taken(director, path)
