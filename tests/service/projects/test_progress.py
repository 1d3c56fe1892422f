"""Progress over HTTP: dated facts, what follows from them, what contradicts, many at once, and how tasks earn."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Database
from shared.testing.capture import recorded
from tests.service.projects.test_dependencies import PATCH, Story
from tests.service.projects.test_imports import imported

Json = dict[str, Any]
JANUARY = "2026-01-07T12:00:00Z"


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """Tasks a, b, c of a day each, and a summary s of s1 and s2; scheduled."""
    made = await Story.make(director)
    await made.starts()
    return made


async def patch(story: Story, name: str, **changes: object) -> httpx2.Response:
    """Change a task as it is now."""
    path = f"{story.path}/tasks/{story.ids[name]}"
    etag = (await story.client.get(path)).headers["etag"]
    return await story.client.patch(path, json=changes, headers={**PATCH, "if-match": etag})


async def task(story: Story, name: str) -> Json:
    """A task as it is now."""
    found: Json = (await story.client.get(f"{story.path}/tasks/{story.ids[name]}")).json()
    return found


async def send(story: Story, *items: Json, mode: str = "atomic", **headers: str) -> httpx2.Response:
    """State progress of many tasks."""
    body = {"mode": mode, "items": list(items)}
    return await story.client.post(f"{story.path}/progress/batch", json=body, headers=headers)


def about(story: Story, name: str, at: str = JANUARY, **figures: object) -> Json:
    """A statement about a task."""
    return {"task": {"id": story.ids[name]}, "at": at, **figures}


async def facts(story: Story, **query: str) -> list[Json]:
    """The facts of the project."""
    answer = await story.client.get(f"{story.path}/progress", params={"limit": "200", **query})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


async def test_a_change_states_progress_as_of_an_instant(story: Story) -> None:
    answer = await patch(story, "a", percent_complete=25, progress_at="2026-01-05T15:00:00+01:00")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    names = ("percent_complete", "percent_work_complete", "actual_duration_minutes", "remaining_duration_minutes")
    assert [found[name] for name in names] == [25, 25, 120, 360]
    assert (found["actual_start"], found["progress_at"]) == ("2026-01-05T08:00:00+00:00", "2026-01-05T14:00:00.000000Z")
    (fact,) = await facts(story)
    assert (fact["at"], fact["percent_complete"]) == ("2026-01-05T14:00:00.000000Z", 25)
    assert (fact["actual_start"], fact["physical_percent_complete"]) == ("2026-01-05T08:00:00+00:00", None)
    older = await patch(story, "a", percent_complete=10, progress_at="2026-01-05T13:00:00Z")
    assert (older.status_code, older.json()["code"]) == (409, "newer_progress_known")


async def test_without_an_instant_it_is_as_of_now_whatever_the_status_date(story: Story) -> None:
    await story.client.patch(
        story.path, json={"status_date": "2026-01-09T17:00:00Z"}, headers={**PATCH, "if-match": '"1"'}
    )
    before = datetime.now(UTC)
    found = (await patch(story, "a", percent_complete=100)).json()
    assert before <= datetime.fromisoformat(found["progress_at"]) <= datetime.now(UTC)
    assert found["actual_finish"] == "2026-01-05T17:00:00+00:00"
    again = await patch(story, "a", percent_complete=50, progress_at="2026-01-09T17:00:00Z")
    assert again.json()["code"] == "newer_progress_known"
    assert (await task(story, "a"))["percent_complete"] == 100


async def test_nothing_is_known_of_the_future_but_up_to_the_status_date(story: Story) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    answer = await patch(story, "a", percent_complete=5, progress_at=ahead)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/progress_at"
    status = (datetime.now(UTC) + timedelta(days=4)).isoformat()
    version = (await story.client.get(story.path)).headers["etag"]
    await story.client.patch(story.path, json={"status_date": status}, headers={**PATCH, "if-match": version})
    assert (await patch(story, "a", percent_complete=5, progress_at=ahead)).status_code == 200


@pytest.mark.parametrize(
    ("figures", "pointer"),
    [
        ({"actual_finish": "2026-01-07T13:00:00Z"}, "/actual_finish"),
        ({"actual_start": "2026-01-07T09:00:00Z", "actual_finish": "2026-01-06T09:00:00Z"}, "/actual_finish"),
        ({"actual_finish": "2026-01-07T09:00:00Z", "percent_complete": 50}, "/percent_complete"),
        ({"percent_complete": 100, "remaining_duration_minutes": 60}, "/remaining_duration_minutes"),
        ({"actual_finish": "2026-01-07T09:00:00Z", "remaining_work_minutes": 60}, "/remaining_work_minutes"),
        ({"actual_finish": "2026-01-07T09:00:00Z", "percent_work_complete": 50}, "/percent_work_complete"),
        ({"actual_cost": {"amount": "5.00", "currency": "USD"}}, "/actual_cost/currency"),
    ],
)
async def test_contradictions_are_refused_where_they_are(story: Story, figures: Json, pointer: str) -> None:
    answer = await patch(story, "a", progress_at=JANUARY, **figures)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    batch = await send(story, about(story, "b", percent_complete=1), about(story, "a", **figures))
    assert batch.json()["code"] == "batch_refused"
    assert [error["pointer"] for error in batch.json()["errors"]] == [f"/items/1{pointer}"]
    assert await facts(story) == []


async def test_what_remains_moves_the_finish(story: Story) -> None:
    await story.link("a", "b")
    await patch(story, "a", actual_start="2026-01-05T08:00:00Z", remaining_duration_minutes=960, progress_at=JANUARY)
    assert (await task(story, "a"))["duration_minutes"] == 960
    assert (await story.starts())["b"] == "01-07T08:00"


@pytest.mark.parametrize("by_batch", [False, True])
@pytest.mark.parametrize(
    ("duration", "found"),
    [(960, (12.5, 120, 840)), (480, (25, 120, 360)), (60, (100, 60, 0)), (0, (100, 0, 0))],
    ids=["longer", "the same", "shorter than what is done", "none"],
)
async def test_another_duration_leaves_what_is_done(
    story: Story, duration: int, found: tuple[float, int, int], by_batch: bool
) -> None:
    await patch(story, "a", work_minutes=400, percent_complete=25)
    assert await figures(story, "a") == ((25, 120, 360), (25, 100, 300))
    if by_batch:
        version = (await task(story, "a"))["version"]
        item = {"action": "update_task", "id": story.ids["a"], "version": version}
        items = [item | {"task": {"duration_minutes": duration}}]
        answer = await story.client.post(f"{story.path}/tasks/batch", json={"mode": "atomic", "items": items})
    else:
        answer = await patch(story, "a", duration_minutes=duration)
    assert answer.status_code == 200, answer.text
    assert await figures(story, "a") == (found, (25, 100, 300))
    told = [fact["percent_complete"] for fact in await facts(story, sort="at")]
    assert told == ([25] if duration == 480 else [25, found[0]])


@pytest.mark.parametrize(("percent", "actual"), [(99.99, 479), (0.01, 1)])
async def test_something_is_left_until_all_is_done(story: Story, percent: float, actual: int) -> None:
    await patch(story, "a", percent_complete=percent)
    assert (await figures(story, "a"))[0] == (percent, actual, 480 - actual)


async def test_what_takes_no_time_began_when_it_ended(story: Story) -> None:
    await story.link("b", "c")
    await patch(story, "c", duration_minutes=0, is_milestone=True)
    await story.starts()
    found = (await patch(story, "c", actual_finish="2026-01-08T12:00:00Z")).json()
    assert (found["actual_start"], found["actual_finish"]) == ("2026-01-08T12:00:00+00:00",) * 2


async def test_no_milestone_is_achieved_in_the_future(story: Story) -> None:
    step = {"name": "Half", "weight": 1, "achieved_at": "2099-01-01T00:00:00Z"}
    technique = {"kind": "weighted_milestones", "milestones": [step | {"name": "x", "achieved_at": JANUARY}, step]}
    body = {"name": "x", "ev_technique": technique}
    for answer in (
        await patch(story, "a", ev_technique=technique),
        await story.client.post(f"{story.path}/tasks", json=body),
    ):
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"]) == (422, "in_the_future")
        assert error["pointer"] == "/ev_technique/milestones/1/achieved_at"


async def test_another_whole_of_work_leaves_what_is_done(story: Story) -> None:
    await patch(story, "a", work_minutes=400, percent_complete=25)
    await patch(story, "a", work_minutes=800)
    assert await figures(story, "a") == ((25, 120, 360), (12.5, 100, 700))
    await patch(story, "a", work_minutes=0)
    assert await figures(story, "a") == ((25, 120, 360), (25, 0, 0))
    await patch(story, "a", duration_minutes=240, work_minutes=200, percent_complete=50)
    assert await figures(story, "a") == ((50, 120, 120), (50, 100, 100))


async def test_what_gets_a_duration_while_under_way_is_as_far_as_it_was(story: Story) -> None:
    await patch(story, "a", duration_minutes=0)
    await patch(story, "a", percent_complete=50)
    await patch(story, "a", duration_minutes=1920)
    assert await figures(story, "a") == ((50, 960, 960), (50, 0, 0))


async def figures(story: Story, name: str) -> tuple[tuple[float, int, int], tuple[float, int, int]]:
    """How far a task's duration and work are: percent, actual, remaining."""
    found = await task(story, name)
    duration = (found["percent_complete"], found["actual_duration_minutes"], found["remaining_duration_minutes"])
    return duration, (found["percent_work_complete"], found["actual_work_minutes"], found["remaining_work_minutes"])


