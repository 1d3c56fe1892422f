"""A project's metrics over time: which points there are, page by page, each equal to the metrics of its instant."""

import random
from datetime import date, datetime, timedelta
from typing import Any

import httpx2
import pytest

from services.kpi.domain.images import KpiPointRead
from shared.testing.http import Api
from tests.service.kpi.story import STATUS, Story, fortnight, instant, later, plan, task


async def history(client: httpx2.AsyncClient, project: object, **query: str) -> list[dict[str, Any]]:
    """All points, page by page."""
    points: list[dict[str, Any]] = []
    while True:
        answer = await client.get(f"/v1/projects/{project}/kpis/history", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        points += page["items"]
        if page["next_cursor"] is None:
            return points
        assert answer.headers["link"] == f'<{page["links"]["next"]}>; rel="next"'
        query["cursor"] = page["next_cursor"]


def days(points: list[dict[str, Any]]) -> list[str]:
    assert all(point["as_of"][10:26] == "T23:59:59.999999" for point in points)
    return [point["as_of"][:10] for point in points]


def column(points: list[dict[str, Any]], name: str) -> list[str | None]:
    return [point["metrics"][name]["value"] for point in points]


async def test_a_series_runs_from_the_baseline_start_to_the_default_instant(
    live: Story, director: httpx2.AsyncClient
) -> None:
    project_id = await live.bring(plan())
    await live.tell(project_id)
    points = await history(director, project_id, interval="day")
    assert days(points) == [f"2026-03-0{day}" for day in range(2, 7)]
    assert column(points, "planned_value") == ["2000.00", "4000.00", "6000.00", "8000.00", "10000.00"]
    assert column(points, "earned_value") == [None, None, None, None, "6000.00"]
    assert points[0]["metrics"]["earned_value"]["reason"] == "no_progress_reported"
    for point in points:
        KpiPointRead.model_validate(point)
    # Late work prolongs it past the baseline finish.
    await live.push(project_id, "2", instant("2026-03-25T12:00"), 100, "12000.00")
    await live.tell(project_id)
    weekly = ["2026-03-02", "2026-03-08", "2026-03-15", "2026-03-22", "2026-03-25"]
    assert days(await history(director, project_id)) == weekly


async def test_without_a_status_date_a_series_ends_with_plan_and_progress(
    live: Story, director: httpx2.AsyncClient
) -> None:
    project_id = await live.bring(plan(fortnight(0, 0, "0"), status=None))
    await live.tell(project_id)
    assert days(await history(director, project_id)) == ["2026-03-02", "2026-03-08", "2026-03-13"]


async def test_a_project_without_a_baseline_has_the_series_of_its_progress(
    live: Story, director: httpx2.AsyncClient
) -> None:
    project_id = await live.bring(plan([task("1", None, None, None)]))
    await live.tell(project_id)
    assert days(await history(director, project_id)) == [STATUS[:10]]
    await live.push(project_id, "1", instant("2026-03-10T12:00"), 10, "5.00")
    await live.push(project_id, "1", instant("2026-03-20T12:00"), 20, "7.00")
    await live.tell(project_id)
    points = await history(director, project_id)
    assert days(points) == ["2026-03-10", "2026-03-15", "2026-03-20"]
    assert column(points, "actual_cost") == ["5.00", "5.00", "7.00"]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("day", [f"2026-01-{day:02}" for day in range(29, 32)] + [f"2026-02-0{day}" for day in range(1, 4)]),
        ("week", ["2026-01-29", "2026-02-01", "2026-02-03"]),
        ("month", ["2026-01-29", "2026-01-31", "2026-02-03"]),
    ],
)
async def test_points_are_the_first_day_the_ends_of_intervals_and_the_last_day(
    live: Story, director: httpx2.AsyncClient, interval: str, expected: list[str]
) -> None:
    project_id = await live.bring(plan())
    await live.tell(project_id)
    query = {"from": "2026-01-29", "to": "2026-02-03T10:00:00Z", "interval": interval}
    assert days(await history(director, project_id, **query)) == expected
    for limit in ("1", "2", "3"):
        assert days(await history(director, project_id, limit=limit, **query)) == expected


