"""A project's metrics over HTTP: which instant they are of, who may see them, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from services.kpi.domain.images import KpisRead
from shared.testing.http import Api
from tests.service.kpi.story import Story, fortnight, later, plan, task

AMSTERDAM = "Europe/Amsterdam"


async def read(client: httpx2.AsyncClient, project: object, **query: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/projects/{project}/kpis", params=query)
    assert answer.status_code == 200, answer.text
    KpisRead.model_validate_json(answer.content)
    found: dict[str, Any] = answer.json()
    return found


def values(found: dict[str, Any], *names: str) -> list[str | None]:
    return [found["metrics"][name]["value"] or found["metrics"][name]["reason"] for name in names]


async def amsterdam(story: Story) -> str:
    """The fortnight in a time zone of its own; its status date is Friday 6 March, 17:00 local."""
    project_id = await story.create(zone=AMSTERDAM, key=f"Q-{uuid4().int % 10**8 + 1}")
    await story.bring(plan(), project_id)
    await story.tell(project_id)
    return str(project_id)


async def test_without_as_of_the_status_date_is_meant_and_echoed_in_the_projects_time_zone(
    live: Story, director: httpx2.AsyncClient
) -> None:
    project = await amsterdam(live)
    found = await read(director, project)
    assert (found["project_id"], found["as_of"]) == (project, "2026-03-06T17:00:00+01:00")
    assert found["metrics"]["earned_value"] == {"value": "6000.00", "unit": "EUR", "reason": None}
    assert found["metrics"]["cost_performance_index"] == {"value": "0.857143", "unit": "ratio", "reason": None}
    assert found["metrics"]["earned_schedule"] == {"value": "3.000000", "unit": "working_day", "reason": None}


@pytest.mark.parametrize(
    ("as_of", "echo", "planned", "earned"),
    [
        ("2026-03-03", "2026-03-03T23:59:59.999999+01:00", "4000.00", "no_progress_reported"),
        ("2026-03-03T12:00:00+01:00", "2026-03-03T12:00:00+01:00", "3000.00", "no_progress_reported"),
        ("2026-03-03T11:00:00Z", "2026-03-03T12:00:00+01:00", "3000.00", "no_progress_reported"),
        ("2026-03-06", "2026-03-06T23:59:59.999999+01:00", "10000.00", "6000.00"),
        ("2026-03-06T16:59:59+01:00", "2026-03-06T16:59:59+01:00", "10000.00", "no_progress_reported"),
        ("2026-03-06T17:00:00+01:00", "2026-03-06T17:00:00+01:00", "10000.00", "6000.00"),
        ("2026-03-31", "2026-03-31T23:59:59.999999+02:00", "20000.00", "6000.00"),
        ("2026-01-01", "2026-01-01T23:59:59.999999+01:00", "0.00", "no_progress_reported"),
        ("1900-01-01T00:00:00+00:00", "1900-01-01T00:19:32+00:19:32", "0.00", "no_progress_reported"),
        ("2200-12-31", "2200-12-31T23:59:59.999999+01:00", "20000.00", "6000.00"),
    ],
)
async def test_as_of_is_an_instant_or_the_end_of_a_day(
    live: Story, director: httpx2.AsyncClient, as_of: str, echo: str, planned: str, earned: str
) -> None:
    project = await amsterdam(live)
    found = await read(director, project, as_of=as_of)
    assert datetime.fromisoformat(found["as_of"]) == datetime.fromisoformat(echo)
    assert values(found, "planned_value", "earned_value") == [planned, earned]
    # The instant in the answer, asked for again, gives the same answer.
    assert await read(director, project, as_of=found["as_of"]) == found


async def test_a_plus_that_a_shell_left_bare_is_understood(live: Story, director: httpx2.AsyncClient) -> None:
    project = await amsterdam(live)
    answer = await director.get(f"/v1/projects/{project}/kpis?as_of=2026-03-06T17:00:00+01:00")
    assert answer.json()["as_of"] == "2026-03-06T17:00:00+01:00"


async def test_what_is_pushed_after_the_status_date_shows_at_once(live: Story, director: httpx2.AsyncClient) -> None:
    project_id = await live.bring(plan())
    await live.push(project_id, "2", later(20), 50, "4000.00")
    await live.tell(project_id)
    found = await read(director, project_id)
    assert found["as_of"] == "2026-03-07T13:00:00+00:00"
    assert values(found, "earned_value", "actual_cost") == ["11000.00", "11000.00"]
    # What is pushed for an instant before it leaves the instant as it is.
    await live.push(project_id, "1", later(-20), 10)
    await live.tell(project_id)
    assert await read(director, project_id) == found
    assert values(await read(director, project_id, as_of="2026-03-05"), "earned_value") == ["1000.00"]


async def test_a_fact_from_a_clock_that_is_years_ahead_does_not_become_the_present(
    live: Story, director: httpx2.AsyncClient
) -> None:
    project_id = await live.bring(plan())
    await live.tell(project_id)
    before = await read(director, project_id)
    await live.push(project_id, "2", datetime(2199, 1, 1, tzinfo=UTC), 99)
    await live.tell(project_id)
    assert await read(director, project_id) == before
    asked = await read(director, project_id, as_of="2200-01-01")
    assert values(asked, "earned_value") != values(before, "earned_value")


async def test_without_a_status_date_now_is_meant(live: Story, director: httpx2.AsyncClient) -> None:
    project_id = await live.bring(plan(status=None))
    await live.tell(project_id)
    before = datetime.now(UTC)
    found = await read(director, project_id)
    assert before <= datetime.fromisoformat(found["as_of"]) <= datetime.now(UTC)
    assert values(found, "planned_value", "earned_value") == ["20000.00", "6000.00"]
    # A clock that is ahead of ours must not hide what it stated.
    await live.push(project_id, "2", datetime.now(UTC) + timedelta(minutes=5), 50)
    await live.tell(project_id)
    assert values(await read(director, project_id), "earned_value") == ["11000.00"]


async def test_a_project_of_which_nothing_is_known_has_reasons_only(live: Story, director: httpx2.AsyncClient) -> None:
    project_id = await live.create()
    await live.tell(project_id)
    metrics = (await read(director, project_id))["metrics"]
    assert {metric["value"] for metric in metrics.values()} == {None}
    assert metrics.pop("actual_cost")["reason"] == metrics.pop("percent_spent")["reason"] == "no_actual_cost"
    assert {metric["reason"] for metric in metrics.values()} == {"no_baseline"}


async def test_a_plan_of_which_no_progress_was_ever_reported_earns_nothing_known(
    live: Story, director: httpx2.AsyncClient
) -> None:
    project_id = await live.bring(plan(fortnight(0, 0, "0")))
    await live.tell(project_id)
    found = values(await read(director, project_id), "planned_value", "earned_value", "actual_cost")
    assert found == ["10000.00", "no_progress_reported", "no_actual_cost"]


async def test_a_project_is_found_by_its_key(live: Story, director: httpx2.AsyncClient) -> None:
    project_id = await live.create(key="QUAY-1")
    await live.tell(project_id)
    assert (await read(director, "QUAY-1"))["project_id"] == str(project_id)
    await live.patch(project_id, key="WALL-1")
    await live.tell(project_id)
    assert (await director.get("/v1/projects/QUAY-1/kpis")).status_code == 404
    assert (await read(director, "WALL-1"))["project_id"] == str(project_id)


@pytest.mark.parametrize("path", ["kpis", "kpis/history"])
async def test_who_does_not_know_or_own_a_project_gets_the_same_answer(live: Story, service: Api, path: str) -> None:
    project_id = await live.create(key="QUAY-1")
    await live.tell(project_id)
    mine = service.as_(live.organization, "project_manager", subject="pm@example.org")
    assert (await mine.get(f"/v1/projects/{project_id}/{path}")).status_code == 200
    director = service.as_(live.organization, "pmo_director")
    stranger = service.as_(uuid4(), "pmo_director")
    colleague = service.as_(live.organization, "project_manager", subject="other@example.org")
    for client, reference in (
        (director, uuid4()),
        (director, "NONE-1"),
        (director, "…"),
        (stranger, project_id),
        (stranger, "QUAY-1"),
        (colleague, project_id),
        (colleague, "QUAY-1"),
    ):
        answer = await client.get(f"/v1/projects/{reference}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    await live.patch(project_id, owner="other@example.org")
    await live.tell(project_id)
    assert (await colleague.get(f"/v1/projects/QUAY-1/{path}")).status_code == 200
    assert (await mine.get(f"/v1/projects/QUAY-1/{path}")).status_code == 404


async def test_nobody_sees_metrics_without_the_right(service: Api, live: Story) -> None:
    project_id = await live.create()
    await live.tell(project_id)
    path = f"/v1/projects/{project_id}/kpis"
    assert (await service.anonymous().get(path)).status_code == 401
    assert (await service.as_(live.organization, "team_member").get(path)).status_code == 403
    assert (await service.as_(live.organization, "executive").get(path)).status_code == 200


@pytest.mark.parametrize(
    "as_of",
    [
        "",
        "now",
        "infinity",
        "20260301",
        "\x00",
        "٢٠٢٦-03-01",
        "2026-02-30",
        "1899-12-31",
        "2201-01-01",
        "9999-12-31",
        "0001-01-01",
        "2026-03-01T10:00:00",
        "2026-03-01 10:00:00+01:00",
        "2026-03-01T25:00:00Z",
        "2026-03-01T10:00:60Z",
        "2026-03-01T10:00:00+99:00",
    ],
)
@pytest.mark.parametrize("where", ["as_of", "from", "to"])
async def test_other_instants_are_refused(director: httpx2.AsyncClient, where: str, as_of: str) -> None:
    path = "kpis" if where == "as_of" else "kpis/history"
    answer = await director.get(f"/v1/projects/{uuid4()}/{path}", params={where: as_of})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"query/{where}"]


async def test_metrics_that_are_the_same_need_not_be_sent_again(live: Story, director: httpx2.AsyncClient) -> None:
    project_id = await live.bring(plan())
    await live.tell(project_id)
    path = f"/v1/projects/{project_id}/kpis"
    known = (await director.get(path)).headers["etag"]
    again = await director.get(path, headers={"If-None-Match": known})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", known)
    await live.push(project_id, "1", later(), 61)
    await live.tell(project_id)
    changed = await director.get(path, headers={"If-None-Match": known})
    assert changed.status_code == 200
    assert changed.headers["etag"] != known


async def test_progress_of_what_became_a_summary_counts_no_more(live: Story, director: httpx2.AsyncClient) -> None:
    project_id = await live.bring(plan())
    await live.push(project_id, "2", later(5), 80, "1.00")
    await live.tell(project_id)
    assert (await read(director, project_id))["as_of"] == "2026-03-06T22:00:00+00:00"
    summary = task("2", "2026-03-09T08:00", "2026-03-13T17:00", "10000.00", is_summary=True)
    await live.bring(plan((fortnight()[0], summary)), project_id)
    await live.tell(project_id)
    found = await read(director, project_id)
    assert found["as_of"] == "2026-03-06T17:00:00+00:00"
    assert values(found, "budget_at_completion", "earned_value", "actual_cost") == ["10000.00", "6000.00", "7000.00"]


@pytest.mark.parametrize("query", ["asof=2026-01-01", "as_of=2026-01-01&as_of=2026-01-02"])
async def test_parameters_that_are_unknown_or_repeated_are_refused(director: httpx2.AsyncClient, query: str) -> None:
    assert (await director.get(f"/v1/projects/{uuid4()}/kpis?{query}")).status_code == 422


async def test_money_has_the_digits_of_its_currency(live: Story, director: httpx2.AsyncClient) -> None:
    for currency, budget in (("JPY", "20000"), ("KWD", "20000.000")):
        project_id = await live.bring(plan(currency=currency))
        await live.tell(project_id)
        metric = (await read(director, project_id))["metrics"]["budget_at_completion"]
        assert metric == {"value": budget, "unit": currency, "reason": None}
