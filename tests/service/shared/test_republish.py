"""Publishing again from the log: after a loss of the stream, in part, in pieces, and while everything works."""

import asyncio
from collections import defaultdict
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from shared.bus import provision
from shared.db import Context
from shared.faults import armed
from shared.lifecycle import running
from shared.republish import Place, Progress, Selection, requeue
from shared.testing.capture import stored
from shared.testing.eventually import eventually
from tests.service.shared.flow import DURABLE, PRODUCER, STREAM, Flow, note

EVERYTHING = Selection()


async def requeued(
    flow: Flow, selection: Selection = EVERYTHING, *, after: Place | None = None, batch: int = 2000
) -> list[Progress]:
    """Queue again and return what was told on the way."""
    urls = flow.produced_urls
    return [step async for step in requeue(urls.app, urls.relay, selection, after=after, batch=batch)]


async def pending(flow: Flow) -> dict[UUID, list[int]]:
    """The versions that wait for the relay, in their order, of the test's organization."""
    async with flow.produced.transaction(flow.context) as tx:
        rows = await tx.fetch("select aggregate_id, version from outbox_pending order by aggregate_id, version")
    found: dict[UUID, list[int]] = defaultdict(list)
    for row in rows:
        found[row["aggregate_id"]].append(row["version"])
    return dict(found)


async def in_stream(flow: Flow) -> dict[UUID, list[int]]:
    """The versions that the stream holds, in its order."""
    found: dict[UUID, list[int]] = defaultdict(list)
    for letter in await stored(flow.admin, STREAM):
        found[UUID(letter.subject.split(".")[3])].append(int(letter.headers["Pmo-Version"]))
    return dict(found)


async def published(flow: Flow, aggregates: int = 3, events: int = 4) -> list[UUID]:
    """Write events of some aggregates and have the relay publish them; nobody consumes."""
    projects = sorted(uuid7() for _ in range(aggregates))
    async with running(flow.relay()):
        for turn in range(events):
            for project in projects:
                await flow.write(project, f"note {turn}")
        await eventually(flow.nothing_pending)
    return projects


async def lose_the_stream(flow: Flow) -> None:
    """Remove the stream with its consumers, as a loss of the store does."""
    await flow.admin.client.jetstream().delete_stream(STREAM)


async def test_what_a_lost_stream_held_takes_effect_once_and_in_order(flow: Flow) -> None:
    projects = await published(flow)
    await lose_the_stream(flow)
    async with flow.everything():
        await flow.write(projects[0], "during")
        assert (await requeued(flow))[-1].queued == 13
        await provision(flow.broker.url(), PRODUCER, [DURABLE])
        await flow.write(projects[1], "after")
        await eventually(flow.has_heard(14), seconds=20)
        await eventually(flow.nothing_pending)
        await eventually(flow.nothing_unanswered)
    expected = [*enumerate((f"note {turn}" for turn in range(4)), start=1)]
    assert await flow.heard(projects[0]) == [*expected, (5, "during")]
    assert await flow.heard(projects[1]) == [*expected, (5, "after")]
    assert await flow.heard(projects[2]) == expected
    assert await in_stream(flow) == {
        projects[0]: [1, 2, 3, 4, 5],
        projects[1]: [1, 2, 3, 4, 5],
        projects[2]: [1, 2, 3, 4],
    }


