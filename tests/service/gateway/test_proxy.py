"""Requests reach the services unchanged, and answers the clients, over real sockets."""

import asyncio
import json
import os
import zlib
from collections.abc import AsyncIterator

import pytest

from services.gateway.proxy.routes import BY_ID_PREFIX, Route, RouteTable, header_lines
from tests.service.gateway.harness import (
    HOST,
    ORGANIZATION,
    FakeService,
    Gateway,
    Parts,
    Received,
    answer,
    fake_service,
    gateway,
    raw,
    read_body,
    read_chunks,
    read_head,
    read_reply,
)

MEGABYTES = 24 * 1024 * 1024

ROUTES = (
    Route(method="GET", template="/v1/projects/{project_id}", service="projects"),
    Route(method="POST", template="/v1/projects", service="projects"),
    Route(method="PATCH", template="/v1/projects/{project_id}", service="projects"),
    Route(method="DELETE", template="/v1/projects/{project_id}", service="projects"),
    Route(method="GET", template="/v1/kpis", service="kpi", forwarded=header_lines({"x-declared"})),
    Route(method="GET", template="/v1/operations/{operation_id}", service=BY_ID_PREFIX),
    Route(method="POST", template="/v1/imports", service="projects", max_body=50_000_000, stream=True),
    Route(method="GET", template="/v1/feed", service="kpi", stream=True),
    Route(method="GET", template="/v1/open", service="projects", public=True),
    Route(method="GET", template="/v1/me", service="gateway"),
)


@pytest.fixture(scope="module")
async def kpi() -> AsyncIterator[FakeService]:
    """A second service."""
    async with fake_service() as running:
        yield running


