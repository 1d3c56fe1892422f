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
    ],
)
async def test_what_cannot_take_effect_is_answered_with_the_reason(
    director: httpx2.AsyncClient, database: Database, organization: UUID, change: dict[str, Any], code: str
) -> None:
    project_id = (await imported(director, EXAMPLE.read_bytes()))["result"]["project_id"]
    kind, answer = await push(database, organization, stating(project_id, 50) | change)
    assert kind == "pmo.projects.inbound.rejected.v1"
    assert answer["code"] == code
