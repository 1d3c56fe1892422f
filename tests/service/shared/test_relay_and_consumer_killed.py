"""Processes that are killed outright at the worst moments: nothing is lost and nothing has a second effect."""

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from shared.bus import consumer_config
from shared.faults import VARIABLE
from shared.testing.capture import stored
from shared.testing.eventually import eventually
from tests.service.shared.flow import CONSUMER, DURABLE, PRODUCER, STREAM, Flow

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def victim(flow: Flow, faults: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """Run relay, consumer and worker in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.service.shared.victim",
        cwd=ROOT,
        env={
            **os.environ,
            VARIABLE: faults,
            "PRODUCED_RELAY": flow.produced_urls.relay,
            "CONSUMED_APP": flow.consumed_urls.app,
            "CONSUMED_RELAY": flow.consumed_urls.relay,
            "PRODUCER_NATS": flow.broker.url(PRODUCER),
            "CONSUMER_NATS": flow.broker.url(CONSUMER),
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("point", ["relay.before_delete", "consumer.before_commit", "consumer.before_ack"])
async def test_a_process_killed_at_the_worst_moment_neither_loses_nor_doubles(flow: Flow, point: str) -> None:
    projects = [uuid7() for _ in range(3)]
    streams = flow.admin.client.jetstream()
    # What the dead process held comes again after this, not only after the usual ten seconds.
    await streams.add_consumer(STREAM, dataclasses.replace(consumer_config(DURABLE), ack_wait=1))
    for turn in range(3):
        for project in projects:
            await flow.write(project, f"note {turn}")
    async with victim(flow, f"{point}=kill:2") as process:
        async with asyncio.timeout(20):
            while process.returncode is None:
                await flow.write(projects[0], "more")
                await asyncio.sleep(0.05)
    assert process.returncode == -signal.SIGKILL
    written = await flow.count("event_log", flow.produced)
    async with victim(flow):
        await eventually(flow.has_heard(written), seconds=20)
        await eventually(flow.nothing_pending)
        await eventually(flow.nothing_unanswered)
    for project in projects:
        heard = [version for version, _ in await flow.heard(project)]
        assert heard == list(range(1, len(heard) + 1))
    assert len(await stored(flow.admin, STREAM)) == written
