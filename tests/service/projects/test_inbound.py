"""Events that other systems pushed, as the consumer of the gateway's stream applies them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.projects.service.inbound import AcceptedEvent, apply_inbound
from services.projects.settings import Settings
from shared.db import Context, Database
from shared.events import Received
from shared.messaging import ReadEvent
from shared.testing.capture import recorded
from tests.service.projects.test_imports import EXAMPLE, imported

AT = datetime(2026, 11, 6, 16, tzinfo=UTC)


@pytest.fixture
async def database(settings: Settings) -> Any:
    """The service's database under its own role."""
    opened = await Database.connect(settings.database_url, size=2)
    yield opened
    await opened.close()


async def push(database: Database, organization: UUID, data: dict[str, Any]) -> tuple[str, Any]:
    """Apply one pushed event and return the answer's type and data."""
    inbound_id = uuid4()
    accepted = AcceptedEvent(inbound_id=inbound_id, type="pmo.inbound.task.progressed.v1", source="/test", data=data)
    received = Received(
        id=uuid4(), type="pmo.gateway.inbound.accepted.v1", producer="gateway", organization_id=organization,
        aggregate_id=uuid4(), version=1, time=AT, actor="jira", correlation_id="c", causation_id="", traceparent="",
        data={},
    )  # fmt: skip
    async with database.transaction(Context(organization, "service:projects")) as tx:
        await apply_inbound(tx, [ReadEvent(received, accepted)])
    answers = [e for e in await recorded(database, organization) if e[0].startswith("pmo.projects.inbound.")]
    return next((kind, answer) for kind, answer in answers if answer["inbound_id"] == str(inbound_id))  # type: ignore[index]


def stating(project_id: str, percent: float, at: datetime = AT, **more: object) -> dict[str, Any]:
    """Return the data of a pushed event about task 25 of the example."""
    return {
        "project": {"id": project_id}, "task": {"source_id": "25"}, "percent_complete": percent,
        "at": at.isoformat(), **more,
    }  # fmt: skip


async def task(director: httpx2.AsyncClient, project_id: str) -> dict[str, Any]:
    """Return task 25 as it is now."""
    found: dict[str, Any] = (await director.get(f"/v1/projects/{project_id}/tasks?source_id=25")).json()["items"][0]
    return found


async def dates(director: httpx2.AsyncClient, project_id: str) -> dict[str, tuple[str, str]]:
    """Return the early dates of every task."""
    items = (await director.get(f"/v1/projects/{project_id}/schedule?limit=200")).json()["items"]
    return {item["source_id"]: (item["early_start"], item["early_finish"]) for item in items}


