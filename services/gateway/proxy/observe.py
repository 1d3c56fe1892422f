"""The access log and the request metrics, both cheap enough for every request."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, Final

import orjson
import structlog
from prometheus_client import Counter, Gauge, Histogram
from structlog.typing import EventDict, WrappedLogger

from services.gateway.proxy.client import Upstream
from shared.telemetry import REGISTRY, REQUEST_SECONDS

UNMATCHED: Final = "unmatched"
CLIENT_CLOSED: Final = 499

BROKEN_OFF: Final = Counter(
    "pmo_gateway_broken_answers", "Answers that ended in the middle.", ["upstream"], registry=REGISTRY
)
IN_FLIGHT: Final = Gauge("pmo_gateway_in_flight", "Requests that are being answered.", registry=REGISTRY)
CIRCUIT: Final = Gauge(
    "pmo_gateway_circuit_open",
    "1 while a service is not asked, or only probed, since it failed too often.",
    ["upstream"],
    registry=REGISTRY,
)


def show(upstreams: Mapping[str, Upstream], in_flight: Callable[[], int]) -> None:
    """Let the metrics show how the edge stands, read when they are asked for."""
    IN_FLIGHT.set_function(in_flight)
    for name, upstream in upstreams.items():
        BROKEN_OFF.labels(name)
        CIRCUIT.labels(name).set_function(partial(_is_open, upstream))


def _is_open(upstream: Upstream) -> float:
    return float(upstream.breaker.is_open)


def access_logger(file: BinaryIO | None = None) -> structlog.typing.FilteringBoundLogger:
    """A logger of its own, past the standard library, which writes one JSON line for each request."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(file or sys.stdout.buffer),
        processors=[_render],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=True,
    )
    return logger.bind()


def _render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    event["timestamp"] = datetime.now(UTC)
    event["level"] = "info"
    event["service"] = "gateway"
    return orjson.dumps(event, option=orjson.OPT_UTC_Z, default=str)


class Metrics:
    """Request durations by route template, with their label sets resolved once."""

    def __init__(self) -> None:
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count one request."""
        key = (method, template, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = REQUEST_SECONDS.labels("gateway", method, template, str(status))
        child.observe(seconds)
