"""What a task is to scheduling, set over HTTP: hammocks, milestones of both kinds, and the dates that bind tasks."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.service.projects.test_life_cycle import made

START = "2026-03-02T08:00:00+00:00"  # a Monday
Json = dict[str, Any]


@pytest.fixture
async def path(director: httpx2.AsyncClient) -> str:
    return await made(director, start=START, time_zone="UTC")


async def add(client: httpx2.AsyncClient, path: str, name: str, days: float = 0, **more: object) -> Json:
    body = {"name": name, "duration_minutes": round(days * 480), **more}
    response = await client.post(f"{path}/tasks", json=body)
    assert response.status_code == 201, response.text
    answer: Json = response.json()
    return answer


async def link(client: httpx2.AsyncClient, path: str, before: Json, after: Json, kind: str) -> None:
    body = {"predecessor_id": before["id"], "successor_id": after["id"], "type": kind}
    assert (await client.post(f"{path}/dependencies", json=body)).status_code == 201


async def change(client: httpx2.AsyncClient, path: str, task: Json, **fields: object) -> httpx2.Response:
    at = f"{path}/tasks/{task['id']}"
    etag = (await client.get(at)).headers["etag"]
    return await client.patch(at, json=fields, headers={"If-Match": etag})


async def dates(client: httpx2.AsyncClient, path: str) -> dict[str, tuple[str, str]]:
    items = (await client.get(f"{path}/schedule")).json()["items"]
    return {one["name"]: (one["early_start"][5:16], one["early_finish"][5:16]) for one in items}


async def test_a_hammock_spans_what_it_is_linked_to_and_follows_it(director: httpx2.AsyncClient, path: str) -> None:
    dig, pour = await add(director, path, "Dig", 2), await add(director, path, "Pour", 3)
    watch = await add(director, path, "Watch", activity_type="level_of_effort")
    assert (watch["activity_type"], watch["ev_technique"]) == ("level_of_effort", {"kind": "level_of_effort"})
    await link(director, path, dig, pour, "finish_to_start")
    await link(director, path, dig, watch, "start_to_start")
    await link(director, path, pour, watch, "finish_to_finish")
    assert await dates(director, path) == {
        "Dig": ("03-02T08:00", "03-03T17:00"),
        "Pour": ("03-04T08:00", "03-06T17:00"),
        "Watch": ("03-02T08:00", "03-06T17:00"),
    }
    assert (await change(director, path, pour, duration_minutes=4 * 480)).status_code == 200
    assert (await dates(director, path))["Watch"] == ("03-02T08:00", "03-09T17:00")
    found = (await director.get(f"{path}/tasks?activity_type=level_of_effort&activity_type=finish_milestone")).json()
    assert [one["name"] for one in found["items"]] == ["Watch"]
    ordinary = await change(director, path, watch, activity_type="task", duration_minutes=480)
    assert (ordinary.json()["activity_type"], ordinary.json()["ev_technique"]) == ("task", None)
    assert (await dates(director, path))["Watch"] == ("03-09T08:00", "03-09T17:00")


async def test_what_spans_others_earns_by_time(director: httpx2.AsyncClient, path: str) -> None:
    effort = {"kind": "level_of_effort"}
    summary = await add(director, path, "All of it", activity_type="wbs_summary")
    assert summary["ev_technique"] == effort
    hammock = (await change(director, path, summary, activity_type="level_of_effort")).json()
    assert hammock["ev_technique"] == effort
    assert (await change(director, path, hammock, activity_type="task")).json()["ev_technique"] is None
    assert (await change(director, path, hammock, activity_type="wbs_summary")).json()["ev_technique"] == effort
    stated = await add(director, path, "Else", activity_type="wbs_summary", ev_technique={"kind": "zero_hundred"})
    assert stated["ev_technique"] == {"kind": "zero_hundred"}


async def test_milestones_lie_where_work_begins_or_ends(director: httpx2.AsyncClient, path: str) -> None:
    dig = await add(director, path, "Dig", 5)
    for kind in ("start_milestone", "finish_milestone"):
        milestone = await add(director, path, kind, activity_type=kind)
        assert (milestone["is_milestone"], milestone["duration_minutes"]) == (True, 0)
        await link(director, path, dig, milestone, "finish_to_start")
    found = await dates(director, path)
    assert found["start_milestone"] == ("03-09T08:00", "03-09T08:00")
    assert found["finish_milestone"] == ("03-06T17:00", "03-06T17:00")


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"activity_type": "start_milestone", "duration_minutes": 480}, "/duration_minutes", "activity_type"),
        ({"activity_type": "level_of_effort", "is_milestone": True}, "/is_milestone", "activity_type"),
        ({"activity_type": "wbs_summary", "is_manual": True}, "/is_manual", "activity_type"),
        (
            {"activity_type": "level_of_effort", "constraint_type": "must_start_on", "constraint_date": START},
            "/constraint_type",
            "activity_type",
        ),
        ({"constraint_date": START}, "/constraint_date", "constraint_date"),
        ({"constraint_type": "as_late_as_possible", "constraint_date": START}, "/constraint_date", "constraint_date"),
        ({"constraint_type": "must_start_on"}, "/constraint_date", "constraint_date"),
        ({"secondary_constraint_type": "finish_no_later_than"}, "/secondary_constraint_date", "constraint_date"),
        (
            {
                "constraint_type": "must_start_on",
                "constraint_date": START,
                "secondary_constraint_type": "finish_no_later_than",
                "secondary_constraint_date": START,
            },
            "/secondary_constraint_type",
            "constraint_type",
        ),
        (
            {"secondary_constraint_type": "must_finish_on", "secondary_constraint_date": START},
            "/secondary_constraint_type",
            "constraint_type",
        ),
        ({"deadline": "1983-12-31T08:00:00Z"}, "/deadline", "year"),
        ({"constraint_type": "must_start_on", "constraint_date": "2150-01-01T08:00:00Z"}, "/constraint_date", "year"),
        (
            {"secondary_constraint_type": "as_late_as_possible"},
            "/secondary_constraint_type",
            "constraint_type",
        ),
    ],
)
async def test_what_contradicts_itself_is_refused_by_each_way(
    director: httpx2.AsyncClient, path: str, fields: Json, pointer: str, code: str
) -> None:
    plain = await add(director, path, "Plain")
    answers = [
        await director.post(f"{path}/tasks", json={"name": "New", **fields}),
        await change(director, path, plain, **fields),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "validation"), answer.text
        assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)
    steps = [{"action": "create_task", "task": {"name": "New", **fields}}]
    batch = await director.post(f"{path}/tasks/batch", json={"mode": "best_effort", "items": steps})
    assert [one["status"] for one in batch.json()["items"]] == [422], batch.text


async def test_a_project_lies_in_years_that_its_files_can_hold(director: httpx2.AsyncClient, path: str) -> None:
    made = await director.post("/v1/projects", json={"name": "x", "start": "1983-12-31T08:00:00Z"})
    headers = {"If-Match": (await director.get(path)).headers["etag"]}
    changed = await director.patch(path, json={"must_finish": "2150-01-01T08:00:00Z"}, headers=headers)
    for answer, pointer in ((made, "/start"), (changed, "/must_finish")):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
        assert answer.json()["errors"][0]["code"] == "year"


async def test_a_change_is_held_against_what_is_there(director: httpx2.AsyncClient, path: str) -> None:
    bound = await add(director, path, "Bound", 1, constraint_type="start_no_earlier_than", constraint_date=START)
    assert (await change(director, path, bound, activity_type="level_of_effort")).status_code == 422
    assert (await change(director, path, bound, constraint_date=None)).status_code == 422
    freed = await change(director, path, bound, constraint_type="as_soon_as_possible")
    assert (freed.status_code, freed.json()["constraint_date"]) == (200, None)
    gate = await add(director, path, "Gate", activity_type="finish_milestone")
    assert (await change(director, path, gate, is_milestone=False)).status_code == 422
    assert (await change(director, path, gate, duration_minutes=480)).status_code == 422
    work = await change(director, path, gate, activity_type="task", duration_minutes=480)
    assert (work.status_code, work.json()["is_milestone"]) == (200, False)


async def test_second_constraints_levelling_and_task_types_are_kept_and_scheduled(
    director: httpx2.AsyncClient, path: str
) -> None:
    more = {
        "constraint_type": "start_no_earlier_than",
        "constraint_date": "2026-03-04T08:00:00+00:00",
        "secondary_constraint_type": "finish_no_later_than",
        "secondary_constraint_date": "2026-03-04T17:00:00+00:00",
        "is_fixed_duration": True,
        "is_fixed_work": True,
        "ignores_resource_calendar": True,
    }
    bound = await add(director, path, "Bound", 2, **more)
    assert {name: bound[name] for name in more} == {**more}
    delayed = await add(
        director, path, "Delayed", 1, leveling_delay_minutes=round(timedelta(days=1).total_seconds() / 60)
    )
    assert delayed["leveling_delay_minutes"] == 1440
    found = await dates(director, path)
    assert found["Bound"] == ("03-03T08:00", "03-04T17:00")  # the second constraint wins: it finishes in time
    assert found["Delayed"][0] == "03-03T08:00"
    again = await change(director, path, delayed, leveling_delay_minutes=0, expected_finish="2026-03-05T17:00:00Z")
    assert (again.status_code, again.json()["expected_finish"]) == (200, "2026-03-05T17:00:00+00:00")
    assert (await dates(director, path))["Delayed"] == ("03-02T08:00", "03-05T17:00")
