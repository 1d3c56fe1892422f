"""Events pushed by other systems: stored once, in order, told on in the same transaction, and answered for."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest
from jsonschema import Draft202012Validator

from services.gateway.domain.events import InboundAccepted
from services.gateway.settings import GatewaySettings
from services.local.nats import NatsServer
from shared.bus import Bus
from shared.db import Context, Database
from shared.events import envelope, schema, subject_of
from shared.testing.capture import recorded
from shared.testing.eventually import eventually

from .conftest import Gateway

PATH = "/v1/ingest/events"
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"

Event = dict[str, Any]


def event(number: int | str = 1, *, project: str = "P-1", **changes: Any) -> Event:
    """Make an event that is acceptable."""
    made: Event = {
        "specversion": "1.0",
        "id": str(number),
        "source": "https://jira.example.com",
        "type": "pmo.inbound.task.progressed.v1",
        "data": {
            "project": {"source_id": project},
            "task": {"source_id": "12"},
            "percent_complete": 45.5,
            "actual_cost": {"amount": "1200.50", "currency": "EUR"},
            "at": "2026-03-31T17:00:00+02:00",
        },
    }
    return {**made, **changes}


async def push(client: httpx2.AsyncClient, body: object, kind: str = BATCH, **headers: str) -> httpx2.Response:
    return await client.post(PATH, content=orjson.dumps(body), headers={"Content-Type": kind, **headers})


@pytest.fixture
async def database(gateway: Gateway, gateway_settings: GatewaySettings) -> Any:
    """The gateway's database as the application role sees it."""
    opened = await Database.connect(gateway_settings.database_url, size=2)
    yield opened
    await opened.close()


