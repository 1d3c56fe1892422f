"""What is not a well-formed, bounded request is refused with a problem, on a real server over raw sockets."""

import asyncio
import json
from pathlib import Path

import pytest

from shared.guard import Guard, Rules
from shared.http_server import ConnectionLimits
from tests.service.gateway.conftest import FAST, ROUTES
from tests.service.gateway.harness import (
    HOST,
    FakeService,
    Gateway,
    Parts,
    gateway,
    nothing,
    read_reply,
    serving,
)


async def test_row_47_an_unknown_host_is_misdirected(edge: Gateway) -> None:
    reply = await edge.request("GET", "/livez", [("host", "other.example")])
    assert (reply.status, reply.problem()) == (421, "misdirected")


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8080", HOST.upper()])
async def test_a_listed_host_is_served_on_any_port(edge: Gateway, host: str) -> None:
    reply = await edge.request("GET", "/livez", [("host", host)])
    assert reply.body == b"inner"


async def test_http_1_0_with_a_host_is_served(edge: Gateway) -> None:
    reply = await edge.send(f"GET /livez HTTP/1.0\r\nhost: {HOST}\r\n\r\n".encode())
    assert (reply.status, reply.body) == (200, b"inner")


@pytest.mark.parametrize("method", ["TRACE", "FOO", "CONNECT", "PROPFIND"])
async def test_a_method_that_is_not_spoken_is_a_405_with_allow(edge: Gateway, method: str) -> None:
    target = "evil.example:443" if method == "CONNECT" else "/livez"
    reply = await edge.send(f"{method} {target} HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())
    assert (reply.status, reply.problem()) == (405, "method_not_allowed")
    assert "GET" in (reply.header("allow") or "")


@pytest.mark.parametrize(
    "headers",
    [
        "x-a: " + "a" * 70_000,
        "x-a: " + "a" * 40_000,
        "x-a: " + "a" * 1_000_000,
        "\r\n".join(f"x-{n}: a" for n in range(5_000)),
        "\r\n".join(f"x-{n}: a" for n in range(101)),
    ],
    ids=["70 KB", "40 KB", "1 MB", "5,000 headers", "101 headers"],
)
async def test_too_large_headers_are_431(edge: Gateway, headers: str) -> None:
    reply = await edge.send(f"GET /livez HTTP/1.1\r\nhost: {HOST}\r\n{headers}\r\n\r\n".encode())
    assert (reply.status, reply.problem()) == (431, "headers_too_large")


@pytest.mark.parametrize("target", ["/v1/projects/" + "a" * 2_100, "/livez?a=" + "b" * 4_100, "/" + "a" * 60_000])
async def test_a_long_url_is_414(edge: Gateway, target: str) -> None:
    reply = await edge.request("GET", target)
    assert (reply.status, reply.problem()) == (414, "uri_too_long")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/projects/../admin",
        "/v1/projects/..",
        "/v1/projects/%2e%2e/admin",
        "/v1/projects/%2e%2e%2fadmin",
        "/v1/projects/..%5cadmin",
        "/v1//admin",
        "//v1/admin",
        "/v1/./admin",
        "/v1/admin;x=1",
        "/v1/projects\\admin",
        "/v1/projects/a%2fb",
        "/v1/projects/a%5Cb",
        "/v1/projects/a%3Bb",
        "/v1/admin/",
    ],
)
async def test_a_path_that_could_be_read_as_another_reaches_nobody(
    edge: Gateway, service: FakeService, target: str
) -> None:
    before = len(service.received)
    reply = await edge.request("GET", target)
    assert (reply.status, reply.problem()) in {(404, "not_found"), (400, "bad_request")}
    assert len(service.received) == before


async def test_an_escaped_path_is_the_route_it_spells(edge: Gateway, service: FakeService) -> None:
    reply = await edge.request("GET", "/v1/%61dmin")
    assert reply.status == 200
    assert service.received[-1].line == "GET /v1/%61dmin HTTP/1.1"