async def test_pushed_progress_moves_the_task_but_not_its_dates(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    """As in Microsoft Project, percent complete alone shifts work from remaining to actual; the finish stays."""
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    before = await dates(director, project_id)
    kind, _ = await push(database, organization, stating(project_id, 70))
    assert kind == "pmo.projects.inbound.applied.v1"
    assert (await task(director, project_id))["percent_complete"] == 70
    assert await dates(director, project_id) == before


async def test_more_than_a_percent_can_be_pushed(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    more = {"physical_percent_complete": 55.5, "units_done": 3}
    dates = {"actual_start": "2026-11-02T08:00:00Z", "actual_finish": "2026-11-05T12:00:00Z"}
    kind, _ = await push(database, organization, stating(project_id, 100) | more | dates)
    assert kind == "pmo.projects.inbound.applied.v1"
    found = await task(director, project_id)
    assert (found["physical_percent_complete"], found["units_done"]) == (55.5, 3)
    assert (found["actual_start"][:16], found["actual_finish"][:16]) == ("2026-11-02T08:00", "2026-11-05T12:00")
    assert (found["remaining_duration_minutes"], found["remaining_work_minutes"]) == (0, 0)


async def test_pushed_dates_are_the_actual_duration(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    dated = {"actual_start": "2026-11-03T08:00:00Z", "actual_finish": "2026-11-05T17:00:00Z"}
    await push(database, organization, stating(project_id, 100) | dated)
    found = await task(director, project_id)
    assert (found["duration_minutes"], found["actual_duration_minutes"]) == (1440, 1440)


async def test_a_fact_of_the_future_is_rejected_since_it_would_hide_all_later_ones(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    before = await task(director, project_id)
    kind, data = await push(database, organization, stating(project_id, 41, datetime(2199, 1, 1, tzinfo=UTC)))
    assert (kind, data["code"]) == ("pmo.projects.inbound.rejected.v1", "in_the_future")
    assert await task(director, project_id) == before


async def test_an_older_fact_is_kept_but_does_not_change_the_task(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    await push(database, organization, stating(project_id, 70))
    newest = await task(director, project_id)
    kind, _ = await push(database, organization, stating(project_id, 60, AT - timedelta(days=1)))
    assert kind == "pmo.projects.inbound.applied.v1"
    assert await task(director, project_id) == newest
    facts = [d for k, d in await recorded(database, organization) if k == "pmo.projects.task.progressed.v1"]
    assert [fact["after"]["percent_complete"] for fact in facts] == [70, 60]  # type: ignore[index]


async def test_the_same_file_again_does_not_undo_what_was_pushed_later(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    await push(database, organization, stating(project_id, 70))
    await imported(director, EXAMPLE.read_bytes())
    assert (await task(director, project_id))["percent_complete"] == 70


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"actual_cost": {"amount": "1.00", "currency": "USD"}}, "currency_mismatch"),
        ({"actual_cost": {"amount": "1.001", "currency": "EUR"}}, "validation"),
        ({"percent_complete": 101}, "validation"),
        ({"at": "yesterday"}, "validation"),
        ({"task": {"source_id": "none"}}, "unknown_task"),
        ({"task": {}}, "validation"),
        ({"project": {"id": str(uuid4())}}, "unknown_project"),
        ({"task": {"source_id": "0"}}, "task_is_summary"),
        ({"remaining_work_minutes": 2_147_483_647}, "progress_contradicts"),
        ({"percent_complete": 50, "actual_finish": "2026-11-05T17:00:00Z"}, "progress_contradicts"),
        ({"percent_complete": 100, "actual_finish": "2026-11-07T17:00:00Z"}, "progress_contradicts"),
    ],
)
async def test_what_cannot_take_effect_is_answered_with_the_reason(
    director: httpx2.AsyncClient, database: Database, organization: UUID, change: dict[str, Any], code: str
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    kind, answer = await push(database, organization, stating(project_id, 50) | change)
    assert kind == "pmo.projects.inbound.rejected.v1"
    assert answer["code"] == code


async def push_all(
    database: Database, organization: UUID, *given: dict[str, Any]
) -> tuple[list[UUID], list[tuple[str, Any]]]:
    """Apply pushed events as one batch; returns their ids and everything that the organization has recorded."""
    ids, events = [], []
    for number, data in enumerate(given):
        accepted = AcceptedEvent(inbound_id=uuid4(), type="pmo.inbound.task.progressed.v1", source="/test", data=data)
        received = Received(
            id=uuid4(), type="pmo.gateway.inbound.accepted.v1", producer="gateway", organization_id=organization,
            aggregate_id=uuid4(), version=1, time=AT, actor=f"sender {number}", correlation_id=f"request {number}",
            causation_id="", traceparent="", data={},
        )  # fmt: skip
        ids.append(accepted.inbound_id)
        events.append(ReadEvent(received, accepted))
    async with database.transaction(Context(organization, "service:projects")) as tx:
        await apply_inbound(tx, events)
    return ids, list(await recorded(database, organization))


async def test_a_batch_leaves_what_its_events_one_by_one_would(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    """The same statements, some old, some about the same task, some refused: once in a batch and once singly."""
    project_ids = []
    for name in ("one", "other"):
        created = await director.post("/v1/projects", json={"name": name, "currency": "EUR", "time_zone": "UTC"})
        project_ids.append(created.json()["id"])
        await imported(director, EXAMPLE.read_bytes(), f"&project_id={project_ids[-1]}")
    hour = timedelta(hours=1)

    def statements(project_id: str) -> list[dict[str, Any]]:
        return [
            stating(project_id, 20, AT),
            stating(project_id, 100, AT + hour, actual_cost={"amount": "12.50", "currency": "EUR"}),
            stating(project_id, 30, AT - hour),
            stating(project_id, 40, AT + 2 * hour) | {"task": {"source_id": "none"}},
            stating(project_id, 60, AT + 2 * hour, remaining_work_minutes=90),
            stating(project_id, 10, AT) | {"task": {"source_id": "26"}},
            stating(project_id, 60, AT + 2 * hour, actual_cost={"amount": "1.00", "currency": "USD"}),
        ]

    for data in statements(project_ids[0]):
        await push(database, organization, data)
    await push_all(database, organization, *statements(project_ids[1]))

    async def state(project_id: str) -> tuple[list[object], list[object]]:
        names = ("source_id", "percent_complete", "progress_at", "actual_start", "actual_finish", "actual_cost",
                 "remaining_work_minutes")  # fmt: skip
        items = (await director.get(f"/v1/projects/{project_id}/tasks?limit=200")).json()["items"]
        log: list[tuple[str, Any]] = list(await recorded(database, organization, UUID(project_id)))
        stated = ("at", "percent_complete", "actual_cost", "remaining_work_minutes")
        facts = [
            [data["after"][name] for name in stated] for kind, data in log if kind == "pmo.projects.task.progressed.v1"
        ]
        return [[item[name] for name in names] for item in items], list(facts)

    one, other = await state(project_ids[0]), await state(project_ids[1])
    assert one == other
    assert len(one[1]) == 5


async def test_each_event_of_a_batch_is_answered_with_where_its_effect_is_seen(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    given = [stating(project_id, percent, AT + timedelta(minutes=percent)) for percent in (10, 20)]
    ids, events = await push_all(
        database, organization, *given, stating(project_id, 5), stating(project_id, 1) | {"project": {"key": "NO-1"}}
    )
    answers = {data["inbound_id"]: (kind, data) for kind, data in events if ".inbound." in kind}
    assert [answers[str(one)][0].split(".")[3] for one in ids] == ["applied"] * 3 + ["rejected"]
    assert answers[str(ids[3])][1]["code"] == "unknown_project"
    log: list[tuple[str, Any]] = list(await recorded(database, organization, UUID(project_id)))
    places = [int(answers[str(one)][1]["position"].rpartition("@")[2]) for one in ids[:3]]
    assert [log[place - 1][0].rsplit(".", 2)[1] for place in places] == ["updated", "updated", "progressed"]
    assert log[places[0] - 1][1]["after"]["percent_complete"] == 20
    async with database.transaction(Context(organization, "test"), read_only=True) as tx:
        past = await tx.fetch("select actor, correlation_id, action from history where entity = 'task' and version = 2")
    assert [tuple(row) for row in past] == [("sender 1", "request 1", "updated")]