async def test_a_batch_is_one_event_with_facts_and_tasks(story: Story, settings: Settings, organization: UUID) -> None:
    answer = await send(
        story,
        about(story, "a", percent_complete=40),
        {"task": {"work_breakdown_structure": "2"}, "at": JANUARY, "actual_finish": "2026-01-06T12:00:00Z"},
        about(story, "a", "2026-01-06T12:00:00Z", percent_complete=30),
        about(story, "c", units_done=3, actual_cost={"amount": "12.50", "currency": "EUR"}),
    )
    assert answer.status_code == 200, answer.text
    results = answer.json()["items"]
    assert [(one["index"], one["status"], one["is_newest"]) for one in results] == [(n, 201, True) for n in range(4)]
    assert [one["task_id"] for one in results] == [story.ids[name] for name in ("a", "b", "a", "c")]
    assert ((await task(story, "a"))["percent_complete"], (await task(story, "b"))["percent_complete"]) == (40, 100)
    found = await facts(story, sort="at,id")
    assert [fact["percent_complete"] for fact in found if fact["task_id"] == story.ids["a"]] == [30, 40]
    database = await Database.connect(settings.database_url, size=1)
    events = list(await recorded(database, organization))
    await database.close()
    kind, event = events[-1]
    assert kind == "pmo.projects.plan.changed.v1"
    assert sorted(item["kind"] for item in event["items"]) == ["progress"] * 4 + ["task"] * 3  # type: ignore[index]


