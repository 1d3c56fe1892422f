"""Logs as JSON lines with the request's id, and the metrics that every service exposes."""

import json
import logging
import sys
from contextlib import suppress
from typing import Final

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()

REQUEST_SECONDS: Final = Histogram(
    "pmo_request_seconds",
    "Seconds per request by route template.",
    ["service", "method", "route", "status"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
OUTBOX_DEPTH: Final = Gauge("pmo_outbox_pending", "Events not yet acknowledged by the broker.", registry=REGISTRY)
OUTBOX_AGE: Final = Gauge("pmo_outbox_oldest_seconds", "Age of the oldest event pending.", registry=REGISTRY)
CONSUMER_LAG: Final = Gauge(
    "pmo_consumer_pending", "Messages that a durable has not yet handled.", ["consumer"], registry=REGISTRY
)
CONSUMER_REDELIVERIES: Final = Counter(
    "pmo_consumer_redeliveries", "Messages delivered again.", ["consumer"], registry=REGISTRY
)
CONSUMER_DEAD: Final = Counter(
    "pmo_consumer_dead_letters", "Messages put into the dead letters.", ["consumer"], registry=REGISTRY
)
CONSUMER_SECONDS: Final = Histogram(
    "pmo_consumer_batch_seconds", "Seconds per handled batch.", ["consumer"], registry=REGISTRY
)


def configure_logging(service: str, level: str) -> None:
    """Write one JSON line per log record to standard output; foreign loggers go the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        lambda _logger, _method, event: {**event, "service": service},
    ]
    # Our own lines go past the standard library's handlers: consumers write one per event.
    structlog.configure(
        processors=[*shared, _json_line],
        logger_factory=lambda *_: _Lines(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    logging.getLogger("alembic").setLevel(logging.WARNING)


class _Lines:
    """Writes lines to standard output; on a full disk or a closed pipe they are lost, and nothing else is."""

    def info(self, line: bytes) -> None:
        with suppress(OSError, ValueError):
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()

    debug = warning = error = critical = info


def _json_line(_logger: object, _method: str, event: structlog.typing.EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # text that UTF-8 cannot carry, a number beyond 64 bits
        return json.dumps(event, default=str).encode()
