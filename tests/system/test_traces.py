"""One trace from a client to the change of a KPI and on to whoever watches, as real processes tell a collector."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import psutil
import pytest

from tests.chaos.stage import EXAMPLE, child, standing
from tests.system.collector import Collector, Span, collecting
from tests.system.instance import DIRECTOR, Caller, System, entries
from tests.system.test_journey import EVENT, PUSH, imported, kpis, until

IMPORT, PUSHED, LOOKED, UNSAMPLED = "a" * 32, "b" * 32, "c" * 32, "d" * 32
CLIENT: Final = "00f067aa0ba902b7"
"""The client's own span, which it keeps to itself."""
KNOWN: Final = {
    "http.request.method", "http.response.status_code", "http.route", "url.template", "service.peer.name", "error.type",
    "messaging.system", "messaging.destination.name", "messaging.operation.name", "messaging.operation.type",
    "messaging.message.id", "messaging.consumer.group.name", "messaging.batch.message_count", "cloudevents.event_type",
    "pmo.work.kind", "pmo.work.attempt",
}  # fmt: skip


def traceparent(trace_id: str, flags: str = "01") -> dict[str, str]:
    """The header of a client's trace."""
    return {"traceparent": f"00-{trace_id}-{CLIENT}-{flags}"}


def settings(collector: Collector) -> dict[str, str]:
    """What turns tracing on."""
    return {
        "PMO_TRACES": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "600",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",  # its own spans would hold paths and queries: they stay off
    }


@dataclass(frozen=True)
class Story:
    """What a client did, and all that the collector got of it."""

    collector: Collector
    organization: str
    project: dict[str, Any]
    refused: dict[str, Any]
    logs: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """A plan imported and looked at, an event pushed while someone watches; then all of the system has stopped."""
    with collecting() as collector:
        with standing(settings(collector)) as (system, _):
            organization = uuid.uuid4()
            director = system.as_(organization, DIRECTOR, subject="director.of.everything")
            project = imported(director, EXAMPLE, headers=traceparent(IMPORT))
            kpis(director, project["project_id"], project["position"])
            push_while_watching(system, director)
            refused = director("GET", "/v1/projects/none-of-ours").json()
            path = f"/v1/projects/{project['project_id']}"
            assert director("GET", f"{path}/overview", headers=traceparent(LOOKED)).status_code == 200
            assert director("GET", path, headers=traceparent(UNSAMPLED, "00")).status_code == 200
            until(lambda: True if has(collector, PUSHED, "deliver pmo.kpi.metrics.changed.v1") else None)
            logs = {name: list(entries(system.data / f"logs/{name}.log")) for name in ("projects", "kpi")}
        yield Story(collector, str(organization), project, refused, logs)


def push_while_watching(system: System, director: Caller) -> None:
    """Push the example's event while a client follows the KPIs, until that has seen them change."""
    connected, seen = threading.Event(), threading.Event()

    def watch() -> None:
        with director.client.stream("GET", "/v1/stream?type=pmo.kpi", headers=director.authorization) as answer:
            for line in answer.iter_lines():
                connected.set()
                if PUSHED in line:  # the import may still be changing KPIs
                    seen.set()
                    return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    assert connected.wait(20)
    headers = {**EVENT, **traceparent(PUSHED)}
    answer = director("POST", "/v1/ingest/events", content=PUSH.read_bytes(), headers=headers)
    assert answer.status_code == 202, answer.text
    assert seen.wait(20)
    watcher.join()


def has(collector: Collector, trace_id: str, name: str) -> bool:
    return any(span.name == name for span in collector.trace(trace_id))


def chain(spans: list[Span], last: Span) -> list[tuple[str, str, str]]:
    """A span and all above it, from the first on."""
    by_id = {span.span_id: span for span in spans}
    found = []
    at: Span | None = last
    while at is not None:
        found.append((at.service, at.kind, at.name))
        at = by_id.get(at.parent_id)
    return found[::-1]


def only(spans: list[Span], service: str, name: str) -> Span:
    (span,) = (span for span in spans if (span.service, span.name) == (service, name))
    return span


def test_a_pushed_event_is_one_trace_up_to_the_watcher_of_the_kpi(story: Story) -> None:
    spans = story.collector.trace(PUSHED)
    path = chain(spans, only(spans, "gateway", "deliver pmo.kpi.metrics.changed.v1"))
    cause = path[3][2].removeprefix("publish ")
    assert cause in {"pmo.projects.task.progressed.v1", "pmo.projects.task.updated.v1"}
    assert path == [
        ("gateway", "server", "POST /v1/ingest/events"),
        ("gateway", "producer", "publish pmo.gateway.inbound.accepted.v1"),
        ("projects", "consumer", "process pmo.gateway.inbound.accepted.v1"),
        ("projects", "producer", f"publish {cause}"),
        ("kpi", "consumer", f"process {cause}"),
        ("kpi", "internal", "work evaluate"),
        ("kpi", "producer", "publish pmo.kpi.metrics.changed.v1"),
        ("gateway", "consumer", "deliver pmo.kpi.metrics.changed.v1"),
    ]


