"""A project's conventions of scheduling over HTTP, and what holds its tasks: relations and float paths."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Database
from shared.testing.capture import recorded
from tests.service.projects.test_dependencies import PATCH, Story


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """Three tasks of a day, a, b and c; c waits for a, and b is on its own; a summary of two others."""
    made = await Story.make(director)
    await made.link("a", "c")
    return made


async def change(story: Story, body: dict[str, object], expect: int = 200) -> dict[str, object]:
    """Change the project as it is now."""
    etag = (await story.client.get(story.path)).headers["etag"]
    answer = await story.client.patch(story.path, json=body, headers={"if-match": etag, **PATCH})
    assert answer.status_code == expect, answer.text
    found: dict[str, object] = answer.json()
    return found


async def schedule(story: Story, query: str = "") -> tuple[int, set[str]]:
    """The revision, and the names of the tasks that a query finds."""
    page = (await story.client.get(f"{story.path}/schedule{query}")).json()
    return page["revision"], {item["name"] for item in page["items"]}


async def test_conventions_change_as_one_field_of_the_project_with_event_history_and_a_new_schedule(
    story: Story, settings: Settings, organization: UUID
) -> None:
    assert await schedule(story, "?is_critical=true") == (1, {"a", "c"})
    before = (await story.client.get(story.path)).json()
    assert before["conventions"]["critical_by"] == "total_float"
    options = {"critical_float_minutes": 480, "near_critical_float_minutes": 960}
    after = await change(story, {"conventions": options})
    assert after["conventions"] == {**before["conventions"], **options}
    assert after["version"] == before["version"] + 1
    assert await schedule(story, "?is_critical=true") == (2, {"a", "b", "c", "s", "s1", "s2"})
    then = (await story.client.get(story.path, params={"as_of": before["updated_at"]})).json()
    assert then["conventions"] == before["conventions"]
    database = await Database.connect(settings.database_url, size=1)
    try:
        events = await recorded(database, organization)
    finally:
        await database.close()
    told: Any = [data for kind, data in events if kind == "pmo.projects.project.updated.v1"][-1]
    assert told["changed"] == ["conventions"]
    assert told["after"]["conventions"] == after["conventions"]
    page = (await story.client.get(f"{story.path}/schedule")).json()
    assert page["conventions"] == after["conventions"]


async def test_what_is_no_convention_is_refused(story: Story) -> None:
    for wrong in ({"rules": "asta"}, {"critical_float_minutes": "0"}, {"retained": True}, {"rules": None}):
        await change(story, {"conventions": wrong}, expect=422)
    await change(story, {"conventions": None}, expect=422)


async def test_a_finish_that_must_be_kept_makes_floats_negative_and_is_cleared_again(story: Story) -> None:
    await schedule(story)
    kept = await change(story, {"must_finish": "2026-01-05T17:00:00Z"})
    assert kept["must_finish"] == "2026-01-05T17:00:00+00:00"
    page = (await story.client.get(f"{story.path}/schedule")).json()
    assert {item["name"]: item["total_float_minutes"] for item in page["items"]} == {
        "a": -480, "b": 0, "c": -480, "s": 0, "s1": 0, "s2": 0
    }  # fmt: skip
    by_path = await change(story, {"conventions": {"critical_by": "longest_path"}})
    assert by_path["must_finish"] == kept["must_finish"]
    assert (await schedule(story, "?is_critical=true"))[1] == {"a", "c"}
    assert (await change(story, {"must_finish": None}))["must_finish"] is None


async def test_a_plan_may_be_scheduled_from_its_finish(story: Story) -> None:
    options = {"schedules_from_finish": True}
    found = await change(story, {"planned_finish": "2026-01-09T17:00:00Z", "conventions": options})
    assert found["planned_finish"] == "2026-01-09T17:00:00+00:00"
    assert (await story.starts())["a"] == "01-08T08:00"
    assert (await story.starts())["c"] == "01-09T08:00"


async def test_near_critical_are_open_tasks_alone(story: Story) -> None:
    await schedule(story)
    assert (await schedule(story, "?is_near_critical=true"))[1] == {"b", "s1", "s2"}


async def test_relations_tell_what_drives_a_task_and_what_it_drives(story: Story) -> None:
    await story.link("b", "c", type="start_to_start", lag=240)
    path = f"{story.path}/tasks/{story.ids['c']}/relations"
    found = (await story.client.get(path)).json()
    assert found["successors"] == []
    told = [(each["predecessor_id"], each["free_float_minutes"], each["is_driving"]) for each in found["predecessors"]]
    assert told == [(story.ids["a"], 0, True), (story.ids["b"], 240, False)]
    assert found["revision"] == (await schedule(story))[0]
    first = (await story.client.get(f"{story.path}/tasks/{story.ids['a']}/relations")).json()
    assert [each["successor_id"] for each in first["successors"]] == [story.ids["c"]]
    assert (await story.client.get(f"{story.path}/tasks/{uuid4()}/relations")).status_code == 404


async def test_float_paths_lead_to_a_task(story: Story) -> None:
    await story.link("b", "c", type="start_to_start", lag=240)
    found = (await story.client.get(f"{story.path}/schedule/float-paths?ending_with={story.ids['c']}")).json()
    assert found["revision"] == (await schedule(story))[0]
    assert found["paths"] == [
        {"number": 1, "float_minutes": 0, "leads_to": None, "task_ids": [story.ids["a"], story.ids["c"]]},
        {"number": 2, "float_minutes": 240, "leads_to": story.ids["c"], "task_ids": [story.ids["b"]]},
    ]
    one = (await story.client.get(f"{story.path}/schedule/float-paths?limit=1&method=total_float")).json()
    assert [path["task_ids"] for path in one["paths"]] == [[story.ids["a"], story.ids["c"]]]
    wrong = await story.client.get(f"{story.path}/schedule/float-paths?ending_with={uuid4()}")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "query/ending_with")


async def test_a_plan_that_cannot_be_scheduled_has_no_paths(story: Story, director: httpx2.AsyncClient) -> None:
    empty = (await director.post("/v1/projects", json={"name": "Empty"})).json()["id"]
    assert (await director.get(f"/v1/projects/{empty}/schedule/float-paths")).json()["paths"] == []


async def test_a_task_by_hand_stays_and_drives_and_an_inactive_one_holds_nobody(story: Story) -> None:
    path = f"{story.path}/tasks/{story.ids['a']}"
    by_hand = {"is_manual": True, "planned_start": "2026-01-12T08:00:00Z"}
    made = await story.client.patch(path, json=by_hand, headers={"if-match": '"1"', **PATCH})
    assert (made.status_code, made.json()["planned_start"]) == (200, "2026-01-12T08:00:00+00:00")
    starts = await story.starts()
    assert (starts["a"], starts["c"]) == ("01-12T08:00", "01-13T08:00")
    before = {"planned_finish": "2026-01-09T17:00:00Z"}
    wrong = await story.client.patch(path, json=before, headers={"if-match": '"2"', **PATCH})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/planned_finish")
    idle = await story.client.patch(path, json={"is_active": False}, headers={"if-match": '"2"', **PATCH})
    assert idle.status_code == 200
    assert (await story.starts())["c"] == "01-05T08:00"


async def test_an_elapsed_duration_runs_through_the_night(story: Story) -> None:
    body = {"name": "Cure", "duration_minutes": 1440, "is_elapsed_duration": True}
    assert (await story.client.post(f"{story.path}/tasks", json=body)).status_code == 201
    items = (await story.client.get(f"{story.path}/schedule")).json()["items"]
    assert next(item["early_finish"] for item in items if item["name"] == "Cure") == "2026-01-06T08:00:00+00:00"