async def test_a_method_override_is_ignored(edge: Gateway, service: FakeService) -> None:
    reply = await edge.request("GET", "/v1/projects/1", [("x-http-method-override", "DELETE")])
    assert reply.status == 200
    assert service.received[-1].line.startswith("GET ")
    assert service.received[-1].header("x-http-method-override") is None


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip"])
async def test_a_compressed_body_is_refused_unread(edge: Gateway, coding: str) -> None:
    reply = await edge.request("POST", "/v1/projects", [("content-encoding", coding)], b"\x1f\x8b")
    assert (reply.status, reply.problem()) == (415, "unsupported_encoding")


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/ingest"])
async def test_a_declared_length_over_the_limit_is_413_before_reading(edge: Gateway, path: str) -> None:
    head = edge.bytes("POST", path, [("content-length", "50000000"), ("content-type", "application/json")])
    reply = await edge.send(head)
    assert (reply.status, reply.problem()) == (413, "payload_too_large")


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/ingest"])
async def test_an_endless_body_is_413_at_the_limit_and_then_cut(edge: Gateway, service: FakeService, path: str) -> None:
    before = len(service.received)
    reader, writer = await edge.connect()
    head = edge.bytes("POST", path, [("transfer-encoding", "chunked"), ("content-type", "application/json")])
    writer.write(head)

    async def send_for_ever() -> None:
        while True:
            writer.write(b"64\r\n" + b"a" * 100 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)

    sending = asyncio.create_task(send_for_ever())
    reply = await asyncio.wait_for(read_reply(reader), 5)
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(sending, 5)
    assert (reply.status, reply.problem()) == (413, "payload_too_large")
    assert len(service.received) == before


async def test_a_body_too_large_leaves_the_connection_usable_when_it_ends(edge: Gateway) -> None:
    reader, writer = await edge.connect()
    writer.write(edge.bytes("POST", "/v1/projects", [], b"a" * 5_000))
    assert (await read_reply(reader)).problem() == "payload_too_large"
    writer.write(edge.bytes("GET", "/livez"))
    assert (await read_reply(reader)).body == b"inner"
    writer.close()


@pytest.mark.parametrize("extra", [[], [("expect", "100-continue")]], ids=["row_32_plain", "row_36_expect"])
async def test_a_stalled_body_is_408_and_closed(edge: Gateway, extra: list[tuple[str, str]]) -> None:
    head = edge.bytes("POST", "/v1/projects", [("content-length", "100"), ("content-type", "a/b"), *extra])
    reader, writer = await edge.connect()
    writer.write(head + b"{")
    text = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert b"HTTP/1.1 408 " in text
    assert b'"request_timeout"' in text


async def test_row_32_a_dripped_body_is_408(edge: Gateway) -> None:
    reader, writer = await edge.connect()
    writer.write(edge.bytes("POST", "/v1/projects", [("content-length", "100"), ("content-type", "a/b")]))

    async def drip() -> None:
        for _ in range(100):
            writer.write(b"{")
            await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip())
    reply = await asyncio.wait_for(read_reply(reader), 5)
    dripping.cancel()
    writer.close()
    assert (reply.status, reply.problem()) == (408, "request_timeout")


async def test_row_33_a_dripped_head_is_408_and_closed(edge: Gateway) -> None:
    reader, writer = await edge.connect()
    writer.write(b"GET /livez HTT")
    text = await asyncio.wait_for(reader.read(), 3)
    writer.close()
    assert text.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("first", [b"", None], ids=["fresh", "after a request"])
async def test_row_34_an_idle_connection_is_closed(edge: Gateway, first: bytes | None) -> None:
    reader, writer = await edge.connect()
    if first is None:
        writer.write(edge.bytes("GET", "/livez"))
        await read_reply(reader)
    assert await asyncio.wait_for(reader.read(), 4) == b""
    writer.close()


async def test_row_146_pipelined_requests_are_answered_in_turn(edge: Gateway) -> None:
    reader, writer = await edge.connect()
    writer.write(b"".join(edge.bytes("GET", f"/v1/projects/{n}", [("x-request-id", f"n{n}")]) for n in range(100)))
    for n in range(100):
        reply = await asyncio.wait_for(read_reply(reader), 5)
        assert (reply.status, reply.header("x-request-id")) == (200, f"n{n}")
    writer.close()