async def test_older_facts_change_the_past_alone(story: Story) -> None:
    await patch(story, "a", percent_complete=80, physical_percent_complete=50, progress_at=JANUARY)
    now = await task(story, "a")
    answer = await send(
        story,
        about(story, "a", "2026-01-06T09:00:00Z", percent_complete=20),
        about(story, "a", "2026-01-06T10:00:00Z", actual_cost={"amount": "3.00", "currency": "EUR"}),
        about(story, "a", "2026-01-05T10:00:00Z", actual_cost={"amount": "1.00", "currency": "EUR"}),
    )
    assert [one["is_newest"] for one in answer.json()["items"]] == [False] * 3
    assert await task(story, "a") == now
    found = [(fact["at"][8:13], fact["percent_complete"]) for fact in await facts(story, task_id=story.ids["a"])]
    assert found == [("05T10", 0), ("06T09", 20), ("06T10", 20), ("07T12", 80)]


async def test_best_effort_takes_what_it_can(story: Story) -> None:
    answer = await send(
        story,
        about(story, "a", percent_complete=10),
        about(story, "s", percent_complete=10),
        {"task": {"id": str(uuid4())}, "at": JANUARY, "percent_complete": 1},
        about(story, "b", percent_complete=100, remaining_work_minutes=5, actual_finish="2026-02-01T00:00:00Z"),
        mode="best_effort",
    )
    assert answer.status_code == 207
    codes = [one["problem"] and one["problem"]["code"] for one in answer.json()["items"]]
    assert codes == [None, "task_is_summary", "not_found", "progress_contradicts"]
    assert [fact["percent_complete"] for fact in await facts(story)] == [10]


