"""What ties one request's log lines, events and answers together: its id and its W3C trace context."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from uuid_utils import uuid7

from shared import tracing
from shared.tracing import TRACEPARENT

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

_OURS: Final = frozenset({b"x-request-id", b"traceparent"})


@dataclass(frozen=True, slots=True)
class Correlation:
    """The request's id and its place in a trace; traceparent names this hop as the parent of the next."""

    request_id: str
    trace_id: str
    traceparent: str
    parent: str = ""
    """The traceparent that came with the request, if a valid one did."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The two headers as the next hop gets them."""
        return [(b"x-request-id", self.request_id.encode()), (b"traceparent", self.traceparent.encode())]


def identify(fields: Mapping[bytes, bytes]) -> Correlation:
    """Read X-Request-Id and traceparent from the headers (lower-case names); garbage is replaced by our own."""
    given = fields.get(b"x-request-id", b"").decode("latin-1")
    parent = fields.get(b"traceparent", b"").decode("latin-1")
    span = os.urandom(24).hex()
    trace_id = parent[3:35]
    if TRACEPARENT.fullmatch(parent) is None:
        parent, trace_id = "", span[16:]
    request_id = given if REQUEST_ID.fullmatch(given) else str(uuid7())
    flags = parent[53:] or "01"
    if tracing.recorder is not None:
        flags = f"{int(flags, 16) & 0xFE | tracing.recorder.samples(trace_id, parent):02x}"
    traceparent = f"00-{trace_id}-{span[:16]}-{flags}"
    return Correlation(request_id, trace_id, traceparent, parent)


def replaced(headers: Iterable[tuple[bytes, bytes]], correlation: Correlation) -> list[tuple[bytes, bytes]]:
    """The headers with the request's id and trace context put in place of what came."""
    return [header for header in headers if header[0] not in _OURS] + correlation.headers()
