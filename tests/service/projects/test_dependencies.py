"""Links between tasks over HTTP: what they may be, what they refuse, and what the schedule makes of them."""

from uuid import UUID, uuid4

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Database
from shared.testing.capture import recorded
from shared.testing.http import Api

PATCH = {"content-type": "application/merge-patch+json"}


class Story:
    """A project of three tasks of a day each, and a summary with two."""

    def __init__(self, client: httpx2.AsyncClient, project: str) -> None:
        self.client, self.path, self.ids = client, f"/v1/projects/{project}", dict[str, str]()

    @classmethod
    async def make(cls, client: httpx2.AsyncClient) -> "Story":
        """Create it."""
        body = {"name": "Quay", "time_zone": "UTC", "start": "2026-01-05T08:00:00Z"}
        story = cls(client, (await client.post("/v1/projects", json=body)).json()["id"])
        for name in ("a", "b", "c", "s"):
            await story.task(name)
        await story.task("s1", "s")
        await story.task("s2", "s")
        return story

    async def task(self, name: str, parent: str | None = None) -> None:
        """Add a task of a day."""
        body = {"name": name, "duration_minutes": 480, "parent_id": self.ids[parent] if parent else None}
        answer = await self.client.post(f"{self.path}/tasks", json=body)
        assert answer.status_code == 201, answer.text
        self.ids[name] = answer.json()["id"]

    async def link(self, before: str, after: str, **fields: object) -> httpx2.Response:
        """Ask for a link."""
        body = {"predecessor_id": self.ids[before], "successor_id": self.ids[after], **fields}
        return await self.client.post(f"{self.path}/dependencies", json=body)

    async def starts(self) -> dict[str, str]:
        """When each task starts, by name, as month-day and time."""
        page = (await self.client.get(f"{self.path}/schedule")).json()
        assert page["problem"] is None
        return {item["name"]: item["early_start"][5:16] for item in page["items"]}


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """A project to link tasks of."""
    return await Story.make(director)


async def test_a_link_has_an_etag_a_location_a_history_and_events(
    story: Story, settings: Settings, organization: UUID
) -> None:
    made = await story.link("a", "b")
    assert made.status_code == 201, made.text
    one = made.headers["location"]
    assert (made.headers["etag"], made.json()["type"]) == ('"1"', "finish_to_start")
    assert (await story.client.get(one, headers={"if-none-match": '"1"'})).status_code == 304
    changed = await story.client.patch(one, json={"lag": 60}, headers={"if-match": '"1"', **PATCH})
    assert (changed.status_code, changed.json()["lag"], changed.headers["etag"]) == (200, 60, '"2"')
    assert (await story.client.patch(one, json={"lag": 0}, headers={"if-match": '"1"', **PATCH})).status_code == 412
    assert (await story.client.patch(one, json={"lag": 0}, headers=PATCH)).status_code == 428
    before = (await story.client.get(one, params={"as_of": changed.json()["created_at"]})).json()
    assert (before["version"], before["lag"]) == (1, 0)
    assert (await story.client.delete(one, headers={"if-match": '"2"'})).status_code == 204
    assert (await story.client.get(one)).status_code == 404
    database = await Database.connect(settings.database_url, size=1)
    try:
        facts = [kind.split(".")[3] for kind, _ in await recorded(database, organization) if ".dependency." in kind]
    finally:
        await database.close()
    assert facts == ["created", "updated", "deleted"]


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({}, "01-06T08:00"),
        ({"type": "start_to_start"}, "01-05T08:00"),
        ({"lag": 240}, "01-06T13:00"),
        ({"lag": -240}, "01-05T13:00"),
        ({"lag": 1440, "lag_unit": "elapsed"}, "01-07T08:00"),
        ({"lag": 1440, "lag_calendar": "around_the_clock"}, "01-07T08:00"),
        ({"lag": 480, "lag_calendar": "predecessor"}, "01-07T08:00"),
        ({"lag": 50, "lag_unit": "percent"}, "01-06T13:00"),
        ({"type": "start_to_start", "lag": 240}, "01-05T13:00"),
        ({"type": "finish_to_finish", "lag": 240}, "01-05T13:00"),
        ({"type": "start_to_finish", "lag": 960}, "01-06T08:00"),
    ],
    ids=str,
)
async def test_the_schedule_follows_a_link_at_once(story: Story, fields: dict[str, object], start: str) -> None:
    assert (await story.starts())["b"] == "01-05T08:00"
    assert (await story.link("a", "b", **fields)).status_code == 201
    assert (await story.starts())["b"] == start


async def test_links_to_and_from_a_summary_hold_all_that_is_below(story: Story) -> None:
    assert (await story.link("a", "s")).status_code == 201
    assert (await story.link("s", "c")).status_code == 201
    starts = await story.starts()
    assert (starts["s1"], starts["s2"], starts["c"]) == ("01-06T08:00", "01-06T08:00", "01-07T08:00")