async def test_a_batch_sent_twice_is_one(story: Story) -> None:
    item = about(story, "a", percent_complete=10)
    first = await send(story, item, **{"idempotency-key": "once"})
    again = await send(story, item, **{"idempotency-key": "once"})
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert len(await facts(story)) == 1


async def test_facts_are_paged_and_filtered(story: Story) -> None:
    items = [about(story, "a", f"2026-01-{day:02}T12:00:00Z", percent_complete=day) for day in range(1, 11)]
    assert (await send(story, *items)).status_code == 200
    some = await facts(story, **{"from": "2026-01-03T12:00:00Z", "to": "2026-01-05T12:00:00Z", "sort": "-at"})
    assert [fact["percent_complete"] for fact in some] == [5, 4, 3]
    page = (await story.client.get(f"{story.path}/progress", params={"limit": 4})).json()
    rest = (await story.client.get(page["links"]["next"])).json()
    assert [fact["percent_complete"] for fact in page["items"] + rest["items"]] == list(range(1, 9))


async def test_a_technique_is_kept_and_cleared(story: Story) -> None:
    steps = [{"name": "design", "weight": 1, "achieved_at": JANUARY}, {"name": "build", "weight": 2.5}]
    given = {"kind": "weighted_milestones", "milestones": steps}
    found = (await patch(story, "a", ev_technique=given)).json()["ev_technique"]
    assert found["milestones"][0] == {"name": "design", "weight": 1.0, "achieved_at": JANUARY}
    assert found["milestones"][1] == {"name": "build", "weight": 2.5, "achieved_at": None}
    assert (await patch(story, "a", ev_technique=None)).json()["ev_technique"] is None
    made = await story.client.post(
        f"{story.path}/tasks", json={"name": "x", "ev_technique": {"kind": "units", "planned": 4}}
    )
    assert made.json()["ev_technique"] == {"kind": "units", "planned": 4.0}
    assert (await patch(story, "a", percent_complete_type="units")).json()["percent_complete_type"] == "units"


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "split"},
        {"kind": "split", "start_percent": 101},
        {"kind": "units", "planned": 0},
        {"kind": "weighted_milestones", "milestones": []},
        {"kind": "weighted_milestones", "milestones": [{"name": "a", "weight": 0}]},
        {"kind": "weighted_milestones", "milestones": [{"name": "a", "weight": 1}, {"name": "a", "weight": 1}]},
        {"kind": "percent_complete", "basis": "guess"},
        {"kind": "apportioned"},
        {"kind": "magic"},
        {"kind": "fifty_fifty", "start_percent": 50},
    ],
)
async def test_a_technique_that_makes_no_sense_is_refused(story: Story, given: Json) -> None:
    answer = await patch(story, "a", ev_technique=given)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")


