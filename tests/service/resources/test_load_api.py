"""Load over HTTP: days, contributing tasks, over-allocations, figures of a project."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.domain.plan import ResourceType
from shared.working_time import CalendarException, WorkingCalendar
from tests.service.resources.story import DAY, STANDARD, Listener, Project, assignment, moment, person, plan, task

ANN, BEN = person("1", "Ann"), person("2", "Ben")
TASKS = [
    task("1", "2026-03-02 08:00", "2026-03-03 17:00"),
    task("2", "2026-03-03 08:00", "2026-03-03 17:00"),
    task("3", "2026-03-06 08:00", "2026-03-09 17:00"),
]
PLAN = plan(
    TASKS,
    [ANN, BEN],
    [
        assignment("1", "1", "1", 960),
        assignment("2", "2", "1", 240),
        assignment("3", "3", "2", 960),
        assignment("4", "3", None, 5000),
    ],
)


async def load(client: httpx2.AsyncClient, resource: UUID | None, **query: str) -> dict[str, Any]:
    """A resource's load."""
    response = await client.get(f"/v1/resources/{resource}/load", params=query)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_load_tells_capacity_bookings_and_tasks_of_each_day(
    listener: Listener, director: httpx2.AsyncClient
) -> None:
    project = Project()
    await listener.hear(*project.imported(PLAN))
    body = await load(director, project.part("resource", "1"))
    first, second = ({"task_id": str(project.part("task", n)), "name": f"Task {n}"} for n in "12")
    of = {"project_id": str(project.id)}
    assert body == {
        "resource_id": str(project.part("resource", "1")),
        "name": "Ann",
        "type": "work",
        "project_id": str(project.id),
        "time_zone": "Europe/Amsterdam",
        "from": "2026-03-02",
        "to": "2026-03-03",
        "booked_from": "2026-03-02",
        "booked_to": "2026-03-03",
        "unbooked_minutes": 0,
        "reason": None,
        "totals": {"capacity_minutes": 960, "booked_minutes": 1200, "over_allocated_minutes": 240},
        "days": [
            {
                "date": "2026-03-02",
                "capacity_minutes": 480,
                "booked_minutes": 480,
                "over_allocated_minutes": 0,
                "tasks": [first | of | {"minutes": 480}],
            },
            {
                "date": "2026-03-03",
                "capacity_minutes": 480,
                "booked_minutes": 720,
                "over_allocated_minutes": 240,
                "tasks": [first | of | {"minutes": 480}, second | of | {"minutes": 240}],
            },
        ],
    }


async def test_a_span_shows_all_its_days_and_only_them(listener: Listener, director: httpx2.AsyncClient) -> None:
    project = Project()
    await listener.hear(*project.imported(PLAN))
    ben = project.part("resource", "2")
    body = await load(director, ben, **{"from": "2026-03-07", "to": "2026-03-10"})
    days = body["days"]
    assert [(d["date"], d["capacity_minutes"], d["booked_minutes"]) for d in days] == [
        ("2026-03-07", 0, 0),
        ("2026-03-08", 0, 0),
        ("2026-03-09", 480, 480),
        ("2026-03-10", 480, 0),
    ]
    assert (body["booked_from"], body["booked_to"]) == ("2026-03-06", "2026-03-09")
    assert (await load(director, ben, **{"from": "2026-03-05"}))["to"] == "2026-03-09"
    assert (await load(director, ben, to="2026-03-08"))["from"] == "2026-03-06"
    assert len((await load(director, ben, **{"from": "2030-01-01"}))["days"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "2026-01-01", "to": "2027-03-01"},
        {"from": "2026-02-30"},
        {"from": "0001-01-01"},
        {"to": "9999-12-31"},
        {"from": "2026-03-02T08:00:00Z"},
        {"to": "today"},
    ],
)
async def test_impossible_spans_are_refused(
    listener: Listener, director: httpx2.AsyncClient, query: dict[str, str]
) -> None:
    project = Project()
    await listener.hear(*project.imported(PLAN))
    response = await director.get(f"/v1/resources/{project.part('resource', '1')}/load", params=query)
    assert response.status_code == 422, response.text
    assert response.json()["code"] == "validation"


async def test_a_long_booking_is_cut_to_400_days(listener: Listener, director: httpx2.AsyncClient) -> None:
    project = Project()
    long = plan([task("1", "2026-03-02 08:00", "2029-03-01 17:00")], [ANN], [assignment("1", "1", "1", 100_000)])
    await listener.hear(*project.imported(long))
    body = await load(director, project.part("resource", "1"))
    assert (body["from"], body["to"], body["booked_to"]) == ("2026-03-02", "2027-04-05", "2029-03-01")
    assert len(body["days"]) == 400
    rest = await load(director, project.part("resource", "1"), **{"from": "2027-04-06"})
    assert rest["to"] == "2028-05-09"


