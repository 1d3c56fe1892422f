"""Customers, portfolios and programmes over HTTP: who hangs in what, who sees it, and how it adds up."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.testing.http import Api


async def made(client: httpx2.AsyncClient, kind: str, **fields: object) -> dict[str, Any]:
    """Create something and return it."""
    response = await client.post(f"/v1/{kind}", json={"name": "Harbour", **fields})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def patched(client: httpx2.AsyncClient, kind: str, row: dict[str, Any], **changes: object) -> httpx2.Response:
    """Change something at the version that is known of it."""
    headers = {"If-Match": f'"{row["version"]}"', "PMO-Reason": "as agreed"}
    return await client.patch(f"/v1/{kind}/{row['id']}", json=changes, headers=headers)


async def deleted(client: httpx2.AsyncClient, path: str, version: int = 1) -> httpx2.Response:
    """Delete something."""
    return await client.delete(path, headers={"If-Match": f'"{version}"'})


async def names(client: httpx2.AsyncClient, path: str) -> list[str]:
    """The names in a list, sorted."""
    response = await client.get(path)
    assert response.status_code == 200, response.text
    return sorted(item["name"] for item in response.json()["items"])


async def put(client: httpx2.AsyncClient, portfolio: str, project: str, weight: float = 1) -> dict[str, Any]:
    """Put a project into a portfolio."""
    body = {"project_id": project, "weight": weight}
    response = await client.post(f"/v1/portfolios/{portfolio}/items", json=body)
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


@pytest.mark.parametrize(
    ("kind", "key"), [("customers", "CU-1"), ("portfolios", "PF-1"), ("programmes", "PG-1"), ("projects", "PRJ-1")]
)
async def test_each_has_a_key_of_its_own_and_a_past(director: httpx2.AsyncClient, kind: str, key: str) -> None:
    first = await made(director, kind)
    assert first["key"] == key
    by_key = await director.get(f"/v1/{kind}/{key}")
    assert by_key.json() == first
    assert by_key.headers["etag"] == '"1"'
    assert by_key.content in (await director.get(f"/v1/{kind}")).content
    assert (await patched(director, kind, first, name="Other")).json()["name"] == "Other"
    path = f"/v1/{kind}/{first['id']}"
    assert (await director.get(path, params={"as_of": first["created_at"]})).json() == first
    assert (await patched(director, kind, first, name="Late")).status_code == 412
    taken = await director.post(f"/v1/{kind}", json={"name": "x", "key": key})
    assert taken.status_code == 409
    assert taken.json()["code"].endswith("key_taken")
    assert (await deleted(director, path, 2)).status_code == 204
    history = (await director.get(f"{path}/history")).json()["items"]
    assert [item["action"] for item in history] == ["deleted", "updated", "created"]
    assert (await made(director, kind))["key"] == key.replace("1", "2")


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("customers", "CU"), ("portfolios", "PF"), ("programmes", "PG"), ("projects", "PRJ"), ("intake-requests", "RQ")],
)
async def test_keys_given_by_hand_are_passed_over(director: httpx2.AsyncClient, kind: str, prefix: str) -> None:
    keys = []
    for given in (f"{prefix}-1", None, f"{prefix}-3", f"{prefix}-4", None, None):
        body = {"title" if kind == "intake-requests" else "name": "x"} | ({"key": given} if given else {})
        answer = await director.post(f"/v1/{kind}", json=body)
        assert answer.status_code == 201, answer.text
        keys.append(answer.json()["key"])
    assert keys == [f"{prefix}-{number}" for number in (1, 2, 3, 4, 5, 6)]


async def test_portfolios_programmes_and_projects_are_found_by_what_is_said_of_them(
    director: httpx2.AsyncClient,
) -> None:
    customer = await made(director, "customers", name="Port authority")
    said = {
        "owner": "paula",
        "sponsor": "sam",
        "customer_id": customer["id"],
        "categories": ["water", "steel"],
        "health": {"status": "amber", "note": "Steel is late."},
    }
    for kind in ("portfolios", "programmes", "projects"):
        one = await made(director, kind, **said)
        await made(director, kind, name="Road")
        health = one["health"]
        assert (health["status"], health["note"], health["by"]) == ("amber", "Steel is late.", "someone")
        for query in (
            "owner=paula",
            "sponsor=sam",
            f"customer_id={customer['id']}",
            "category=water",
            "category=none&category=steel",
            "health=amber&health=red",
            "name=harb",
            f"key={one['key']}",
            "owner=paula&sponsor=sam&category=steel&health=amber",
        ):
            assert await names(director, f"/v1/{kind}?{query}") == ["Harbour"], query
        assert await names(director, f"/v1/{kind}?health=undeclared") == ["Road"]
        cleared = (await patched(director, kind, one, health=None, sponsor=None, customer_id=None)).json()
        assert (cleared["health"], cleared["sponsor"], cleared["customer_id"]) == (None, None, None)
        assert cleared["categories"] == ["water", "steel"]


async def test_what_something_refers_to_must_exist_and_stays(director: httpx2.AsyncClient) -> None:
    customer, portfolio = await made(director, "customers"), await made(director, "portfolios")
    nothing = str(uuid4())
    for kind, field in (
        ("projects", "customer_id"),
        ("projects", "programme_id"),
        ("programmes", "portfolio_id"),
        ("portfolios", "parent_id"),
    ):
        refused = await director.post(f"/v1/{kind}", json={"name": "x", field: nothing})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == f"/{field}"
    programme = await made(director, "programmes", portfolio_id=portfolio["id"], customer_id=customer["id"])
    project = await made(director, "projects", programme_id=programme["id"])
    for path in (
        f"/v1/customers/{customer['id']}",
        f"/v1/portfolios/{portfolio['id']}",
        f"/v1/programmes/{programme['id']}",
    ):
        refused = await deleted(director, path)
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert (await patched(director, "projects", project, programme_id=None)).json()["programme_id"] is None
    for path in (
        f"/v1/programmes/{programme['id']}",
        f"/v1/portfolios/{portfolio['id']}",
        f"/v1/customers/{customer['id']}",
    ):
        assert (await deleted(director, path)).status_code == 204


async def test_a_portfolio_is_never_part_of_itself(director: httpx2.AsyncClient) -> None:
    top = await made(director, "portfolios", name="Top")
    middle = await made(director, "portfolios", name="Middle", parent_id=top["id"])
    low = await made(director, "portfolios", name="Low", parent_id=middle["id"])
    for parent in (top, middle, low):
        refused = await patched(director, "portfolios", top, parent_id=parent["id"])
        assert (refused.status_code, refused.json()["code"]) == (409, "portfolio_cycle")
    assert await names(director, "/v1/portfolios?is_root=true") == ["Top"]
    assert await names(director, f"/v1/portfolios?parent_id={top['id']}") == ["Middle"]
    moved = await patched(director, "portfolios", low, parent_id=None)
    assert moved.status_code == 200


async def test_two_portfolios_moved_below_each_other_at_once_make_no_loop(director: httpx2.AsyncClient) -> None:
    for _ in range(5):
        one, other = await made(director, "portfolios"), await made(director, "portfolios")
        answers = await asyncio.gather(
            patched(director, "portfolios", one, parent_id=other["id"]),
            patched(director, "portfolios", other, parent_id=one["id"]),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_project_is_in_several_portfolios_each_with_its_weight(director: httpx2.AsyncClient) -> None:
    project = await made(director, "projects")
    one, other = await made(director, "portfolios"), await made(director, "portfolios")
    item = await put(director, one["id"], project["id"], 2.5)
    await put(director, other["id"], project["id"])
    assert item["weight"] == 2.5
    twice = await director.post(f"/v1/portfolios/{one['id']}/items", json={"project_id": project["id"]})
    assert (twice.status_code, twice.json()["code"]) == (409, "portfolio_item_exists")
    nothing = await director.post(f"/v1/portfolios/{one['id']}/items", json={"project_id": str(uuid4())})
    assert nothing.status_code == 422
    path = f"/v1/portfolios/{one['key']}/items/{item['id']}"
    changed = await director.patch(path, json={"weight": 4}, headers={"If-Match": '"1"'})
    assert changed.json()["weight"] == 4
    assert changed.headers["pmo-position"].startswith(f"projects:{one['id']}@")
    assert (await director.get(path, params={"as_of": item["created_at"]})).json() == item
    elsewhere = f"/v1/portfolios/{other['id']}/items/{item['id']}"
    assert (await director.get(elsewhere)).status_code == 404
    assert (await deleted(director, elsewhere, 2)).status_code == 404
    assert (await deleted(director, path, 2)).status_code == 204
    assert (await director.get(f"/v1/portfolios/{one['id']}/items")).json()["items"] == []
    assert [i["action"] for i in (await director.get(f"{path}/history")).json()["items"]] == [
        "deleted",
        "updated",
        "created",
    ]
    for bad in (0, -1, "1", 1001, 1.0001):
        body = {"project_id": project["id"], "weight": bad}
        assert (await director.post(f"/v1/portfolios/{one['id']}/items", json=body)).status_code == 422


async def test_a_deleted_project_leaves_its_portfolios_and_a_deleted_portfolio_its_projects(
    director: httpx2.AsyncClient,
) -> None:
    gone, stays = await made(director, "projects"), await made(director, "projects", name="Stays")
    portfolio = await made(director, "portfolios")
    item = await put(director, portfolio["id"], gone["id"])
    await put(director, portfolio["id"], stays["id"])
    assert (await deleted(director, f"/v1/projects/{gone['id']}")).status_code == 204
    left = (await director.get(f"/v1/portfolios/{portfolio['id']}/items")).json()["items"]
    assert [each["project_id"] for each in left] == [stays["id"]]
    past = (await director.get(f"/v1/portfolios/{portfolio['id']}/items/{item['id']}/history")).json()["items"]
    assert past[0]["action"] == "deleted"
    assert (await deleted(director, f"/v1/portfolios/{portfolio['id']}")).status_code == 204
    assert (await director.get(f"/v1/projects/{stays['id']}")).status_code == 200


async def test_projects_that_are_put_in_and_deleted_at_once_never_block_for_good(director: httpx2.AsyncClient) -> None:
    portfolio = await made(director, "portfolios")
    projects = [await made(director, "projects") for _ in range(6)]
    puts = [
        director.post(f"/v1/portfolios/{portfolio['id']}/items", json={"project_id": project["id"]})
        for project in projects
    ]
    deletions = [deleted(director, f"/v1/projects/{project['id']}") for project in projects]
    answers = await asyncio.gather(*(call for pair in zip(puts, deletions, strict=True) for call in pair))
    assert {answer.status_code for answer in answers} <= {201, 204, 422}
    assert (await director.get(f"/v1/portfolios/{portfolio['id']}/items")).json()["items"] == []


async def test_a_portfolio_adds_up_what_is_below_it_and_counts_nothing_twice(director: httpx2.AsyncClient) -> None:
    top = await made(director, "portfolios", name="Top")
    below = await made(director, "portfolios", name="Below", parent_id=top["id"])
    programme = await made(director, "programmes", portfolio_id=below["id"])
    red = {"status": "red"}
    both = await made(director, "projects", name="Both", programme_id=programme["id"], health=red, status="active")
    await made(director, "projects", name="Programme", programme_id=programme["id"])
    direct = await made(director, "projects", name="Direct", health={"status": "green"}, status="active")
    over = await made(director, "projects", name="Over")
    await made(director, "projects", name="Elsewhere")
    for portfolio, project in ((top, direct), (top, both), (below, both), (top, over)):
        await put(director, portfolio["id"], project["id"])
    assert (await patched(director, "projects", over, status="cancelled")).status_code == 200
    everything = ["Both", "Direct", "Over", "Programme"]
    assert await names(director, f"/v1/projects?portfolio_id={top['id']}") == everything
    assert await names(director, f"/v1/projects?portfolio_id={top['id']}&status=active&limit=1") == ["Both"]
    assert await names(director, f"/v1/projects?portfolio_id={below['id']}") == ["Both", "Programme"]
    assert await names(director, f"/v1/projects?programme_id={programme['id']}") == ["Both", "Programme"]
    total = (await director.get(f"/v1/projects?portfolio_id={top['id']}&include_total=true&limit=1")).json()["total"]
    assert total == 4
    added = (await director.get(f"/v1/portfolios/{top['key']}/roll-up")).json()
    statuses = dict.fromkeys(added["by_status"], 0) | {"active": 2, "idea": 1, "cancelled": 1}
    assert added == {
        "projects": 4,
        "programmes": 1,
        "portfolios": 1,
        "open_projects": 3,
        "by_status": statuses,
        "by_health": {"green": 1, "amber": 0, "red": 1, "undeclared": 1},
        "health_coverage": {"value": "0.6667", "unit": "ratio", "reason": None},
        "progress": {"value": None, "unit": "percent", "reason": "no_progress"},
        "progress_coverage": {"value": "0.0000", "unit": "ratio", "reason": None},
    }
    assert len(statuses) == 8
    of_programme = (await director.get(f"/v1/programmes/{programme['id']}/roll-up")).json()
    assert (of_programme["projects"], of_programme["health_coverage"]["value"]) == (2, "0.5000")
    empty = await made(director, "portfolios")
    nothing = (await director.get(f"/v1/portfolios/{empty['id']}/roll-up")).json()
    assert nothing["health_coverage"] == {"value": None, "unit": "ratio", "reason": "no_open_projects"}


async def worked(client: httpx2.AsyncClient, name: str, percent: int | None, **fields: object) -> dict[str, Any]:
    """A project with a task that is so far; None: without one."""
    project = await made(client, "projects", name=name, status="active", **fields)
    if percent is not None:
        path = f"/v1/projects/{project['id']}"
        task = (await client.post(f"{path}/tasks", json={"name": "Work", "duration_minutes": 480})).json()
        change = await client.patch(
            f"{path}/tasks/{task['id']}", json={"percent_complete": percent}, headers={"If-Match": '"1"'}
        )
        assert change.status_code == 200, change.text
        assert (await client.get(f"{path}/schedule")).status_code == 200
    return project


async def test_progress_is_rolled_up_by_the_weights_of_portfolios(director: httpx2.AsyncClient) -> None:
    top = await made(director, "portfolios", name="Top")
    below = await made(director, "portfolios", name="Below", parent_id=top["id"])
    programme = await made(director, "programmes", portfolio_id=below["id"])
    direct = await worked(director, "Direct", 100)
    lower = await worked(director, "Lower", 40)
    await worked(director, "By programme", 10, programme_id=programme["id"])
    unknown = await worked(director, "Unknown", None)
    template = await worked(director, "Template", 100, is_template=True)
    await put(director, top["id"], direct["id"], 3)
    await put(director, below["id"], direct["id"], 9)
    await put(director, below["id"], lower["id"], 5)
    await put(director, top["id"], unknown["id"], 1)
    await put(director, top["id"], template["id"], 100)
    added = (await director.get(f"/v1/portfolios/{top['id']}/roll-up")).json()
    # (3 · 100 + 5 · 40 + 1 · 10) / 9; of a weight of 10 in all.
    assert added["progress"] == {"value": "56.67", "unit": "percent", "reason": None}
    assert added["progress_coverage"] == {"value": "0.9000", "unit": "ratio", "reason": None}
    assert (added["projects"], added["open_projects"]) == (4, 4)
    lower_down = (await director.get(f"/v1/portfolios/{below['id']}/roll-up")).json()
    assert lower_down["progress"]["value"] == "74.00"  # (9 · 100 + 5 · 40 + 1 · 10) / 15
    assert (await director.get(f"/v1/programmes/{programme['id']}/roll-up")).json()["progress"]["value"] == "10.00"
    assert await names(director, f"/v1/projects?portfolio_id={top['id']}&is_template=true") == ["Template"]
    assert len(await names(director, "/v1/projects?is_template=false")) == 4


async def test_a_manager_sees_what_own_projects_are_part_of_and_proposes_programmes(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    maria = service.as_(organization, "project_manager", subject="maria")
    hidden, linked, by_programme = [
        await made(director, "portfolios", name=name) for name in ("Hidden", "Linked", "By programme")
    ]
    programme = await made(director, "programmes", name="Linked", portfolio_id=by_programme["id"])
    await made(director, "programmes", name="Hidden")
    own = await made(maria, "projects", name="Own", programme_id=programme["id"])
    others = await made(director, "projects", name="Others")
    for project in (own, others):
        await put(director, linked["id"], project["id"])
    assert await names(maria, "/v1/portfolios") == ["By programme", "Linked"]
    assert await names(maria, "/v1/programmes") == ["Linked"]
    assert (await maria.get(f"/v1/portfolios/{hidden['id']}")).status_code == 404
    assert (await maria.get(f"/v1/portfolios/{hidden['id']}/roll-up")).status_code == 404
    assert (await maria.get(f"/v1/portfolios/{hidden['id']}/history")).status_code == 404
    items = (await maria.get(f"/v1/portfolios/{linked['id']}/items")).json()["items"]
    assert [item["project_id"] for item in items] == [own["id"]]
    assert await names(maria, f"/v1/projects?portfolio_id={linked['id']}") == ["Own"]
    assert (await patched(maria, "programmes", programme, name="Mine")).status_code == 404
    proposed = await made(maria, "programmes", name="Idea", owner="somebody")
    assert proposed["owner"] == "maria"
    assert (await patched(maria, "programmes", proposed, name="Better")).status_code == 200
    assert (await deleted(maria, f"/v1/programmes/{proposed['id']}", 2)).status_code == 403
    for kind in ("portfolios", "customers"):
        assert (await maria.post(f"/v1/{kind}", json={"name": "x"})).status_code == 403
    member = service.as_(organization, "team_member")
    for kind in ("portfolios", "programmes", "customers"):
        assert (await member.get(f"/v1/{kind}")).status_code == 403


async def test_another_organization_can_neither_see_nor_name_any_of_it(
    director: httpx2.AsyncClient, service: Api
) -> None:
    other = service.as_(uuid4(), "pmo_director")
    portfolio, programme = await made(director, "portfolios"), await made(director, "programmes")
    customer, project = await made(director, "customers"), await made(director, "projects")
    mine = await made(other, "portfolios")
    for kind in ("portfolios", "programmes", "customers"):
        assert [each["key"] for each in (await other.get(f"/v1/{kind}")).json()["items"]] in ([], [mine["key"]])
    for body in (
        {"customer_id": customer["id"]},
        {"programme_id": programme["id"]},
    ):
        refused = await other.post("/v1/projects", json={"name": "x", **body})
        assert refused.json()["code"] == "reference_invalid"
    strange = await other.post(f"/v1/portfolios/{mine['id']}/items", json={"project_id": project["id"]})
    assert strange.json()["code"] == "reference_invalid"
    theirs = await other.post(f"/v1/portfolios/{portfolio['id']}/items", json={"project_id": project["id"]})
    assert theirs.status_code == 404
    assert await names(other, f"/v1/projects?portfolio_id={portfolio['id']}") == []


async def test_a_closed_portfolio_can_be_taken_up_again_and_never_be_proposed(director: httpx2.AsyncClient) -> None:
    portfolio = await made(director, "portfolios")
    closed = await patched(director, "portfolios", portfolio, status="closed")
    assert closed.json()["status"] == "closed"
    refused = await patched(director, "portfolios", closed.json(), status="proposed")
    assert (refused.status_code, refused.json()["code"]) == (409, "status_move_not_allowed")
    assert (await patched(director, "portfolios", closed.json(), status="active")).status_code == 200
    assert (await director.post("/v1/portfolios", json={"name": "x", "status": "closed"})).status_code == 422