async def test_whom_a_task_is_measured_by_earns_by_its_own_progress(story: Story) -> None:
    def apportioned(name: str) -> Json:
        return {"kind": "apportioned", "base_task_id": story.ids[name]}

    async def refused(name: str, given: Json) -> str:
        single = await patch(story, name, ev_technique=given)
        version = (await task(story, name))["version"]
        item = {"action": "update_task", "id": story.ids[name], "version": version, "task": {"ev_technique": given}}
        batch = await story.client.post(f"{story.path}/tasks/batch", json={"mode": "best_effort", "items": [item]})
        told = batch.json()["items"][0]["problem"]
        errors = single.json()["errors"]
        assert [told["code"], told["errors"]] == [single.json()["code"], errors]
        return errors[0]["code"] if errors else str(single.json()["code"])

    assert (await patch(story, "b", ev_technique=apportioned("a"))).status_code == 200
    assert (await patch(story, "c", ev_technique=apportioned("b"))).status_code == 200
    assert await refused("a", apportioned("c")) == "apportioned_in_a_circle"
    assert await refused("a", apportioned("a")) == "apportioned_in_a_circle"
    assert await refused("a", apportioned("s")) == "base_is_summary"
    assert await refused("a", {"kind": "apportioned", "base_task_id": str(uuid4())}) == "unknown_reference"
    assert await refused("a", {"kind": "level_of_effort"}) == "base_of_others"
    assert await refused("s", {"kind": "zero_hundred"}) == "task_is_summary"
    await patch(story, "s1", ev_technique={"kind": "level_of_effort"})
    assert await refused("a", apportioned("s1")) == "base_is_level_of_effort"


async def test_a_copy_is_measured_by_the_copy(story: Story) -> None:
    await patch(story, "s1", ev_technique={"kind": "apportioned", "base_task_id": story.ids["s2"]})
    await patch(
        story,
        "s2",
        ev_technique={
            "kind": "weighted_milestones",
            "milestones": [{"name": "x", "weight": 1, "achieved_at": JANUARY}],
        },
    )
    body = {"source_project_id": story.path.rpartition("/")[2], "task_ids": [story.ids["s"]]}
    assert (await story.client.post(f"{story.path}/tasks/copy", json=body)).status_code == 201
    tasks = (await story.client.get(f"{story.path}/tasks", params={"limit": 200})).json()["items"]
    fresh = {one["name"]: one for one in tasks if one["id"] not in story.ids.values()}
    assert fresh["s1"]["ev_technique"]["base_task_id"] == fresh["s2"]["id"]
    assert fresh["s2"]["ev_technique"]["milestones"][0]["achieved_at"] is None


async def line(story: Story, **query: str) -> dict[str, tuple[str, str, float]]:
    """A progress line: of each task the point reached, the side and the days, by name."""
    answer = await story.client.get(f"{story.path}/progress-line", params={"limit": "200", **query})
    assert answer.status_code == 200, answer.text
    return {
        item["name"]: (item["at"][5:16], item["deviation"], item["deviation_days"]) for item in answer.json()["items"]
    }


async def test_a_progress_line_shows_who_is_behind_and_ahead(story: Story) -> None:
    await story.link("a", "b")
    assert (await story.starts())["b"] == "01-06T08:00"
    await patch(story, "a", percent_complete=50, progress_at="2026-01-05T17:00:00Z")
    await patch(story, "b", percent_complete=50, progress_at="2026-01-05T17:00:00Z")
    await patch(story, "c", percent_complete=100, progress_at="2026-01-05T17:00:00Z")
    found = await line(story, as_of="2026-01-05T17:00:00Z")
    assert found == {
        "a": ("01-05T12:00", "behind", -0.5),
        "b": ("01-06T12:00", "ahead", 0.5),
        "c": ("01-05T17:00", "on_date", 0),
        "s1": ("01-05T08:00", "behind", -1),
        "s2": ("01-05T08:00", "behind", -1),
    }
    later = await line(story, as_of="2026-01-12T08:00:00Z")
    assert (later["a"], later["c"]) == (("01-05T12:00", "behind", -4.5), ("01-12T08:00", "on_date", 0))


