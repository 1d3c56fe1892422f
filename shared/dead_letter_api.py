"""Dead letters over HTTP: what a service could not handle, why, and once more after the cause is mended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import MetaData

from shared import pagination
from shared.consumer import Consumer
from shared.dead_letters import reason_of
from shared.entity import Entity
from shared.errors import Conflict, NotFound
from shared.pagination import Listing, Paging, Sort, page_of
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.types import Count, Schema, as_uuid

IMAGE: Final = {
    **{name: f"t.{name}" for name in ("id", "consumer", "subject", "type", "event_id", "aggregate_id", "reason")},
    "deliveries": "t.deliveries",
    "at": "pmo_instant(t.at)",
    "replayed_at": "pmo_instant(t.replayed_at)",
}


class ReplayFailed(Conflict):
    """The event could not be handled this time either."""

    code, title = "replay_failed", "The event could not be handled this time either"
    cause = "Its handler failed again; detail says how. The dead letter stays."
    cure = "Mend the cause, then replay again."


class DeadLetterRead(Schema):
    """An event that a service could not handle."""

    id: UUID
    """Our id."""
    consumer: str
    """Who could not handle it."""
    subject: str
    """The NATS subject it came on."""
    type: str | None
    """The event's type, if it could be read."""
    event_id: str | None
    """The event's id, if it could be read."""
    aggregate_id: UUID | None
    """The root aggregate, such as the project, if it could be read."""
    reason: str
    """Why it could not be handled."""
    deliveries: Count
    """How often it was tried."""
    at: datetime
    """When it was given up, UTC."""
    replayed_at: datetime | None
    """When it was handled after all, UTC."""


DeadLetterPage = page_of(DeadLetterRead, "DeadLetterPage")


def dead_letter_router(service: str, metadata: MetaData, route_class: type[Operation] = Operation) -> APIRouter:
    """Return the routes by which a service shows its dead letters and tries them again."""
    router = APIRouter(prefix=f"/v1/services/{service}/dead-letters", tags=["dead-letters"], route_class=route_class)
    listing = Listing(
        Entity(service, "dead_letter", metadata.tables["dead_letter"], IMAGE, root="aggregate_id"),
        conditions={"consumer": "t.consumer = {}", "replayed": "(t.replayed_at is not null) = {}"},
        sorts={"at": Sort("t.at", "timestamptz")},
        default_sort="-at",
    )

    async def list_dead_letters(
        call: Current,
        page: Paging,
        consumer: Annotated[str | None, Query(max_length=64, description="Only this consumer's.")] = None,
        replayed: Annotated[bool | None, Query(description="Only those handled after all, or only the others.")] = None,
    ) -> Response:
        """List events that the service could not handle.

        Sorts: at; default -at.
        """
        return await pagination.page(call.tx, listing, page, {"consumer": consumer, "replayed": replayed})

    async def replay_dead_letter(
        request: Request,
        call: Current,
        letter_id: Annotated[str, Path(description="The dead letter's id.")],
    ) -> Response:
        """Handle a dead letter once more; it stays where it is if that fails again."""
        identifier = as_uuid(letter_id)
        name = await call.tx.fetchtext(
            "select consumer from dead_letter where organization_id = $1 and id = $2",
            call.tx.organization_id,
            identifier,
        )
        consumers: Mapping[str, Consumer] = request.app.state.consumers
        if name is None or name not in consumers:
            raise NotFound
        try:
            await consumers[name].replay(call.tx.context, identifier or UUID(int=0))
        except Exception as error:
            # Whatever a handler can raise is the answer here; it is told, and the letter stays.
            raise ReplayFailed(reason_of(error.__cause__ or error)[:500]) from error
        return Response(status_code=204)

    title = service.capitalize()
    router.get(
        "",
        name=f"list_{service}_dead_letters",
        summary=f"List {title} Dead Letters",
        response_model=DeadLetterPage,
        **operation(Permission.DEAD_LETTER_MANAGE),
    )(list_dead_letters)
    router.post(
        "/{letter_id}/replay",
        name=f"replay_{service}_dead_letter",
        summary=f"Replay {title} Dead Letter",
        status_code=204,
        **operation(Permission.DEAD_LETTER_MANAGE, 404, 409),
    )(replay_dead_letter)
    return router
