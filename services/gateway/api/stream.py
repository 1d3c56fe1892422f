"""The live stream over HTTP."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import StringConstraints
from starlette.responses import StreamingResponse

from services.gateway.api.route import Caller, DirectOperation
from services.gateway.domain.live import PATTERN, Wanted
from services.gateway.proxy.app import Edge
from services.gateway.stream import Streams, Watch
from shared.errors import Forbidden, Problem
from shared.permissions import Permission, Reach
from shared.route import operation

router = APIRouter(prefix="/v1/stream", tags=["stream"], route_class=DirectOperation)

Pattern = Annotated[str, StringConstraints(pattern=PATTERN, max_length=100)]


class EventStream(StreamingResponse):
    """Server-sent events as they are made elsewhere; FastAPI's own class wants to make them itself."""

    media_type = "text/event-stream"


_ANSWER = {
    "description": "The stream, until either side ends it.",
    "content": {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": "id: c2VhbGVk…\nevent: pmo.kpi.metrics.changed.v1\ndata: {…}\n\n",
        }
    },
}


_DECLARED = operation(Permission.STREAM_READ, extra={"x-pmo-stream": True})


@router.get(
    "",
    response_class=EventStream,
    response_model=None,
    openapi_extra=_DECLARED["openapi_extra"],
    responses={200: _ANSWER, **_DECLARED["responses"]},
)
async def watch_events(
    asked: Caller,
    request: Request,
    type: Annotated[  # noqa: A002
        list[Pattern] | None,
        Query(
            description="Only these types, by their beginnings: `pmo.projects`, `pmo.projects.task.*`.", max_length=20
        ),
    ] = None,
    project_id: Annotated[list[UUID] | None, Query(description="Only about these projects.", max_length=50)] = None,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=500, description="The last `id` that came: goes on after it."),
    ] = None,
) -> Response:
    """Watch changes as they happen.

    Server-sent events: `event` is the type, `data` the CloudEvent, `id` an opaque token. Sent back as `Last-Event-ID`
    the stream goes on after that event, whichever replica answers; without it, it begins now. When what came after
    the token is no longer there, an event `reset` says of which services: read their state anew. Within an aggregate
    the order is kept, and an event may come twice after a break: its CloudEvents `id` tells. What is computed in bulk
    (imported plans, published schedules) comes once and without its items; rates never come. A comment comes at least
    every 15 seconds. The stream ends when the credential expires or is revoked; browsers read it with fetch and the
    bearer token, as no token belongs into a URL.
    """
    if asked.reach is not Reach.ALL:
        raise Forbidden
    principal = asked.principal
    edge: Edge = request.app.state.edge
    streams: Streams = request.app.state.streams
    fields = dict(request.scope["headers"])
    address = request.client.host if request.client else ""

    async def still_allowed() -> bool:
        try:
            caller = await edge.authenticator.authenticate(fields, address)
        except Problem as problem:
            return problem.status not in {401, 403}
        return caller.principal.reach(Permission.STREAM_READ) is Reach.ALL

    wanted = Wanted.of(
        tuple(type or ()),
        frozenset(map(str, project_id or ())),
        api_clients=principal.reach(Permission.API_CLIENT_MANAGE) is Reach.ALL,
    )
    caller = f"{principal.organization_id} {principal.subject}"
    frames = streams.frames(Watch(principal.organization_id, caller, wanted, last_event_id, still_allowed))
    first = await anext(frames)  # what refuses the stream refuses it before the answer begins

    async def content() -> AsyncIterator[bytes]:
        async with aclosing(frames):
            yield first
            async for frame in frames:
                yield frame

    return EventStream(content(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
