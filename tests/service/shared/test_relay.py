"""The relay: what is committed reaches the stream, in order, whatever dies or is full meanwhile."""

import asyncio
import random
import signal
from collections import defaultdict
from uuid import UUID

import asyncpg
import orjson
import pytest
from uuid_utils.compat import uuid7

from services.local.postgres import Postgres
from shared.bus import stream_config
from shared.db import Context
from shared.faults import armed, fail, nth
from shared.lifecycle import running
from shared.messaging import record
from shared.testing.capture import recorded, stored
from shared.testing.eventually import eventually
from tests.service.shared.flow import NOTED, PRODUCER, STREAM, Flow, note


async def test_what_is_committed_is_heard_once_and_in_order(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one", "two", "three")
        await eventually(flow.has_heard(3))
    assert await flow.heard(project) == [(1, "one"), (2, "two"), (3, "three")]
    assert await flow.pending() == 0


async def test_a_rolled_back_request_publishes_nothing(flow: Flow) -> None:
    project = uuid7()

    async def request() -> None:
        async with flow.produced.transaction(flow.context) as tx:
            await note(tx, project, "never")
            raise ValueError("changed my mind")

    async with flow.everything():
        with pytest.raises(ValueError, match="changed my mind"):
            await request()
        await flow.write(project, "said")
        await eventually(flow.has_heard(1))
    assert await recorded(flow.produced, flow.organization) == [(NOTED, {"text": "said", "more": 1})]
    assert [letter.headers["Pmo-Version"] for letter in await stored(flow.admin, STREAM)] == ["1"]
    assert await flow.heard() == [(1, "said")]


async def test_sixteen_writers_on_ten_aggregates_lose_double_and_reorder_nothing(flow: Flow) -> None:
    projects = [uuid7() for _ in range(10)]

    async def writer(number: int) -> None:
        chance = random.Random(number)
        for turn in range(63):
            await flow.write(chance.choice(projects), f"{number}-{turn}")

    async with flow.everything():
        await asyncio.gather(*(writer(number) for number in range(16)))
        await eventually(flow.has_heard(16 * 63), seconds=30)
        await eventually(flow.nothing_pending)
    for project in projects:
        heard = await flow.heard(project)
        assert [version for version, _ in heard] == list(range(1, len(heard) + 1))
    published: dict[str, list[int]] = defaultdict(list)
    for letter in await stored(flow.admin, STREAM):
        published[letter.subject.split(".")[3]].append(int(letter.headers["Pmo-Version"]))
    assert {UUID(project) for project in published} == set(projects)
    assert all(versions == list(range(1, len(versions) + 1)) for versions in published.values())
    assert sum(map(len, published.values())) == 16 * 63


@pytest.mark.parametrize(
    "point",
    [
        "relay.after_claim",
        "relay.before_publish",
        "relay.after_publish",
        "relay.before_delete",
        "relay.after_delete",
    ],
)
@pytest.mark.parametrize("passing", [1, 3])
async def test_a_relay_that_dies_at_any_point_neither_loses_nor_doubles(flow: Flow, point: str, passing: int) -> None:
    projects = [uuid7() for _ in range(3)]
    async with flow.everything():
        with armed(point, nth(passing, fail)):
            for turn in range(4):
                for project in projects:
                    await flow.write(project, f"note {turn}")
            await eventually(flow.has_heard(12))
        await eventually(flow.nothing_pending)
    for project in projects:
        assert await flow.heard(project) == [(turn + 1, f"note {turn}") for turn in range(4)]
    assert len(await stored(flow.admin, STREAM)) == 12


async def test_events_wait_while_the_broker_is_down_and_go_on_when_it_is_back(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "before")
        await eventually(flow.has_heard(1))
        await flow.broker.stop()
        try:
            await flow.write(project, "during 1", "during 2")
            await asyncio.sleep(0.5)
            assert await flow.pending() == 2
        finally:
            await flow.broker.launch()
        await flow.write(project, "after")
        await eventually(flow.has_heard(4), seconds=20)
        await eventually(flow.nothing_pending)
    assert [text for _, text in await flow.heard(project)] == ["before", "during 1", "during 2", "after"]


async def test_a_broker_that_is_killed_in_the_middle_loses_and_doubles_nothing(flow: Flow) -> None:
    projects = [uuid7() for _ in range(8)]

    async def writer(project: UUID) -> None:
        for turn in range(60):
            await flow.write(project, f"note {turn}")
            await asyncio.sleep(0.01)

    async with flow.everything():
        writers = asyncio.gather(*map(writer, projects))
        for _ in range(2):
            await asyncio.sleep(0.2)
            assert flow.broker.child is not None
            flow.broker.child.send(signal.SIGKILL)
            await flow.broker.child.wait()
            await flow.broker.launch()
        await writers
        await eventually(flow.has_heard(480), seconds=40)
        await eventually(flow.nothing_pending)
    for project in projects:
        assert await flow.heard(project) == [(turn + 1, f"note {turn}") for turn in range(60)]


async def test_a_full_stream_holds_events_back_and_drops_none(flow: Flow) -> None:
    project = uuid7()
    streams = flow.admin.client.jetstream()
    await streams.update_stream(stream_config(PRODUCER, max_msgs=2))
    async with flow.everything():
        await flow.write(project, *(f"note {turn}" for turn in range(6)))
        await eventually(flow.has_heard(2))
        await asyncio.sleep(0.3)
        assert await flow.pending() == 4
        await streams.update_stream(stream_config(PRODUCER))
        await eventually(flow.has_heard(6))
        await eventually(flow.nothing_pending)


@pytest.mark.parametrize("way", ["full", "away"])
async def test_the_trouble_with_a_broker_is_told_until_something_gets_through_again(flow: Flow, way: str) -> None:
    streams = flow.admin.client.jetstream()
    relay, told = flow.relay(), list[str | None]()

    async def troubled() -> bool:
        return relay.trouble is not None and relay.trouble.startswith("broker")

    async def well() -> bool:
        return relay.trouble is None

    async with running(relay):
        await flow.write(uuid7(), "before")
        await eventually(well)
        if way == "full":
            await streams.update_stream(stream_config(PRODUCER, max_msgs=1))
            await flow.write(uuid7(), "during")
        else:
            await flow.broker.stop()
        try:
            await eventually(troubled)
            for _ in range(200):
                await asyncio.sleep(0.01)
                told.append(relay.trouble)
        finally:
            if way == "away":
                await flow.broker.launch()
        assert None not in told
        if way == "full":
            await streams.update_stream(stream_config(PRODUCER))
        await eventually(well, seconds=20)


async def test_row_127_an_event_the_stream_refuses_parks_its_aggregate_and_no_other(flow: Flow) -> None:
    large, small = uuid7(), uuid7()
    async with flow.everything():
        async with flow.produced.transaction(flow.context) as tx:
            data = orjson.dumps({"text": "x" * 300_000})
            await record(tx, aggregate_id=large, type=NOTED, entity_id=large, data=data)
        await flow.write(large, "behind it")
        await flow.write(small, "one", "two")
        await eventually(flow.has_heard(2))
        await asyncio.sleep(0.2)
    assert await flow.heard(small) == [(1, "one"), (2, "two")]
    assert await flow.heard(large) == []
    async with flow.produced.transaction(flow.context) as tx:
        row = await tx.fetchrow("select attempts, parked_until from outbox_pending where version = 1")
    assert row is not None
    assert row["attempts"] >= 1
    assert row["parked_until"] is not None


async def test_only_one_of_two_relays_works_and_the_other_takes_over(flow: Flow, postgres: Postgres) -> None:
    project = uuid7()
    first, second = flow.relay(), flow.relay()
    async with running(second):
        async with running(first):
            await flow.write(project, "one")
            await eventually(flow.nothing_pending)
            leaders = await _relays_holding_the_lock(flow, postgres)
            assert len(leaders) == 1
        await flow.write(project, "two")
        await eventually(flow.nothing_pending)
    assert len(await stored(flow.admin, STREAM)) == 2


async def test_a_relay_whose_database_connection_is_cut_goes_on(flow: Flow, postgres: Postgres) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one")
        await eventually(flow.has_heard(1))
        for pid in await _relays_holding_the_lock(flow, postgres):
            await _as_superuser(flow, postgres, "select pg_terminate_backend($1)", pid)
        await flow.write(project, "two")
        await eventually(flow.has_heard(2))


async def test_organizations_are_relayed_side_by_side_and_kept_apart(flow: Flow) -> None:
    project, other = uuid7(), Context(uuid7(), actor="user:other")
    async with flow.everything():
        await flow.write(project, "ours")
        await flow.write(project, "theirs", context=other)
        await eventually(flow.has_heard(1))
        await eventually(flow.has_heard(1, organization=other.organization_id))
    assert await flow.heard() == [(1, "ours")]
    assert await flow.heard(organization=other.organization_id) == [(1, "theirs")]


async def _relays_holding_the_lock(flow: Flow, postgres: Postgres) -> list[int]:
    rows = await _as_superuser(
        flow,
        postgres,
        "select l.pid from pg_locks l join pg_database d on d.oid = l.database"
        " where l.locktype = 'advisory' and l.granted and d.datname = $1",
        flow.produced_urls.name,
    )
    return [row["pid"] for row in rows]


async def _as_superuser(flow: Flow, postgres: Postgres, sql: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()
