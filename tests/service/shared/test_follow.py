"""Following a stream live: in order, from where one left, with bounded memory, whatever happens to the broker."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from shared.bus import Bus, provision
from shared.follow import Followed, HistoryGone, follow, stream_state
from shared.testing.eventually import eventually
from tests.service.shared.flow import DURABLE, PRODUCER, STREAM, Flow

SUBJECT = "pmo.projects.{}.a.note.written"


@pytest.fixture
async def gateway(flow: Flow) -> AsyncIterator[Bus]:
    """The connection of the service that may follow streams."""
    async with Bus(flow.broker.url("gateway"), name="gateway").open() as bus:
        yield bus


async def publish(flow: Flow, *texts: str, organization: str = "o1") -> None:
    """Store messages of an organization."""
    for text in texts:
        await flow.producer_bus.publish(STREAM, SUBJECT.format(organization), text.encode(), {"Pmo-Type": "t"})


async def take(messages: AsyncIterator[Followed], number: int) -> list[str]:
    """Return the bodies of the next messages."""
    async with asyncio.timeout(15):
        return [(await anext(messages)).body.decode() for _ in range(number)]


async def test_it_begins_where_it_is_told_and_goes_on_live(flow: Flow, gateway: Bus) -> None:
    await publish(flow, "one", "two", "three")
    messages = follow(gateway, STREAM, "pmo.projects.>", 2)
    assert await take(messages, 2) == ["two", "three"]
    waiting = asyncio.create_task(take(messages, 1))
    await asyncio.sleep(0.1)
    sent = time.perf_counter()
    await publish(flow, "four")
    assert await waiting == ["four"]
    assert time.perf_counter() - sent < 0.1
    await messages.aclose()


async def test_without_a_beginning_only_what_is_new_is_seen(flow: Flow, gateway: Bus) -> None:
    await publish(flow, "old")
    messages = follow(gateway, STREAM, "pmo.projects.>")
    waiting = asyncio.create_task(take(messages, 1))
    await asyncio.sleep(0.1)
    await publish(flow, "new")
    assert await waiting == ["new"]
    await messages.aclose()


async def test_another_organizations_messages_are_not_seen(flow: Flow, gateway: Bus) -> None:
    await publish(flow, "theirs", organization="o2")
    await publish(flow, "ours")
    await publish(flow, "theirs", organization="o2")
    await publish(flow, "ours too")
    messages = follow(gateway, STREAM, "pmo.projects.o1.>", 1)
    assert await take(messages, 2) == ["ours", "ours too"]
    await messages.aclose()


async def test_a_sequence_that_the_stream_does_not_hold_is_told(flow: Flow, gateway: Bus) -> None:
    await publish(flow, "one")
    with pytest.raises(HistoryGone) as gone:
        await anext(follow(gateway, STREAM, "pmo.projects.>", 77))
    assert (gone.value.first, gone.value.last) == (1, 1)


async def test_a_broker_restart_neither_repeats_nor_skips(flow: Flow, gateway: Bus) -> None:
    await publish(flow, *(str(number) for number in range(10)))
    messages = follow(gateway, STREAM, "pmo.projects.>", 1)
    seen = await take(messages, 3)
    await flow.broker.stop()
    await flow.broker.launch()

    async def back() -> bool:
        return flow.producer_bus.is_connected

    await eventually(back)
    await publish(flow, *(str(number) for number in range(10, 15)))
    seen += await take(messages, 12)
    assert seen == [str(number) for number in range(15)]
    await messages.aclose()


async def test_a_slow_reader_holds_a_window_and_survives_the_end_of_its_consumer(flow: Flow, gateway: Bus) -> None:
    await publish(flow, *(str(number) for number in range(300)))
    messages = follow(gateway, STREAM, "pmo.projects.>", 1)
    seen = await take(messages, 5)
    received = gateway.client.stats["in_msgs"]
    assert received < 100
    streams = flow.admin.client.jetstream()
    for info in await streams.consumers_info(STREAM):
        if info.name != DURABLE:
            await streams.delete_consumer(STREAM, info.name)
    seen += await take(messages, 295)
    assert seen == [str(number) for number in range(300)]
    await messages.aclose()


async def test_leaving_removes_the_consumer(flow: Flow, gateway: Bus) -> None:
    await publish(flow, "one")
    messages = follow(gateway, STREAM, "pmo.projects.>", 1)
    await take(messages, 1)
    await messages.aclose()

    async def gone() -> bool:
        return [info.name for info in await flow.admin.client.jetstream().consumers_info(STREAM)] == [DURABLE]

    await eventually(gone)


async def test_a_stream_made_anew_has_another_epoch(flow: Flow, gateway: Bus) -> None:
    before = await stream_state(gateway, STREAM)
    await flow.admin.client.jetstream().delete_stream(STREAM)
    await provision(flow.broker.url(), PRODUCER, [DURABLE])
    after = await stream_state(gateway, STREAM)
    assert after.created > before.created
