"""Recording events, positions, and waiting for them."""

import asyncio
import time
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from shared.errors import ProjectionBehind, ValidationFailed
from shared.events import Received
from shared.messaging import NewEvent, Position, caused_by, parse_positions, position, record_many, wait_for
from shared.testing.capture import recorded, stored
from shared.testing.eventually import eventually
from tests.service.shared.flow import NOTED, PRODUCER, STREAM, Flow

AGGREGATE = UUID("0197f3f0-0000-7000-8000-000000000001")


async def test_versions_of_an_aggregate_have_no_gaps_whoever_writes(flow: Flow) -> None:
    project = uuid7()
    await asyncio.gather(*(flow.write(project, *(f"{n}-{turn}" for turn in range(10))) for n in range(8)))
    async with flow.produced.transaction(flow.context) as tx:
        rows = await tx.fetch("select version from event_log where aggregate_id = $1 order by version", project)
        assert await tx.fetchint("select version from aggregate where id = $1", project) == 80
    assert [row["version"] for row in rows] == list(range(1, 81))


async def test_chunks_are_recorded_together_in_their_order(flow: Flow) -> None:
    project = uuid7()
    await flow.write(project, "first")
    async with flow.produced.transaction(flow.context) as tx:
        events = [NewEvent(NOTED, project, f'{{"text": "chunk {number}"}}') for number in range(3)]
        assert await record_many(tx, aggregate_id=project, events=events) == 4
    texts = [data["text"] for _, data in await recorded(flow.produced, flow.organization) if isinstance(data, dict)]
    assert texts == ["first", "chunk 0", "chunk 1", "chunk 2"]


async def test_the_envelope_carries_who_why_and_in_what_order(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one")
        await eventually(flow.has_heard(1))
    (letter,) = await stored(flow.admin, STREAM)
    text = letter.body.decode()
    assert letter.subject == f"pmo.projects.{flow.organization}.{project}.note.written"
    for part in (
        '"specversion":"1.0"',
        '"source":"/pmo/projects"',
        f'"type":"{NOTED}"',
        f'"subject":"note/{project}"',
        f'"dataschema":"/schemas/{NOTED}.json"',
        '"sequence":"00000000000000000001"',
        f'"partitionkey":"{project}"',
        f'"organization":"{flow.organization}"',
        '"actor":"user:test"',
        '"correlationid":"c-1"',
        '"data":{"text":"one","more":1}',
    ):
        assert part in text


def test_a_position_reads_back_what_it_writes() -> None:
    text = position("projects", AGGREGATE, 42)
    assert text == f"projects:{AGGREGATE}@42"
    assert parse_positions(f"{text}, kpi:{AGGREGATE}@1") == [
        Position("projects", AGGREGATE, 42),
        Position("kpi", AGGREGATE, 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "projects",
        f"projects:{AGGREGATE}",
        f"projects:{AGGREGATE}@0",
        f"projects:{AGGREGATE}@-1",
        f"projects:{AGGREGATE}@1\n",
        f"projects:{AGGREGATE}@" + "9" * 30,
        f"projects:{str(AGGREGATE).upper()}@1".replace("0197F3F0", "0197F3F0"),
        ",".join([f"projects:{AGGREGATE}@1"] * 17),
        "x" * 100_000,
    ],
)
def test_a_malformed_position_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        parse_positions(text)


async def test_a_read_waits_until_the_projection_has_the_position(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        for turn in range(5):
            version = await flow.write(project, f"note {turn}")
            started = time.perf_counter()
            await wait_for(flow.consumed, flow.context, [Position(PRODUCER, project, version)], 5)
            assert time.perf_counter() - started < 0.5
            assert len(await flow.heard(project)) == turn + 1


async def test_a_wait_ends_with_projection_behind(flow: Flow) -> None:
    started = time.perf_counter()
    with pytest.raises(ProjectionBehind):
        await wait_for(flow.consumed, flow.context, [Position(PRODUCER, uuid7(), 1)], 0.2)
    assert 0.2 <= time.perf_counter() - started < 1


async def test_positions_of_services_that_are_not_consumed_are_not_waited_for(flow: Flow) -> None:
    own = Position("resources", uuid7(), 7)
    await wait_for(flow.consumed, flow.context, [own], 0.2, producers=[PRODUCER])


async def test_what_a_handler_records_names_its_cause(flow: Flow) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one")
        await eventually(flow.has_heard(1))
    (letter,) = await stored(flow.admin, STREAM)
    event = Received.parse(letter.subject, letter.body)
    async with flow.consumed.transaction(flow.context) as tx:
        context = caused_by(tx, event).context
    assert context.causation_id == str(event.id)
    assert context.correlation_id == "c-1"
    assert context.actor == "user:test"
