"""A gateway that stops, and one that is watched by many, still answers what it has begun."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway.proxy.routes import Route
from tests.service.gateway.harness import (
    FakeService,
    Parts,
    Received,
    answer,
    fake_service,
    gateway,
    read_head,
)

ROUTES = (
    Route(method="GET", template="/v1/projects/{project_id}", service="projects"),
    Route(method="POST", template="/v1/projects", service="projects"),
    Route(method="GET", template="/v1/feed", service="projects", stream=True),
)


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    """The service behind the gateway."""
    async with fake_service() as running:
        yield running


async def test_row_147_a_gateway_that_is_stopped_finishes_what_it_has_begun(
    service: FakeService, tmp_path: Path
) -> None:
    async def think(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        await answer()(received, reader, writer)

    service.behaviour = think
    urls = {"projects": f"http://127.0.0.1:{service.port}", "kpi": "http://127.0.0.1:1"}
    began = time.monotonic()
    async with gateway(tmp_path, Parts(ROUTES, urls)) as edge:
        _, half = await edge.connect()
        half.write(edge.bytes("POST", "/v1/projects", [("content-length", "100"), ("content-type", "a/b")]))
        waiting = asyncio.create_task(edge.request("GET", "/v1/projects/1"))
        await asyncio.sleep(0.2)
    assert (await waiting).status == 200
    assert time.monotonic() - began < 4
    half.close()


async def test_watchers_do_not_use_up_the_room_of_other_requests(service: FakeService, tmp_path: Path) -> None:
    async def watch(_received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n")
        await reader.read()

    async def choose(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (watch if "feed" in received.line else answer())(received, reader, writer)

    service.behaviour = choose
    urls = {"projects": f"http://127.0.0.1:{service.port}", "kpi": "http://127.0.0.1:1"}
    async with gateway(tmp_path, Parts(ROUTES, urls, max_in_flight=2)) as edge:
        watchers = [await edge.connect() for _ in range(5)]
        for reader, writer in watchers:
            writer.write(edge.bytes("GET", "/v1/feed"))
            assert (await read_head(reader))[0].startswith("HTTP/1.1 200")
        assert (await edge.request("GET", "/v1/projects/1")).status == 200
        for _, writer in watchers:
            writer.close()
