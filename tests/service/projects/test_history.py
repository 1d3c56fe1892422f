"""The past of entities over HTTP: who changed what, when and why, and how they were at any instant."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.testing.http import Api


async def project_of(client: httpx2.AsyncClient, **fields: object) -> str:
    """Create a project and return its path."""
    return str((await client.post("/v1/projects", json={"name": "Quay", **fields})).headers["location"])


async def renamed(client: httpx2.AsyncClient, path: str, version: int, name: str, reason: str | None = None) -> None:
    """Change a name, with a reason."""
    headers = {"If-Match": f'"{version}"', **({} if reason is None else {"PMO-Reason": reason})}
    response = await client.patch(path, json={"name": name}, headers=headers)
    assert response.status_code == 200, response.text


async def test_each_version_tells_who_what_when_and_why(service: Api, organization: UUID) -> None:
    paula, otto = (service.as_(organization, "pmo_director", subject=name) for name in ("paula", "otto"))
    path = await project_of(paula)
    made = (await paula.get(path)).json()
    await renamed(otto, path, 1, "Quay wall", "The scope is the wall only.")
    changed = (await paula.get(path)).json()
    newest, first = (await paula.get(f"{path}/history")).json()["items"]
    assert (newest["version"], newest["actor"], newest["action"]) == (2, "otto", "updated")
    assert newest["reason"] == "The scope is the wall only."
    assert newest["changed"] == ["name"]
    assert newest["after"] == changed
    assert newest["at"] == changed["updated_at"]
    assert (first["version"], first["actor"], first["action"], first["reason"]) == (1, "paula", "created", None)
    assert set(first["changed"]) == {name for name in made if made[name] is not None} - {"version", "updated_at"}
    assert first["after"] == made
    assert first["request_id"]


async def test_a_deleted_project_keeps_its_history(director: httpx2.AsyncClient) -> None:
    path = await project_of(director)
    await director.delete(path, headers={"If-Match": '"1"', "PMO-Reason": "Entered twice."})
    newest, first = (await director.get(f"{path}/history")).json()["items"]
    assert (newest["action"], newest["after"], newest["changed"]) == ("deleted", None, [])
    assert newest["reason"] == "Entered twice."
    assert first["after"]["name"] == "Quay"


async def test_what_a_project_held_keeps_its_past_when_it_is_deleted(service: Api, organization: UUID) -> None:
    pm, other = (service.as_(organization, "project_manager", subject=name) for name in ("pm", "other"))
    path = await project_of(pm)
    first, second = [(await pm.post(f"{path}/tasks", json={"name": name})).json() for name in ("Dig", "Pour")]
    link = {"predecessor_id": first["id"], "successor_id": second["id"]}
    made = {
        "tasks": first,
        "dependencies": (await pm.post(f"{path}/dependencies", json=link)).json(),
        "calendars": (await pm.post(f"{path}/calendars", json={"name": "Site", "week": {"monday": DAY}})).json(),
    }
    await pm.get(f"{path}/schedule")
    made["baselines"] = (await pm.post(f"{path}/baselines", json={"name": "First", "reason": "x"})).json()
    at = (await pm.get(f"{path}/baselines/{made['baselines']['id']}")).json()["updated_at"]
    dependency = f"{path}/dependencies/{made['dependencies']['id']}"
    assert (await pm.delete(dependency, headers={"If-Match": '"1"'})).status_code == 204
    assert (await pm.get(dependency, params={"as_of": at})).json() == made["dependencies"]
    etag = (await pm.get(path)).headers["etag"]
    assert (await pm.delete(path, headers={"If-Match": etag})).status_code == 204
    for kind, one in made.items():
        past = f"{path}/{kind}/{one['id']}"
        assert (await pm.get(past, params={"as_of": at})).json()["id"] == one["id"]
        assert (await pm.get(past)).status_code == 404
        now = {"as_of": datetime.now(UTC).isoformat()}
        assert (await pm.get(past, params=now)).status_code == 404
        assert (await pm.get(f"{past}/history")).json()["items"][-1]["action"] in {"created", "requested"}
        for wanted in (f"{past}/history", f"{past}?as_of={at}"):
            assert (await other.get(wanted)).status_code == 404


DAY = [{"start": "08:00", "finish": "16:00"}]


async def test_history_is_paged_and_filtered(service: Api, organization: UUID) -> None:
    paula, otto = (service.as_(organization, "pmo_director", subject=name) for name in ("paula", "otto"))
    path = await project_of(paula)
    for version in range(1, 6):
        await renamed(otto if version % 2 else paula, path, version, f"Name {version}")
    versions: list[int] = []
    following = f"{path}/history?limit=4"
    while following:
        answer = (await paula.get(following)).json()
        versions += [item["version"] for item in answer["items"]]
        following = answer["links"]["next"]
    assert versions == [6, 5, 4, 3, 2, 1]
    rising = (await paula.get(f"{path}/history?sort=version&limit=2&fields=version")).json()
    assert rising["items"] == [{"version": 1}, {"version": 2}]
    by_otto = (await paula.get(f"{path}/history?actor=otto&include_total=true")).json()
    assert [item["version"] for item in by_otto["items"]] == [6, 4, 2]
    assert by_otto["total"] == 3
    assert [i["version"] for i in (await paula.get(f"{path}/history?action=created")).json()["items"]] == [1]
    middle = (await paula.get(f"{path}/history?actor=otto")).json()["items"][1]["at"]
    until = await paula.get(f"{path}/history", params={"until": middle})
    assert [item["version"] for item in until.json()["items"]] == [3, 2, 1]
    since = await paula.get(f"{path}/history", params={"since": middle})
    assert [item["version"] for item in since.json()["items"]] == [6, 5, 4]
    assert (await paula.get(f"{path}/history?sort=at")).status_code == 422


async def test_a_task_is_seen_as_it_was_also_when_it_is_deleted(director: httpx2.AsyncClient) -> None:
    path = await project_of(director)
    made = await director.post(f"{path}/tasks", json={"name": "Dig"})
    task = f"{path}/tasks/{made.json()['id']}"
    await renamed(director, task, 1, "Dig deep", "Rock was found.")
    assert (await director.delete(task, headers={"If-Match": '"2"'})).status_code == 204
    then = await director.get(task, params={"as_of": made.json()["updated_at"]})
    assert then.json() == made.json()
    assert then.headers["etag"] == '"1"'
    items = (await director.get(f"{task}/history")).json()["items"]
    assert [(item["action"], item["reason"]) for item in items] == [
        ("deleted", None),
        ("updated", "Rock was found."),
        ("created", None),
    ]
    other = await project_of(director)
    strange = f"{other}/tasks/{made.json()['id']}"
    assert (await director.get(f"{strange}/history")).status_code == 404
    assert (await director.get(strange, params={"as_of": made.json()["updated_at"]})).status_code == 404


async def test_a_managers_history_is_that_of_own_projects(service: Api, organization: UUID) -> None:
    director = service.as_(organization, "pmo_director")
    maria = service.as_(organization, "project_manager", subject="maria")
    others, own = await project_of(director), await project_of(maria)
    assert (await maria.get(f"{own}/history")).status_code == 200
    await maria.delete(own, headers={"If-Match": '"1"'})
    assert (await maria.get(f"{own}/history")).status_code == 200
    assert (await maria.get(f"{others}/history")).status_code == 404
    await director.delete(others, headers={"If-Match": '"1"'})
    assert (await maria.get(f"{others}/history")).status_code == 404


@pytest.mark.parametrize("role", ["executive", "team_member"])
async def test_who_changed_what_is_not_for_everybody(service: Api, organization: UUID, role: str) -> None:
    path = await project_of(service.as_(organization, "pmo_director"))
    assert (await service.as_(organization, role).get(f"{path}/history")).status_code == 403
    assert (await service.as_(organization, "pmo_analyst").get(f"{path}/history")).status_code == 200
    stranger = service.as_(uuid4(), "pmo_director")
    hidden = await stranger.get(f"{path}/history")
    missing = await stranger.get(f"/v1/projects/{uuid4()}/history")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"] == missing.json()["detail"]


async def test_a_reason_is_kept_whole_or_refused(director: httpx2.AsyncClient) -> None:
    path = await project_of(director)
    headers = {"If-Match": '"1"', "PMO-Reason": "x" * 501}
    refused = await director.patch(path, json={"name": "Other"}, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "header/PMO-Reason"
    await renamed(director, path, 1, "Other", "x" * 500)
    assert (await director.get(f"{path}/history?limit=1")).json()["items"][0]["reason"] == "x" * 500
