"""What a consumer tells of the events it took: a log line and a span each, in the trace of what caused them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from shared import tracing
from shared.events import Received
from shared.inbox import Arrival

log = structlog.get_logger(__name__)


def continued(event: Received, headers: Mapping[str, str]) -> tuple[Received, str]:
    """Return the event in the place of its own handling, for what that causes, and the place above it.

    That is the message's, which its publishing gave it; the event itself tells only where it was recorded. There it
    stays if it did not come as a message, as when it is projected anew: that is no part of its trace.
    """
    parent = headers.get("traceparent", "")
    if tracing.recorder is None or not tracing.is_sampled(parent):
        return event, event.traceparent
    return replace(event, traceparent=tracing.below(parent)), parent


def tell(consumer: str, arrivals: Sequence[Arrival], seconds: float) -> None:
    """Log what was taken under the ids of the request that it came from, so that one search finds all of it."""
    for arrival in arrivals:
        event = arrival.event
        if event is not None and arrival.subscription is not None:
            log.info(
                "consumer.event",
                consumer=consumer,
                type=event.type,
                aggregate_id=str(arrival.aggregate_id),
                version=arrival.version,
                request_id=event.correlation_id,
                trace_id=event.traceparent[3:35],
            )
            if tracing.recorder is not None:
                _note(consumer, arrival, event, seconds, len(arrivals))


def tell_failure(consumer: str, arrival: Arrival, seconds: float, cause: BaseException) -> None:
    """Note the try of an event that failed; why is in the log."""
    if tracing.recorder is not None and arrival.event is not None:
        _note(consumer, arrival, arrival.event, seconds, 1, type(cause).__name__)


def _note(consumer: str, arrival: Arrival, event: Received, seconds: float, together: int, error: str = "") -> None:
    tracing.processed(
        event.traceparent,
        arrival.parent,
        consumer=consumer,
        stream=arrival.letter.stream,
        type=event.type,
        event_id=str(event.id),
        seconds=seconds,
        together=together,
        error=error,
    )