async def test_material_and_the_unassigned_have_no_days_and_a_reason(
    listener: Listener, director: httpx2.AsyncClient
) -> None:
    project = Project()
    sand = person("7", type=ResourceType.MATERIAL)
    given = plan(TASKS, [ANN, sand], [assignment("1", "1", "7", 960)])
    await listener.hear(*project.imported(given))
    span = {"from": "2026-03-02", "to": "2026-03-03"}
    body = await load(director, project.part("resource", "7"), **span)
    assert (body["reason"], body["days"], body["from"]) == ("not_a_work_resource", [], None)
    body = await load(director, project.part("resource", "1"))
    assert (body["reason"], body["days"], body["from"]) == ("nothing_booked", [], None)
    body = await load(director, project.part("resource", "1"), **span)
    assert (body["reason"], body["totals"]) == (
        None,
        {"capacity_minutes": 960, "booked_minutes": 0, "over_allocated_minutes": 0},
    )


async def test_over_allocations_name_the_stretch_the_minutes_and_the_tasks(
    listener: Listener, director: httpx2.AsyncClient
) -> None:
    project = Project()
    await listener.hear(*project.imported(PLAN))
    response = await director.get("/v1/over-allocations", params={"project_id": str(project.id)})
    (item,) = response.json()["items"]
    of = {"project_id": str(project.id)}
    assert item.pop("id")
    assert item == of | {
        "resource_id": str(project.part("resource", "1")),
        "resource_name": "Ann",
        "from": "2026-03-03",
        "to": "2026-03-03",
        "days": 1,
        "capacity_minutes": 480,
        "booked_minutes": 720,
        "over_allocated_minutes": 240,
        "tasks": [
            {"task_id": str(project.part("task", "1")), "name": "Task 1", **of, "minutes": 480},
            {"task_id": str(project.part("task", "2")), "name": "Task 2", **of, "minutes": 240},
        ],
    }
    nobody = {"project_id": project.key, "resource_id": str(project.part("resource", "2"))}
    assert (await director.get("/v1/over-allocations", params=nobody)).json()["items"] == []


async def test_over_allocations_come_in_pages_in_the_order_asked_for(
    listener: Listener, director: httpx2.AsyncClient
) -> None:
    project = Project()
    tasks = [task(str(n), f"2026-03-{n:02} 08:00", f"2026-03-{n:02} 17:00") for n in (2, 4, 6)]
    minutes = zip(tasks, (489, 580, 486), strict=True)
    works = [assignment(t.source_id, t.source_id, "1", booked) for t, booked in minutes]
    await listener.hear(*project.imported(plan(tasks, [ANN], works)))

    async def days(**query: str) -> list[str]:
        seen: list[str] = []
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await director.get(
                "/v1/over-allocations", params={"project_id": str(project.id), "limit": "1", **query, **more}
            )
            seen += [item["from"] for item in page.json()["items"]]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return seen

    assert await days() == ["2026-03-02", "2026-03-04", "2026-03-06"]
    assert await days(sort="-over_allocated_minutes") == ["2026-03-04", "2026-03-02", "2026-03-06"]
    assert await days(sort="resource_name,-from") == ["2026-03-06", "2026-03-04", "2026-03-02"]


async def test_the_summary_of_a_project_adds_up(listener: Listener, director: httpx2.AsyncClient) -> None:
    project = Project()
    undated = task("9", None, "2026-03-02 17:00")
    given = plan(
        [*TASKS, undated],
        [ANN, BEN, person("3", type=ResourceType.COST)],
        [*PLAN.assignments[:3], assignment("9", "9", "2", 60)],
    )
    await listener.hear(*project.imported(given))
    response = await director.get("/v1/load-summary", params={"project_id": str(project.id)})
    assert response.json() == {
        "project_id": str(project.id),
        "resources": 3,
        "work_resources": 2,
        "over_allocated_resources": 1,
        "over_allocated_minutes": 240,
        "booked_minutes": 2160,
        "unbooked_minutes": 60,
        "from": "2026-03-02",
        "to": "2026-03-09",
    }


async def test_a_resources_own_calendar_counts_with_its_base_and_exceptions(
    listener: Listener, director: httpx2.AsyncClient
) -> None:
    project = Project()
    holiday = CalendarException(moment("2026-03-03").date(), moment("2026-03-03").date(), (), "Holiday")
    base = WorkingCalendar("2", "Saturdays", (None, None, None, None, None, DAY, None), (), "1")
    own = WorkingCalendar("3", "Ann", (None,) * 7, (holiday,), "2")
    ann = person("1", "Ann", calendar="3")
    given = plan(
        [task("1", "2026-03-02 08:00", "2026-03-03 17:00"), task("2", "2026-03-07 08:00", "2026-03-07 17:00")],
        [ann],
        [assignment("1", "1", "1", 960), assignment("2", "2", "1", 100)],
        [STANDARD, base, own],
    )
    await listener.hear(*project.imported(given))
    body = await load(director, project.part("resource", "1"))
    days = body["days"]
    assert [(d["date"][-2:], d["capacity_minutes"], d["booked_minutes"]) for d in days] == [
        ("02", 480, 960),
        ("03", 0, 0),
        ("04", 480, 0),
        ("05", 480, 0),
        ("06", 480, 0),
        ("07", 480, 100),
    ]
