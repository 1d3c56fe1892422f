"""Spans on their way out: to an OpenTelemetry collector over OTLP/HTTP, or as JSON lines to standard error.

A thread of its own sends them in batches. What the collector does not take in time is lost and counted; no request, no
event and no stop waits for it. Endpoint, headers, sampler and batches are set by OpenTelemetry's own OTEL_* variables.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from logging import CRITICAL, getLogger
from typing import Final
from uuid import uuid4

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from prometheus_client import Counter

from shared import tracing
from shared.telemetry import REGISTRY
from shared.tracing import Span, Way

QUEUE: Final = 16384
"""Spans that may wait: a batch of 1,000 pushed events makes several of each at once."""
STOP_SECONDS: Final = 1.0

EXPORTED: Final = Counter(
    "pmo_trace_spans", "Spans by what became of them: sent, or lost.", ["outcome"], registry=REGISTRY
)

log = structlog.get_logger(__name__)


@asynccontextmanager
async def recording(service: str, way: Way) -> AsyncIterator[None]:
    """Record the spans of this process while the block runs; at its end the last ones have a second to leave."""
    recorder = Spans(service, exporter(way))
    tracing.recorder = recorder
    try:
        yield
    finally:
        tracing.recorder = None
        await asyncio.to_thread(recorder.close)


def exporter(way: Way) -> SpanExporter:
    """Return what sends spans this way."""
    if way == "console":
        return ConsoleSpanExporter(out=sys.stderr, formatter=lambda span: span.to_json(indent=None) + "\n")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


class Spans:
    """Hands spans to OpenTelemetry's SDK."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        getLogger("opentelemetry.exporter").setLevel(CRITICAL)  # what it has to say is said and counted here
        for outcome in ("sent", "lost"):
            EXPORTED.labels(outcome)
        self._given = _Given()
        resource = Resource.create(
            {
                "service.name": service,
                "service.namespace": "pmo",
                "service.instance.id": str(uuid4()),
            }
        )
        self._provider = TracerProvider(resource=resource, id_generator=self._given, shutdown_on_exit=False)
        queue = None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else QUEUE
        self._provider.add_span_processor(BatchSpanProcessor(_Counted(exporter), max_queue_size=queue))
        self._tracer = self._provider.get_tracer("pmo")

    def samples(self, trace_id: str, parent: str) -> bool:
        """Whether the sampler wants a trace that this hop begins or continues."""
        result = self._provider.sampler.should_sample(_within(parent), int(trace_id, 16), "", SpanKind.SERVER)
        return result.decision is Decision.RECORD_AND_SAMPLE

    def note(self, span: Span) -> None:
        """Queue a span that ended this moment; when the queue is full the oldest is lost."""
        ended = time.time_ns()
        self._given.take(span.traceparent)
        noted = self._tracer.start_span(
            span.name,
            _within(span.parent),
            span.kind,
            span.attributes,
            [Link(_place(link)) for link in span.links],
            start_time=ended - int(span.seconds * 1e9),
        )
        if span.error:
            noted.set_attribute("error.type", span.error)
            noted.set_status(Status(StatusCode.ERROR))
        noted.end(ended)

    def close(self) -> None:
        """Send what waits, for no longer than a second."""
        # In a thread that dies with the process: an export that hangs may take its whole timeout.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(STOP_SECONDS)


class _Given(IdGenerator):
    """Gives spans the ids that other hops know them by already."""

    def __init__(self) -> None:
        self._trace_id = 0
        self._span_id = 0

    def take(self, traceparent: str) -> None:
        self._trace_id, self._span_id = int(traceparent[3:35], 16), int(traceparent[36:52], 16)

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return self._span_id


class _Counted(SpanExporter):
    """Counts what an exporter sends and loses, and says when that changes."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failing = result is not SpanExportResult.SUCCESS
        EXPORTED.labels("lost" if failing else "sent").inc(len(spans))
        if failing != self._failing:
            self._failing = failing
            log.warning("traces.lost" if failing else "traces.sent_again", spans=len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _place(traceparent: str) -> SpanContext:
    trace_id, span_id, flags = traceparent[3:35], traceparent[36:52], traceparent[53:]
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _within(parent: str) -> Context:
    """Return the context below a parent; an empty one, and not the current one, where there is none."""
    return set_span_in_context(NonRecordingSpan(_place(parent)), Context()) if parent else Context()
