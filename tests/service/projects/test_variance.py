"""How a plan stands to a baseline, in any order, and only what is asked for."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import httpx2
import pytest

from shared.testing.http import Api

Json = dict[str, Any]
MEASURES: Final = {
    "start_variance": "start_minutes",
    "finish_variance": "finish_minutes",
    "duration_variance": "duration_minutes",
    "work_variance": "work_minutes",
    "cost_variance": "cost",
}


@pytest.fixture
async def slipped(director: httpx2.AsyncClient, service: Api, organization: UUID) -> str:
    """The path of a plan that is no more as its baseline has it: some slipped over a weekend, some came early."""
    body = {"name": "Quay", "currency": "EUR", "start": "2026-03-02T08:00:00Z"}
    path = f"/v1/projects/{(await director.post('/v1/projects', json=body)).json()['id']}"
    items: list[Json] = [{"action": "create_task", "ref": "s", "task": {"name": "Works"}}]
    for n in range(8):
        task = {"name": f"T{n}", "parent_id": "#s", "duration_minutes": 480 * (n + 1), "work_minutes": 60 * n}
        task |= {"cost": {"amount": f"{10 * n}.00", "currency": "EUR"}, "is_milestone": n == 7}
        items.append({"action": "create_task", "ref": f"t{n}", "task": task})
    made = await director.post(f"{path}/tasks/batch", json={"mode": "atomic", "items": items})
    assert made.status_code == 200, made.text
    asked = await director.post(f"{path}/baselines", json={"name": "Contract", "reason": "as agreed"})
    boss = service.as_(organization, "pmo_director", subject="boss")
    decision = {"decision": "approved", "reason": "agreed"}
    answer = await boss.post(f"{asked.headers['location']}/decisions", json=decision, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text

    tasks = {task["name"]: task for task in (await director.get(f"{path}/tasks")).json()["items"]}

    def changed(name: str, **fields: object) -> Json:
        one = tasks[name]
        return {"action": "update_task", "id": one["id"], "version": one["version"], "task": fields}

    starts = {"constraint_type": "start_no_earlier_than", "constraint_date": "2026-03-06T13:00:00Z"}
    items = [
        changed("T0", **starts, cost={"amount": "5.50", "currency": "EUR"}),
        changed("T1", duration_minutes=5 * 480, work_minutes=600),
        changed("T2", duration_minutes=480),
        changed("T3", **starts, duration_minutes=4 * 480),
        changed("T7", **starts, cost={"amount": "1.00", "currency": "EUR"}),
        {"action": "delete_task", "id": tasks["T5"]["id"], "version": tasks["T5"]["version"]},
        {"action": "create_task", "task": {"name": "New", "duration_minutes": 960, "parent_id": tasks["Works"]["id"]}},
    ]
    made = await director.post(f"{path}/tasks/batch", json={"mode": "atomic", "items": items})
    assert made.status_code == 200, made.text
    return path


async def listed(client: httpx2.AsyncClient, path: str, limit: int = 200, **query: Any) -> list[Json]:
    """All items of a comparison, gathered page by page."""
    found: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        page = await client.get(f"{path}/variance", params={"limit": limit, **query, **more})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
    return found


def measure(item: Json, name: str) -> Decimal | None:
    """A variance of an item, by the name of its sort."""
    value = item["variance"][MEASURES[name]]
    return None if value is None else Decimal(value["amount"] if isinstance(value, dict) else value)


async def test_it_is_sorted_by_each_measure_page_by_page_those_without_one_last(
    director: httpx2.AsyncClient, slipped: str
) -> None:
    everything = await listed(director, slipped)
    assert [item["name"] for item in everything] == ["Works", *(f"T{n}" for n in range(8)), "New"]
    for name in MEASURES:
        told = [value for item in everything if (value := measure(item, name)) is not None]
        assert min(told) < max(told), name
        missing = len(everything) - len(told)
        assert missing == (2 if "start" in name or "finish" in name else 0)
        for mark, backwards in (("", False), ("-", True)):
            found = await listed(director, slipped, limit=3, sort=mark + name)
            assert [measure(item, name) for item in found] == sorted(told, reverse=backwards) + [None] * missing
            assert sorted(item["task_id"] for item in found) == sorted(item["task_id"] for item in everything)
    both = await listed(director, slipped, limit=2, sort="-duration_variance,name")
    assert both == sorted(both, key=lambda item: (-item["variance"]["duration_minutes"], item["name"]))


async def test_only_what_is_asked_for_is_listed(director: httpx2.AsyncClient, slipped: str) -> None:
    async def names(**query: Any) -> list[str]:
        return [item["name"] for item in await listed(director, slipped, limit=2, **query)]

    everything = await listed(director, slipped)
    for name in MEASURES:
        for bound in (-480, 0, 240):
            more = [item for item in everything if (value := measure(item, name)) is not None and value > bound]
            assert await names(**{f"{name}_above": bound}) == [item["name"] for item in more]
    # From Monday 8:00 to Friday 13:00 there are four days and a half, and the weekend is no working time.
    assert await names(finish_variance_above=0, is_summary=False) == ["T0", "T1", "T3", "T7"]
    assert await names(start_variance_above=4 * 480 + 239, sort="-name") == ["T7", "T3", "T0"]
    assert await names(start_variance_above=4 * 480 + 240) == []
    assert await names(is_summary=True) == ["Works"]
    assert await names(is_milestone=True) == ["T7"]
    assert await names(presence="removed") == ["T5"]
    assert await names(presence=["removed", "added"], sort="-position") == ["New", "T5"]
    assert await names(cost_variance_above="5.49") == ["T0"]


async def test_a_cursor_is_good_for_one_order_and_filter_and_unknown_sorts_are_named(
    director: httpx2.AsyncClient, slipped: str
) -> None:
    page = await director.get(f"{slipped}/variance", params={"limit": 1, "sort": "-finish_variance"})
    cursor = page.json()["next_cursor"]
    others: list[Json] = [{"sort": "finish_variance"}, {"sort": "-finish_variance", "is_summary": False}]
    for other in others:
        refused = await director.get(f"{slipped}/variance", params={"limit": 1, "cursor": cursor, **other})
        assert (refused.status_code, refused.json()["code"]) == (400, "cursor_invalid")
    refused = await director.get(f"{slipped}/variance", params={"sort": "slip"})
    assert refused.json()["errors"][0]["pointer"] == "query/sort"
    assert "finish_variance" in refused.json()["errors"][0]["detail"]