async def test_a_pushed_event_is_stored_and_told_on(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    answer = await push(director, event(), STRUCTURED)
    assert answer.status_code == 202
    (item,) = answer.json()["items"]
    assert (item["source"], item["event_id"], item["status"]) == ("https://jira.example.com", "1", "accepted")
    ((kind, data),) = await recorded(database, organization)
    assert kind == "pmo.gateway.inbound.accepted.v1"
    Draft202012Validator(schema(InboundAccepted)).validate(data)
    assert data == {
        "inbound_id": item["id"],
        "type": "pmo.inbound.task.progressed.v1",
        "source": "https://jira.example.com",
        "event_id": "1",
        "time": None,
        "data": event()["data"],
    }
    read = await director.get(f"{PATH}/{item['id']}")
    assert read.status_code == 200
    assert (read.json()["status"], read.json()["position"], read.json()["reason"]) == ("accepted", None, None)
    assert read.json()["data"] == event()["data"]
    assert read.headers["etag"] == '"1"'
    assert answer.headers["pmo-position"].startswith("gateway:")


async def test_all_three_content_modes_say_the_same(director: httpx2.AsyncClient) -> None:
    one = event(1)
    binary = {f"ce-{name}": str(value) for name, value in one.items() if name != "data"}
    answers = [
        await push(director, one, STRUCTURED),
        await push(director, one, "application/json"),
        await push(director, [one]),
        await push(director, one["data"], "application/json", **binary),
        await push(director, one, f"{STRUCTURED}; charset=utf-8"),
    ]
    assert [answer.status_code for answer in answers] == [202] * 5
    items = [answer.json()["items"][0] for answer in answers]
    assert [item["status"] for item in items] == ["accepted"] + ["duplicate"] * 4
    assert len({item["id"] for item in items}) == 1


async def test_percent_encoded_binary_headers_are_decoded(director: httpx2.AsyncClient) -> None:
    headers = {f"ce-{name}": str(value) for name, value in event().items() if name != "data"}
    answer = await push(director, event()["data"], "application/json", **{**headers, "ce-id": "R%C3%A9sum%C3%A9%2042"})
    assert answer.json()["items"][0]["event_id"] == "Résumé 42"


async def test_row_118_the_same_event_again_has_no_second_effect(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    first = (await push(director, [event(1), event(2), event(1)])).json()["items"]
    assert [item["status"] for item in first] == ["accepted", "accepted", "duplicate"]
    assert first[0]["id"] == first[2]["id"]
    second = (await push(director, [event(3), event(2), event(1)])).json()["items"]
    assert [item["status"] for item in second] == ["accepted", "duplicate", "duplicate"]
    assert second[2]["id"] == first[0]["id"]
    assert len(await recorded(database, organization)) == 3


async def test_row_119_the_same_id_with_another_content_is_a_conflict_and_stores_nothing(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    await push(director, event(1), STRUCTURED)
    changed = event(1)
    changed["data"] = {**changed["data"], "percent_complete": 46}
    answer = await push(director, [event(2), changed])
    assert (answer.status_code, answer.json()["code"]) == (409, "event_conflict")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/1"]
    assert len(await recorded(database, organization)) == 1
    within = await push(director, [event(9), {**event(9), "subject": "else"}])
    assert within.status_code == 409


async def test_two_organizations_do_not_know_each_others_events(gateway: Gateway, director: httpx2.AsyncClient) -> None:
    (item,) = (await push(director, event(), STRUCTURED)).json()["items"]
    stranger = gateway.as_(uuid4(), "pmo_director")
    other = (await push(stranger, event(), STRUCTURED)).json()["items"][0]
    assert other["status"] == "accepted"
    assert (await stranger.get(f"{PATH}/{item['id']}")).status_code == 404
    assert [one["id"] for one in (await stranger.get(PATH)).json()["items"]] == [other["id"]]


async def test_events_of_one_source_and_project_keep_their_order(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    numbers = list(range(40))
    await push(director, [event(n, project=f"P-{n % 3}") for n in numbers])
    await push(director, [event(n + 100, project="P-0") for n in numbers[:5]])
    orders: dict[str, list[int]] = {}
    for _, data in await recorded(database, organization):
        assert isinstance(data, dict)
        orders.setdefault(data["data"]["project"]["source_id"], []).append(int(data["event_id"]))
    assert orders["P-0"] == [*range(0, 40, 3), 100, 101, 102, 103, 104]
    assert orders["P-1"] == [*range(1, 40, 3)]
    assert orders["P-2"] == [*range(2, 40, 3)]


async def test_many_senders_of_the_same_events_store_each_once(
    director: httpx2.AsyncClient, database: Database, organization: UUID
) -> None:
    events = [event(n, project=f"P-{n % 7}") for n in range(60)]

    async def send(seed: int) -> httpx2.Response:
        shuffled = events[:]
        random.Random(seed).shuffle(shuffled)
        return await push(director, shuffled)

    answers = await asyncio.gather(*(send(seed) for seed in range(8)))
    assert [answer.status_code for answer in answers] == [202] * 8
    items = [item for answer in answers for item in answer.json()["items"]]
    assert sum(item["status"] == "accepted" for item in items) == 60
    assert len({item["id"] for item in items}) == 60
    assert len(await recorded(database, organization)) == 60


async def test_an_api_key_with_the_scope_pushes_and_sees_what_became(
    gateway: Gateway, director: httpx2.AsyncClient
) -> None:
    created = await director.post("/v1/api-clients", json={"name": "Jira", "scopes": ["ingest"]})
    sender = gateway.client(created.json()["key"])
    (item,) = (await push(sender, event(), STRUCTURED)).json()["items"]
    read = await sender.get(f"{PATH}/{item['id']}")
    assert read.json()["sent_by"] == f"api-client:{created.json()['key_prefix'].removeprefix('pmo_')}"
    reader = await director.post("/v1/api-clients", json={"name": "Reader", "scopes": ["read"]})
    assert (await push(gateway.client(reader.json()["key"]), event(2), STRUCTURED)).status_code == 403


async def test_what_a_service_says_became_of_an_event_is_shown(
    director: httpx2.AsyncClient, organization: UUID, nats_server: NatsServer
) -> None:
    items = (await push(director, [event(1), event(2)])).json()["items"]
    project = uuid4()
    facts: Sequence[tuple[str, dict[str, str]]] = [
        ("applied", {"inbound_id": items[0]["id"], "position": f"projects:{project}@7"}),
        ("rejected", {"inbound_id": items[1]["id"], "code": "unknown_task", "detail": "There is no such task."}),
        ("rejected", {"inbound_id": items[0]["id"], "code": "late", "detail": "Must not replace the first."}),
    ]
    bus = Bus(nats_server.url("projects"), name="projects")
    async with bus.open():
        for version, (fact, data) in enumerate(facts, start=1):
            kind = f"pmo.projects.inbound.{fact}.v1"
            body = envelope_of(kind, organization, project, version, data)
            await bus.publish("PROJECTS", subject_of(kind, organization, project), body, {"Pmo-Version": str(version)})

    async def settled() -> bool:
        read = await director.get(f"{PATH}/{items[1]['id']}")
        return bool(read.json()["status"] != "accepted")

    await eventually(settled)
    rejected = await director.get(f"{PATH}/{items[1]['id']}")
    assert rejected.json()["reason"] == {"code": "unknown_task", "detail": "There is no such task."}
    assert rejected.headers["etag"] == '"2"'
    applied = await director.get(f"{PATH}/{items[0]['id']}")
    assert (applied.json()["status"], applied.json()["position"]) == ("applied", f"projects:{project}@7")
    assert applied.headers["pmo-position"] == f"projects:{project}@7"
    assert (await director.get(f"{PATH}/{items[0]['id']}", headers={"If-None-Match": '"2"'})).status_code == 304
    page = (await director.get(PATH, params={"status": "rejected"})).json()
    assert [item["id"] for item in page["items"]] == [items[1]["id"]]


def envelope_of(kind: str, organization: UUID, root: UUID, version: int, data: dict[str, str]) -> bytes:
    """Write an event as its producer does."""
    return envelope(
        id=uuid4(),
        type=kind,
        organization_id=organization,
        aggregate_id=root,
        version=version,
        entity_id=root,
        time=datetime.now(UTC),
        actor="test",
        correlation_id="",
        causation_id="",
        traceparent="",
        data=orjson.dumps(data).decode(),
    )


def without(name: str) -> Event:
    return {key: value for key, value in event().items() if key != name}


def data_with(**changes: Any) -> Event:
    return event(data={**event()["data"], **changes})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (without("id"), "/id"),
        (without("source"), "/source"),
        (without("type"), "/type"),
        (without("specversion"), "/specversion"),
        (event(specversion="0.3"), "/specversion"),
        (event(specversion=1.0), "/specversion"),
        (event(id=""), "/id"),
        (event(id=7), "/id"),
        (event(source=None), "/source"),
        ([], "/"),
        ("text", "/"),
        (None, "/"),
    ],
)
async def test_row_121_what_is_no_cloudevent_is_refused_with_400(
    director: httpx2.AsyncClient, body: object, pointer: str
) -> None:
    answer = await push(director, body, STRUCTURED)
    assert (answer.status_code, answer.json()["code"]) == (400, "event_invalid")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (event(id="x" * 201), "/id"),
        (event(id="a\r\nb"), "/id"),
        (event(id="a\x00b"), "/id"),
        (event(source="https://x/\r\nX: y"), "/source"),
        (event(source="x" * 501), "/source"),
        (event(source="has space"), "/source"),
        (event(source="a>b"), "/source"),
        (event(subject="a\x00"), "/subject"),
        (event(subject="x" * 5000), "/subject"),
        (event(time="yesterday"), "/time"),
        (event(time="2026-01-01T00:00:00"), "/time"),
        (event(datacontenttype="application/xml"), "/datacontenttype"),
        (without("data"), "/data"),
        (event(data=[]), "/data"),
        (event(data_base64="AAAA"), "/data_base64"),
        (event(Upper="x"), "/Upper"),
        (event(extension={"a": 1}), "/extension"),
        (data_with(percent_complete=101), "/data/percent_complete"),
        (data_with(percent_complete=-1), "/data/percent_complete"),
        (data_with(percent_complete=100.0001), "/data/percent_complete"),
        (data_with(percent_complete="45"), "/data/percent_complete"),
        (data_with(percent_complete=True), "/data/percent_complete"),
        (data_with(at="2026-02-30T00:00:00Z"), "/data/at"),
        (data_with(at="2026-03-31T17:00:00"), "/data/at"),
        (data_with(actual_cost={"amount": "1.234", "currency": "EUR"}), "/data/actual_cost"),
        (data_with(actual_cost={"amount": "-1", "currency": "EUR"}), "/data/actual_cost/amount"),
        (data_with(actual_cost={"amount": "1", "currency": "XXX"}), "/data/actual_cost/currency"),
        (data_with(actual_cost=5), "/data/actual_cost"),
        (data_with(remaining_work_minutes=-1), "/data/remaining_work_minutes"),
        (data_with(remaining_work_minutes=1.5), "/data/remaining_work_minutes"),
        (data_with(project={}), "/data/project"),
        (data_with(project={"key": "PRJ-1", "source_id": "x"}), "/data/project"),
        (data_with(project={"source_id": None}), "/data/project/source_id"),
        (data_with(project={"name": "x"}), "/data/project/name"),
        (data_with(task={"source_id": "x\u202ey"}), "/data/task/source_id"),
        (data_with(unknown=1), "/data/unknown"),
    ],
)
async def test_an_unacceptable_event_is_refused_with_422(
    director: httpx2.AsyncClient, body: Event, pointer: str
) -> None:
    answer = await push(director, body, STRUCTURED)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation"), answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]], answer.text