async def test_a_progress_line_knows_what_was_known_as_of_its_instant(story: Story) -> None:
    for day, percent in ((5, 20), (6, 60), (7, 100)):
        await patch(story, "a", percent_complete=percent, progress_at=f"2026-01-{day:02}T17:00:00Z")
    await send(story, about(story, "a", "2026-01-06T10:00:00Z", percent_complete=40))
    hours = ("05T16", "05T17", "06T12", "06T17", "08T12")
    reached = [(await line(story, as_of=f"2026-01-{hour}:00:00Z"))["a"][0] for hour in hours]
    assert reached == ["01-05T08:00", "01-05T09:36", "01-05T11:12", "01-05T13:48", "01-08T12:00"]


async def test_a_progress_line_runs_down_the_status_date_in_pages(story: Story) -> None:
    version = (await story.client.get(story.path)).headers["etag"]
    body = {"status_date": "2026-01-06T17:00:00Z"}
    await story.client.patch(story.path, json=body, headers={**PATCH, "if-match": version})
    whole = (await story.client.get(f"{story.path}/progress-line")).json()
    assert (whole["as_of"], whole["next_cursor"]) == ("2026-01-06T17:00:00+00:00", None)
    found, cursor = [], ""
    while cursor is not None:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await story.client.get(f"{story.path}/progress-line", params=query)).json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == whole["items"]
    assert (await line(story, bars="baseline")) == {}


async def test_files_tell_of_techniques_what_they_can(story: Story) -> None:
    for name in ("a", "b", "c"):
        await patch(story, name, ev_technique={"kind": "zero_hundred"})
    await patch(story, "s1", ev_technique={"kind": "percent_complete", "basis": "physical"})
    await patch(story, "s2", percent_complete_type="units")
    project = story.path.rpartition("/")[2]
    for kind, expected in (
        ("xer", {"a": "zero_hundred", "b": "zero_hundred", "c": "zero_hundred", "s1": None, "s2": None}),
        ("mspdi", {**dict.fromkeys("abc", "zero_hundred"), "s1": "percent_complete", "s2": None}),
    ):
        content = (await story.client.get(f"/v1/projects/{project}/export?format={kind}")).content
        body = {"name": kind, "currency": "EUR", "time_zone": "UTC"}
        other = (await story.client.post("/v1/projects", json=body)).json()["id"]
        await imported(story.client, content, f"&project_id={other}", kind)
        found = (await story.client.get(f"/v1/projects/{other}/tasks?limit=200&is_summary=false")).json()["items"]
        assert {one["name"]: one["ev_technique"] and one["ev_technique"]["kind"] for one in found} == expected
        types = {one["name"]: one["percent_complete_type"] for one in found}
        assert (types["s1"], types["s2"]) == ("duration", "units")


async def test_wholes_that_no_column_holds_are_refused_over_the_api(story: Story) -> None:
    """Each part is within its bounds; their sum is not."""
    assert (await patch(story, "a", work_minutes=480)).status_code == 200
    assert (await patch(story, "a", actual_work_minutes=240)).status_code == 200
    for figures in (
        {"remaining_work_minutes": 2_147_483_647},
        {"actual_duration_minutes": 10_000_000, "remaining_duration_minutes": 10_000_000},
    ):
        refused = await patch(story, "a", **figures)
        assert (refused.status_code, refused.json()["code"]) == (422, "progress_contradicts"), refused.text
        assert refused.json()["errors"][0]["pointer"] == f"/{list(figures)[-1]}"
    first = about(story, "b", JANUARY, actual_work_minutes=100)
    second = about(story, "b", "2026-01-07T13:00:00Z", remaining_work_minutes=2_147_483_647)
    assert (await send(story, first, second)).status_code == 409
    tolerant = (await send(story, first, second, mode="best_effort")).json()["items"]
    assert [item["status"] for item in tolerant] == [201, 422]


