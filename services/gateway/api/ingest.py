"""Events of other systems over HTTP."""

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from services.gateway import repository
from services.gateway.api.route import EdgeOperation
from services.gateway.api.schemas import InboundEventPage, ReceiptsRead
from services.gateway.domain.images import InboundEventRead
from services.gateway.domain.inbound import InboundStatus
from services.gateway.ingest import envelope, reading
from services.gateway.service import inbound as service
from shared import pagination
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import Current, identifier_of, operation

router = APIRouter(prefix="/v1/ingest", tags=["ingest"], route_class=EdgeOperation)

MAX_BYTES: Final = 5 * 1024 * 1024
_EVENT: Final = {"$ref": "#/components/schemas/InboundTaskProgressed"}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "One CloudEvent, or an array of at most 1,000; in binary mode its data alone.",
        "content": {
            envelope.STRUCTURED: {"schema": _EVENT},
            envelope.BATCHED: {"schema": {"type": "array", "items": _EVENT, "maxItems": envelope.MOST_EVENTS}},
            envelope.PLAIN: {"schema": _EVENT},
        },
    },
}


@router.post(
    "/events",
    status_code=202,
    response_model=ReceiptsRead,
    **operation(
        Permission.EVENT_INGEST,
        409,
        413,
        415,
        scope="ingest",
        max_body_bytes=MAX_BYTES,
        media_types=envelope.MEDIA_TYPES,
        extra=_BODY,
    ),
)
async def ingest_events(call: Current, request: Request) -> Response:
    """Push events of another system.

    Takes CloudEvents 1.0 in structured mode (`application/cloudevents+json`, or `application/json`), in batches
    (`application/cloudevents-batch+json`, at most 1,000 events) and in binary mode (`ce-` headers, the data as the
    `application/json` body). All or nothing: when one event is not acceptable none is stored, and `errors[]` names
    every mistake. 202 means that all are stored durably; what becomes of each tells
    `GET /v1/ingest/events/{event_id}`. `source` and `id` together name an event for ever: the same event again is
    answered as `duplicate` and has no second effect, another content under the same name is a 409. Events of one
    source about one project take effect in the order in which they came.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    headers = request.headers.items()
    mode = reading.Mode(
        batched=media_type == envelope.BATCHED, binary=any(name.startswith("ce-") for name, _ in headers)
    )
    documents = envelope.events_of(media_type, headers, getattr(request.state, "json", None))
    events = reading.read(documents, mode, call.tx.organization_id)
    receipts, positions = await service.accept_events(call.tx, events)
    response = Response(orjson.dumps({"items": receipts}), 202, media_type="application/json")
    if positions:
        response.headers["PMO-Position"] = ", ".join(positions)
    return response


@router.get("/events", response_model=InboundEventPage, **operation(Permission.EVENT_READ))
async def list_ingested_events(
    call: Current,
    page: Paging,
    status: Annotated[list[InboundStatus] | None, Query(description="Any of these states.")] = None,
    source: Annotated[str | None, Query(max_length=500, description="The sender's context.")] = None,
    event_id: Annotated[str | None, Query(max_length=200, description="The sender's id.")] = None,
    type: Annotated[str | None, Query(max_length=100, description="What kind of event.")] = None,  # noqa: A002
) -> Response:
    """List events that came in.

    Sorts: id, received_at; default -id (the latest first). Who may not see all sees those they sent themselves.
    """
    filters = {"status": status, "source": source, "event_id": event_id, "type": type}
    own = pagination.owned_by(call.own_only, "t.actor")
    return await pagination.page(call.tx, repository.INBOUND_EVENTS, page, filters, restrict=own)


@router.get("/events/{event_id}", response_model=InboundEventRead, **operation(Permission.EVENT_READ, 404))
async def get_ingested_event(
    call: Current, event_id: Annotated[str, Path(description="Our id of the event, as the 202 gave it.")]
) -> Response:
    """Tell what became of an event that came in.

    Once it is applied, `PMO-Position` names the effect: a read with `PMO-Wait-For` sees it.
    """
    version, image, effect = await service.find_event(call.tx, identifier_of(event_id), call.own_only)
    response = call.one(version, image)
    if effect is not None:
        response.headers["PMO-Position"] = effect
    return response
