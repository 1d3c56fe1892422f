"""Baselines: taken by one, approved by another, never hidden by the next one."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects import repository
from services.projects.repository import baselines as rows
from services.projects.repository.variance import VARIANCE
from services.projects.service.baselines import named_baseline
from services.projects.service.variance import compare
from services.projects.settings import Settings
from shared.db import Context, Database
from shared.pagination import PageRequest, place_of
from shared.testing.http import Api

Json = dict[str, Any]


@pytest.fixture
def manager(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A project manager, who asks."""
    return service.as_(organization, "project_manager", subject="pm")


async def planned(client: httpx2.AsyncClient) -> str:
    """The path of a project of the client's: a summary with two tasks one after the other, starting on a Monday."""
    body = {"name": "Quay", "currency": "EUR", "start": "2026-03-02T08:00:00Z"}
    project: Json = (await client.post("/v1/projects", json=body)).json()
    path = f"/v1/projects/{project['id']}"
    summary = (await client.post(f"{path}/tasks", json={"name": "Works"})).json()
    for name, minutes, amount in (("Dig", 960, "100.00"), ("Pour", 480, "50.00")):
        task = {
            "name": name,
            "parent_id": summary["id"],
            "duration_minutes": minutes,
            "work_minutes": minutes,
            "cost": {"amount": amount, "currency": "EUR"},
        }
        assert (await client.post(f"{path}/tasks", json=task)).status_code == 201
    return path


async def taken(client: httpx2.AsyncClient, path: str, name: str = "Contract") -> httpx2.Response:
    response = await client.post(f"{path}/baselines", json={"name": name, "reason": "as agreed"})
    assert response.status_code == 201, response.text
    return response


async def decided(client: httpx2.AsyncClient, made: httpx2.Response, decision: str = "approved") -> httpx2.Response:
    headers = {"If-Match": made.headers["etag"]}
    if decision == "withdrawn":
        body = {"reason": "no longer"}
        return await client.post(f"{made.headers['location']}/withdrawal", json=body, headers=headers)
    body = {"decision": decision, "reason": "agreed"}
    return await client.post(f"{made.headers['location']}/decisions", json=body, headers=headers)


async def tasks(client: httpx2.AsyncClient, path: str) -> dict[str, Json]:
    return {task["name"]: task for task in (await client.get(f"{path}/tasks")).json()["items"]}


