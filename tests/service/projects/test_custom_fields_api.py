"""Fields that an organization adds: defined, checked, stored, found, retired."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.testing.http import Api


async def define(client: httpx2.AsyncClient, key: str, kind: str, **more: object) -> dict[str, Any]:
    """Add a field, to projects unless said otherwise."""
    body = {"entity": "project", "key": key, "name": key.title(), "type": kind, **more}
    response = await client.post("/v1/custom-fields", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def project(client: httpx2.AsyncClient, name: str = "Quay", **values: object) -> dict[str, Any]:
    """Create a project with values of such fields."""
    response = await client.post("/v1/projects", json={"name": name, "custom_fields": values})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def found(client: httpx2.AsyncClient, query: str, path: str = "/v1/projects") -> list[str]:
    """The names of what a filter finds, sorted."""
    response = await client.get(f"{path}?{query}")
    assert response.status_code == 200, response.text
    return sorted(item["name"] for item in response.json()["items"])


def mistakes(response: httpx2.Response) -> set[tuple[str, str]]:
    """Pointer and code of all mistakes."""
    assert response.status_code == 422, response.text
    return {(each["pointer"], each["code"]) for each in response.json()["errors"]}


async def test_values_are_checked_and_all_mistakes_told_at_once(director: httpx2.AsyncClient) -> None:
    await define(director, "risk", "choice", choices=["low", "high"], is_required=True)
    await define(director, "score", "integer", minimum=1, maximum=5, default=3)
    await define(director, "site", "url")
    refused = await director.post(
        "/v1/projects", json={"name": "x", "custom_fields": {"score": 7, "site": "ftp://a", "strange": 1}}
    )
    assert mistakes(refused) == {
        ("/custom_fields/risk", "required"),
        ("/custom_fields/score", "greater_than_maximum"),
        ("/custom_fields/site", "url"),
        ("/custom_fields/strange", "unknown_custom_field"),
    }
    made = await project(director, risk="low")
    assert made["custom_fields"] == {"risk": "low", "score": 3}
    path, match = f"/v1/projects/{made['id']}", {"If-Match": '"1"'}
    assert mistakes(await director.patch(path, json={"custom_fields": {"risk": None}}, headers=match)) == {
        ("/custom_fields/risk", "required")
    }
    changed = await director.patch(
        path, json={"custom_fields": {"score": None, "site": "https://a.example"}}, headers=match
    )
    assert changed.json()["custom_fields"] == {"risk": "low", "site": "https://a.example"}
    history = (await director.get(f"{path}/history")).json()["items"]
    assert history[0]["changed"] == ["custom_fields"]
    assert history[0]["after"]["custom_fields"] == changed.json()["custom_fields"]
    renamed = await director.patch(path, json={"name": "Other"}, headers={"If-Match": '"2"'})
    assert renamed.json()["custom_fields"] == changed.json()["custom_fields"]


@pytest.mark.parametrize("kind", ["portfolio", "programme", "project", "task"])
async def test_each_kind_of_thing_has_its_own_fields(director: httpx2.AsyncClient, kind: str) -> None:
    await define(director, "risk", "choice", entity=kind, choices=["low", "high"])
    await define(director, "other", "text", entity="task" if kind != "task" else "project")
    path = f"/v1/{kind}s"
    if kind == "task":
        path = f"/v1/projects/{(await project(director))['id']}/tasks"
    for name, risk in (("A", "low"), ("B", "high"), ("C", None)):
        body = {"name": name, "custom_fields": {} if risk is None else {"risk": risk}}
        assert (await director.post(path, json=body)).status_code == 201
    assert await found(director, "custom.risk=high", path) == ["B"]
    assert await found(director, "custom.risk=high&custom.risk=low", path) == ["A", "B"]
    assert await found(director, "custom.risk=none", path) == []
    wrong = await director.post(path, json={"name": "x", "custom_fields": {"other": "x"}})
    assert mistakes(wrong) == {("/custom_fields/other", "unknown_custom_field")}
    first = (await director.get(f"{path}?custom.risk=low")).json()["items"][0]
    changed = await director.patch(
        f"{path}/{first['id']}", json={"custom_fields": {"risk": "high"}}, headers={"If-Match": '"1"'}
    )
    assert changed.json()["custom_fields"] == {"risk": "high"}


async def test_a_batch_checks_the_fields_of_tasks_too(director: httpx2.AsyncClient) -> None:
    await define(director, "risk", "choice", entity="task", choices=["low", "high"], default="low")
    await define(director, "team", "text", entity="task")
    path = f"/v1/projects/{(await project(director))['id']}/tasks"
    task = (await director.post(path, json={"name": "Old"})).json()
    update = {"action": "update_task", "id": task["id"], "version": 1}
    items = [
        {"action": "create_task", "task": {"name": "A"}},
        {"action": "create_task", "task": {"name": "B", "custom_fields": {"risk": "high"}}},
        {"action": "create_task", "task": {"name": "C", "custom_fields": {"risk": "none"}}},
        {**update, "task": {"custom_fields": {"team": "red", "risk": "high"}}},
    ]
    answer = await director.post(f"{path}/batch", json={"mode": "best_effort", "items": items})
    assert [item["status"] for item in answer.json()["items"]] == [201, 201, 422, 200], answer.text
    found = {item["name"]: item["custom_fields"] for item in (await director.get(path)).json()["items"]}
    assert found == {"Old": {"risk": "high", "team": "red"}, "A": {"risk": "low"}, "B": {"risk": "high"}}


async def test_lists_are_filtered_by_values_of_every_type(director: httpx2.AsyncClient) -> None:
    for key, kind in (
        ("t", "text"),
        ("n", "number"),
        ("i", "integer"),
        ("b", "boolean"),
        ("d", "date"),
        ("u", "user"),
        ("l", "url"),
    ):
        await define(director, key, kind)
    await define(director, "m", "multi_choice", choices=["a", "b", "c"])
    link = "https://a.example/?x=1"
    await project(director, "One", t="x y", n=2.5, i=3, b=True, d="2026-03-01", u="paula", l=link, m=["a", "b"])
    await project(director, "Two", t="z", n=2, i=4, b=False, d="2026-03-02", u="otto", m=["b", "c"])
    for query in ("t=x%20y", "n=2.50", "i=3", "b=true", "d=2026-03-01", "u=paula", "m=a", "l=https://a.example/?x=1"):
        assert await found(director, f"custom.{query}") == ["One"], query
    assert await found(director, "custom.m=b") == ["One", "Two"]
    assert await found(director, "custom.m=b&custom.b=false") == ["Two"]
    assert await found(director, "custom.m=b&custom.b=false&custom.i=3") == []
    assert await found(director, "custom.m=b&name=one&limit=1") == ["One"]
    refused = await director.get("/v1/projects?custom.i=three&custom.nothing=1")
    assert mistakes(refused) == {("query/custom.i", "custom_field_type"), ("query", "unknown_custom_field")}
    assert "custom.b, custom.d" in refused.text
    unknown = await director.get("/v1/projects?customs.i=1")
    assert mistakes(unknown) == {("query", "unknown_parameter")}
    assert (await director.get("/v1/customers?custom.i=1")).status_code == 422


async def test_pages_of_a_filtered_list_follow_each_other(director: httpx2.AsyncClient) -> None:
    await define(director, "b", "boolean")
    for number in range(7):
        await project(director, f"P{number}", b=number % 2 == 0)
    seen: list[str] = []
    path = "/v1/projects?custom.b=true&limit=3&sort=-name&include_total=true"
    while path:
        page = (await director.get(path)).json()
        assert page["total"] == 4
        seen += [item["name"] for item in page["items"]]
        path = page["links"]["next"]
    assert seen == ["P6", "P4", "P2", "P0"]


async def test_a_retired_field_keeps_its_values_and_takes_no_new_ones(director: httpx2.AsyncClient) -> None:
    field = await define(director, "risk", "text", is_required=True)
    made = await project(director, risk="low")
    path = f"/v1/custom-fields/{field['id']}"
    in_use = await director.delete(path, headers={"If-Match": '"1"'})
    assert (in_use.status_code, in_use.json()["code"]) == (409, "in_use")
    retired = await director.patch(path, json={"status": "retired"}, headers={"If-Match": '"1"'})
    assert retired.json()["status"] == "retired"
    await project(director, "Without")
    refused = await director.post("/v1/projects", json={"name": "x", "custom_fields": {"risk": "low"}})
    assert mistakes(refused) == {("/custom_fields/risk", "custom_field_retired")}
    assert await found(director, "custom.risk=low") == ["Quay"]
    cleared = await director.patch(
        f"/v1/projects/{made['id']}", json={"custom_fields": {"risk": None}}, headers={"If-Match": '"1"'}
    )
    assert cleared.json()["custom_fields"] == {}
    assert (await director.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await director.get("/v1/projects?custom.risk=low")).status_code == 422
    past = (await director.get(f"{path}/history")).json()["items"]
    assert [item["action"] for item in past] == ["deleted", "updated", "created"]
    await define(director, "risk", "integer")


async def test_a_stricter_definition_keeps_nobody_from_changing_something_else(director: httpx2.AsyncClient) -> None:
    field = await define(director, "risk", "choice", choices=["low", "high"])
    made = await project(director, risk="high")
    path = f"/v1/custom-fields/{field['id']}"
    stricter = {"choices": ["low"], "is_required": True}
    assert (await director.patch(path, json=stricter, headers={"If-Match": '"1"'})).status_code == 200
    other = await director.patch(f"/v1/projects/{made['id']}", json={"name": "B"}, headers={"If-Match": '"1"'})
    assert other.json()["custom_fields"] == {"risk": "high"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"type": "choice"}, "/choices"),
        ({"type": "text", "choices": ["a"]}, "/choices"),
        ({"type": "choice", "choices": ["a", "a"]}, "/choices"),
        ({"type": "text", "minimum": 1}, "/minimum"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "/minimum"),
        ({"type": "integer", "maximum": 5, "default": 6}, "/default"),
        ({"type": "date", "default": "tomorrow"}, "/default"),
        ({"type": "choice", "choices": ["a"], "default": 2**64}, "/default"),
        ({"type": "text", "key": "Not a key"}, "/key"),
        ({"type": "text", "entity": "customer"}, "/entity"),
        ({"type": "money"}, "/type"),
    ],
)
async def test_definitions_that_contradict_themselves_are_refused(
    director: httpx2.AsyncClient, body: dict[str, object], pointer: str
) -> None:
    whole = {"entity": "project", "key": "x", "name": "X", **body}
    refused = await director.post("/v1/custom-fields", json=whole)
    assert {each for each, _ in mistakes(refused)} == {pointer}


async def test_keys_are_unique_for_each_kind_and_organization(director: httpx2.AsyncClient, service: Api) -> None:
    await define(director, "risk", "text")
    again = await director.post(
        "/v1/custom-fields", json={"entity": "project", "key": "risk", "name": "R", "type": "text"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "key_taken")
    await define(director, "risk", "text", entity="task")
    other = service.as_(uuid4(), "pmo_director")
    refused = await other.post("/v1/projects", json={"name": "x", "custom_fields": {"risk": "low"}})
    assert mistakes(refused) == {("/custom_fields/risk", "unknown_custom_field")}
    assert (await other.get("/v1/custom-fields")).json()["items"] == []


async def test_everybody_reads_the_definitions_and_the_pmo_makes_them(service: Api, organization: UUID) -> None:
    field = await define(service.as_(organization, "pmo_manager"), "risk", "text")
    for role in ("pmo_analyst", "project_manager", "executive", "team_member"):
        client = service.as_(organization, role)
        assert (await client.get("/v1/custom-fields?entity=project")).json()["items"] == [field]
        body = {"entity": "project", "key": "x", "name": "X", "type": "text"}
        assert (await client.post("/v1/custom-fields", json=body)).status_code == 403


async def test_an_imported_plan_is_not_asked_for_required_fields(director: httpx2.AsyncClient) -> None:
    await define(director, "risk", "text", is_required=True)
    plan = b'<Project xmlns="http://schemas.microsoft.com/project"><Name>P</Name><StartDate>2026-01-05T08:00:00</StartDate></Project>'
    headers = {"Content-Type": "application/xml"}
    accepted = await director.post("/v1/imports?format=mspdi", content=plan, headers=headers)
    assert accepted.status_code == 202, accepted.text
