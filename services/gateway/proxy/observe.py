"""The access log and the request metrics, both cheap enough for every request."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, Final

import orjson
from prometheus_client import Counter, Gauge, Histogram

from services.gateway.proxy.client import Upstream
from shared.telemetry import REGISTRY, REQUEST_SECONDS

UNMATCHED: Final = "unmatched"
CLIENT_CLOSED: Final = 499
_LINE: Final = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE

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


class AccessLines:
    """Writes one JSON line for each request, past any logging library.

    The lines of one turn of the loop leave in one write; what cannot be written is lost, and nothing else is.
    """

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file or sys.stdout.buffer
        self._lines: list[bytes] = []

    def info(self, event: str, **values: object) -> None:
        """Write one line."""
        values |= {"event": event, "timestamp": datetime.now(UTC), "level": "info", "service": "gateway"}
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(orjson.dumps(values, option=_LINE, default=str))

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        with suppress(OSError, ValueError):
            self._file.write(b"".join(lines))
            self._file.flush()


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
