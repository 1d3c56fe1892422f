"""A project at a glance: what the services answer in time, and nothing held up by one that does not."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.gateway.main import create_app
from services.gateway.settings import GatewaySettings
from services.local import keys as local
from shared.auth import InternalTokenVerifier
from shared.testing.http import lifespan
from tests.service.gateway.api.conftest import Gateway
from tests.service.gateway.harness import Behaviour, FakeService, Received, answer, fake_service, raw

PROJECT = {"id": str(uuid4()), "version": 3, "name": "Harbour"}
SCHEDULE = {
    "revision": 4,
    "time_zone": "UTC",
    "project_start": "2026-03-02T08:00:00+00:00",
    "project_finish": None,
    "problem": None,
    "items": [{"task_id": "x"}],
    "next_cursor": "abc",
}
LOAD = {"project_id": PROJECT["id"], "booked_minutes": 480}
KPIS = {"project_id": PROJECT["id"], "metrics": {}}


def projects(project: Behaviour | None = None, schedule: Behaviour | None = None) -> Behaviour:
    """Answer as projects does."""

    async def behave(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = schedule or answer(orjson.dumps(SCHEDULE))
        if "/schedule" not in received.line:
            wanted = project or answer(orjson.dumps(PROJECT))
        await wanted(received, reader, writer)

    return behave


def slow(seconds: float) -> Behaviour:
    """Answer late."""

    async def behave(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await answer(orjson.dumps(KPIS))(received, reader, writer)

    return behave


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway in front of three services on raw sockets."""

    gateway: Gateway
    projects: FakeService
    resources: FakeService
    kpi: FakeService


@pytest.fixture
async def stage(gateway_settings: GatewaySettings, local_keys: local.Keys) -> AsyncIterator[Stage]:
    """A gateway and three services that are well."""
    async with AsyncExitStack() as stack:
        services = {name: await stack.enter_async_context(fake_service()) for name in ("projects", "resources", "kpi")}
        urls = {f"{name}_url": f"http://127.0.0.1:{service.port}" for name, service in services.items()}
        app = create_app(gateway_settings.model_copy(update=urls))
        await stack.enter_async_context(lifespan(app))
        services["projects"].behaviour = projects()
        services["resources"].behaviour = answer(orjson.dumps(LOAD))
        services["kpi"].behaviour = answer(orjson.dumps(KPIS))
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        yield Stage(Gateway(transport, local_keys), **services)


async def look(stage: Stage, organization: UUID, **headers: str) -> httpx2.Response:
    client = stage.gateway.as_(organization, "executive", subject="eve")
    return await client.get("/v1/projects/PRJ-1/overview", headers=headers)


async def test_an_overview_has_all_parts(stage: Stage, organization: UUID) -> None:
    seen = await look(stage, organization)
    assert seen.status_code == 200
    summary = {key: value for key, value in SCHEDULE.items() if key not in {"items", "next_cursor"}}
    assert seen.json() == {
        "project": PROJECT,
        "schedule": summary,
        "load": LOAD,
        "kpis": KPIS,
        "degraded": [],
        "reasons": {},
    }


async def test_each_service_is_asked_as_the_caller(stage: Stage, organization: UUID, local_keys: local.Keys) -> None:
    position = f"projects:{uuid4()}@7"
    await look(stage, organization, **{"PMO-Wait-For": position, "X-Request-Id": "overview-1"})
    key = local_keys.internal_public.read_bytes()
    for name, service in (("projects", stage.projects), ("resources", stage.resources), ("kpi", stage.kpi)):
        for received in service.received:
            principal = InternalTokenVerifier.from_pem(key, name).verify(received.header("authorization"))
            assert (principal.organization_id, principal.subject) == (organization, "eve")
            assert principal.roles == {"executive"}
            assert received.header("pmo-wait-for") == position
            assert received.header("x-request-id") == "overview-1"
            assert int(received.header("pmo-deadline-ms") or 0) > 0
    lines = {received.line for service in (stage.projects, stage.resources, stage.kpi) for received in service.received}
    assert sorted(lines) == [
        "GET /v1/load-summary?project_id=PRJ-1 HTTP/1.1",
        "GET /v1/projects/PRJ-1 HTTP/1.1",
        "GET /v1/projects/PRJ-1/kpis HTTP/1.1",
        "GET /v1/projects/PRJ-1/schedule?limit=1 HTTP/1.1",
    ]


@pytest.mark.parametrize(("name", "part"), [("kpi", "kpis"), ("resources", "load"), ("projects", "project")])
async def test_with_one_service_down_the_rest_comes(stage: Stage, organization: UUID, name: str, part: str) -> None:
    await getattr(stage, name).stop()
    seen = (await look(stage, organization)).json()
    assert seen["degraded"] == [name]
    assert seen["reasons"] == {name: "upstream_unavailable"}
    assert seen[part] is None
    assert [key for key in ("project", "load", "kpis") if seen[key] is None] == [part]


async def test_a_slow_service_does_not_hold_up_the_rest(stage: Stage, organization: UUID) -> None:
    stage.kpi.behaviour = slow(20)
    began = time.monotonic()
    seen = (await look(stage, organization)).json()
    assert time.monotonic() - began < 4
    assert (seen["degraded"], seen["kpis"]) == (["kpi"], None)
    assert seen["project"] == PROJECT


@pytest.mark.parametrize(
    "behaviour",
    [
        raw(b"garbage\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"),
        answer(b"not json"),
        answer(b'{"code":"internal_error"}', "500 Internal Server Error"),
        answer(b'{"code":"projection_behind"}', "409 Conflict"),
        answer(b'{"code":"not_found"}', "404 Not Found"),
        answer(b'{"code":"unauthenticated"}', "401 Unauthorized"),
    ],
)
async def test_whatever_a_service_answers_instead_the_rest_comes(
    stage: Stage, organization: UUID, behaviour: Behaviour
) -> None:
    stage.kpi.behaviour = behaviour
    seen = await look(stage, organization)
    assert seen.status_code == 200
    assert (seen.json()["degraded"], seen.json()["kpis"]) == (["kpi"], None)
    assert seen.json()["load"] == LOAD


async def test_a_project_that_projects_does_not_know_is_not_found(stage: Stage, organization: UUID) -> None:
    missing = answer(b'{"code":"not_found"}', "404 Not Found")
    stage.projects.behaviour = projects(missing, missing)
    seen = await look(stage, organization)
    assert (seen.status_code, seen.json()["code"]) == (404, "not_found")


async def test_with_all_services_down_there_is_nothing_to_show(stage: Stage, organization: UUID) -> None:
    for service in (stage.projects, stage.resources, stage.kpi):
        await service.stop()
    seen = await look(stage, organization)
    assert (seen.status_code, seen.json()["code"]) == (502, "upstream_unavailable")


async def test_a_malformed_position_is_refused(stage: Stage, organization: UUID) -> None:
    seen = await look(stage, organization, **{"PMO-Wait-For": "projects:nothing"})
    assert seen.status_code == 422
    assert not stage.projects.received


async def test_odd_characters_in_the_project_stay_in_their_segment(stage: Stage, organization: UUID) -> None:
    client = stage.gateway.as_(organization, "executive")
    await client.get("/v1/projects/a%3Fb%23c d/overview")
    assert {received.line.split(" ")[1] for received in stage.kpi.received} == {"/v1/projects/a%3Fb%23c%20d/kpis"}