async def change(client: httpx2.AsyncClient, path: str, task: Mapping[str, Any], **fields: object) -> None:
    headers = {"If-Match": f'"{task["version"]}"'}
    answer = await client.patch(f"{path}/tasks/{task['id']}", json=fields, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_a_baseline_is_asked_for_by_one_and_approved_by_another(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    path = await planned(manager)
    made = await taken(manager, path)
    body = made.json()
    assert (body["status"], body["requested_by"], body["tasks"]) == ("requested", "pm", 3)
    assert body["start"] == "2026-03-02T08:00:00+00:00"
    assert body["finish"] == "2026-03-03T17:00:00+00:00"
    assert body["work_minutes"] == 1440
    assert body["cost"] == {"amount": "150.00", "currency": "EUR"}
    assert (await decided(manager, made)).status_code == 403
    approved = await decided(director, made)
    assert approved.status_code == 200, approved.text
    assert (approved.json()["status"], approved.json()["decided_by"]) == ("approved", "someone")
    dig = (await tasks(director, path))["Dig"]
    assert dig["baseline_finish"] == "2026-03-03T17:00:00+00:00"
    assert dig["baseline_cost"] == {"amount": "100.00", "currency": "EUR"}
    assert dig["baseline_work_minutes"] == 960


async def test_who_asks_does_not_decide_and_nobody_else_withdraws(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    path = await planned(director)
    made = await taken(director, path)
    refused = await decided(director, made)
    assert (refused.status_code, refused.json()["code"]) == (403, "own_request")
    another = service.as_(organization, "pmo_manager", subject="another")
    refused = await decided(another, made, "withdrawn")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_own_request")
    withdrawn = await decided(director, made, "withdrawn")
    assert withdrawn.json()["status"] == "withdrawn"
    body, headers = {"decision": "approved", "reason": "late"}, {"If-Match": withdrawn.headers["etag"]}
    refused = await another.post(f"{made.headers['location']}/decisions", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "baseline_decided")


async def test_history_tells_why_each_thing_was_done(manager: httpx2.AsyncClient, director: httpx2.AsyncClient) -> None:
    async def reasons(path: str) -> list[tuple[str, str]]:
        return [(one["action"], one["reason"]) for one in (await director.get(f"{path}/history")).json()["items"]]

    path = await planned(manager)
    first = await taken(manager, path)
    assert (await decided(director, first)).status_code == 200
    dig = (await tasks(manager, path))["Dig"]
    assert (await reasons(f"{path}/tasks/{dig['id']}"))[0] == ("updated", "agreed")
    await change(manager, path, dig, duration_minutes=1440)
    second, third, fourth = [await taken(manager, path, name) for name in ("After the storm", "Again", "Once more")]
    assert (await decided(director, second)).status_code == 200
    assert (await decided(director, third, "rejected")).status_code == 200
    assert (await decided(manager, fourth, "withdrawn")).status_code == 200
    asked = ("requested", "as agreed")
    assert [await reasons(made.headers["location"]) for made in (first, second, third, fourth)] == [
        [("superseded", "agreed"), ("approved", "agreed"), asked],
        [("approved", "agreed"), asked],
        [("rejected", "agreed"), asked],
        [("withdrawn", "no longer"), asked],
    ]


async def test_a_name_is_free_again_only_when_its_baseline_was_not_approved(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    path, elsewhere = await planned(manager), await planned(manager)
    body = {"name": "Contract", "reason": "again"}
    for decision in ("withdrawn", "rejected"):
        made = await taken(manager, path)
        assert (await decided(manager if decision == "withdrawn" else director, made, decision)).status_code == 200
    made = await taken(manager, path)
    for _ in range(2):  # requested, then approved
        refused = await manager.post(f"{path}/baselines", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "baseline_name_taken")
        await decided(director, made)
    await decided(director, await taken(manager, path, "Second"))
    refused = await manager.post(f"{path}/baselines", json=body)  # superseded: it is still compared with
    assert (refused.status_code, refused.json()["code"]) == (409, "baseline_name_taken")
    await taken(manager, elsewhere)


async def test_a_project_manager_withdraws_what_they_asked_for(manager: httpx2.AsyncClient) -> None:
    path = await planned(manager)
    withdrawn = await decided(manager, await taken(manager, path), "withdrawn")
    assert withdrawn.json()["status"] == "withdrawn"


async def test_a_plan_without_dates_cannot_be_a_baseline(director: httpx2.AsyncClient) -> None:
    project = (await director.post("/v1/projects", json={"name": "Nothing"})).json()
    body = {"name": "None", "reason": "none"}
    refused = await director.post(f"/v1/projects/{project['id']}/baselines", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_baseline")


async def test_variance_is_told_task_by_task_and_for_the_whole(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    path = await planned(manager)
    await decided(director, await taken(manager, path))
    known = await tasks(manager, path)
    await change(manager, path, known["Dig"], duration_minutes=1440, work_minutes=1200)
    await manager.delete(f"{path}/tasks/{known['Pour']['id']}", headers={"If-Match": f'"{known["Pour"]["version"]}"'})
    await manager.post(
        f"{path}/tasks", json={"name": "Cure", "duration_minutes": 480, "parent_id": known["Works"]["id"]}
    )

    answer: Json = (await manager.get(f"{path}/variance")).json()
    assert answer["baseline"]["name"] == "Contract"
    found = {item["name"]: item for item in answer["items"]}
    assert list(found) == ["Works", "Dig", "Pour", "Cure"]
    assert found["Dig"]["presence"] == "both"
    assert found["Dig"]["variance"] == {
        "start_minutes": 0,
        "finish_minutes": 480,
        "duration_minutes": 480,
        "work_minutes": 240,
        "cost": {"amount": "0.00", "currency": "EUR"},
    }
    assert (found["Pour"]["presence"], found["Pour"]["present"]) == ("removed", None)
    assert found["Pour"]["variance"]["cost"] == {"amount": "-50.00", "currency": "EUR"}
    assert (found["Cure"]["presence"], found["Cure"]["baseline"]) == ("added", None)
    assert found["Cure"]["variance"]["duration_minutes"] == 480
    assert found["Works"]["present"]["cost"] == {"amount": "100.00", "currency": "EUR"}
    assert answer["total"]["variance"]["finish_minutes"] == 480
    assert answer["total"]["variance"]["work_minutes"] == 1200 - 1440
    assert answer["total"]["variance"]["cost"] == {"amount": "-50.00", "currency": "EUR"}

    pages, cursor = [], ""
    while True:
        page = (await manager.get(f"{path}/variance?limit=1{cursor}")).json()
        pages += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == list(found)
    leaves = (await manager.get(f"{path}/variance?is_summary=false")).json()
    assert [item["name"] for item in leaves["items"]] == ["Dig", "Pour", "Cure"]


async def test_what_goes_over_a_whole_plan_joins_by_hash_whatever_is_known_of_the_tables(
    director: httpx2.AsyncClient, settings: Settings, organization: UUID, service: Api
) -> None:
    """Row by row it takes minutes for a large plan that has just been made: nothing is known of its tables then."""
    path = await planned(director)
    made = await taken(director, path)
    assert (await decided(service.as_(organization, "pmo_director", subject="boss"), made)).status_code == 200
    database = await Database.connect(settings.database_url, size=1)
    try:
        async with database.transaction(Context(organization, "test")) as tx:
            project = await repository.project_row(tx, path.rpartition("/")[2], None)
            baseline = await named_baseline(tx, project["id"], "current")
            first = PageRequest(10, None, None, None, include_total=False, path="", query="", secret=b"")
            page = await compare(tx, project, baseline, place_of(organization, VARIANCE, first, {}), 10)
            (told,) = await tx.fetch("show enable_nestloop")
            plan = await tx.fetch("explain " + rows.UNLIKE, organization, project["id"], baseline["id"])
    finally:
        await database.close()
    assert len(page["items"]) == 3  # type: ignore[arg-type]
    assert told[0] == "off"
    assert not [line[0] for line in plan if "Nested Loop" in line[0]]


async def test_sums_may_have_more_digits_than_any_amount(
    director: httpx2.AsyncClient, organization: UUID, service: Api
) -> None:
    path = await planned(director)
    summary = (await tasks(director, path))["Works"]
    most = {"amount": "999999999999999.99", "currency": "EUR"}
    items = [
        {"action": "create_task", "task": {"name": f"{n}", "parent_id": summary["id"], "cost": most}} for n in range(20)
    ]
    batch = await director.post(f"{path}/tasks/batch", json={"mode": "atomic", "items": items})
    assert batch.status_code == 200, batch.text
    made = await taken(director, path)
    assert made.json()["cost"]["amount"] == "20000000000000149.80"
    assert (await decided(service.as_(organization, "pmo_director", subject="boss"), made)).status_code == 200
    page = (await director.get(f"{path}/tasks?expand=rollup&is_summary=true")).json()
    assert page["items"][0]["rollup"]["cost"]["amount"] == "20000000000000149.80"
    assert page["items"][0]["baseline_cost"]["amount"] == "20000000000000149.80"
    compared = (await director.get(f"{path}/variance")).json()
    assert compared["total"]["present"]["cost"]["amount"] == "20000000000000149.80"


async def test_another_baseline_hides_nothing_of_what_came_before(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    path = await planned(manager)
    first = await taken(manager, path)
    await decided(director, first)
    await change(manager, path, (await tasks(manager, path))["Dig"], duration_minutes=1920)
    second = await taken(manager, path, "After the storm")
    approved = (await decided(director, second)).json()
    assert approved["replaces_id"] == first.json()["id"]
    assert approved["replaced_variance"]["finish_minutes"] == 960
    assert (await manager.get(first.headers["location"])).json()["status"] == "superseded"
    assert (await manager.get(f"{path}/variance")).json()["total"]["variance"]["finish_minutes"] == 0
    original = (await manager.get(f"{path}/variance?baseline=original")).json()
    assert original["total"]["variance"]["finish_minutes"] == 960
    held = (await manager.get(f"{first.headers['location']}/tasks?sort=position&is_summary=false")).json()["items"]
    assert [(task["name"], task["duration_minutes"]) for task in held] == [("Dig", 960), ("Pour", 480)]


async def test_without_an_approved_baseline_there_is_no_variance(manager: httpx2.AsyncClient) -> None:
    path = await planned(manager)
    await taken(manager, path)
    assert (await manager.get(f"{path}/variance")).status_code == 404
    assert (await manager.get(f"{path}/variance?baseline=original")).status_code == 404