async def test_actual_dates_are_the_actual_duration_on_the_tasks_own_calendar(story: Story) -> None:
    """By each way in which they can be stated; the roll-up follows."""
    dates = {"actual_start": "2026-01-05T08:00:00Z", "actual_finish": "2026-01-06T17:00:00Z"}
    assert (await patch(story, "a", **dates)).status_code == 200
    assert (await send(story, about(story, "b", **dates))).status_code == 200
    mornings = {
        "name": "mornings",
        "week": {day: [{"start": "08:00", "finish": "12:00"}] for day in ("monday", "tuesday")},
    }
    made = await story.client.post(f"{story.path}/calendars", json=mornings)
    assert made.status_code == 201, made.text
    assert (await patch(story, "c", calendar_id=made.json()["id"])).status_code == 200
    etag = (await story.client.get(f"{story.path}/tasks/{story.ids['c']}")).headers["etag"]
    step = {"action": "update_task", "id": story.ids["c"], "version": int(etag.strip('"')), "task": dates}
    batch = await story.client.post(f"{story.path}/tasks/batch", json={"mode": "atomic", "items": [step]})
    assert batch.status_code == 200, batch.text
    names = ("duration_minutes", "actual_duration_minutes", "remaining_duration_minutes")
    for name, minutes in (("a", 960), ("b", 960), ("c", 480)):
        assert [(await task(story, name))[field] for field in names] == [minutes, minutes, 0]
    rolled = (await story.client.get(f"{story.path}/tasks/{story.ids['a']}?expand=rollup")).json()["rollup"]
    assert (rolled["duration_minutes"], rolled["finish"]) == (960, "2026-01-06T17:00:00+00:00")


@pytest.mark.parametrize(
    "done",
    [
        {"percent_complete": 10},
        {"actual_start": "2026-01-05T08:00:00Z"},
        {"actual_cost": {"amount": "70", "currency": "EUR"}},
    ],
)
async def test_no_task_is_put_below_one_that_is_under_way(story: Story, done: Json) -> None:
    """What was done of it would not count any more."""
    await patch(story, "a", **done)
    at, parent, project = f"{story.path}/tasks", {"parent_id": story.ids["a"]}, story.path.rpartition("/")[2]
    etag = (await story.client.get(f"{at}/{story.ids['b']}")).headers["etag"]
    answers = [
        await story.client.post(at, json={"name": "Below", **parent}),
        await story.client.post(f"{at}/{story.ids['b']}/move", json=parent, headers={"If-Match": etag}),
        await story.client.post(
            f"{at}/copy", json={"source_project_id": project, "task_ids": [story.ids["b"]], **parent}
        ),
    ]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "task_under_way")] * 3
    items = [
        {"action": "create_task", "task": {"name": "Below", **parent}},
        {"action": "move_task", "id": story.ids["b"], "version": int(etag.strip('"')), **parent},
    ]
    batch = await story.client.post(f"{at}/batch", json={"mode": "best_effort", "items": items})
    assert [each["problem"]["code"] for each in batch.json()["items"]] == ["task_under_way"] * 2
    assert not (await task(story, "a"))["is_summary"]
    cleared = (
        {"percent_complete": 0} if "actual_cost" not in done else {"actual_cost": {"amount": "0", "currency": "EUR"}}
    )
    if "actual_start" not in done:
        await patch(story, "a", **cleared)
        assert (await story.client.post(at, json={"name": "Below", **parent})).status_code == 201
