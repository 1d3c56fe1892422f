"""A service that is down, slow, lying or dying costs its own requests only, and always ends in a problem."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from services.gateway.proxy.client import ClientRules
from services.gateway.proxy.resilience import BreakerRules
from services.gateway.proxy.routes import Route
from tests.service.gateway.harness import (
    FakeService,
    Gateway,
    Parts,
    Received,
    answer,
    fake_service,
    gateway,
    raw,
    read_chunks,
    read_head,
    read_reply,
)

ROUTES = (
    Route(method="GET", template="/v1/projects/{project_id}", service="projects", deadline=0.6),
    Route(method="POST", template="/v1/projects", service="projects", deadline=0.6),
    Route(method="POST", template="/v1/imports", service="projects", max_body=50_000_000, stream=True),
    Route(method="GET", template="/v1/feed", service="projects", stream=True),
    Route(method="GET", template="/v1/kpis", service="kpi"),
)
RULES = ClientRules(gap=0.5, jitter=(0.001, 0.002))


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    """The service that misbehaves."""
    async with fake_service() as running:
        yield running


@pytest.fixture
async def edge(service: FakeService, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway whose circuit breaker is fresh."""
    async with AsyncExitStack() as stack:
        kpi = await stack.enter_async_context(fake_service())
        urls = {"projects": f"http://127.0.0.1:{service.port}", "kpi": f"http://127.0.0.1:{kpi.port}"}
        yield await stack.enter_async_context(gateway(tmp_path, Parts(ROUTES, urls, client=RULES)))


async def test_row_112_a_service_that_is_down_is_a_502_at_once(edge: Gateway, service: FakeService) -> None:
    await service.stop()
    began = time.monotonic()
    reply = await edge.request("GET", "/v1/projects/1")
    assert (reply.status, reply.problem()) == (502, "upstream_unavailable")
    assert reply.header("retry-after")
    assert time.monotonic() - began < 0.5
    assert (await edge.request("GET", "/v1/kpis")).status == 200


async def test_a_service_that_comes_back_is_used_again(edge: Gateway, service: FakeService) -> None:
    port = service.port
    await edge.request("GET", "/v1/projects/1")
    await service.stop()
    assert (await edge.request("GET", "/v1/projects/1")).status == 502
    await service.start(port)
    assert (await edge.request("GET", "/v1/projects/1")).status == 200


async def test_a_host_that_does_not_answer_to_connects_is_given_up_early(tmp_path: Path) -> None:
    with socket.socket() as full:  # a listener whose queue is full drops further connects
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(3)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        parts = Parts(ROUTES, {"projects": f"http://127.0.0.1:{full.getsockname()[1]}", "kpi": "http://127.0.0.1:1"})
        parts.client = replace(RULES, connect=0.2)
        async with gateway(tmp_path, parts) as edge:
            began = time.monotonic()
            reply = await edge.request("GET", "/v1/projects/1")
            assert (reply.status, reply.problem()) == (502, "upstream_unavailable")
            assert time.monotonic() - began < 1.0
        for one in held:
            one.close()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", b"HTTP/1.1 20"])
