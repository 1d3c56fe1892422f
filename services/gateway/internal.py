"""Asking the services on a caller's behalf: the gateway's own client of the APIs behind it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from services.gateway.proxy.client import Outgoing, Upstream
from shared import tracing
from shared.auth import InternalTokenMinter, Principal
from shared.correlation import Correlation
from shared.errors import UpstreamInvalid


@dataclass(frozen=True, slots=True)
class Reply:
    """A service's answer."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Services:
    """The services, asked for one caller within one request."""

    upstreams: Mapping[str, Upstream]
    minter: InternalTokenMinter
    principal: Principal
    correlation: Correlation
    wait_for: str | None = None
    """PMO-Wait-For, already checked."""

    async def get(self, service: str, segments: tuple[str, ...], query: Mapping[str, str], seconds: float) -> Reply:
        """Return a service's answer to a GET; raises a Problem when there is none in time."""
        with tracing.calling(self.correlation.traceparent, service, "GET") as hop:
            here = replace(self, correlation=replace(self.correlation, traceparent=hop.traceparent))
            reply = await here._get(service, segments, query, seconds)
            tracing.answered(hop, reply.status)
        return reply

    async def _get(self, service: str, segments: tuple[str, ...], query: Mapping[str, str], seconds: float) -> Reply:
        upstream = self.upstreams[service]
        target = "/v1/" + "/".join(quote(segment, safe="") for segment in segments)
        if query:
            target += "?" + urlencode(query)
        token = self.minter.mint(self.principal, service)
        headers = [
            ("host", upstream.authority.decode()),
            ("authorization", f"Bearer {token}"),
            ("accept", "application/json"),
            *((name.decode(), value.decode()) for name, value in self.correlation.headers()),
        ]
        if self.wait_for is not None:
            headers.append(("pmo-wait-for", self.wait_for))

        def head(left: float) -> bytes:
            lines = [f"{name}: {value}" for name, value in (*headers, ("pmo-deadline-ms", str(int(left * 1000))))]
            return "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode("ascii")

        deadline = asyncio.get_running_loop().time() + seconds
        answer = await upstream.send(Outgoing("GET", head, deadline))
        try:
            body = b"".join([part async for part in answer.parts()]) if answer.streams else answer.body
        finally:
            answer.close()
        if answer.status == 401:
            raise UpstreamInvalid("The service does not accept the gateway's token.")
        return Reply(answer.status, body)