@pytest.fixture(scope="module")
async def edge(
    service: FakeService, kpi: FakeService, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway before two services."""
    urls = {"projects": f"http://127.0.0.1:{service.port}", "kpi": f"http://127.0.0.1:{kpi.port}"}
    async with gateway(tmp_path_factory.mktemp("edge"), Parts(ROUTES, urls)) as running:
        yield running


async def test_path_query_and_body_arrive_as_they_were_sent(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer(b'{"ok":1}', "201 Created", b'etag: "1"\r\nlocation: /v1/projects/x\r\n')
    body = b'{ "name" : "\\u00e9" ,"x":1.50}'
    target = "/v1/projects?a=%2F&a=%C3%A9&b=+&c"
    reply = await edge.request("POST", target, [("idempotency-key", "k-1"), ("accept", "application/json")], body)
    received = service.received[-1]
    assert received.line == f"POST {target} HTTP/1.1"
    assert received.body == body
    assert received.header("idempotency-key") == "k-1"
    assert received.header("content-type") == "application/json"
    assert received.header("host") == f"127.0.0.1:{service.port}"
    assert (reply.status, reply.body) == (201, b'{"ok":1}')
    assert (reply.header("etag"), reply.header("location")) == ('"1"', "/v1/projects/x")


async def test_the_service_learns_of_the_caller_by_an_internal_token_only(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer()
    await edge.request("GET", "/v1/projects/1")
    authorization = service.received[-1].header("authorization")
    principal = edge.verifier("projects").verify(authorization)
    assert (principal.organization_id, principal.subject) == (ORGANIZATION, "user-1")
    assert principal.roles == {"pmo_director"}
    await edge.request("GET", "/v1/projects/1")
    reused = await edge.request("GET", "/v1/open")
    assert reused.status == 200
    assert service.received[-1].header("authorization") is None


async def test_identity_and_hop_by_hop_headers_of_the_client_are_dropped(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer()
    spoofed = {
        "x-tenant": "other",
        "x_tenant": "other",
        "x-user": "root",
        "x-internal-token": "t",
        "x-forwarded-for": "1.2.3.4",
        "x-forwarded-host": "evil",
        "forwarded": "for=1.2.3.4",
        "via": "1.1 evil",
        "cookie": "a=b",
        "te": "trailers",
        "keep-alive": "300",
        "proxy-authorization": "Basic eA==",
        "pmo-deadline-ms": "99999999",
        "x-original-url": "/admin",
    }
    await edge.request("GET", "/v1/projects/1", list(spoofed.items()))
    received = service.received[-1]
    for name in spoofed.keys() - {"x-forwarded-for", "x-forwarded-host", "pmo-deadline-ms"}:
        assert received.header(name) is None, name
    assert received.header("x-forwarded-for") == "127.0.0.1"
    assert received.header("x-forwarded-host") == HOST
    assert 0 < int(received.header("pmo-deadline-ms") or "0") <= 10_000


async def test_an_operation_sees_the_headers_that_it_declares(edge: Gateway, kpi: FakeService) -> None:
    kpi.behaviour = answer()
    await edge.request("GET", "/v1/kpis", [("x-declared", "1"), ("x-other", "2")])
    assert kpi.received[-1].header("x-declared") == "1"
    assert kpi.received[-1].header("x-other") is None


async def test_connection_headers_of_the_service_stay_behind_the_gateway(edge: Gateway, service: FakeService) -> None:
    extra = (
        b"server: x\r\nkeep-alive: timeout=1\r\naccess-control-allow-origin: *\r\nx-powered-by: y\r\nvary: Accept\r\n"
    )
    service.behaviour = answer(headers=extra)
    reply = await edge.request("GET", "/v1/projects/1")
    for name in ("server", "keep-alive", "access-control-allow-origin", "x-powered-by"):
        assert reply.header(name) is None
    assert reply.header("vary") == "Accept"
    assert len([value for name, value in reply.headers if name == "date"]) == 1


async def test_connections_to_a_service_are_reused(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer()
    await edge.request("GET", "/v1/projects/1")
    before = service.connections
    for _ in range(10):
        assert (await edge.request("GET", "/v1/projects/1")).status == 200
    assert service.connections == before


async def test_head_is_answered_by_get_without_the_body(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer(b'{"ok":1}', headers=b'etag: "7"\r\n')
    reply = await edge.request("HEAD", "/v1/projects/1")
    assert service.received[-1].line == "GET /v1/projects/1 HTTP/1.1"
    assert (reply.status, reply.header("content-length"), reply.header("etag")) == (200, "8", '"7"')


@pytest.mark.parametrize(("status", "length"), [("204 No Content", b""), ("304 Not Modified", b"")])
async def test_answers_without_a_body_have_none(
    edge: Gateway, service: FakeService, status: str, length: bytes
) -> None:
    service.behaviour = raw(b'HTTP/1.1 %b\r\netag: "1"\r\n%b\r\n' % (status.encode(), length), close=False)
    reader, writer = await edge.connect()
    for _ in range(2):
        writer.write(edge.bytes("GET", "/v1/projects/1"))
        reply = await read_reply(reader)
        assert str(reply.status) == status[:3]
        assert reply.header("transfer-encoding") is None
        assert reply.header("etag") == '"1"'
    writer.close()


async def test_informational_answers_are_skipped(edge: Gateway, service: FakeService) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    service.behaviour = raw(early + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", close=False)
    reply = await edge.request("GET", "/v1/projects/1")
    assert (reply.status, reply.body, reply.header("link")) == (200, b"{}", None)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcde",
        b"HTTP/1.0 200 OK\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nabcde",
    ],
    ids=["chunked", "until close", "HTTP/1.0", "closing"],
)
async def test_every_framing_of_an_answer_is_understood(edge: Gateway, service: FakeService, data: bytes) -> None:
    service.behaviour = raw(data, close=b"chunked" not in data)
    reply = await edge.request("GET", "/v1/projects/1")
    assert (reply.status, reply.body, reply.header("content-length")) == (200, b"abcde", "5")


async def test_a_chunked_request_arrives_with_its_body(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer()
    head = edge.bytes("POST", "/v1/projects", [("transfer-encoding", "chunked"), ("content-type", "application/json")])
    reply = await edge.send(head + b'2\r\n{"\r\n5\r\na":1}\r\n0\r\n\r\n')
    assert reply.status == 200
    assert service.received[-1].body == b'{"a":1}'
    assert service.received[-1].header("content-length") == "7"


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_a_large_body_streams_to_the_service(edge: Gateway, service: FakeService, chunked: bool) -> None:
    service.behaviour = answer()
    data = os.urandom(1024) * (MEGABYTES // 1024)
    framing = ("transfer-encoding", "chunked") if chunked else ("content-length", str(len(data)))
    reader, writer = await edge.connect()
    writer.write(edge.bytes("POST", "/v1/imports", [framing, ("content-type", "application/xml")]))
    for start in range(0, len(data), 100_000):
        part = data[start : start + 100_000]
        writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        await writer.drain()
    writer.write(b"0\r\n\r\n" if chunked else b"")
    reply = await asyncio.wait_for(read_reply(reader), 20)
    writer.close()
    assert reply.status == 200
    assert zlib.crc32(service.received[-1].body) == zlib.crc32(data)


async def test_a_service_that_reads_slowly_slows_the_client_down(edge: Gateway, service: FakeService) -> None:
    async def dawdle(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.0)
        writer.close()

    service.behaviour = dawdle
    _, writer = await edge.connect()
    writer.write(edge.bytes("POST", "/v1/imports", [("content-length", str(MEGABYTES)), ("content-type", "a/b")]))
    sent = 0

    async def send() -> None:
        nonlocal sent
        while sent < MEGABYTES:
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send(), 0.7)
    assert sent < MEGABYTES - 1024 * 1024
    writer.close()


async def test_a_service_may_answer_before_the_body_has_ended(edge: Gateway, service: FakeService) -> None:
    async def refuse(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 415 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()

    service.behaviour = refuse
    reader, writer = await edge.connect()
    writer.write(edge.bytes("POST", "/v1/imports", [("content-length", str(MEGABYTES)), ("content-type", "a/b")]))
    writer.write(b"a" * 2_000_000)
    reply = await asyncio.wait_for(read_reply(reader), 5)
    assert (reply.status, reply.body) == (415, b"{}")
    writer.close()
    service.behaviour = answer()
    assert (await edge.request("GET", "/v1/projects/1")).status == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_a_large_answer_streams_to_the_client(edge: Gateway, service: FakeService, chunked: bool) -> None:
    data = os.urandom(1024) * (MEGABYTES // 1024)

    async def flood(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framing = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(data)
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
        for start in range(0, len(data), 200_000):
            part = data[start : start + 200_000]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            await writer.drain()
        writer.write(b"0\r\n\r\n" if chunked else b"")

    service.behaviour = flood
    reply = await edge.request("GET", "/v1/projects/1")
    assert zlib.crc32(reply.body) == zlib.crc32(data)
    service.behaviour = answer()
    assert (await edge.request("GET", "/v1/projects/1")).status == 200


async def test_a_client_that_reads_slowly_slows_the_service_down(edge: Gateway, service: FakeService) -> None:
    sent = 0

    async def flood(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (8 * MEGABYTES))
        while sent < 8 * MEGABYTES:
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536

    service.behaviour = flood
    reader, writer = await edge.connect()
    writer.write(edge.bytes("GET", "/v1/projects/1"))
    await asyncio.sleep(0.7)
    held = sent
    assert held < 7 * MEGABYTES
    first, headers = await read_head(reader)
    assert first.startswith("HTTP/1.1 200")
    assert len(await read_body(reader, headers)) == 8 * MEGABYTES
    writer.close()


async def test_events_pass_through_one_by_one(edge: Gateway, kpi: FakeService) -> None:
    gate = asyncio.Event()

    async def feed(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for text in (b": heartbeat\n\n", b"id: 1\ndata: {}\n\n"):
            writer.write(b"%x\r\n%b\r\n" % (len(text), text))
            await gate.wait()
            gate.clear()
        writer.write(b"0\r\n\r\n")

    kpi.behaviour = feed
    reader, writer = await edge.connect()
    writer.write(edge.bytes("GET", "/v1/feed", [("last-event-id", "0"), ("accept", "text/event-stream")]))
    first, headers = await asyncio.wait_for(read_head(reader), 2)
    assert (first, dict(headers)["content-type"]) == ("HTTP/1.1 200 OK", "text/event-stream")
    chunks = read_chunks(reader)
    assert await asyncio.wait_for(anext(chunks), 2) == b": heartbeat\n\n"
    gate.set()
    assert await asyncio.wait_for(anext(chunks), 2) == b"id: 1\ndata: {}\n\n"
    gate.set()
    assert [chunk async for chunk in chunks] == []
    assert kpi.received[-1].header("last-event-id") == "0"
    writer.close()


async def test_an_id_with_a_services_prefix_goes_to_that_service(
    edge: Gateway, service: FakeService, kpi: FakeService
) -> None:
    service.behaviour = kpi.behaviour = answer()
    target = "/v1/operations/{}-0190c0de-0000-7000-8000-000000000001"
    for name, owner in (("projects", service), ("kpi", kpi)):
        assert (await edge.request("GET", target.format(name))).status == 200
        assert owner.received[-1].line == f"GET {target.format(name)} HTTP/1.1"
    assert (await edge.request("GET", target.format("gateway"))).body == b"inner"
    for name in ("billing", "", "0190c0de"):
        assert (await edge.request("GET", target.format(name))).problem() == "not_found"


async def test_a_known_path_with_another_method_is_405_with_allow(edge: Gateway) -> None:
    reply = await edge.request("PUT", "/v1/projects/1")
    assert reply.problem() == "method_not_allowed"
    assert reply.header("allow") == "DELETE, GET, HEAD, OPTIONS, PATCH"
    options = await edge.request("OPTIONS", "/v1/projects/1", [("authorization", "")])
    assert (options.status, options.header("allow")) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")


async def test_every_request_is_one_log_line(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer(b"{}", "404 Not Found")
    reply = await edge.request("GET", "/v1/projects/42")
    line = next(line for line in reversed(edge.log.lines) if line["request_id"] == reply.header("x-request-id"))
    assert line["route"] == "/v1/projects/{project_id}"
    assert (line["status"], line["upstream"], line["subject"]) == (404, "projects", "user-1")
    assert json.loads(json.dumps(line, default=str))["organization"] == str(ORGANIZATION)


async def test_two_operations_cannot_answer_the_same_path() -> None:
    with pytest.raises(Exception, match="another operation"):
        RouteTable([ROUTES[0], ROUTES[0]], ["projects"])
