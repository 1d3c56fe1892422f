"""The access log and the request metrics, both cheap enough for every request."""

import sys
from datetime import UTC, datetime
from typing import BinaryIO, Final

import orjson
import structlog
from prometheus_client import Counter, Histogram
from structlog.typing import EventDict, WrappedLogger

from shared.telemetry import REGISTRY, REQUEST_SECONDS

UNMATCHED: Final = "unmatched"
CLIENT_CLOSED: Final = 499

BROKEN_OFF: Final = Counter(
    "pmo_gateway_broken_answers", "Answers that ended in the middle.", ["upstream"], registry=REGISTRY
)


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
