"""A collector of traces as services meet it: takes OTLP over HTTP, as protobuf; or takes it and never answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it arrived."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, str | int]
    failed: bool
    start: int
    end: int


@dataclass(slots=True)
class Collector:
    """What has arrived, and where."""

    url: str
    hanging: bool
    spans: list[Span] = field(default_factory=list)
    requests: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, in the order in which they began."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.start)

    def take(self, body: bytes) -> None:
        """Read what a service has sent."""
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            service = str(_values(resource.resource.attributes)["service.name"])
            self.spans += [_span(service, span) for scope in resource.scope_spans for span in scope.spans]


def _values(pairs: "Iterator[KeyValue] | list[KeyValue]") -> dict[str, str | int]:
    return {
        pair.key: pair.value.int_value if pair.value.HasField("int_value") else pair.value.string_value
        for pair in pairs
    }


def _span(service: str, span: Wire) -> Span:
    return Span(
        service,
        span.name,
        Wire.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(link.trace_id.hex() for link in span.links),
        _values(list(span.attributes)),
        span.status.code == Status.STATUS_CODE_ERROR,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    )


@contextmanager
def collecting(*, hanging: bool = False) -> Iterator[Collector]:
    """A collector while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.requests += 1
            if hanging:
                collector.over.wait(600)
                return
            assert self.path == "/v1/traces"
            assert self.headers["content-type"] == "application/x-protobuf"
            collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}", hanging)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
