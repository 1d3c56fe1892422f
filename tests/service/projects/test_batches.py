"""Many changes of a plan in one request: all or nothing, or each for itself; one event for all."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Database
from shared.testing.capture import recorded
from tests.service.projects.test_dependencies import Story
from tests.service.projects.test_imports import imported
from tests.service.projects.test_tables import rows

Json = dict[str, Any]


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """Tasks a, b, c, and a summary s of s1 and s2."""
    return await Story.make(director)


async def send(story: Story, *items: Json, mode: str = "atomic") -> httpx2.Response:
    """Send a batch."""
    return await story.client.post(f"{story.path}/tasks/batch", json={"mode": mode, "items": list(items)})


def task(name: str, ref: str | None = None, **fields: object) -> Json:
    """An item that creates a task."""
    return {"action": "create_task", "ref": ref, "task": {"name": name, **fields}}


def link(before: str, after: str, **fields: object) -> Json:
    """An item that links two tasks."""
    return {
        "action": "create_dependency",
        "dependency": {"predecessor_id": before, "successor_id": after, **fields},
    }


async def outline(story: Story) -> list[tuple[str, str, int]]:
    """Name, code and level of all tasks in their order."""
    page = (await story.client.get(f"{story.path}/tasks", params={"limit": 200})).json()
    return [(i["name"], i["work_breakdown_structure"], i["outline_level"]) for i in page["items"]]


async def test_items_may_name_what_earlier_ones_create(story: Story, settings: Settings, organization: UUID) -> None:
    answer = await send(
        story,
        task("walls", "walls"),
        task("piles", "piles", parent_id="#walls", duration_minutes=480),
        task("cap", "cap", parent_id="#walls", duration_minutes=480),
        link("#piles", "#cap"),
        link(story.ids["a"], "#walls"),
    )
    assert answer.status_code == 200, answer.text
    results = answer.json()["items"]
    assert [(r["index"], r["status"], r["version"]) for r in results] == [(n, 201, 1) for n in range(5)]
    assert (await outline(story))[-3:] == [("walls", "5", 1), ("piles", "5.1", 2), ("cap", "5.2", 2)]
    walls = (await story.client.get(f"{story.path}/tasks/{results[0]['id']}")).json()
    assert walls["is_summary"]
    starts = await story.starts()
    assert (starts["piles"], starts["cap"]) == ("01-06T08:00", "01-07T08:00")
    database = await Database.connect(settings.database_url, size=1)
    try:
        events = await recorded(database, organization)
    finally:
        await database.close()
    (changed,) = [data for kind, data in events if kind == "pmo.projects.plan.changed.v1"]
    assert isinstance(changed, dict)
    kinds = [(item["kind"], item["action"]) for item in changed["items"]]
    assert kinds == [("task", "created")] * 3 + [("dependency", "created")] * 2


async def test_nothing_is_put_deeper_than_a_hundred_levels(director: httpx2.AsyncClient) -> None:
    path = (await director.post("/v1/projects", json={"name": "Deep"})).json()["id"]
    path = f"/v1/projects/{path}"
    items: list[dict[str, Any]] = [{"action": "create_task", "ref": "1", "task": {"name": "1"}}]
    items += [
        {"action": "create_task", "ref": f"{n}", "task": {"name": f"{n}", "parent_id": f"#{n - 1}"}}
        for n in range(2, 102)
    ]
    answer = await director.post(f"{path}/tasks/batch", json={"mode": "best_effort", "items": items})
    results = answer.json()["items"]
    assert [one["status"] for one in results] == [201] * 100 + [409]
    assert results[-1]["problem"]["code"] == "move_not_possible"
    single = await director.post(f"{path}/tasks", json={"name": "Deeper", "parent_id": results[99]["id"]})
    assert (single.status_code, single.json()["code"]) == (409, "move_not_possible")
    for kind in ("mspdi", "csv", "xlsx", "xer"):
        file = (await director.get(f"{path}/export?format={kind}")).content
        other = (await director.post("/v1/projects", json={"name": "As deep"})).json()["id"]
        assert (await imported(director, file, f"&project_id={other}", kind=kind))["status"] == "succeeded"
        there = await rows(director, f"/v1/projects/{other}/tasks")
        assert [task["outline_level"] for task in there] == list(range(1, 101)), kind


async def test_a_batch_changes_moves_and_deletes(story: Story) -> None:
    ids = story.ids
    await story.link("a", "s1")
    answer = await send(
        story,
        {"action": "update_task", "id": ids["b"], "version": 1, "task": {"name": "bb", "percent_complete": 50}},
        {"action": "move_task", "id": ids["c"], "version": 1, "parent_id": ids["s"], "before_id": ids["s2"]},
        {"action": "delete_task", "id": ids["s1"], "version": 1},
    )
    assert answer.status_code == 200, answer.text
    assert [r["status"] for r in answer.json()["items"]] == [200, 200, 204]
    assert [r["version"] for r in answer.json()["items"]] == [3, 2, None]
    assert [(name, level) for name, _, level in await outline(story)] == [
        ("a", 1),
        ("bb", 1),
        ("s", 1),
        ("c", 2),
        ("s2", 2),
    ]
    b = await story.client.get(f"{story.path}/tasks/{ids['b']}")
    assert (b.json()["percent_complete"], b.headers["etag"]) == (50, '"3"')
    assert (await story.client.get(f"{story.path}/dependencies?include_total=true")).json()["total"] == 0


async def test_an_atomic_batch_does_all_or_nothing_and_names_every_mistake(story: Story) -> None:
    before = await outline(story)
    answer = await send(
        story,
        task("new"),
        task("orphan", parent_id="#nobody"),
        {"action": "update_task", "id": story.ids["a"], "version": 7, "task": {"name": "x"}},
        {"action": "delete_task", "id": story.ids["s"], "version": 2},
        link(story.ids["a"], story.ids["a"]),
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "batch_refused")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
        ("/items/1/parent_id", "reference_invalid"),
        ("/items/2", "precondition_failed"),
        ("/items/3", "task_has_children"),
        ("/items/4/successor_id", "reference_invalid"),
    ]
    assert await outline(story) == before


async def test_best_effort_does_what_can_be_done_and_tells_of_each(story: Story) -> None:
    ids = story.ids
    version = (await story.client.get(f"{story.path}/tasks/{ids['s']}")).json()["version"]
    answer = await send(
        story,
        task("new", "new", source_id="x"),
        task("twin", "twin", source_id="x"),
        task("child of twin", parent_id="#twin"),
        task("child of new", parent_id="#new"),
        {"action": "delete_task", "id": ids["s"], "version": version},
        {"action": "delete_task", "id": ids["s"], "version": version, "with_subtasks": True},
        {"action": "update_task", "id": ids["s1"], "version": 1, "task": {"name": "gone"}},
        link(ids["a"], ids["b"]),
        link(ids["b"], ids["c"]),
        link(ids["c"], ids["a"]),
        link(ids["a"], ids["b"]),
        mode="best_effort",
    )
    assert answer.status_code == 207, answer.text
    results = answer.json()["items"]
    assert [r["status"] for r in results] == [201, 409, 422, 201, 409, 204, 404, 201, 201, 409, 409]
    assert [r["problem"]["code"] for r in results if r["problem"]] == [
        "task_source_taken",
        "reference_invalid",
        "task_has_children",
        "not_found",
        "dependency_cycle",
        "dependency_exists",
    ]
    assert [name for name, _, _ in await outline(story)] == ["a", "b", "c", "new", "child of new"]
    assert (await story.client.get(f"{story.path}/dependencies?include_total=true")).json()["total"] == 2


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({"action": "create_task", "task": {"name": ""}}, "/items/1/task/name"),
        ({"action": "create_task", "task": {}}, "/items/1/task/name"),
        ({"action": "create_task", "task": {"name": "x", "parent_id": "nobody"}}, "/items/1/task/parent_id"),
        (
            {"action": "create_task", "task": {"name": "x", "ev_technique": {"kind": "split", "start_percent": 101}}},
            "/items/1/task/ev_technique/start_percent",
        ),
        ({"action": "vanish"}, "/items/1"),
    ],
)
async def test_a_malformed_item_is_pointed_at_where_it_stands_in_the_body(
    story: Story, item: dict[str, object], pointer: str
) -> None:
    answer = await send(story, task("fine"), item, mode="best_effort")
    assert answer.status_code == 422
    assert {each["pointer"] for each in answer.json()["errors"]} == {pointer}


async def test_one_version_is_updated_once(story: Story) -> None:
    await story.link("a", "b")
    dependency = (await story.client.get(f"{story.path}/dependencies")).json()["items"][0]

    def a(**fields: object) -> dict[str, object]:
        return {"action": "update_task", "id": story.ids["a"], "version": 1, "task": fields}

    def tie(kind: str) -> dict[str, object]:
        wanted = {"version": dependency["version"], "dependency": {"type": kind}}
        return {"action": "update_dependency", "id": dependency["id"], **wanted}

    ties = tie("start_to_start"), tie("finish_to_finish")
    items = (a(activity_type="start_milestone", duration_minutes=0), a(is_milestone=False), *ties)
    refused = await send(story, *items)
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/items/1", "/items/3"], refused.text
    answer = await send(story, *items, {"action": "move_task", "id": story.ids["a"], "version": 1}, mode="best_effort")
    assert [one["status"] for one in answer.json()["items"]] == [200, 412, 200, 412, 200]
    found = (await story.client.get(f"{story.path}/tasks/{story.ids['a']}")).json()
    assert (found["activity_type"], found["is_milestone"]) == ("start_milestone", True)
    assert (await story.client.get(f"{story.path}/dependencies")).json()["items"][0]["type"] == "start_to_start"


async def test_a_moved_branch_that_would_wait_for_itself_is_refused(story: Story) -> None:
    await story.link("a", "s")
    await story.link("s1", "b")
    moved = {"action": "move_task", "id": story.ids["b"], "version": 1, "parent_id": story.ids["s"]}
    assert (await send(story, moved)).status_code == 200
    await story.link("b", "c")
    refused = await send(
        story, {"action": "move_task", "id": story.ids["a"], "version": 1, "parent_id": story.ids["s"]}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "dependency_cycle")
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/items/0/parent_id"}
    path, tag = f"{story.path}/tasks/{story.ids['a']}/move", {"If-Match": '"1"'}
    for where, name in (("s", "parent_id"), ("s1", "before_id"), ("s2", "after_id")):
        alone = await story.client.post(path, json={name: story.ids[where]}, headers=tag)
        assert (alone.status_code, alone.json()["code"]) == (409, "dependency_cycle")
        assert {error["pointer"] for error in alone.json()["errors"]} == {f"/{name}"}
    itself = {"action": "move_task", "id": story.ids["s"], "version": 2, "parent_id": story.ids["s1"]}
    answer = await send(story, itself)
    assert answer.json()["errors"][0]["code"] == "move_not_possible"


async def test_five_thousand_items_are_taken_and_no_more(story: Story) -> None:
    items = [task(f"t{n}", f"t{n}", duration_minutes=480) for n in range(3000)]
    items += [link(f"#t{n}", f"#t{n + 1}") for n in range(2000)]
    answer = await send(story, *items)
    assert answer.status_code == 200, answer.text[:500]
    total = (await story.client.get(f"{story.path}/tasks?include_total=true&limit=1")).json()["total"]
    assert total == 3006
    more = await send(story, *(task("t") for _ in range(5001)))
    assert (more.status_code, more.json()["code"]) == (413, "too_many_items")
