"""Spans by themselves: what is noted, what is sampled, and what a collector in trouble costs."""

import threading
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import tracing
from shared.correlation import identify
from shared.spans import Spans
from shared.telemetry import REGISTRY

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNWANTED = PARENT[:-1] + "0"


class Recording:
    """Spans that are kept instead of sent."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        self.spans = Spans("kpi", self._kept)

    def all(self) -> tuple[ReadableSpan, ...]:
        self.spans.close()
        return self._kept.get_finished_spans()


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    made = Recording()
    monkeypatch.setattr(tracing, "recorder", made.spans)
    yield made
    made.spans.close()


def test_while_off_a_hop_stays_in_its_parents_place() -> None:
    assert tracing.recorder is None
    assert tracing.below(PARENT) == PARENT
    with tracing.publishing(PARENT, "KPI", "pmo.kpi.metrics.changed.v1", "1") as hop:
        assert hop.traceparent == PARENT
    assert identify({b"traceparent": PARENT.encode()}).traceparent[-2:] == "01"


def test_a_span_has_the_place_that_others_know_it_by(recording: Recording) -> None:
    with (
        tracing.publishing(PARENT, "KPI", "pmo.kpi.metrics.changed.v1", "1") as hop,
        tracing.calling(hop.traceparent, "projects", "GET", "/v1/projects") as inner,
    ):
        tracing.answered(inner, 503)
    call, publish = recording.all()
    assert (call.context.trace_id, publish.context.trace_id) == (int(PARENT[3:35], 16),) * 2
    assert call.parent is not None
    assert publish.parent is not None
    assert (publish.parent.span_id, call.parent.span_id) == (int(PARENT[36:52], 16), publish.context.span_id)
    assert hop.traceparent == f"{PARENT[:36]}{publish.context.span_id:016x}-01"
    assert (call.attributes or {})["error.type"] == "503"
    assert [span.status.is_ok for span in (call, publish)] == [False, True]


def test_a_block_that_fails_is_a_failed_span(recording: Recording) -> None:
    with pytest.raises(ZeroDivisionError), tracing.working("evaluate", [PARENT], 2):
        raise ZeroDivisionError("a secret")
    (span,) = recording.all()
    assert not span.status.is_ok
    assert dict(span.attributes or {}) == {
        "pmo.work.kind": "evaluate",
        "pmo.work.attempt": 2,
        "error.type": "ZeroDivisionError",
    }
    assert "secret" not in span.to_json()


def test_work_belongs_to_the_newest_trace_and_links_the_others(recording: Recording) -> None:
    other = PARENT.replace("0af7", "1af7")
    with tracing.working("evaluate", [PARENT, other, "garbage", UNWANTED], 1):
        pass
    (span,) = recording.all()
    assert span.context.trace_id == int(PARENT[3:35], 16)
    assert [link.context.trace_id for link in span.links] == [int(other[3:35], 16)]


@pytest.mark.parametrize("parent", ["", "garbage", UNWANTED, PARENT.upper(), "00-" + "0" * 32 + PARENT[35:]])
def test_nothing_is_noted_below_what_is_no_wanted_trace(recording: Recording, parent: str) -> None:
    assert tracing.below(parent) == parent
    with tracing.working("evaluate", [parent], 1) as hop:
        assert hop.traceparent == parent
    tracing.delivered(parent, "KPI", "pmo.kpi.metrics.changed.v1", "1", 0.1)
    assert recording.all() == ()


@pytest.mark.parametrize(
    ("sampler", "argument", "parent", "flags"),
    [
        ("parentbased_always_on", "", "", "01"),
        ("parentbased_always_on", "", PARENT, "01"),
        ("parentbased_always_on", "", UNWANTED, "00"),
        ("parentbased_traceidratio", "0.0", "", "00"),
        ("parentbased_traceidratio", "0.0", PARENT, "01"),
        ("traceidratio", "0.0", PARENT, "00"),
        ("always_off", "", PARENT, "00"),
    ],
)
def test_the_sampler_of_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch, sampler: str, argument: str, parent: str, flags: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    made = Recording()
    monkeypatch.setattr(tracing, "recorder", made.spans)
    correlation = identify({b"traceparent": parent.encode()} if parent else {})
    assert correlation.traceparent[-2:] == flags
    assert (correlation.parent, correlation.trace_id == PARENT[3:35]) == (parent, bool(parent))
    tracing.served(
        {"method": "GET", "path": "/v1/me"}, correlation.traceparent, correlation.parent, "/v1/me", 200, 0.01
    )
    assert len(made.all()) == int(flags)


def test_machines_that_ask_for_health_are_not_traced(recording: Recording) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        tracing.served({"method": "GET", "path": path}, PARENT, "", path, 200, 0.01)
    assert recording.all() == ()


def test_a_method_of_a_clients_own_making_is_no_name(recording: Recording) -> None:
    tracing.served({"method": "JUNK17", "path": "/"}, PARENT, "", "", 405, 0.01)
    (span,) = recording.all()
    assert (span.name, (span.attributes or {})["http.request.method"]) == ("_OTHER", "_OTHER")


class Hanging(SpanExporter):
    """An exporter whose collector never answers."""

    def __init__(self) -> None:
        self.began, self.answered = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.began.set()
        self.answered.wait(60)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to do."""


def test_closing_does_not_wait_for_a_collector_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    exporter = Hanging()
    spans = Spans("kpi", exporter)
    monkeypatch.setattr(tracing, "recorder", spans)
    tracing.delivered(PARENT, "KPI", "pmo.kpi.metrics.changed.v1", "1", 0.1)
    assert exporter.began.wait(20)
    tracing.delivered(PARENT, "KPI", "pmo.kpi.metrics.changed.v1", "2", 0.1)
    spans.close()
    assert not exporter.answered.is_set()
    exporter.answered.set()


def test_what_a_collector_does_not_take_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Hanging):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.FAILURE

    def lost() -> float:
        return REGISTRY.get_sample_value("pmo_trace_spans_total", {"outcome": "lost"}) or 0.0

    before = lost()
    spans = Spans("kpi", Refusing())
    monkeypatch.setattr(tracing, "recorder", spans)
    for _ in range(3):
        tracing.delivered(PARENT, "KPI", "pmo.kpi.metrics.changed.v1", "1", 0.1)
    spans.close()
    assert lost() == before + 3
