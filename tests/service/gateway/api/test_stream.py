"""The live stream: every change of the organization once, resumable, filtered, bounded, and ended in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import jwt
import orjson
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message

from services.gateway import stream as live
from services.gateway.domain.live import Wanted
from services.gateway.errors import TooManyStreams
from services.gateway.main import create_app
from services.gateway.settings import GatewaySettings
from services.local import keys as local
from services.local.nats import NatsServer
from services.topology import readers
from shared.bus import Bus, provision
from shared.dispatch import Dispatch
from shared.events import envelope, parse_type, subject_of
from shared.testing.eventually import eventually
from shared.testing.http import lifespan

Fields = dict[str, str]


@dataclass(slots=True)
class Browser:
    """A client of the stream that reads as fast as it is told to."""

    messages: asyncio.Queue[Message]
    gone: asyncio.Event
    task: asyncio.Task[None]
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0
    text: str = ""

    async def begin(self) -> None:
        message = await asyncio.wait_for(self.messages.get(), 10)
        self.status = message["status"]
        self.headers = {name.decode(): value.decode() for name, value in message["headers"]}

    async def block(self, seconds: float = 10) -> Fields:
        """Return the next block of the stream."""
        while "\n\n" not in self.text:
            message = await asyncio.wait_for(self.messages.get(), seconds)
            self.text += message.get("body", b"").decode()
            if not message.get("more_body"):
                raise EOFError
        block, _, self.text = self.text.partition("\n\n")
        return dict(line.partition(": ")[::2] for line in block.split("\n"))

    async def end(self) -> None:
        """Read until the other side ends the stream."""
        with suppress(EOFError):
            while True:
                await self.block()

    async def event(self, seconds: float = 10) -> Fields:
        """Return the next event, past comments."""
        while "event" not in (block := await self.block(seconds)):
            pass
        return block


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway, and a producer of other services' events."""

    app: ASGIApp
    inner: FastAPI
    keys: local.Keys
    buses: dict[str, Bus]

    @asynccontextmanager
    async def watch(
        self, organization: UUID, query: str = "", *, last: str | None = None, token: str | None = None, window: int = 0
    ) -> AsyncIterator[Browser]:
        """Open a stream; `window` messages may wait unread (0: any number)."""
        credential = token or self.keys.token(["pmo_director"], organization=organization, subject="dora")
        headers = [(b"host", b"gateway.test"), (b"authorization", f"Bearer {credential}".encode())]
        if last is not None:
            headers.append((b"last-event-id", last.encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/stream",
            "raw_path": b"/v1/stream",
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {},
        }
        gone = asyncio.Event()
        messages: asyncio.Queue[Message] = asyncio.Queue(window)
        first = True

        async def receive() -> Message:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def serve() -> None:
            await self.app(scope, receive, messages.put)

        task = asyncio.create_task(serve())
        browser = Browser(messages, gone, task)
        await browser.begin()
        try:
            yield browser
        finally:
            gone.set()
            await asyncio.wait([task], timeout=5)
            assert task.done(), "the stream does not end when its client goes"

    async def publish(self, kind: str, organization: UUID, root: UUID, version: int, data: dict[str, Any]) -> None:
        """Publish an event as its service does."""
        service = parse_type(kind).service
        body = envelope(
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
        headers = {"Pmo-Type": kind, "Pmo-Version": str(version)}
        await self.buses[service].publish(service.upper(), subject_of(kind, organization, root), body, headers)

    async def progress(self, organization: UUID, root: UUID, *versions: int) -> None:
        for version in versions:
            await self.publish("pmo.projects.task.progressed.v1", organization, root, version, {"number": version})


@pytest.fixture(scope="module")
async def stage(
    gateway_settings: GatewaySettings, local_keys: local.Keys, nats_server: NatsServer
) -> AsyncIterator[Stage]:
    """A gateway with quick heartbeats."""
    app = create_app(gateway_settings)
    buses = {name: Bus(nats_server.url(name), name=name) for name in ("projects", "resources", "kpi")}
    async with lifespan(app), buses["projects"].open(), buses["resources"].open(), buses["kpi"].open():
        assert isinstance(app.edge.inner, Dispatch)
        inner = app.edge.inner.app
        inner.state.streams = live.Streams(inner.state.bus, gateway_settings.cursor_secret, heartbeat=0.3)
        bus: Bus = inner.state.bus

        async def connected() -> bool:
            return bus.is_connected

        await eventually(connected)
        yield Stage(app, inner, local_keys, buses)


async def test_changes_come_as_cloudevents_while_they_happen(stage: Stage, organization: UUID) -> None:
    root = uuid4()
    async with stage.watch(organization) as browser:
        assert (browser.status, browser.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (await browser.block())["id"]
        await stage.progress(organization, root, 1)
        event = await browser.event()
        assert event["event"] == "pmo.projects.task.progressed.v1"
        document = orjson.loads(event["data"])
        assert (document["type"], document["partitionkey"]) == ("pmo.projects.task.progressed.v1", str(root))
        assert document["data"] == {"number": 1}


async def test_another_organization_sees_nothing_and_infers_nothing(stage: Stage, organization: UUID) -> None:
    async with stage.watch(uuid4()) as stranger, stage.watch(organization) as browser:
        first = await stranger.block()
        await stage.progress(organization, uuid4(), 1)
        await browser.event()
        beat = await stranger.block()
        assert "event" not in beat
        assert len(beat["id"]) == len(first["id"])
    async with stage.watch(uuid4(), last=beat["id"]) as other:
        assert (await other.event())["event"] == "reset"


async def test_a_client_goes_on_after_the_last_event_it_saw(stage: Stage, organization: UUID) -> None:
    root = uuid4()
    async with stage.watch(organization) as browser:
        await browser.block()
        await stage.progress(organization, root, 1, 2, 3)
        await browser.event()
        last = (await browser.event())["id"]
    await stage.progress(organization, root, 4, 5)
    async with stage.watch(organization, last=last) as browser:
        seen = [orjson.loads((await browser.event())["data"])["data"]["number"] for _ in range(3)]
        assert seen == [3, 4, 5]


async def test_a_heartbeat_moves_the_place_past_what_was_filtered_out(stage: Stage, organization: UUID) -> None:
    async with stage.watch(organization, "type=pmo.kpi") as browser:
        await browser.block()
        await stage.progress(organization, uuid4(), 1)
        beat = await browser.block()
        assert "event" not in beat
    async with stage.watch(organization, "type=pmo.kpi", last=beat["id"]) as browser:
        root = uuid4()
        await stage.publish("pmo.kpi.metrics.changed.v1", organization, root, 1, {"project_id": str(root)})
        assert (await browser.event())["event"] == "pmo.kpi.metrics.changed.v1"


async def test_filters_by_type_and_project(stage: Stage, organization: UUID) -> None:
    wanted, other = uuid4(), uuid4()
    query = f"type=pmo.projects.task.*&type=pmo.kpi&project_id={wanted}"
    async with stage.watch(organization, query) as browser:
        await browser.block()
        await stage.progress(organization, other, 1)
        await stage.publish("pmo.projects.project.updated.v1", organization, wanted, 1, {})
        await stage.progress(organization, wanted, 2)
        assert orjson.loads((await browser.event())["data"])["partitionkey"] == str(wanted)
        await stage.publish("pmo.kpi.metrics.changed.v1", organization, uuid4(), 1, {"project_id": str(wanted)})
        assert (await browser.event())["event"] == "pmo.kpi.metrics.changed.v1"


async def test_bulk_comes_once_and_without_its_items(stage: Stage, organization: UUID) -> None:
    root = uuid4()
    async with stage.watch(organization) as browser:
        await browser.block()
        for chunk in (1, 2, 3):
            data = {"project_id": str(root), "chunk": chunk, "chunks": 3, "items": [{"x": 1}], "removed": ["y"]}
            await stage.publish("pmo.projects.schedule.published.v1", organization, root, chunk, data)
        await stage.progress(organization, root, 4)
        published = orjson.loads((await browser.event())["data"])
        assert published["data"] == {"project_id": str(root), "chunk": 3, "chunks": 3, "items": [], "removed": []}
        assert (await browser.event())["event"] == "pmo.projects.task.progressed.v1"


async def test_rates_never_leave(stage: Stage, organization: UUID) -> None:
    rates = {"standard_rate": {"amount": "1"}, "overtime_rate": 2, "cost_per_use": 3}
    async with stage.watch(organization) as browser:
        await browser.block()
        data = {"after": {"name": "Ada", **rates, "deep": [rates]}}
        await stage.publish("pmo.projects.task.updated.v1", organization, uuid4(), 1, data)
        assert orjson.loads((await browser.event())["data"])["data"] == {"after": {"name": "Ada", "deep": [{}]}}


async def test_keys_of_other_systems_are_told_to_the_pmos_heads_alone(stage: Stage, organization: UUID) -> None:
    created = "pmo.gateway.api_client.created.v1"
    heads = Wanted.of((), frozenset(), api_clients=True)
    others = Wanted.of((), frozenset(), api_clients=False)
    assert heads.takes_type(created)
    assert not others.takes_type(created)


@pytest.mark.parametrize("last", ["garbage", "AAAA", "x" * 400, "%00"])
async def test_a_token_that_is_not_ours_leads_to_a_reset(stage: Stage, organization: UUID, last: str) -> None:
    async with stage.watch(organization, last=last) as browser:
        reset = await browser.event()
        assert reset["event"] == "reset"
        assert orjson.loads(reset["data"])["services"] == ["projects", "resources", "kpi", "gateway"]
        await stage.progress(organization, uuid4(), 1)
        assert (await browser.event())["event"] == "pmo.projects.task.progressed.v1"
    async with stage.watch(organization, last=reset["id"]) as browser:
        assert (await browser.event())["event"] == "pmo.projects.task.progressed.v1"


async def test_a_stream_made_anew_leads_to_a_reset(
    stage: Stage, organization: UUID, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STATES_SECONDS", 0.0)
    admin = Bus(nats_server.url(), name="admin")
    async with admin.open(), stage.watch(organization, "type=pmo.kpi") as browser:
        first = await browser.block()
        streams = admin.client.jetstream()
        await streams.delete_stream("KPI")
        await provision(nats_server.url(), "kpi", readers("kpi"))
        reset = await browser.event()
        assert reset["event"] == "reset"
        assert orjson.loads(reset["data"])["services"] == ["kpi"]
        root = uuid4()
        await stage.publish("pmo.kpi.metrics.changed.v1", organization, root, 1, {"project_id": str(root)})
        assert (await browser.event())["event"] == "pmo.kpi.metrics.changed.v1"
    async with stage.watch(organization, "type=pmo.kpi", last=first["id"]) as browser:
        assert (await browser.event())["event"] == "reset"


async def test_an_expired_token_ends_the_stream(stage: Stage, organization: UUID) -> None:
    now = int(time.time())
    claims = jwt.decode(
        stage.keys.token(["pmo_director"], organization=organization), options={"verify_signature": False}
    )
    key = (stage.keys.directory / "issuer.pem").read_bytes()
    kid = orjson.loads(stage.keys.jwks.read_bytes())["keys"][0]["kid"]
    short = jwt.encode(
        {**claims, "iat": now - 600, "exp": now - 28},  # within the tolerated skew of 30 s, for two seconds more
        key,
        algorithm="ES256",
        headers={"typ": "at+jwt", "kid": kid},
    )
    async with stage.watch(organization, token=short) as browser:
        assert browser.status == 200
        await browser.end()


async def test_only_roles_that_see_all_may_watch(stage: Stage, organization: UUID) -> None:
    for role, status in (("project_manager", 403), ("team_member", 403), ("executive", 200)):
        token = stage.keys.token([role], organization=organization)
        async with stage.watch(organization, token=token) as browser:
            assert browser.status == status


async def test_unknown_parameters_and_bad_patterns_are_refused(stage: Stage, organization: UUID) -> None:
    for query in ("else=1", "type=*", "type=com.example", "project_id=PRJ-1", "access_token=x"):
        async with stage.watch(organization, query) as browser:
            assert browser.status in {401, 422}, query


async def test_a_slow_client_holds_a_bounded_number_of_events_and_loses_none(stage: Stage, organization: UUID) -> None:
    root = uuid4()
    async with stage.watch(organization, "type=pmo.projects", window=1) as browser:
        await stage.progress(organization, root, *range(1, 401))
        await asyncio.sleep(0.5)
        (client,) = stage.inner.state.streams._clients
        assert client.queue.qsize() <= live.WAITING
        seen = [orjson.loads((await browser.event())["data"])["data"]["number"] for _ in range(400)]
        assert seen == list(range(1, 401))


async def test_one_caller_cannot_take_all_streams(stage: Stage, organization: UUID) -> None:
    async def open_many(count: int, then: Callable[[], Awaitable[None]]) -> None:
        if count == 0:
            await then()
            return
        async with stage.watch(organization) as browser:
            assert browser.status == 200
            await open_many(count - 1, then)

    async def one_more() -> None:
        async with stage.watch(organization) as browser:
            assert browser.status == 503
        async with stage.watch(uuid4()) as browser:
            assert browser.status == 200

    await open_many(live.MOST_PER_CALLER, one_more)
    async with stage.watch(organization) as browser:
        assert browser.status == 200


async def test_streams_end_when_the_process_is_told_to_stop(gateway_settings: GatewaySettings, stage: Stage) -> None:
    streams = live.Streams(stage.inner.state.bus, gateway_settings.cursor_secret)

    async def allowed() -> bool:
        return True

    watch = live.Watch(uuid4(), "someone", Wanted(), None, allowed)
    frames = streams.frames(watch)
    await anext(frames)
    asyncio.get_running_loop().call_later(0.1, streams.drain)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(frames), 2)
    with pytest.raises(TooManyStreams):
        await anext(streams.frames(watch))
