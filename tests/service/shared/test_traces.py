"""Traces through relay, consumer and worker: connected also where events fail or wait, or work is asked for twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from uuid_utils.compat import uuid7

from shared import tracing
from shared.db import Context, Database
from shared.dead_letters import dead_letters
from shared.lifecycle import running
from shared.spans import Spans
from shared.testing.eventually import eventually
from shared.worker import Worker, request
from tests.service.shared.flow import DURABLE, NOTED, Flow

TRACE = "0af7651916cd43dd8448eb211c80319{}"
PLACE = "00-" + TRACE + "-b7ad6b7169203331-01"


class Kept:
    """The spans of this process."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        self.recorder = Spans("test", self._kept)

    def spans(self) -> list[ReadableSpan]:
        """All that were noted, in their order; no more are taken."""
        self.recorder.close()
        return list(self._kept.get_finished_spans())


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    made = Kept()
    monkeypatch.setattr(tracing, "recorder", made.recorder)
    yield made
    made.recorder.close()


def placed(flow: Flow, number: int = 1) -> Context:
    """The test's context within a trace."""
    return replace(flow.context, traceparent=PLACE.format(number))


async def test_every_try_of_a_failing_event_is_a_span_of_its_trace(flow: Flow, kept: Kept) -> None:
    project = uuid7()
    flow.ear.failing = {"bad": 1000}
    async with flow.everything():
        await flow.write(project, "bad", context=placed(flow))
        await eventually(flow.nothing_pending)

        async def given_up() -> bool:
            return await flow.count("dead_letter") == 1

        await eventually(given_up)
        async with flow.consumed.transaction(flow.context) as tx:
            (letter,) = await dead_letters(tx)
        flow.ear.failing = {}
        await flow.consumer().replay(flow.context, letter.id)
    (publish,), tries = split(kept.spans())
    assert f"{publish.context.trace_id:032x}" == TRACE.format(1)
    assert {(span.parent or span.context).span_id for span in tries} == {publish.context.span_id}
    outcomes = [(span.attributes or {}).get("error.type") for span in tries]
    assert outcomes == ["Broken"] * (1 + len(flow.retry_seconds)) + [None]
    assert {(span.attributes or {})["messaging.consumer.group.name"] for span in tries} == {DURABLE}


async def test_what_had_to_wait_has_a_span_for_when_it_took_effect(flow: Flow, kept: Kept) -> None:
    project = uuid7()
    flow.retry_seconds = (0.05,)
    flow.ear.failing = {"bad": 1}
    async with flow.everything():
        await flow.write(project, "bad", context=placed(flow, 1))
        await flow.write(project, "behind", context=placed(flow, 2))
        await eventually(flow.has_heard(2))
        await eventually(flow.nothing_unanswered)
    published, tries = split(kept.spans())
    assert len(published) == 2
    places = {span.context.span_id: span.context.trace_id for span in published}
    assert all(places[(span.parent or span.context).span_id] == span.context.trace_id for span in tries)
    taken = {f"{span.context.trace_id:032x}" for span in tries if "error.type" not in (span.attributes or {})}
    assert taken == {TRACE.format(1), TRACE.format(2)}


async def test_an_event_of_no_trace_makes_no_span(flow: Flow, kept: Kept) -> None:
    project = uuid7()
    async with flow.everything():
        await flow.write(project, "one")
        await flow.write(project, "two", context=replace(flow.context, traceparent="garbage"))
        await flow.write(project, "three", context=replace(flow.context, traceparent=PLACE.format(1)[:-1] + "0"))
        await eventually(flow.has_heard(3))
    assert kept.spans() == []


async def test_work_goes_on_in_the_newest_trace_that_asked_and_links_the_others(flow: Flow, kept: Kept) -> None:
    given: list[str] = []

    async def handler(_database: Database, context: Context, _key: str) -> datetime | None:
        given.append(context.traceparent)
        return None

    for number in range(1, 10):
        async with flow.produced.transaction(placed(flow, number)) as tx:
            await request(tx, "schedule", "a")
    async with running(Worker(flow.produced, flow.produced_urls.relay, {"schedule": handler})):

        async def idle() -> bool:
            return await flow.count("work_pending", flow.produced) == 0

        await eventually(idle)
    (span,) = kept.spans()
    assert f"{span.context.trace_id:032x}" == TRACE.format(9)
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE.format(n) for n in range(8, 1, -1)]
    assert given == [f"00-{TRACE.format(9)}-{span.context.span_id:016x}-01"]


async def test_while_off_work_and_events_keep_the_trace_of_what_caused_them(flow: Flow) -> None:
    given: list[str] = []

    async def handler(_database: Database, context: Context, _key: str) -> datetime | None:
        given.append(context.traceparent)
        return None

    async with flow.produced.transaction(placed(flow)) as tx:
        await request(tx, "schedule", "a")
    async with running(Worker(flow.produced, flow.produced_urls.relay, {"schedule": handler})):

        async def done() -> bool:
            return bool(given)

        await eventually(done)
    assert given == [PLACE.format(1)]


def split(spans: list[ReadableSpan]) -> tuple[list[ReadableSpan], list[ReadableSpan]]:
    """Those that published and those that processed."""
    named = {kind: [span for span in spans if span.name == f"{kind} {NOTED}"] for kind in ("publish", "process")}
    return named["publish"], named["process"]