async def test_row_146_garbage_after_a_request_does_not_take_its_answers_place(edge: Gateway) -> None:
    reader, writer = await edge.connect()
    writer.write(edge.bytes("GET", "/v1/projects/1") + b"\x00\x01 garbage\r\n\r\n")
    reply = await asyncio.wait_for(read_reply(reader), 5)
    assert reply.status == 200
    assert b"HTTP/1.1 2" not in await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_a_websocket_upgrade_is_answered_as_plain_http(edge: Gateway) -> None:
    headers = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")]
    reply = await edge.request("GET", "/livez", headers)
    assert (reply.status, reply.body) == (200, b"inner")


@pytest.mark.parametrize("given", ["abc-1", "0190c0de-0000-7000-8000-0000000000ff"])
async def test_a_sane_request_id_is_kept(edge: Gateway, service: FakeService, given: str) -> None:
    reply = await edge.request("GET", "/v1/projects/1", [("x-request-id", given)])
    assert reply.header("x-request-id") == given == service.received[-1].header("x-request-id")


@pytest.mark.parametrize("given", ["a b", 'x","level":"', "x" * 1_000, "é"])
async def test_a_strange_request_id_is_replaced(edge: Gateway, service: FakeService, given: str) -> None:
    reply = await edge.request("GET", "/v1/projects/1", [("x-request-id", given)])
    made = reply.header("x-request-id")
    assert made != given
    assert made == service.received[-1].header("x-request-id")


