"""The broker's side: streams and durables as they must be, rights, and connections that come back."""

import asyncio
import dataclasses

import pytest
import structlog
from nats.js.api import DiscardPolicy, StorageType
from structlog.testing import LogCapture

from shared.bus import Bus, BusDown, Refused, consumer_config, provision, stream_config
from shared.pull import Pull
from shared.testing.eventually import eventually
from tests.service.shared.flow import CONSUMER, DURABLE, PRODUCER, STREAM, Flow


async def test_a_stream_never_drops_what_nobody_has_read(flow: Flow) -> None:
    config = (await flow.admin.client.jetstream().stream_info(STREAM)).config
    assert config.discard == DiscardPolicy.NEW
    assert config.storage == StorageType.FILE
    assert config.max_age == 30 * 86400
    assert config.duplicate_window == 120
    assert config.max_msg_size == 256 * 1024
    assert config.max_bytes == 2 * 2**30
    assert config.deny_delete
    assert config.deny_purge
    durable = (await flow.admin.client.jetstream().consumer_info(STREAM, DURABLE)).config
    assert durable.max_deliver == -1
    assert durable.max_ack_pending == 256
    assert not durable.inactive_threshold


async def test_provisioning_again_changes_only_what_is_different(flow: Flow) -> None:
    streams = flow.admin.client.jetstream()
    await streams.update_stream(dataclasses.replace(stream_config(PRODUCER), max_bytes=10_000_000))
    await streams.add_consumer(STREAM, dataclasses.replace(consumer_config(DURABLE), max_ack_pending=5))
    await provision(flow.broker.url(), PRODUCER, [DURABLE])
    assert (await streams.stream_info(STREAM)).config.max_bytes == 2 * 2**30
    assert (await streams.consumer_info(STREAM, DURABLE)).config.max_ack_pending == 256


class Reasons:
    """What the bus has logged as violations of rights."""

    def __init__(self, capture: LogCapture) -> None:
        self._capture = capture

    def __call__(self) -> list[str]:
        """Return the reasons."""
        return [entry["reason"] for entry in self._capture.entries if entry["event"] == "bus.permission_violation"]


@pytest.fixture
def violations(monkeypatch: pytest.MonkeyPatch) -> Reasons:
    """The reasons of the violations of rights that the bus logs."""
    capture = LogCapture()
    monkeypatch.setattr("shared.bus.log", structlog.wrap_logger(None, processors=[capture]))
    return Reasons(capture)


async def test_row_129_a_service_cannot_publish_anothers_events_and_the_log_says_why(
    flow: Flow, violations: Reasons
) -> None:
    with pytest.raises(BusDown):
        await flow.consumer_bus.request("pmo.projects.forged.forged.note.written", b"{}", timeout=0.3)
    (reason,) = violations()
    assert "pmo.projects.forged" in reason


async def test_row_127_a_message_too_large_is_refused_and_the_connection_lives(flow: Flow) -> None:
    with pytest.raises(Refused):
        await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x" * 300_000, {})
    with pytest.raises(Refused):
        await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x" * 2_000_000, {})
    assert (await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x", {})).sequence == 1


async def test_the_same_message_id_is_stored_once(flow: Flow) -> None:
    headers = {"Nats-Msg-Id": "1"}
    first = await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x", headers)
    second = await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x", headers)
    assert not first.duplicate
    assert second.duplicate
    assert second.sequence == first.sequence


async def test_a_missing_stream_is_the_brokers_trouble_not_the_messages(flow: Flow) -> None:
    await flow.admin.client.jetstream().delete_stream(STREAM)
    with pytest.raises(BusDown, match="nobody answers"):
        await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x", {})
    await provision(flow.broker.url(), PRODUCER, [DURABLE])


async def test_a_bus_starts_without_a_broker_and_connects_when_there_is_one(flow: Flow) -> None:
    url = flow.broker.url(PRODUCER)
    await flow.broker.stop()
    bus = Bus(url, name="early")
    task = asyncio.create_task(bus.run())
    try:
        await asyncio.sleep(0.3)
        assert bus.trouble is not None
        with pytest.raises(BusDown):
            await bus.request("pmo.projects.a.b.c.d")
        await flow.broker.launch()

        async def connected() -> bool:
            return bus.trouble is None

        await eventually(connected)
    finally:
        task.cancel()
        await asyncio.wait([task])
        if flow.broker.child is None:
            await flow.broker.launch()


async def test_a_pull_says_what_is_wrong_with_its_consumer_and_recovers(flow: Flow) -> None:
    await flow.admin.client.jetstream().delete_consumer(STREAM, DURABLE)
    pull = Pull(flow.consumer_bus, STREAM, DURABLE)
    await pull.open()
    taking = asyncio.create_task(pull.batch(10))
    try:

        async def troubled() -> bool:
            return pull.trouble == "no such consumer"

        await eventually(troubled)
        await provision(flow.broker.url(), PRODUCER, [DURABLE])
        await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x", {})
        (message,) = await asyncio.wait_for(taking, 5)
        assert message.body == b"x"
        assert pull.trouble is None
    finally:
        taking.cancel()
        await pull.close()


async def test_a_pull_never_holds_more_than_its_window(flow: Flow) -> None:
    for _ in range(100):
        await flow.producer_bus.publish(STREAM, "pmo.projects.a.b.c.d", b"x" * 1000, {})
    pull = Pull(flow.consumer_bus, STREAM, DURABLE, window=16)
    await pull.open()
    try:
        taken = 0
        while taken < 100:
            taken += len(await pull.batch(3))
            await asyncio.sleep(0.002)
            assert len(pull) <= 16
    finally:
        await pull.close()


async def test_the_inbox_is_private(flow: Flow, violations: Reasons) -> None:
    assert flow.consumer_bus.inbox_prefix == f"_INBOX_{CONSUMER}"
    await flow.producer_bus.client.subscribe(f"_INBOX_{CONSUMER}.>")
    await flow.producer_bus.client.flush()
    await asyncio.sleep(0.05)
    assert len(violations()) == 1
