"""The consumer: each event takes effect once and in order, however it is delivered and whatever dies."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from services.local.postgres import Postgres
from shared.bus import consumer_config, provision
from shared.db import Transaction
from shared.dead_letters import dead_letters
from shared.events import envelope, subject_of
from shared.faults import armed, fail, nth
from shared.lifecycle import running
from shared.messaging import ReadEvent
from shared.testing.eventually import eventually
from tests.service.shared.flow import (
    DURABLE,
    IGNORED,
    NOTED,
    PRODUCER,
    STREAM,
    Ear,
    Flow,
    NoteRead,
)


@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize(
    "point",
    ["consumer.after_fetch", "consumer.after_effect", "consumer.before_commit", "consumer.before_ack"],
)
async def test_a_consumer_that_dies_at_any_point_has_no_second_effect(flow: Flow, point: str, passing: int) -> None:
    projects = [uuid7() for _ in range(3)]
    with armed(point, nth(passing, fail)):
        async with flow.everything():
            for turn in range(4):
                for project in projects:
                    await flow.write(project, f"note {turn}")
            await eventually(flow.has_heard(12))
    for project in projects:
        assert await flow.heard(project) == [(turn + 1, f"note {turn}") for turn in range(4)]


@pytest.mark.parametrize("point", ["consumer.after_park", "consumer.after_gap", "consumer.after_resume"])
async def test_a_death_while_events_wait_loses_none(flow: Flow, point: str) -> None:
    project = uuid7()
    flow.gap_seconds = 0.2
    consumer = flow.consumer()
    with armed(point, nth(1, fail)):
        async with running(consumer, flow.worker(consumer)):
            for version in (3, 2, 5):
                await flow.deliver(project, version)
            await eventually(flow.has_heard(3))
    assert [version for version, _ in await flow.heard(project)] == [2, 3, 5]


async def test_what_is_delivered_again_has_no_second_effect(flow: Flow) -> None:
    project = uuid7()
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        for version in (1, 1, 2, 1, 2, 3, 3):
            await flow.deliver(project, version)
        await eventually(flow.has_heard(3))
        await eventually(flow.nothing_unanswered)
    assert [version for version, _ in await flow.heard(project)] == [1, 2, 3]


async def test_what_comes_out_of_order_takes_effect_in_order(flow: Flow) -> None:
    project = uuid7()
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        for version in (4, 3, 2, 6, 1, 5):
            await flow.deliver(project, version)
        await eventually(flow.has_heard(6))
    assert [version for version, _ in await flow.heard(project)] == [1, 2, 3, 4, 5, 6]
    assert await flow.count("inbox_parked") == 0


async def test_a_missing_version_is_passed_over_after_a_while_and_applied_should_it_still_come(flow: Flow) -> None:
    project = uuid7()
    flow.gap_seconds = 0.3
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        await flow.deliver(project, 1)
        await flow.deliver(project, 5)
        await eventually(flow.has_heard(1))
        await eventually(flow.has_heard(2))
        assert await flow.position(project) == 5
        for version in (3, 3, 2, 5, 1):
            await flow.deliver(project, version)
        await eventually(flow.has_heard(4))
        await eventually(flow.nothing_unanswered)
        await flow.deliver(project, 4)
        await eventually(flow.has_heard(5))
    assert sorted(version for version, _ in await flow.heard(project)) == [1, 2, 3, 4, 5]
    assert await flow.count("inbox_gap") == 0


async def test_a_failing_event_is_tried_again_and_holds_back_its_aggregate_alone(flow: Flow) -> None:
    project, other = uuid7(), uuid7()
    flow.retry_seconds = (0.3,) * 9
    flow.ear.failing = {"bad": 5}  # more often than its batch can be halved
    async with flow.everything():
        await flow.write(project, "good", "bad", "behind")
        await flow.write(other, "one", "two")
        await eventually(flow.has_heard(3))
        assert [text for _, text in await flow.heard(project)] == ["good"]
        await eventually(flow.has_heard(5))
    assert await flow.heard(project) == [(1, "good"), (2, "bad"), (3, "behind")]
    assert await flow.heard(other) == [(1, "one"), (2, "two")]
    assert await flow.count("dead_letter") == 0


async def test_an_event_that_keeps_failing_becomes_a_dead_letter_and_its_aggregate_goes_on(flow: Flow) -> None:
    project = uuid7()
    flow.ear.failing = {"bad": 1000}
    async with flow.everything():
        await flow.write(project, "good", "bad", "behind")
        await eventually(flow.has_heard(2))
        assert [text for _, text in await flow.heard(project)] == ["good", "behind"]
        tries = 1000 - flow.ear.failing["bad"]
        assert tries >= 1 + len(flow.retry_seconds)
        async with flow.consumed.transaction(flow.context) as tx:
            (letter,) = await dead_letters(tx)
        assert letter.reason == "Broken: bad"
        assert letter.aggregate_id == project
        flow.ear.failing = {}
        await flow.consumer().replay(flow.context, letter.id)
    assert [text for _, text in await flow.heard(project)] == ["good", "behind", "bad"]
    async with flow.consumed.transaction(flow.context) as tx:
        assert await dead_letters(tx) == []
        assert len(await dead_letters(tx, unreplayed=False)) == 1


async def test_a_handler_that_ends_its_connection_becomes_a_dead_letter_and_blocks_nobody(flow: Flow) -> None:
    project, other = uuid7(), uuid7()

    class Cutting(Ear):
        async def hear(self, tx: Transaction, events: Sequence[ReadEvent[NoteRead]]) -> None:
            if any(read.data.text == "bad" for read in events):
                await tx.execute("select pg_terminate_backend(pg_backend_pid())")
            await super().hear(tx, events)

    flow.ear = Cutting()
    async with flow.everything():
        await flow.write(project, "good", "bad", "behind")
        await flow.write(other, "one")
        await eventually(flow.has_heard(3), seconds=20)
    assert [text for _, text in await flow.heard(project)] == ["good", "behind"]
    assert await flow.count("dead_letter") == 1


async def test_a_handler_that_swallows_a_database_error_becomes_a_dead_letter_too(flow: Flow) -> None:
    project = uuid7()

    class Swallowing(Ear):
        async def hear(self, tx: Transaction, events: Sequence[ReadEvent[NoteRead]]) -> None:
            await super().hear(tx, events)
            if any(read.data.text == "bad" for read in events):
                with suppress(asyncpg.DivisionByZeroError):
                    await tx.execute("select 1 / 0")

    flow.ear = Swallowing()
    async with flow.everything():
        await flow.write(project, "good", "bad", "behind")
        await eventually(flow.has_heard(2))
    assert [text for _, text in await flow.heard(project)] == ["good", "behind"]
    assert await flow.count("dead_letter") == 1


@pytest.mark.parametrize("way", ["in order", "out of order", "at a later try"])
async def test_what_postgresql_cannot_take_is_a_dead_letter_at_once(flow: Flow, way: str) -> None:
    """No try can do better, so nothing waits behind it."""
    project = uuid7()

    class Overflowing(Ear):
        async def hear(self, tx: Transaction, events: Sequence[ReadEvent[NoteRead]]) -> None:
            await super().hear(tx, events)
            if any(read.data.text == "bad" for read in events):
                await tx.execute("select $1::int", 2**31)

    flow.ear = Overflowing()
    flow.retry_seconds = (0.05, 600.0) if way == "at a later try" else (600.0,)
    flow.ear.failing = {"bad": 1} if way == "at a later try" else {}

    async def has_failed() -> bool:
        return not flow.ear.failing.get("bad")

    async with flow.everything():
        if way == "out of order":
            await flow.deliver(project, 2, "bad")
            await flow.deliver(project, 3, "behind")
            await eventually(flow.nothing_unanswered)
            await flow.deliver(project, 1, "good")
        else:
            await flow.deliver(project, 1, "good")
            await eventually(flow.has_heard(1))
            await flow.deliver(project, 2, "bad")
            await eventually(has_failed)
            await flow.deliver(project, 3, "behind")
        await eventually(flow.has_heard(2))
    assert [text for _, text in await flow.heard(project)] == ["good", "behind"]
    async with flow.consumed.transaction(flow.context) as tx:
        (letter,) = await dead_letters(tx)
    assert "int32" in letter.reason
    assert await flow.position(project) == 3
    assert await flow.count("inbox_parked") == 0


async def test_hundreds_of_events_behind_a_failing_one_block_nobody_else(flow: Flow) -> None:
    project, other = uuid7(), uuid7()
    flow.retry_seconds = (60.0,)
    flow.ear.failing = {"note 1": 1000}
    for version in range(1, 601):
        await flow.deliver(project, version)
    await flow.deliver(other, 1, "unhindered")
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        await eventually(flow.has_heard(1))
        await eventually(flow.nothing_unanswered)
    assert await flow.heard() == [(1, "unhindered")]
    assert await flow.count("inbox_parked") == 600
    assert await flow.position(project) == 0


async def test_row_128_an_unreadable_message_becomes_a_dead_letter_and_blocks_nobody(flow: Flow) -> None:
    project = uuid7()
    subject = subject_of(NOTED, flow.organization, project)
    async with flow.everything():
        await flow.write(project, "one")
        await flow.producer_bus.publish(STREAM, subject, b"\xff not JSON", {})
        await flow.producer_bus.publish(STREAM, "pmo.projects.what.is.this", b"{}", {})
        await flow.producer_bus.publish(STREAM, subject, b'{"specversion": "1.0"}', {"Pmo-Version": "nonsense"})
        await flow.write(project, "two")
        await eventually(flow.has_heard(2))
        await eventually(flow.nothing_unanswered)
    async with flow.consumed.transaction(flow.context) as tx:
        letters = await dead_letters(tx)
    assert sorted(letter.reason for letter in letters) == [
        "unreadable: not JSON",
        "unreadable: type is missing or not a string",
    ]
    assert await flow.count("dead_letter", organization=UUID(int=0)) == 1
    assert await flow.position(project) == 2


async def test_row_128_data_that_the_reader_does_not_understand_are_a_dead_letter_in_their_place(flow: Flow) -> None:
    project = uuid7()
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        await flow.deliver(project, 1)
        await flow.deliver(project, 2, data={"text": ["not", "a", "text"]})
        await flow.deliver(project, 3)
        await eventually(flow.has_heard(2))
    async with flow.consumed.transaction(flow.context) as tx:
        (letter,) = await dead_letters(tx)
    assert letter.reason == "unreadable data: text: Input should be a valid string"
    assert await flow.position(project) == 3


async def test_an_event_of_another_organization_than_its_subject_is_refused(flow: Flow) -> None:
    project, victim = uuid7(), uuid7()
    consumer = flow.consumer()
    body = envelope(
        id=uuid7(),
        type=NOTED,
        organization_id=victim,
        aggregate_id=project,
        version=1,
        entity_id=project,
        time=datetime.now(UTC),
        actor="",
        correlation_id="",
        causation_id="",
        traceparent="",
        data='{"text": "forged"}',
    )
    async with running(consumer, flow.worker(consumer)):
        await flow.producer_bus.publish(STREAM, subject_of(NOTED, flow.organization, project), body, {})
        await eventually(flow.nothing_unanswered)
    assert await flow.count("dead_letter") == 1
    assert await flow.heard(organization=victim) == []


async def test_types_without_a_subscription_move_the_position_only(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one")
        await flow.write(project, "nobody listens", kind=IGNORED)
        await flow.write(project, "three")
        await eventually(flow.has_heard(2))
    assert await flow.position(project) == 3


async def test_two_replicas_share_a_durable_and_keep_the_order(flow: Flow) -> None:
    projects = [uuid7() for _ in range(6)]
    consumers = [flow.consumer(batch=7) for _ in range(3)]
    async with running(flow.relay(), *consumers, flow.worker(consumers[0])):
        await asyncio.gather(*(flow.write(project, *map(str, range(50))) for project in projects))
        await eventually(flow.has_heard(300), seconds=30)
    for project in projects:
        assert await flow.heard(project) == [(turn + 1, str(turn)) for turn in range(50)]


async def test_while_the_consumers_database_is_away_nothing_is_lost_or_counted_as_failed(
    flow: Flow, postgres: Postgres
) -> None:
    project = uuid7()
    name = flow.consumed_urls.name
    async with flow.everything():
        await flow.write(project, "before")
        await eventually(flow.has_heard(1))
        async with postgres._superuser() as superuser:
            await superuser.execute(f"alter database {name} allow_connections false")
            await superuser.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
            await flow.write(project, "during")
            await asyncio.sleep(0.6)
            await superuser.execute(f"alter database {name} allow_connections true")
        await flow.write(project, "after")
        await eventually(flow.has_heard(3), seconds=20)
    assert [text for _, text in await flow.heard(project)] == ["before", "during", "after"]
    assert await flow.count("dead_letter") == 0


async def test_a_stream_made_anew_and_filled_again_is_taken_up_without_doubles(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one", "two")
        await eventually(flow.has_heard(2))
        await flow.admin.client.jetstream().delete_stream(STREAM)
        await flow.write(project, "three")
        await provision(flow.broker.url(), PRODUCER, [DURABLE])
        async with flow.produced.transaction(flow.context) as tx:
            await tx.execute(
                "insert into outbox_pending (organization_id, aggregate_id, version)"
                " select organization_id, aggregate_id, version from event_log on conflict do nothing"
            )
            tx.wake("outbox")
        await flow.write(project, "four")
        await eventually(flow.has_heard(4), seconds=20)
        await eventually(flow.nothing_unanswered)
    assert [text for _, text in await flow.heard(project)] == ["one", "two", "three", "four"]


async def test_deliveries_lost_on_the_way_come_again(flow: Flow) -> None:
    project = uuid7()
    streams = flow.admin.client.jetstream()
    config = consumer_config(DURABLE)
    config.ack_wait = 0.5
    await streams.add_consumer(STREAM, config)
    # Somebody takes the first two and dies without a word.
    for version in (1, 2, 3):
        await flow.deliver(project, version)
    thief = await streams.pull_subscribe_bind(DURABLE, STREAM)
    assert len(await thief.fetch(2, timeout=2)) == 2
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        await eventually(flow.has_heard(3))
    assert [version for version, _ in await flow.heard(project)] == [1, 2, 3]


async def test_sparse_events_are_heard_without_a_stall(flow: Flow) -> None:
    project = uuid7()
    delays: list[float] = []
    sent: dict[str, float] = {}

    class Timed(Ear):
        async def hear(self, tx: Transaction, events: Sequence[ReadEvent[NoteRead]]) -> None:
            delays.extend(time.perf_counter() - sent[read.data.text] for read in events)
            await super().hear(tx, events)

    flow.ear = Timed()
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        for version in range(1, 26):
            sent[f"note {version}"] = time.perf_counter()
            await flow.deliver(project, version)
            await asyncio.sleep(0.3)
        await eventually(flow.has_heard(25))
    # One of them may meet a busy machine; a stall of the fetching would show in many and last a second or more.
    assert sorted(delays)[-2] < 0.05, sorted(delays)[-3:]
    assert sorted(delays)[-1] < 0.5


async def test_a_consumer_stops_within_two_seconds_and_gives_back_what_it_holds(flow: Flow) -> None:
    project = uuid7()

    class Slow(Ear):
        async def hear(self, tx: Transaction, events: Sequence[ReadEvent[NoteRead]]) -> None:
            await asyncio.sleep(30)

    quick, flow.ear = flow.ear, Slow()
    for version in range(1, 20):
        await flow.deliver(project, version)
    async with running(flow.consumer(batch=5)):
        await asyncio.sleep(0.3)
        stopping = time.perf_counter()
    assert time.perf_counter() - stopping < 2
    flow.ear = quick
    consumer = flow.consumer()
    async with running(consumer, flow.worker(consumer)):
        await eventually(flow.has_heard(19), seconds=3)