def test_an_import_is_one_trace_over_proxy_service_work_and_events_to_the_kpi(story: Story) -> None:
    spans = story.collector.trace(IMPORT)
    changes = [span for span in spans if span.name == "publish pmo.kpi.metrics.changed.v1"]
    assert changes
    for change in changes:
        path = chain(spans, change)
        assert path[:4] == [
            ("gateway", "server", "POST /v1/imports"),
            ("gateway", "client", "POST /v1/imports"),
            ("projects", "server", "POST /v1/imports"),
            ("projects", "internal", "work import"),
        ]
        assert [(service, kind) for service, kind, _ in path[4:]] == [
            ("projects", "producer"),
            ("kpi", "consumer"),
            ("kpi", "internal"),
            ("kpi", "producer"),
        ]
        assert path[6][2] == "work evaluate"


def test_every_span_has_its_parent_and_an_id_of_its_own(story: Story) -> None:
    spans = story.collector.spans
    known = {(span.trace_id, span.span_id) for span in spans} | {(t, CLIENT) for t in (IMPORT, PUSHED, LOOKED)}
    assert [span for span in spans if span.parent_id and (span.trace_id, span.parent_id) not in known] == []
    assert [span_id for span_id, count in Counter(span.span_id for span in spans).items() if count > 1] == []
    assert all(span.start <= span.end for span in spans)
    roots = {(span.service, span.kind) for span in spans if not span.parent_id}
    assert roots == {("gateway", "server")}  # nothing begins a trace but a client's request


def test_an_overview_asks_each_service_in_a_span_of_its_own(story: Story) -> None:
    spans = story.collector.trace(LOOKED)
    first = only(spans, "gateway", "GET /v1/projects/{project_id}/overview")
    assert first.parent_id == CLIENT
    calls = {span.span_id: span for span in spans if span.kind == "client"}
    assert {span.parent_id for span in calls.values()} == {first.span_id}
    answers = {span.service: span.parent_id for span in spans if span.kind == "server" and span is not first}
    assert {service: calls[parent].attributes["service.peer.name"] for service, parent in answers.items()} == {
        service: service for service in ("projects", "resources", "kpi")
    }


def test_what_a_client_does_not_want_traced_is_not(story: Story) -> None:
    assert story.collector.trace(UNSAMPLED) == []


def test_a_request_without_a_trace_begins_one_that_its_problem_names(story: Story) -> None:
    spans = story.collector.trace(story.refused["trace_id"])
    assert [(span.service, span.kind, span.attributes["http.response.status_code"]) for span in spans] == [
        ("gateway", "server", 404),
        ("gateway", "client", 404),
        ("projects", "server", 404),
    ]
    assert [span.failed for span in spans] == [False, True, False]
    assert spans[0].parent_id == ""


def test_spans_hold_templates_and_states_and_nothing_of_anybody(story: Story) -> None:
    names = {name for span in story.collector.spans for name in span.attributes}
    assert names <= KNOWN
    secrets = (story.organization, story.project["project_id"], "director", "none-of-ours", "harbour", "type=")
    for span in story.collector.spans:
        told = " ".join([span.name, *map(str, span.attributes.values())])
        assert not [secret for secret in secrets if secret in told], span


def test_messages_are_described_as_opentelemetry_says(story: Story) -> None:
    spans = story.collector.trace(PUSHED)
    published = only(spans, "kpi", "publish pmo.kpi.metrics.changed.v1").attributes
    identifier = published.pop("messaging.message.id")
    assert published == {
        "messaging.system": "nats",
        "messaging.destination.name": "KPI",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "cloudevents.event_type": "pmo.kpi.metrics.changed.v1",
    }
    assert only(spans, "gateway", "deliver pmo.kpi.metrics.changed.v1").attributes["messaging.message.id"] == identifier
    taken = only(spans, "projects", "process pmo.gateway.inbound.accepted.v1").attributes
    assert taken["messaging.consumer.group.name"] == "projects-on-gateway"


def test_the_logs_of_consumers_and_workers_name_the_trace(story: Story) -> None:
    taken = [entry for entry in story.logs["kpi"] if entry["event"] == "consumer.event"]
    assert {IMPORT, PUSHED} <= {entry["trace_id"] for entry in taken}
    (worked,) = (entry for entry in story.logs["projects"] if entry["event"] == "plan_imported")
    assert worked["trace_id"] == IMPORT


def test_a_collector_that_never_answers_costs_no_request_and_no_stop() -> None:
    with collecting(hanging=True) as collector, standing(settings(collector)) as (system, _):
        director = system.as_(uuid.uuid4(), DIRECTOR)
        project = imported(director, EXAMPLE)
        until(lambda: collector.requests >= 4 or None)  # each service waits for its answer now
        assert kpis(director, project["project_id"], project["position"])["metrics"]
        psutil.Process(child(system, "kpi")).terminate()
        said = system.data / "logs/pmo.log"
        until(lambda: "kpi was ended by SIGTERM" in said.read_text() or None)
        until(lambda: "kpi is ready again" in said.read_text() or None)
        assert kpis(director, project["project_id"], project["position"])["metrics"]
        for service in ("projects", "resources", "kpi", "gateway"):
            assert [e for e in entries(system.data / f"logs/{service}.log") if e.get("level") == "error"] == []