async def test_every_mistake_of_a_batch_is_named_and_nothing_is_stored(director: httpx2.AsyncClient) -> None:
    wrong = [event(1), data_with(percent_complete=101), event(3), {**data_with(at="x"), "id": ""}]
    answer = await push(director, wrong)
    assert answer.status_code == 400
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["/1/data/percent_complete", "/3/id", "/3/data/at"]
    assert (await director.get(PATH)).json()["items"] == []


async def test_an_unknown_type_is_refused_with_the_known_ones(director: httpx2.AsyncClient) -> None:
    answer = await push(director, event(type="com.example.else"), STRUCTURED)
    assert (answer.status_code, answer.json()["code"]) == (422, "event_type_unknown")
    assert "pmo.inbound.task.progressed.v1" in answer.json()["errors"][0]["detail"]


async def test_an_event_that_names_another_organization_is_forbidden(
    director: httpx2.AsyncClient, organization: UUID
) -> None:
    assert (await push(director, event(organization=str(uuid4())), STRUCTURED)).status_code == 403
    assert (await push(director, event(organization=str(organization)), STRUCTURED)).status_code == 202


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "2200-12-31T23:59:59+14:00"])
async def test_any_time_is_taken_as_data(director: httpx2.AsyncClient, moment: str) -> None:
    assert (await push(director, event(time=moment), STRUCTURED)).status_code == 202