async def test_a_loop_is_refused_and_its_tasks_are_named_in_order(story: Story) -> None:
    for before, after in (("a", "b"), ("b", "s"), ("s1", "c")):
        assert (await story.link(before, after)).status_code == 201
    refused = await story.link("c", "a")
    assert (refused.status_code, refused.json()["code"]) == (409, "dependency_cycle")
    loop = [error["detail"] for error in refused.json()["errors"]]
    names = {identifier: name for name, identifier in story.ids.items()}
    named = [(names[each.split()[0]], each.partition(" ")[2]) for each in loop]
    assert named == [("a", "(1 a)"), ("b", "(2 b)"), ("s", "(4 s)"), ("s1", "(4.1 s1)"), ("c", "(3 c)")]
    assert refused.json()["detail"] == "1 a > 2 b > 4 s > 4.1 s1 > 3 c > 1 a."
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/successor_id"}


async def test_however_long_a_loop_and_its_names_are_it_is_told_in_short(story: Story) -> None:
    items: list[dict[str, object]] = [
        {"action": "create_task", "ref": f"t{n}", "task": {"name": f"{n}" + " long" * 35}} for n in range(80)
    ]
    for n in range(80):
        ends = {"predecessor_id": f"#t{n}", "successor_id": f"#t{(n + 1) % 80}"}
        items.append({"action": "create_dependency", "dependency": ends})
    answer = await story.client.post(f"{story.path}/tasks/batch", json={"mode": "best_effort", "items": items})
    assert answer.status_code == 207, answer.text
    problem = answer.json()["items"][-1]["problem"]
    assert (problem["code"], len(problem["errors"])) == ("dependency_cycle", 50)
    assert problem["detail"].startswith("1 long")
    assert len(problem["detail"]) < 1000
    assert max(len(error["detail"]) for error in problem["errors"]) < 120


async def test_what_a_link_cannot_be_is_told(story: Story, director: httpx2.AsyncClient) -> None:
    other = await Story.make(director)
    itself = await story.link("a", "a")
    assert (itself.status_code, itself.json()["errors"][0]["code"]) == (422, "self_dependency")
    body = {"predecessor_id": story.ids["a"], "successor_id": other.ids["a"]}
    across = await director.post(f"{story.path}/dependencies", json=body)
    assert (across.status_code, across.json()["errors"][0]["pointer"]) == (422, "/successor_id")
    much = await story.link("a", "b", lag=10_001, lag_unit="percent")
    assert (much.status_code, much.json()["errors"][0]["pointer"]) == (422, "/lag")
    assert (await story.link("a", "b")).status_code == 201
    again = await story.link("a", "b", lag=5)
    assert (again.status_code, again.json()["code"]) == (409, "dependency_exists")
    beside = await story.link("a", "b", type="start_to_start")
    assert beside.status_code == 201
    headers = {"if-match": '"1"', **PATCH}
    same = await director.patch(beside.headers["location"], json={"type": "finish_to_start"}, headers=headers)
    assert (same.status_code, same.json()["code"]) == (409, "dependency_exists")


async def test_links_are_listed_by_either_end_and_by_type(story: Story, service: Api, organization: UUID) -> None:
    for before, after, kind in (
        ("a", "b", "finish_to_start"),
        ("b", "c", "start_to_start"),
        ("a", "c", "finish_to_finish"),
    ):
        assert (await story.link(before, after, type=kind)).status_code == 201
    names = {identifier: name for name, identifier in story.ids.items()}

    async def listed(**filters: str) -> list[str]:
        page = await story.client.get(f"{story.path}/dependencies", params=filters)
        assert page.status_code == 200, page.text
        return sorted(names[i["predecessor_id"]] + names[i["successor_id"]] for i in page.json()["items"])

    assert await listed() == ["ab", "ac", "bc"]
    assert await listed(predecessor_id=story.ids["a"]) == ["ab", "ac"]
    assert await listed(successor_id=story.ids["c"]) == ["ac", "bc"]
    assert await listed(task_id=story.ids["b"]) == ["ab", "bc"]
    assert await listed(type="start_to_start", sort="-lag") == ["bc"]
    stranger = service.as_(organization, "project_manager", subject="other")
    assert (await stranger.get(f"{story.path}/dependencies")).status_code == 404
    body = {"predecessor_id": story.ids["a"], "successor_id": story.ids["s"]}
    assert (await stranger.post(f"{story.path}/dependencies", json=body)).status_code == 404
    assert (await service.as_(uuid4(), "pmo_director").get(f"{story.path}/dependencies")).status_code == 404
