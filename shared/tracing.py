"""Spans: what a request, a message or a piece of work took, and in which trace; noted when it is over.

A span's place in its trace is told by `traceparent` texts alone (W3C Trace Context), which go from hop to hop in
headers, events and pending work anyway. While tracing is off, `recorder` is None, a hop stays in its parent's place,
and nothing else happens. No span holds a path, a query, a body or a person: only templates, types and states.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Final, Literal, Protocol

from opentelemetry.trace import SpanKind
from starlette.types import Scope

TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNTRACED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that machines ask every few seconds."""

Way = Literal["otlp", "console"]
Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Span:
    """A span that has just ended; `parent` is empty for the first one of a trace, `error` unless it failed."""

    name: str
    kind: SpanKind
    traceparent: str
    parent: str
    seconds: float
    attributes: Attributes
    error: str = ""
    links: Sequence[str] = ()


class Recorder(Protocol):
    """Where spans go."""

    def samples(self, trace_id: str, parent: str) -> bool:
        """Whether the spans of a trace are wanted, which this hop begins or continues."""

    def note(self, span: Span) -> None:
        """Take a span; never waits and never fails."""


recorder: Recorder | None = None
"""None while tracing is off: whoever would make a span looks here first."""


def recording(service: str, way: Way | Literal["none"]) -> AbstractAsyncContextManager[None]:
    """Record the spans of this process while the block runs; what that needs is loaded only if it is wanted."""
    if way == "none":
        return nullcontext()
    from shared import spans

    return spans.recording(service, way)


def is_sampled(traceparent: str) -> bool:
    """Whether spans below this one are to be noted; not for what is no traceparent."""
    return TRACEPARENT.fullmatch(traceparent) is not None and int(traceparent[53:], 16) & 1 == 1


def below(parent: str) -> str:
    """Return the place of a new span below a parent; the parent's own where nothing is noted."""
    if recorder is None or not is_sampled(parent):
        return parent
    return f"{parent[:36]}{os.urandom(8).hex()}{parent[52:]}"


def _note(span: Span) -> None:
    if recorder is not None and span.traceparent != span.parent and is_sampled(span.traceparent):
        recorder.note(span)


@dataclass(slots=True)
class Hop:
    """A span under way: its place, for what it calls or causes, and what becomes known of it meanwhile."""

    traceparent: str
    attributes: dict[str, str | int] = field(default_factory=dict)
    error: str = ""


class _Timed:
    """Notes a span when the block ends, with the exception's name if it ends by one."""

    __slots__ = ("_hop", "_kind", "_links", "_name", "_parent", "_started")

    def __init__(
        self, name: str, kind: SpanKind, parent: str, attributes: dict[str, str | int], links: Sequence[str] = ()
    ) -> None:
        self._name = name
        self._kind = kind
        self._parent = parent
        self._links = links
        self._hop = Hop(below(parent), attributes)
        self._started = perf_counter()

    def __enter__(self) -> Hop:
        return self._hop

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hop = self._hop
        failure = hop.error if kind is None else kind.__name__
        seconds = perf_counter() - self._started
        _note(
            Span(self._name, self._kind, hop.traceparent, self._parent, seconds, hop.attributes, failure, self._links)
        )


def served(scope: Scope, own: str, parent: str, route: str, status: int, seconds: float) -> None:
    """Note an answered request by the template of its route, which is empty if there was none."""
    if scope["path"] in UNTRACED:
        return
    method = scope["method"] if scope["method"] in METHODS else "_OTHER"
    attributes: dict[str, str | int] = {"http.request.method": method, "http.response.status_code": status}
    if route:
        attributes["http.route"] = route
    name = f"{method} {route}".rstrip()
    _note(Span(name, SpanKind.SERVER, own, parent, seconds, attributes, str(status) if status >= 500 else ""))


def calling(parent: str, service: str, method: str, template: str = "") -> AbstractContextManager[Hop]:
    """Note a request to a service behind; the caller calls `answered` with its status."""
    if recorder is None:
        return nullcontext(Hop(parent))
    attributes: dict[str, str | int] = {"http.request.method": method, "service.peer.name": service}
    if template:
        attributes["url.template"] = template
    return _Timed(f"{method} {template}".rstrip(), SpanKind.CLIENT, parent, attributes)


def answered(hop: Hop, status: int) -> None:
    """Tell how a service answered."""
    hop.attributes["http.response.status_code"] = status
    if status >= 400:
        hop.error = str(status)


def publishing(parent: str, stream: str, type: str, event_id: str) -> AbstractContextManager[Hop]:  # noqa: A002
    """Note the sending of an event to its stream."""
    if recorder is None:
        return nullcontext(Hop(parent))
    return _Timed(f"publish {type}", SpanKind.PRODUCER, parent, _message("publish", "send", stream, type, event_id))


def processed(
    own: str,
    parent: str,
    *,
    consumer: str,
    stream: str,
    type: str,  # noqa: A002
    event_id: str,
    seconds: float,
    together: int = 1,
    error: str = "",
) -> None:
    """Note what the handling of an event took, together with the others of its batch."""
    attributes = _message("process", "process", stream, type, event_id)
    attributes |= {"messaging.consumer.group.name": consumer, "messaging.batch.message_count": together}
    _note(Span(f"process {type}", SpanKind.CONSUMER, own, parent, seconds, attributes, error))


def delivered(parent: str, stream: str, type: str, event_id: str, seconds: float) -> None:  # noqa: A002
    """Note the delivery of an event to a client that watches live."""
    attributes = _message("deliver", "process", stream, type, event_id)
    _note(Span(f"deliver {type}", SpanKind.CONSUMER, below(parent), parent, seconds, attributes))


def working(kind: str, parents: Sequence[str], attempt: int) -> AbstractContextManager[Hop]:
    """Note pending work: a part of the newest trace that asked for it, linked to the others."""
    parent = parents[0] if parents else ""
    if recorder is None:
        return nullcontext(Hop(parent))
    attributes: dict[str, str | int] = {"pmo.work.kind": kind, "pmo.work.attempt": attempt}
    links = [link for link in parents[1:] if is_sampled(link)]
    return _Timed(f"work {kind}", SpanKind.INTERNAL, parent, attributes, links)


def _message(name: str, operation: str, stream: str, type: str, event_id: str) -> dict[str, str | int]:  # noqa: A002
    # A subject holds the ids of organization and aggregate, so the stream is named as the destination.
    return {
        "messaging.system": "nats",
        "messaging.destination.name": stream,
        "messaging.operation.name": name,
        "messaging.operation.type": operation,
        "messaging.message.id": event_id,
        "cloudevents.event_type": type,
    }