async def test_row_130_what_consumers_have_is_ignored_when_it_comes_again(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one", "two")
        await eventually(flow.has_heard(2))
        await eventually(flow.nothing_pending)
        await lose_the_stream(flow)
        await requeued(flow)
        await provision(flow.broker.url(), PRODUCER, [DURABLE])
        await flow.write(project, "three")
        await eventually(flow.has_heard(3), seconds=20)
        await eventually(flow.nothing_unanswered)
    assert await flow.heard(project) == [(1, "one"), (2, "two"), (3, "three")]
    assert await in_stream(flow) == {project: [1, 2, 3]}
    assert await flow.count("inbox_parked") == await flow.count("inbox_gap") == 0


async def test_a_stream_that_lost_nothing_drops_what_it_has_just_got(flow: Flow) -> None:
    projects = await published(flow)
    await requeued(flow)
    async with running(flow.relay()):
        await eventually(flow.nothing_pending)
    assert await in_stream(flow) == {project: [1, 2, 3, 4] for project in projects}


async def test_events_written_meanwhile_are_neither_lost_nor_doubled_nor_out_of_order(flow: Flow) -> None:
    projects = await published(flow, aggregates=6, events=5)
    await lose_the_stream(flow)
    done = asyncio.Event()

    async def writer(project: UUID) -> int:
        version = 0
        while not done.is_set():
            version = await flow.write(project, "more")
            await asyncio.sleep(0.02)
        return version

    async with flow.everything():
        writers = asyncio.gather(*map(writer, projects))
        await asyncio.sleep(0.2)
        # The worst case: the stream is there, and new events go out, before the old ones are queued.
        await provision(flow.broker.url(), PRODUCER, [DURABLE])
        await asyncio.sleep(0.2)
        await requeued(flow, batch=7)
        await requeued(flow, batch=7)
        await asyncio.sleep(0.2)
        done.set()
        versions = await writers
        await eventually(flow.has_heard(sum(versions)), seconds=40)
        await eventually(flow.nothing_pending)
    for project, version in zip(projects, versions, strict=True):
        assert [number for number, _ in await flow.heard(project)] == list(range(1, version + 1))
    assert await flow.count("inbox_gap") == 0


async def test_an_event_queued_again_while_it_is_being_published_is_published_again(flow: Flow) -> None:
    """The acknowledgement was the lost stream's: it must not count for the new one."""
    project = uuid7()
    lost = asyncio.Event()

    async def lose() -> None:
        if not lost.is_set():
            lost.set()
            await lose_the_stream(flow)
            await requeued(flow)
            await provision(flow.broker.url(), PRODUCER, [DURABLE])

    with armed("relay.before_delete", lose):
        async with flow.everything():
            await flow.write(project, "one", "two")
            await eventually(flow.has_heard(2), seconds=20)
            await eventually(flow.nothing_pending)
    assert lost.is_set()
    assert await in_stream(flow) == {project: [1, 2]}


async def test_new_events_of_others_do_not_wait_for_the_whole_history(flow: Flow) -> None:
    await published(flow)
    await requeued(flow)
    new = uuid7()
    await flow.write(new, "new")
    async with flow.produced.transaction(flow.context) as tx:
        rows = await tx.fetch("select aggregate_id from outbox_pending order by queued_at")
    assert rows[0]["aggregate_id"] == new


async def test_a_selection_queues_only_its_own(flow: Flow) -> None:
    projects = await published(flow)
    other = Context(uuid7(), actor="user:other")
    async with running(flow.relay()):
        await flow.write(theirs := uuid7(), "theirs", context=other)
        await eventually(flow.nothing_pending)
        await asyncio.sleep(0.3)
    assert (await requeued(flow, Selection(aggregate_id=projects[1])))[-1].queued == 4
    assert await pending(flow) == {projects[1]: [1, 2, 3, 4]}
    steps = await requeued(flow, Selection(organization_id=other.organization_id))
    assert (steps[-1].queued, steps[-1].seen, steps[-1].place) == (1, 1, Place(other.organization_id, theirs, 1))
    assert await flow.count("outbox_pending", flow.produced, other.organization_id) == 1
    assert (await requeued(flow, Selection(organization_id=flow.organization)))[-1].queued == 12
    assert await requeued(flow, Selection(organization_id=uuid7())) == []


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
async def test_since_an_instant_leaves_no_hole_though_clocks_do_not_follow_versions(flow: Flow, batch: int) -> None:
    """A transaction's time is that of its beginning: a later version may carry an earlier time."""
    early, mixed, late = await published(flow)
    since = datetime.now(UTC) - timedelta(hours=1)
    times = {early: [-3, -2, -2, -1], mixed: [-1, 1, -1, 1], late: [1, 1, 1, 1]}
    owner = await asyncpg.connect(flow.produced_urls.owner)
    try:
        async with owner.transaction():
            await owner.execute("select set_config('app.organization', $1, true)", str(flow.organization))
            for project, minutes in times.items():
                for version, minute in enumerate(minutes, start=1):
                    await owner.execute(
                        "update event_log set time = $1 where aggregate_id = $2 and version = $3",
                        since + timedelta(minutes=minute),
                        project,
                        version,
                    )
    finally:
        await owner.close()
    steps = await requeued(flow, Selection(since=since), batch=batch)
    assert (steps[-1].seen, steps[-1].queued) == (12, 7)
    wanted = {mixed: [2, 3, 4], late: [1, 2, 3, 4]}
    assert await pending(flow) == wanted
    for place in [step.place for step in steps]:
        # Each of the places continues rightly, also inside an aggregate.
        async with flow.produced.transaction(flow.context) as tx:
            await tx.execute("delete from outbox_pending")
        await requeued(flow, Selection(since=since), after=place)
        expected = {
            project: left
            for project, versions in wanted.items()
            if (left := [v for v in versions if Place(flow.organization, project, v) > place])
        }
        assert await pending(flow) == expected


async def test_what_was_broken_off_goes_on_where_it_was(flow: Flow) -> None:
    projects = await published(flow)
    urls = flow.produced_urls
    async with aclosing(requeue(urls.app, urls.relay, EVERYTHING, batch=5)) as steps:
        step = await anext(steps)
    assert await pending(flow) == {projects[0]: [1, 2, 3, 4], projects[1]: [1]}
    again = Place.parse(str(step.place))
    assert (await requeued(flow, after=again))[-1].queued == 7
    assert await pending(flow) == {project: [1, 2, 3, 4] for project in projects}


async def test_each_batch_is_a_transaction_of_its_own_and_waits_for_no_writer(flow: Flow) -> None:
    projects = await published(flow)
    async with flow.produced.transaction(flow.context) as tx:
        await note(tx, projects[0], "not committed yet")
        steps = await requeued(flow, batch=5)
        assert [step.queued for step in steps] == [5, 10, 12]
    assert (await pending(flow))[projects[0]] == [1, 2, 3, 4, 5]
