"""The life cycle of projects: who may move them, what closing looks at, and that closed ones stay as they are."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Context, Database
from shared.testing.capture import recorded
from shared.testing.eventually import eventually
from shared.testing.http import Api
from tests.service.projects.test_calendars import OFFICE
from tests.service.projects.test_imports import EXAMPLE, imported
from tests.service.projects.test_inbound import push, stating
from tests.service.projects.test_project_links import Party

Json = dict[str, Any]


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The service's database under its own role."""
    opened = await Database.connect(settings.database_url, size=2)
    yield opened
    await opened.close()


@pytest.fixture
def manager(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A project manager."""
    return service.as_(organization, "project_manager", subject="pm")


async def made(client: httpx2.AsyncClient, **fields: object) -> str:
    response = await client.post("/v1/projects", json={"name": "Quay", **fields})
    assert response.status_code == 201, response.text
    return f"/v1/projects/{response.json()['id']}"


async def move(client: httpx2.AsyncClient, path: str, to: str, reason: str | None = None, **more: object) -> Any:
    """Ask for a move at the project's present version."""
    headers = {"If-Match": (await client.get(path)).headers["etag"]}
    return await client.post(f"{path}/transitions", json={"to": to, "reason": reason, **more}, headers=headers)


async def moved(client: httpx2.AsyncClient, path: str, *to: str) -> None:
    for one in to:
        answer = await move(client, path, one, "as agreed")
        assert answer.status_code == 200, answer.text


async def add_task(client: httpx2.AsyncClient, path: str, name: str = "Dig") -> httpx2.Response:
    return await client.post(f"{path}/tasks", json={"name": name, "duration_minutes": 480})


async def finish(client: httpx2.AsyncClient, path: str, task: Json) -> None:
    headers = {"If-Match": (await client.get(f"{path}/tasks/{task['id']}")).headers["etag"]}
    answer = await client.patch(f"{path}/tasks/{task['id']}", json={"percent_complete": 100}, headers=headers)
    assert answer.status_code == 200, answer.text


def codes(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_manager_proposes_and_somebody_else_approves(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    path = await made(manager)
    await moved(manager, path, "proposed")
    assert codes(await move(manager, path, "approved")) == (403, "forbidden")
    approved = await move(director, path, "approved", "Fits the strategy.")
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    assert approved.headers["etag"] == f'"{approved.json()["version"]}"'
    await moved(manager, path, "active")

    past = (await director.get(f"{path}/transitions")).json()["items"]
    assert [(one["from_status"], one["to_status"], one["moved_by"]) for one in past] == [
        ("approved", "active", "pm"),
        ("proposed", "approved", "someone"),
        ("idea", "proposed", "pm"),
    ]
    assert past[1]["reason"] == "Fits the strategy."
    history = (await director.get(f"{path}/history")).json()["items"]
    assert [(one["actor"], one["reason"]) for one in history if one["changed"] == ["status"]][1] == (
        "someone",
        "Fits the strategy.",
    )
    events = await recorded(database, organization)
    told = [data["after"]["to_status"] for kind, data in events if kind == "pmo.projects.project.transitioned.v1"]  # type: ignore[index]
    assert told == ["proposed", "approved", "active"]
    assert (await director.get(f"/v1/projects/{past[0]['id']}/history")).status_code == 404


async def test_who_proposed_does_not_approve_whatever_their_role(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    another = service.as_(organization, "pmo_manager", subject="another")
    path = await made(director, status="proposed")
    assert codes(await move(director, path, "approved")) == (403, "own_request")
    etag = (await director.get(path)).headers["etag"]
    patched = await director.patch(path, json={"status": "approved"}, headers={"If-Match": etag})
    assert codes(patched) == (403, "own_request")
    # Sent back and proposed again by the other, it is the other who cannot.
    await moved(another, path, "idea", "proposed")
    assert codes(await move(another, path, "approved")) == (403, "own_request")
    await moved(director, path, "approved")


@pytest.mark.parametrize("status", ["approved", "active"])
@pytest.mark.parametrize("kind", ["projects", "programmes"])
async def test_who_may_not_approve_begins_nothing_as_approved(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, kind: str, status: str
) -> None:
    body = {"name": "Quay", "status": status}
    assert codes(await manager.post(f"/v1/{kind}", json=body)) == (403, "forbidden")
    assert (await director.post(f"/v1/{kind}", json=body)).status_code == 201


@pytest.mark.parametrize("over", [("closing", "closed"), ("cancelled",)])
async def test_what_is_over_is_deleted_by_directors_alone(
    service: Api, organization: UUID, director: httpx2.AsyncClient, over: tuple[str, ...]
) -> None:
    manager = service.as_(organization, "project_manager", subject="pm")
    path = await made(director, owner="pm", status="active")
    await moved(director, path, *over)
    headers = {"If-Match": (await manager.get(path)).headers["etag"]}
    assert codes(await manager.delete(path, headers=headers)) == (409, "project_closed")
    assert (await director.delete(path, headers=headers)).status_code == 204


async def test_some_moves_need_a_reason_by_either_way(director: httpx2.AsyncClient) -> None:
    path = await made(director, status="active")
    refused = await move(director, path, "on_hold")
    assert codes(refused) == (422, "validation")
    assert refused.json()["errors"][0]["pointer"] == "/reason"
    headers = {"If-Match": (await director.get(path)).headers["etag"]}
    refused = await director.patch(path, json={"status": "on_hold"}, headers=headers)
    assert refused.json()["errors"][0] == {
        "pointer": "header/PMO-Reason",
        "code": "reason_needed",
        "detail": "from active to on_hold needs a reason",
    }
    held = await director.patch(path, json={"status": "on_hold"}, headers=headers | {"PMO-Reason": "No crane."})
    assert held.json()["status"] == "on_hold"
    (past,) = (await director.get(f"{path}/transitions?to_status=on_hold")).json()["items"]
    assert past["reason"] == "No crane."


async def test_a_move_that_there_is_not_names_those_that_there_are(director: httpx2.AsyncClient) -> None:
    path = await made(director, status="approved")
    refused = await move(director, path, "closed")
    assert codes(refused) == (409, "status_move_not_allowed")
    assert refused.json()["detail"] == "approved may be followed by: active, cancelled."
    assert codes(await move(director, path, "approved")) == (409, "status_move_not_allowed")


async def test_closing_says_what_is_still_open_and_a_director_may_override(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    manager = service.as_(organization, "pmo_manager", subject="another")
    path = await made(director, status="active", start="2026-03-02T08:00:00Z")
    tasks = [(await add_task(director, path, f"Task {n}")).json() for n in range(7)]
    baseline = await director.post(f"{path}/baselines", json={"name": "First", "reason": "agreed"})
    await finish(director, path, tasks[0])

    refused = await move(manager, path, "closing", "done")
    assert codes(refused) == (409, "still_open")
    found = {error["code"]: error["detail"] for error in refused.json()["errors"]}
    first = ", ".join(task["id"] for task in tasks[1:6])
    assert found == {"open_tasks": f"6: {first}, …", "pending_baselines": f"1: {baseline.json()['id']}"}

    possible = {one["to"]: one for one in (await manager.get(f"{path}/possible-transitions")).json()["items"]}
    assert (possible["closing"]["is_allowed"], possible["closing"]["refusal"]) == (False, "still_open")
    assert {one["kind"]: one["count"] for one in possible["closing"]["still_open"]} == {
        "open_tasks": 6,
        "pending_baselines": 1,
    }
    assert possible["on_hold"] == {
        "to": "on_hold",
        "is_allowed": True,
        "needs_reason": True,
        "refusal": None,
        "may_override": False,
        "still_open": [],
    }

    assert codes(await move(manager, path, "closing", "done", override=True)) == (403, "forbidden")
    assert codes(await move(director, path, "closing", override=True)) == (422, "validation")
    closing = await move(director, path, "closing", "The client went bankrupt.", override=True)
    assert closing.json()["status"] == "closing"
    (past,) = (await director.get(f"{path}/transitions?is_override=true")).json()["items"]
    assert (past["reason"], past["is_override"]) == ("The client went bankrupt.", True)
    assert [one["kind"] for one in past["still_open"]] == ["open_tasks", "pending_baselines"]


async def test_offered_links_are_open_at_both_ends(director: httpx2.AsyncClient) -> None:
    before = await Party.make(director, "Quay", status="active")
    after = await Party.make(director, "Cranes", status="active")
    link = (await before.link("b", after, "a", hardness="soft")).json()
    for party in (before, after):
        refused = await move(director, party.path, "closing")
        assert {"pointer": "", "code": "pending_links", "detail": f"1: {link['id']}"} in refused.json()["errors"]


async def test_dates_do_not_go_on_into_a_closed_project(director: httpx2.AsyncClient) -> None:
    before, closed, open_ = [await Party.make(director, name, status="active") for name in ("A", "B", "C")]
    for party in (closed, open_):
        assert (await before.link("b", party, "a")).status_code == 201
        await party.starts_at("a", "01-07T08:00")
    await moved(director, closed.path, "cancelled")
    await before.last("a", 3 * 480)
    await open_.starts_at("a", "01-09T08:00")
    assert (await closed.dates())["a"] == "01-07T08:00"


async def test_what_is_done_closes_without_an_override(director: httpx2.AsyncClient) -> None:
    path = await made(director, status="active", start="2026-03-02T08:00:00Z")
    task = (await add_task(director, path)).json()
    await director.get(f"{path}/schedule")
    await finish(director, path, task)
    await moved(director, path, "closing", "closed")
    (last, _) = (await director.get(f"{path}/transitions")).json()["items"]
    assert (last["to_status"], last["is_override"], last["still_open"]) == ("closed", False, [])
    assert (await director.get(f"{path}/possible-transitions")).json() == {"status": "closed", "items": []}


async def test_a_programme_moves_by_the_same_table_and_closes_after_its_projects(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    made_ = (await manager.post("/v1/programmes", json={"name": "Port", "status": "proposed"})).json()
    path = f"/v1/programmes/{made_['id']}"

    async def patch(client: httpx2.AsyncClient, status: str, **headers: str) -> httpx2.Response:
        etag = (await director.get(path)).headers["etag"]
        return await client.patch(path, json={"status": status}, headers={"If-Match": etag, **headers})

    assert codes(await patch(manager, "approved")) == (403, "forbidden")
    assert (await patch(director, "approved")).status_code == 200
    assert (await patch(manager, "active")).status_code == 200
    project = await made(director, programme_id=made_["id"], status="active")
    refused = await patch(director, "closing")
    assert codes(refused) == (409, "still_open")
    assert refused.json()["errors"][0]["code"] == "open_projects"
    await moved(director, project, "cancelled")
    assert (await patch(director, "closing")).status_code == 200
    assert (await patch(director, "closed")).json()["status"] == "closed"


async def test_the_moves_of_a_programme_are_told_and_a_director_may_override_what_is_open(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    made_ = (await manager.post("/v1/programmes", json={"name": "Port"})).json()
    path = f"/v1/programmes/{made_['id']}"
    await moved(manager, path, "proposed")
    assert codes(await move(manager, path, "approved")) == (403, "forbidden")
    possible = (await manager.get(f"/v1/programmes/{made_['key']}/possible-transitions")).json()
    assert possible["status"] == "proposed"
    assert {one["to"]: one["refusal"] for one in possible["items"]} == {
        "idea": None, "approved": "forbidden", "cancelled": "forbidden",
    }  # fmt: skip
    await moved(director, path, "approved", "active")
    project = await made(director, programme_id=made_["id"], status="active")
    assert codes(await move(manager, path, "closing")) == (409, "still_open")
    assert codes(await move(manager, path, "closing", "Now", override=True)) == (403, "forbidden")
    closing = await move(director, path, "closing", "The port is sold.", override=True)
    assert (closing.status_code, closing.json()["status"]) == (200, "closing")
    etag = (await director.get(path)).headers["etag"]
    patched = await director.patch(
        path, json={"status": "active"}, headers={"If-Match": etag, "PMO-Reason": "Not sold."}
    )
    assert patched.status_code == 200, patched.text

    past = (await director.get(f"{path}/transitions")).json()["items"]
    assert [(one["to_status"], one["reason"], one["is_override"]) for one in past[:2]] == [
        ("active", "Not sold.", False),
        ("closing", "The port is sold.", True),
    ]
    assert past[1]["still_open"] == [{"kind": "open_projects", "count": 1, "first": [project.rpartition("/")[2]]}]
    overrides = (await director.get(f"{path}/transitions?is_override=true")).json()["items"]
    assert [one["programme_id"] for one in overrides] == [made_["id"]]
    events = await recorded(database, organization)
    told = [data["after"]["to_status"] for kind, data in events if kind == "pmo.projects.programme.transitioned.v1"]  # type: ignore[index]
    assert told == ["proposed", "approved", "active", "closing", "active"]


async def test_a_closed_project_keeps_its_plan_as_it_is(director: httpx2.AsyncClient) -> None:
    path = await made(director, status="active", start="2026-03-02T08:00:00Z")
    task = (await add_task(director, path)).json()
    other = (await add_task(director, path, "Pour")).json()
    link = {"predecessor_id": task["id"], "successor_id": other["id"]}
    dependency = (await director.post(f"{path}/dependencies", json=link)).json()
    calendar = (await director.post(f"{path}/calendars", json={"name": "Night", "week": OFFICE})).json()
    baseline = await director.post(f"{path}/baselines", json={"name": "First", "reason": "agreed"})
    await moved(director, path, "cancelled")

    at = f"{path}/tasks/{task['id']}"
    version = {"If-Match": (await director.get(at)).headers["etag"]}
    first = {"If-Match": '"1"'}
    project = {"If-Match": (await director.get(path)).headers["etag"]}
    step = {"action": "create_task", "task": {"name": "More"}}
    refused = [
        await add_task(director, path, "More"),
        await director.patch(at, json={"percent_complete": 10}, headers=version),
        await director.delete(at, headers=version),
        await director.post(f"{path}/tasks/batch", json={"mode": "best_effort", "items": [step]}),
        await director.post(f"{at}/move", json={}, headers=version),
        await director.post(f"{path}/tasks/copy", json={"source_project_id": path.rsplit("/", 1)[1]}),
        await director.post(f"{path}/tasks/renumber"),
        await director.post(f"{path}/dependencies", json=link | {"type": "start_to_start"}),
        await director.patch(f"{path}/dependencies/{dependency['id']}", json={"lag": 10}, headers=first),
        await director.delete(f"{path}/dependencies/{dependency['id']}", headers=first),
        await director.post(f"{path}/calendars", json={"name": "Day"}),
        await director.patch(f"{path}/calendars/{calendar['id']}", json={"name": "Day"}, headers=first),
        await director.delete(f"{path}/calendars/{calendar['id']}", headers=first),
        await director.post(f"{path}/baselines", json={"name": "Second", "reason": "late"}),
        await director.patch(path, json={"start": "2026-04-01T08:00:00Z"}, headers=project),
    ]
    assert [codes(answer) for answer in refused] == [(409, "project_closed")] * len(refused)
    # What is said about it may still be mended, and what was asked for be turned down.
    assert (await director.patch(path, json={"description": "Why it ended."}, headers=project)).status_code == 200
    body = {"reason": "no longer"}
    assert (await director.post(f"{baseline.headers['location']}/withdrawal", json=body, headers=first)).is_success
    assert [item["name"] for item in (await director.get(f"{path}/tasks")).json()["items"]] == ["Dig", "Pour"]


async def test_progress_pushed_to_a_closed_project_is_answered_with_the_reason(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    await moved(director, f"/v1/projects/{project_id}", "cancelled")
    kind, answer = await push(database, organization, stating(project_id, 70))
    assert (kind, answer["code"]) == ("pmo.projects.inbound.rejected.v1", "project_closed")


async def test_a_file_cannot_be_imported_into_a_closed_project(director: httpx2.AsyncClient) -> None:
    content = EXAMPLE.read_bytes()
    project_id = (await imported(director, content))["result"]["project_id"]
    await moved(director, f"/v1/projects/{project_id}", "cancelled")
    again = await imported(director, content)
    assert (again["status"], again["problem"]["code"]) == ("failed", "project_closed")


async def test_a_plan_that_a_manager_imports_is_proposed(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    project_id = (await imported(manager, EXAMPLE.read_bytes()))["result"]["project_id"]
    assert (await director.get(f"/v1/projects/{project_id}")).json()["status"] == "proposed"
    await moved(director, f"/v1/projects/{project_id}", "approved")


async def waiters(database: Database) -> int:
    """How many wait for a row that another transaction holds."""
    async with database.transaction(Context(UUID(int=0), "test"), read_only=True) as tx:
        return await tx.fetchint("select count(*) from pg_locks where not granted and locktype = 'transactionid'")


async def test_what_waited_for_a_project_to_close_finds_it_closed(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    path = await made(director, status="active")
    project_id = UUID(path.rsplit("/", 1)[1])
    async with database.transaction(Context(organization, "test")) as tx:
        await tx.execute(
            "update aggregate set version = version where organization_id = $1 and id = $2", organization, project_id
        )
        waiting = asyncio.create_task(add_task(director, path))
        await eventually(partial(waiters, database))
        await tx.execute(
            "update project set status = 'closed' where organization_id = $1 and id = $2", organization, project_id
        )
    assert codes(await waiting) == (409, "project_closed")