async def test_row_112_a_slow_service_is_a_504_at_the_deadline(
    edge: Gateway, service: FakeService, first: bytes
) -> None:
    async def stall(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(10)

    service.behaviour = stall
    began = time.monotonic()
    reply = await edge.request("GET", "/v1/projects/1")
    assert (reply.status, reply.problem()) == (504, "upstream_timeout")
    assert 0.55 < time.monotonic() - began < 0.9
    assert len(service.received) == 1


async def test_row_112_a_dripping_service_is_a_504_at_the_deadline(edge: Gateway, service: FakeService) -> None:
    async def drip(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.05)

    service.behaviour = drip
    began = time.monotonic()
    reply = await edge.request("GET", "/v1/projects/1")
    assert reply.problem() == "upstream_timeout"
    assert time.monotonic() - began < 0.9
    await asyncio.wait_for(service.closed.wait(), 1)


GARBAGE = {
    "text": b"hello, I am no HTTP server\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "status 99": b"HTTP/1.1 99 X\r\ncontent-length: 0\r\n\r\n",
    "status 700": b"HTTP/1.1 700 X\r\ncontent-length: 0\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
    "length and chunked": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
    b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "gzip transfer": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "length -1": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "control in header": b"HTTP/1.1 200 OK\r\nx-a: a\x01b\r\ncontent-length: 0\r\n\r\n",
    "NUL in header": b"HTTP/1.1 200 OK\r\nx-a: a\0b\r\ncontent-length: 0\r\n\r\n",
    "bad header name": b"HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 0\r\n\r\n",
    "huge header": b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 200_000 + b"\r\ncontent-length: 0\r\n\r\n",
    "endless header": b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 200_000,
    "5,000 headers": b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 5_000 + b"content-length: 0\r\n\r\n",
    "endless informational": b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000,
    "closed in head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "closed in body": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc",
    "closed in chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nabc",
    "401": b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
async def test_row_112_garbage_is_a_502_and_is_asked_for_once(edge: Gateway, service: FakeService, data: bytes) -> None:
    service.behaviour = raw(data)
    reply = await edge.request("GET", "/v1/projects/1")
    assert (reply.status, reply.problem()) == (502, "upstream_invalid")
    assert len(service.received) == 1
    service.behaviour = answer()
    assert (await edge.request("GET", "/v1/projects/1")).status == 200


async def test_bytes_after_an_answer_are_never_taken_for_the_next_one(edge: Gateway, service: FakeService) -> None:
    one = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none"
    for extra in (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", b"evil"):
        service.behaviour = raw(one + extra, close=False)
        assert (await edge.request("GET", "/v1/projects/1")).body == b"one"
        service.behaviour = answer(b"two")
        assert (await edge.request("GET", "/v1/projects/1")).body == b"two"


async def test_bytes_on_an_idle_connection_end_it(edge: Gateway, service: FakeService) -> None:
    async def late(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(b"one")(received, reader, writer)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")

    service.behaviour = late
    assert (await edge.request("GET", "/v1/projects/1")).body == b"one"
    await asyncio.sleep(0.2)
    service.behaviour = answer(b"two")
    assert (await edge.request("GET", "/v1/projects/1")).body == b"two"


async def test_row_112_a_large_answer_that_breaks_off_cuts_the_client_off(edge: Gateway, service: FakeService) -> None:
    service.behaviour = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n" + b"a" * 3_000_000)
    reader, writer = await edge.connect()
    writer.write(edge.bytes("GET", "/v1/projects/1"))
    first, _ = await read_head(reader)
    assert first.startswith("HTTP/1.1 200")
    assert len(await asyncio.wait_for(reader.read(), 5)) <= 3_000_000
    writer.close()


async def test_a_stream_that_falls_silent_is_ended(edge: Gateway, service: FakeService) -> None:
    async def silent(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n")
        await writer.drain()
        await asyncio.sleep(10)

    service.behaviour = silent
    reader, writer = await edge.connect()
    writer.write(edge.bytes("GET", "/v1/feed"))
    await read_head(reader)
    rest = await asyncio.wait_for(reader.read(), 2)
    assert b": hello" in rest
    assert not rest.endswith(b"0\r\n\r\n")
    writer.close()


async def test_a_restart_of_the_service_costs_no_get(edge: Gateway, service: FakeService) -> None:
    for _ in range(5):
        assert (await edge.request("GET", "/v1/projects/1")).status == 200
        service.drop_connections()
    assert service.connections >= 5


@pytest.mark.parametrize(("method", "status", "asked"), [("GET", 200, 2), ("POST", 502, 1)])
async def test_only_a_safe_request_is_asked_again_when_keep_alive_ends(
    edge: Gateway, service: FakeService, method: str, status: int, asked: int
) -> None:
    await edge.request("GET", "/v1/projects/1")
    seen = len(service.received)

    async def close_once(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(service.received) == seen + 1:
            writer.transport.abort()
            return
        await answer()(received, reader, writer)

    service.behaviour = close_once
    target = "/v1/projects/1" if method == "GET" else "/v1/projects"
    reply = await edge.request(method, target, body=b"" if method == "GET" else b"{}")
    assert reply.status == status
    assert len(service.received) - seen == asked


async def test_retries_never_amplify_an_outage(edge: Gateway, service: FakeService) -> None:
    async def close(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    service.behaviour = close
    replies = [await edge.request("GET", "/v1/projects/1") for _ in range(60)]
    assert {reply.problem() for reply in replies} == {"upstream_unavailable"}
    assert len(service.received) <= 66


async def test_an_open_breaker_spares_the_service_and_closes_again(tmp_path: Path) -> None:
    async with fake_service() as service:
        service.behaviour = raw(b"garbage\r\n\r\n")
        urls = {"projects": f"http://127.0.0.1:{service.port}", "kpi": "http://127.0.0.1:1"}
        parts = Parts(ROUTES, urls, client=RULES, breaker=BreakerRules(rest=0.5))
        async with gateway(tmp_path, parts) as edge:
            for _ in range(40):
                assert (await edge.request("GET", "/v1/projects/1")).status == 502
            assert len(service.received) <= 22
            service.behaviour = answer()
            await asyncio.sleep(0.6)
            assert (await edge.request("GET", "/v1/projects/1")).status == 200
            assert (await edge.request("GET", "/v1/projects/1")).status == 200


async def test_http_errors_of_a_service_do_not_open_the_breaker(edge: Gateway, service: FakeService) -> None:
    service.behaviour = answer(b"{}", "500 Oops")
    for _ in range(40):
        assert (await edge.request("GET", "/v1/projects/1")).status == 500
    assert len(service.received) == 40


async def test_row_114_more_requests_than_connections_wait_briefly_and_then_are_shed(
    service: FakeService, tmp_path: Path
) -> None:
    gate = asyncio.Event()

    async def hold(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await answer()(received, reader, writer)

    service.behaviour = hold
    urls = {"projects": f"http://127.0.0.1:{service.port}", "kpi": f"http://127.0.0.1:{free_port()}"}
    rules = replace(RULES, connections=2, pool_wait=0.1)
    async with gateway(tmp_path, Parts(ROUTES, urls, client=rules)) as edge:
        first = [asyncio.create_task(edge.request("GET", "/v1/projects/1")) for _ in range(2)]
        await asyncio.sleep(0.1)
        shed = await edge.request("GET", "/v1/projects/1")
        assert (shed.status, shed.problem(), shed.header("retry-after")) == (503, "overloaded", "1")
        waiting = asyncio.create_task(edge.request("GET", "/v1/projects/1"))
        await asyncio.sleep(0.02)
        gate.set()
        assert [reply.status for reply in await asyncio.gather(*first, waiting)] == [200, 200, 200]
        assert service.connections == 2


async def test_row_115_a_client_that_goes_cancels_the_request_at_the_service(
    edge: Gateway, service: FakeService
) -> None:
    async def wait(_received: Received, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        raise ConnectionError

    service.behaviour = wait
    _, writer = await edge.connect()
    writer.write(edge.bytes("GET", "/v1/feed"))
    await asyncio.sleep(0.2)
    writer.close()
    await asyncio.wait_for(service.closed.wait(), 2)
    await asyncio.sleep(0.1)
    assert edge.log.lines[-1]["status"] == 499


async def test_a_client_that_goes_ends_the_stream_at_the_service(edge: Gateway, service: FakeService) -> None:
    async def feed(_received: Received, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"8\r\n: beat\n\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    service.behaviour = feed
    reader, writer = await edge.connect()
    writer.write(edge.bytes("GET", "/v1/feed"))
    await read_head(reader)
    await anext(read_chunks(reader))
    writer.close()
    await asyncio.wait_for(service.closed.wait(), 2)


async def test_a_client_that_goes_while_sending_ends_the_request_at_the_service(
    edge: Gateway, service: FakeService
) -> None:
    service.behaviour = answer()
    _, writer = await edge.connect()
    writer.write(edge.bytes("POST", "/v1/imports", [("content-length", "9000000"), ("content-type", "a/b")]))
    writer.write(b"a" * 3_000_000)
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.close()
    await asyncio.wait_for(service.closed.wait(), 2)
    assert service.received[0].body == b""


async def test_a_body_over_the_limit_is_cut_off_in_the_middle_of_the_upload(
    edge: Gateway, service: FakeService
) -> None:
    service.behaviour = answer()
    reader, writer = await edge.connect()
    writer.write(edge.bytes("POST", "/v1/imports", [("transfer-encoding", "chunked"), ("content-type", "a/b")]))

    async def send() -> None:
        part = b"%x\r\n%b\r\n" % (1_000_000, b"a" * 1_000_000)
        for _ in range(52):
            writer.write(part)
            await writer.drain()

    sending = asyncio.create_task(send())
    reply = await asyncio.wait_for(read_reply(reader), 10)
    assert (reply.status, reply.problem()) == (413, "payload_too_large")
    await asyncio.wait_for(service.closed.wait(), 2)
    await asyncio.gather(sending, return_exceptions=True)
    writer.close()