async def test_row_122_mixed_modes_are_refused(director: httpx2.AsyncClient) -> None:
    for kind, body in ((STRUCTURED, event()), (BATCH, [event()])):
        answer = await push(director, body, kind, **{"ce-id": "1"})
        assert (answer.status_code, answer.json()["code"]) == (400, "event_invalid")
    answer = await push(director, event()["data"], "application/json", **{"ce-specversion": "1.0"})
    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {
        "header/ce-id",
        "header/ce-source",
        "header/ce-type",
    }


async def test_row_126_an_encoded_line_break_in_a_binary_header_is_refused(director: httpx2.AsyncClient) -> None:
    headers = {f"ce-{name}": str(value) for name, value in event().items() if name != "data"}
    answer = await push(director, event()["data"], "application/json", **{**headers, "ce-id": "a%0D%0Ab"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "header/ce-id")


async def test_a_batch_has_its_limits(director: httpx2.AsyncClient) -> None:
    assert (await push(director, {"not": "a list"})).status_code == 400
    assert (await push(director, [])).json() == {"items": []}
    too_many = await push(director, [event(n) for n in range(1001)])
    assert (too_many.status_code, too_many.json()["code"]) == (413, "too_many_items")
    most = await push(director, [event(n) for n in range(1000)])
    assert (most.status_code, len(most.json()["items"])) == (202, 1000)
    too_large = await push(director, [event(1, padding="x" * (5 * 1024 * 1024))])
    assert too_large.status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/cloudevents+avro", ""])
async def test_other_media_types_are_refused(director: httpx2.AsyncClient, kind: str) -> None:
    assert (await push(director, event(), kind)).status_code == 415


async def test_sql_in_texts_is_data(director: httpx2.AsyncClient) -> None:
    nasty = "'; drop table inbound_event; --$$"
    (item,) = (await push(director, event(nasty), STRUCTURED)).json()["items"]
    assert (await director.get(f"{PATH}/{item['id']}")).json()["event_id"] == nasty
    assert (await director.get(PATH, params={"event_id": nasty})).json()["items"][0]["id"] == item["id"]


async def test_a_request_that_is_rolled_back_tells_nothing_on(
    gateway: Gateway, gateway_settings: GatewaySettings
) -> None:
    organization = uuid4()
    sender = gateway.as_(organization, "pmo_director")
    await push(sender, event(1), STRUCTURED)
    conflicting = {**event(1), "subject": "else"}
    assert (await push(sender, [event(2), conflicting])).status_code == 409
    database = await Database.connect(gateway_settings.database_url, size=1)
    try:
        async with database.transaction(Context(organization, "test"), read_only=True) as tx:
            assert await tx.fetchint("select count(*) from event_log") == 1
            assert await tx.fetchint("select count(*) from inbound_event") == 1
    finally:
        await database.close()