async def test_every_point_equals_the_metrics_of_its_instant(live: Story, director: httpx2.AsyncClient) -> None:
    rng = random.Random(20260306)
    zone = "America/New_York"
    rows = [
        task(
            str(n),
            f"2026-03-{(first := rng.randint(1, 20)):02}T08:00",
            f"2026-03-{rng.randint(first, 28):02}T17:00",
            f"{rng.randint(0, 10_000)}.{rng.randint(0, 99):02}",
            percent=rng.choice([0, 10, 50]),
            spent=f"{rng.randint(0, 3000)}.00",
            is_elapsed_duration=rng.random() < 0.2,
        )
        for n in range(1, 13)
    ]
    project_id = await live.create(zone=zone)
    await live.bring(plan(rows), project_id)
    for _ in range(120):
        # On the very instants between points too.
        at = rng.choice(
            [later(rng.uniform(0, 700)), instant("2026-03-20T04:00"), instant("2026-03-21T03:59:59.999999")]
        )
        cost = None if rng.random() < 0.3 else f"{rng.randint(0, 9000)}.00"
        await live.push(project_id, str(rng.randint(1, 12)), at, rng.choice([0, 30, 70, 99, 100]), cost)
    for row in rows:
        await live.push(project_id, row.source_id, instant("2026-04-10T12:00"), 100)
    await live.delete_task(project_id, "5")
    await live.tell(project_id)
    points = await history(director, project_id, **{"from": "2026-02-26", "to": "2026-05-02", "interval": "day"})
    assert len(points) == 66
    assert points[0]["metrics"]["earned_value"]["reason"] == "no_progress_reported"
    assert points[-1]["metrics"]["percent_complete"]["value"] == "100.000000"
    for point in points:
        answer = await director.get(f"/v1/projects/{project_id}/kpis", params={"as_of": point["as_of"]})
        single = answer.json()
        assert (single["as_of"], single["metrics"]) == (point["as_of"], point["metrics"])


async def test_a_page_may_not_be_followed_with_other_questions(
    live: Story, director: httpx2.AsyncClient, service: Api
) -> None:
    project_id = await live.bring(plan())
    other_id = await live.bring(plan())
    for each in (project_id, other_id):
        await live.tell(each)
    path = f"/v1/projects/{project_id}/kpis/history"
    cursor = (await director.get(path, params={"limit": 1})).json()["next_cursor"]
    assert (await director.get(path, params={"cursor": cursor})).status_code == 200
    for where, query in (
        (f"/v1/projects/{other_id}/kpis/history", {}),
        (path, {"interval": "day"}),
        (path, {"from": "2026-03-01"}),
        (path, {"to": "2026-03-01"}),
    ):
        answer = await director.get(where, params={**query, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
    forged = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    assert (await director.get(path, params={"cursor": forged})).status_code == 400


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "query/to"),
        ({"interval": "year"}, "query/interval"),
        ({"limit": "0"}, "query/limit"),
        ({"limit": "201"}, "query/limit"),
    ],
)
async def test_series_that_cannot_be_are_refused(
    live: Story, director: httpx2.AsyncClient, query: dict[str, str], pointer: str
) -> None:
    project_id = await live.bring(plan())
    await live.tell(project_id)
    answer = await director.get(f"/v1/projects/{project_id}/kpis/history", params=query)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_range_from_or_to_an_odd_end_still_has_its_points(live: Story, director: httpx2.AsyncClient) -> None:
    project_id = await live.bring(plan())
    await live.tell(project_id)
    assert days(await history(director, project_id, **{"from": "2027-01-01"})) == ["2027-01-01"]
    assert days(await history(director, project_id, to="2025-01-01")) == ["2025-01-01"]
    points = await history(director, project_id, **{"from": "1900-01-01", "to": "2200-12-31", "interval": "month"})
    assert len(points) == 301 * 12 + 1
    assert column(points, "planned_value")[-1] == "20000.00"
    first = date(1900, 1, 1)
    assert days(points)[:3] == ["1900-01-01", "1900-01-31", "1900-02-28"]
    assert datetime.fromisoformat(points[0]["as_of"]).date() - first == timedelta()