async def test_a_trace_is_continued_and_garbage_starts_a_new_one(edge: Gateway, service: FakeService) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await edge.request("GET", "/v1/projects/1", [("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])
    passed = service.received[-1].header("traceparent") or ""
    assert passed.split("-")[1] == trace
    assert passed.split("-")[2] != "00f067aa0ba902b7"
    for garbage in ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", "x" * 10_000, f"ff-{trace}-00f067aa0ba902b7-01"):
        await edge.request("GET", "/v1/projects/1", [("traceparent", garbage)])
        fresh = service.received[-1].header("traceparent") or ""
        assert trace not in fresh
        assert len(fresh) == 55


async def test_what_looks_like_a_log_line_stays_one_value(edge: Gateway) -> None:
    await edge.request("GET", "/v1/nothing/%7B%22level%22:%22x%22%7D")
    line = edge.log.lines[-1]
    assert line["path"] == '/v1/nothing/{"level":"x"}'
    assert line["route"] == "unmatched"


async def test_query_and_credentials_are_never_logged(edge: Gateway) -> None:
    await edge.request("GET", "/v1/projects/1?access_token=secret-token")
    assert "secret" not in json.dumps(edge.log.lines, default=str)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil.example"])
async def test_a_foreign_origin_gets_no_cors_headers(edge: Gateway, origin: str) -> None:
    headers = [("origin", origin), ("access-control-request-method", "GET")]
    for method in ("OPTIONS", "GET"):
        reply = await edge.request(method, "/v1/projects/1", headers)
        assert reply.header("access-control-allow-origin") is None
        assert reply.header("vary") == "Origin"


async def test_a_listed_origin_may_call_and_read_the_answers_headers(edge: Gateway) -> None:
    headers = [("origin", "https://app.example"), ("access-control-request-method", "POST"), ("authorization", "")]
    preflight = await edge.request("OPTIONS", "/v1/projects", headers)
    assert preflight.status == 204
    assert preflight.header("access-control-allow-origin") == "https://app.example"
    assert "POST" in (preflight.header("access-control-allow-methods") or "")
    assert "idempotency-key" in (preflight.header("access-control-allow-headers") or "")
    for path in ("/v1/projects/1", "/livez", "/v1/nothing"):
        reply = await edge.request("GET", path, [("origin", "https://app.example")])
        assert reply.header("access-control-allow-origin") == "https://app.example"
        assert "ETag" in (reply.header("access-control-expose-headers") or "")


@pytest.mark.parametrize("path", ["/v1/projects/1", "/livez", "/v1/nothing"])
async def test_every_answer_has_security_headers(edge: Gateway, path: str) -> None:
    reply = await edge.request("GET", path)
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("content-security-policy")
    assert reply.header("server") is None


@pytest.mark.parametrize("path", ["/docs", "/metrics", "/debug", "/openapi.json", "/", "/v2/projects"])
async def test_what_no_route_names_is_not_found(edge: Gateway, path: str) -> None:
    reply = await edge.request("GET", path)
    assert (reply.status, reply.problem()) == (404, "not_found")


async def test_thousands_of_ranges_are_ignored(edge: Gateway, service: FakeService) -> None:
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(2_500))
    reply = await edge.request("GET", "/v1/projects/1", [("range", ranges)])
    assert reply.status == 200
    assert service.received[-1].header("range") is None


async def test_row_145_too_many_connections_of_one_client_are_refused(tmp_path: Path) -> None:
    async with gateway(
        tmp_path, Parts(ROUTES, {"projects": "http://127.0.0.1:1"}, limits=ConnectionLimits(per_client=5))
    ) as edge:
        held = [await edge.connect() for _ in range(5)]
        await asyncio.sleep(0.1)
        reply = await edge.send(b"")
        assert (reply.status, reply.problem()) == (503, "overloaded")
        held.pop()[1].close()
        await asyncio.sleep(0.1)
        assert (await edge.request("GET", "/livez")).status == 200
        for _, writer in held:
            writer.close()


async def test_row_35_a_client_that_does_not_read_is_cut(tmp_path: Path) -> None:
    parts = Parts(ROUTES, {"projects": "http://127.0.0.1:1"}, inner=_flood, limits=FAST)
    async with gateway(tmp_path, parts) as edge:
        reader, writer = await edge.connect()
        writer.write(edge.bytes("GET", "/livez"))
        await asyncio.sleep(2.0)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(reader.readexactly(64 * 1024 * 1024), 5)
        writer.close()


async def _flood(scope: object, receive: object, send: object) -> None:
    assert isinstance(scope, dict)
    assert callable(send)
    assert callable(receive)
    if scope["type"] == "lifespan":
        await nothing(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(640):
        await send({"type": "http.response.body", "body": b"a" * 100_000, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def test_a_service_behind_its_own_guard_refuses_the_same(tmp_path: Path) -> None:
    del tmp_path
    guarded = Guard(_echo_length, Rules(max_body=1000), lambda method, path: 5_000 if path == "/large" else 1_000)
    async with serving(guarded) as port:
        edge = Gateway.__new__(Gateway)
        edge.port = port
        head = "POST {} HTTP/1.1\r\nhost: service\r\ncontent-length: {}\r\n\r\n"
        fine = await edge.send(head.format("/large", 3_000).encode() + b"a" * 3_000)
        assert (fine.status, fine.body) == (200, b"3000")
        assert fine.header("x-request-id")
        large = await edge.send(head.format("/small", 3_000).encode() + b"a" * 3_000)
        assert (large.status, large.problem()) == (413, "payload_too_large")
        chunked = b"POST /small HTTP/1.1\r\nhost: service\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n" + b"a" * 2000
        streamed = await edge.send(chunked + b"\r\n0\r\n\r\n")
        assert (streamed.status, streamed.problem()) == (413, "payload_too_large")
        broken = await edge.send(b"GET /broken HTTP/1.1\r\nhost: service\r\n\r\n")
        assert (broken.status, broken.problem()) == (500, "internal_error")


async def _echo_length(scope: object, receive: object, send: object) -> None:
    assert isinstance(scope, dict)
    assert callable(send)
    assert callable(receive)
    if scope["type"] == "lifespan":
        await nothing(scope, receive, send)
        return
    if scope["path"] == "/broken":
        raise RuntimeError("broken")
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    text = str(size).encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})
