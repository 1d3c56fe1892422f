"""CORS for the origins that the settings list, exactly; others see no CORS header at all."""

from collections.abc import Iterable, Mapping
from typing import Final

RawHeaders = list[tuple[bytes, bytes]]

ALLOWED_HEADERS: Final = (
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, "
    "pmo-organization, pmo-reason, pmo-wait-for, prefer, traceparent, tracestate, x-request-id"
)
EXPOSED_HEADERS: Final = (
    "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, PMO-Position, Idempotency-Replayed"
)
MAX_AGE: Final = "600"

_VARY: Final = (b"vary", b"Origin")


class Cors:
    """Decides which origins may read answers; an entry that ends in `:*` stands for every port of that origin."""

    def __init__(self, origins: Iterable[str]) -> None:
        entries = [origin.rstrip("/").encode() for origin in origins]
        self._exact = frozenset(entry for entry in entries if not entry.endswith(b":*"))
        self._any_port = frozenset(entry[:-2] for entry in entries if entry.endswith(b":*"))

    def allows(self, origin: bytes) -> bool:
        """Whether pages of an origin may read answers."""
        if origin in self._exact:
            return True
        host, _, port = origin.rpartition(b":")
        return origin in self._any_port or (host in self._any_port and port.isdigit())

    def headers(self, fields: Mapping[bytes, bytes]) -> RawHeaders:
        """The headers that an answer to this request gets."""
        origin = fields.get(b"origin")
        if origin is None:
            return []
        if not self.allows(origin):
            return [_VARY]
        exposed = (b"access-control-expose-headers", EXPOSED_HEADERS.encode())
        return [(b"access-control-allow-origin", origin), exposed, _VARY]

    def preflight(self, fields: Mapping[bytes, bytes], methods: str) -> RawHeaders:
        """The headers of the answer to OPTIONS, which for a foreign origin allow nothing."""
        origin = fields.get(b"origin")
        headers: RawHeaders = [(b"allow", methods.encode())]
        if origin is None:
            return headers
        headers.append(_VARY)
        if b"access-control-request-method" in fields and self.allows(origin):
            headers += [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-methods", methods.encode()),
                (b"access-control-allow-headers", ALLOWED_HEADERS.encode()),
                (b"access-control-max-age", MAX_AGE.encode()),
            ]
        return headers
