"""Tasks with what the schedule says of them: dates, sums, progress and variance, of one revision."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.entities.projections import PROJECTIONS
from shared.testing.http import Api
from tests.service.projects.test_baselines import decided
from tests.service.projects.test_dependencies import PATCH, Story

ALL = ",".join(PROJECTIONS)


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """Three tasks of a day, and a summary with two."""
    return await Story.make(director)


async def change(story: Story, name: str, **fields: object) -> None:
    """Change a task, whatever its version is."""
    one = f"{story.path}/tasks/{story.ids[name]}"
    tag = (await story.client.get(one)).headers["etag"]
    answer = await story.client.patch(one, json=fields, headers={"if-match": tag, **PATCH})
    assert answer.status_code == 200, answer.text


async def shown(story: Story, expand: str = ALL, **more: str) -> dict[str, Any]:
    """The tasks by name."""
    page = await story.client.get(f"{story.path}/tasks", params={"expand": expand, **more})
    assert page.status_code == 200, page.text
    return {item["name"]: item for item in page.json()["items"]}


async def test_a_summary_shows_what_is_below_it_as_soon_as_that_was_written(story: Story) -> None:
    await story.link("s1", "s2")
    await change(story, "s1", work_minutes=960, percent_complete=50, actual_cost={"amount": "12.50", "currency": "EUR"})
    items = await shown(story)
    summary = items["s"]
    assert summary["schedule"]["early_finish"] == "2026-01-06T17:00:00+00:00"
    sums = {name: summary["rollup"][name] for name in ("duration_minutes", "tasks", "work_minutes", "actual_cost")}
    cost = {"amount": "12.50", "currency": "EUR"}
    assert sums == {"duration_minutes": 960, "tasks": 2, "work_minutes": 960, "actual_cost": cost}
    assert summary["progress"]["percent_complete"] == 25
    assert summary["baseline_variance"] is None
    revisions = {item[name]["revision"] for item in items.values() for name in ("schedule", "rollup", "progress")}
    assert len(revisions) == 1
    assert items["a"]["rollup"]["tasks"] == 0


async def test_what_summaries_come_to_is_a_new_revision_that_names_no_task_as_moved(story: Story) -> None:
    before = (await shown(story))["a"]["rollup"]["revision"]
    await change(story, "a", work_minutes=480)
    after = await shown(story)
    assert after["a"]["rollup"] | {"revision": 0} == after["a"]["rollup"] | {"work_minutes": 480, "revision": 0}
    assert after["a"]["rollup"]["revision"] == before + 1


async def test_an_approved_baseline_shows_in_the_variance(story: Story, service: Api, organization: UUID) -> None:
    asked = await story.client.post(f"{story.path}/baselines", json={"name": "first", "reason": "start"})
    assert (await decided(service.as_(organization, "executive", subject="sponsor"), asked)).status_code == 200
    assert (await shown(story))["s"]["baseline_variance"]["finish_minutes"] == 0
    await change(story, "s1", duration_minutes=1440)
    late = (await shown(story))["s"]["baseline_variance"]
    assert (late["start_minutes"], late["finish_minutes"], late["duration_minutes"]) == (0, 960, 960)


async def test_one_task_shows_the_same_as_the_list_and_is_never_left_unsent(story: Story) -> None:
    for name, item in (await shown(story)).items():
        one = f"{story.path}/tasks/{story.ids[name]}"
        single = await story.client.get(one, params={"expand": ALL})
        assert single.json() == item
        tag = {"if-none-match": single.headers["etag"]}
        assert (await story.client.get(one, params={"expand": ALL}, headers=tag)).status_code == 200
        assert (await story.client.get(one, headers=tag)).status_code == 304
    plain = (await story.client.get(f"{story.path}/tasks")).json()["items"]
    assert not set(PROJECTIONS) & set(plain[0])


async def test_what_is_shown_is_chosen(story: Story) -> None:
    some = await shown(story, "progress", fields="name")
    assert {frozenset(item) for item in some.values()} == {frozenset({"name", "progress"})}
    unknown = await story.client.get(f"{story.path}/tasks", params={"expand": "schedule,owner"})
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (422, "unknown_projection")
    past = await story.client.get(
        f"{story.path}/tasks/{story.ids['a']}", params={"expand": "schedule", "as_of": "2026-01-05T08:00:00Z"}
    )
    assert (past.status_code, past.json()["errors"][0]["code"]) == (422, "not_as_of")


async def test_pages_with_projections_follow_each_other(story: Story) -> None:
    names: list[str] = []
    path: str | None = f"{story.path}/tasks?limit=2&expand=schedule"
    while path is not None:
        page = (await story.client.get(path)).json()
        names += [item["name"] for item in page["items"] if item["schedule"] is not None]
        path = page["links"]["next"]
    assert names == ["a", "b", "c", "s", "s1", "s2"]
