"""Long work as a resource: asked for with 202, watched at /v1/operations/{id}, told apart by the service in the id."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Response
from uuid_utils.compat import uuid7

from shared.db import Transaction
from shared.errors import Conflict, NotFound, Problem
from shared.permissions import Permission
from shared.route import Call, Current, Operation, ProblemRead, operation
from shared.types import Schema, as_uuid

_IMAGE: Final = """
select (select row_to_json(i)::text from (
  select '{service}-' || o.id as id, o.kind, o.status, o.actor, o.result, o.problem,
         pmo_instant(o.created_at) as created_at, pmo_instant(o.updated_at) as updated_at,
         pmo_instant(o.finished_at) as finished_at) i)
from operation o where o.organization_id = $1 and o.id = $2 and ($3::text is null or o.actor = $3)
"""


class OperationNotPending(Conflict):
    """The operation can no longer be cancelled."""

    code, title = "operation_not_pending", "The operation can no longer be cancelled"
    cause = "It is running or has ended."
    cure = "Wait for its end."


class OperationRead(Schema):
    """Long work: how it stands and what came of it."""

    id: str
    """The service that does it, and a UUID."""
    kind: str
    """What it does."""
    status: Literal["pending", "running", "succeeded", "failed", "cancelled"]
    """How it stands."""
    actor: str
    """Who asked for it."""
    result: dict[str, Any] | None
    """What came of it; null until it has succeeded."""
    problem: ProblemRead | None
    """Why it failed; null unless it has."""
    created_at: str
    """When it was asked for, UTC."""
    updated_at: str
    """When it last changed, UTC."""
    finished_at: str | None
    """When it ended, UTC."""


async def begin(tx: Transaction, kind: str, arguments: dict[str, object]) -> UUID:
    """Create a pending operation and return its id."""
    identifier = uuid7()
    await tx.execute(
        "insert into operation (organization_id, id, kind, status, actor, arguments)"
        " values ($1, $2, $3, 'pending', $4, $5)",
        tx.organization_id,
        identifier,
        kind,
        tx.context.actor,
        orjson.dumps(arguments).decode(),
    )
    return identifier


async def arguments(tx: Transaction, identifier: UUID) -> dict[str, Any]:
    """Return what an operation was asked for with."""
    row = await tx.fetchrow(
        "select arguments from operation where organization_id = $1 and id = $2", tx.organization_id, identifier
    )
    found: dict[str, Any] = orjson.loads(row["arguments"]) if row is not None else {}
    return found


async def running(tx: Transaction, identifier: UUID) -> bool:
    """Mark an operation as running; False if it was cancelled before."""
    tag = await tx.execute(
        "update operation set status = 'running', updated_at = now()"
        " where organization_id = $1 and id = $2 and status in ('pending', 'running')",
        tx.organization_id,
        identifier,
    )
    return tag.endswith(" 1")


async def succeeded(tx: Transaction, identifier: UUID, result: str) -> None:
    """Store an operation's result, in the transaction of its effect."""
    await tx.execute(
        "update operation set status = 'succeeded', result = $3, updated_at = now(), finished_at = now()"
        " where organization_id = $1 and id = $2",
        tx.organization_id,
        identifier,
        result,
    )


async def failed(tx: Transaction, service: str, identifier: UUID, problem: Problem) -> None:
    """Store why an operation failed."""
    document = {
        "type": "/problems/" + problem.code.replace("_", "-"),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"/v1/operations/{service}-{identifier}",
        "code": problem.code,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in problem.errors],
        "request_id": tx.context.correlation_id,
        "trace_id": None,
    }
    await tx.execute(
        "update operation set status = 'failed', problem = $3, updated_at = now(), finished_at = now()"
        " where organization_id = $1 and id = $2",
        tx.organization_id,
        identifier,
        orjson.dumps(document).decode(),
    )


async def image_of(tx: Transaction, service: str, identifier: UUID, actor: str | None = None) -> str:
    """Return an operation as JSON text; raises NotFound."""
    text = await tx.fetchtext(_IMAGE.replace("{service}", service), tx.organization_id, identifier, actor)
    if text is None:
        raise NotFound
    return text


async def pending_answer(call: Call, service: str, identifier: UUID) -> Response:
    """Answer 202 with the operation and where to watch it."""
    headers = {"Location": f"/v1/operations/{service}-{identifier}", "Retry-After": "1"}
    text = await image_of(call.tx, service, identifier)
    return Response(text, 202, headers, media_type="application/json")


def operations_router(service: str) -> APIRouter:
    """Return the routes by which a service shows its operations."""
    router = APIRouter(prefix="/v1/operations", tags=["operations"], route_class=Operation)
    Identifier = Annotated[str, Path(description="As `Location` gave it.")]  # noqa: N806
    routed = {"x-pmo-service": "by_id_prefix"}

    def parse(text: str) -> UUID:
        head, _, tail = text.partition("-")
        identifier = as_uuid(tail)
        if head != service or identifier is None:
            raise NotFound
        return identifier

    async def image(call: Current, identifier: UUID) -> Response:
        text = await image_of(call.tx, service, identifier, call.own_only)
        pending = '"status":"pending"' in text or '"status":"running"' in text
        headers = {"Retry-After": "1"} if pending else {}
        return Response(text, media_type="application/json", headers=headers)

    @router.get(
        "/{operation_id}", response_model=OperationRead, **operation(Permission.OPERATION_READ, 404, extra=routed)
    )
    async def get_operation(call: Current, operation_id: Identifier) -> Response:
        """Tell how long work stands."""
        return await image(call, parse(operation_id))

    @router.post(
        "/{operation_id}/cancel",
        response_model=OperationRead,
        **operation(Permission.PLAN_IMPORT, 404, 409, extra=routed),
    )
    async def cancel_operation(call: Current, operation_id: Identifier) -> Response:
        """Cancel long work that has not begun."""
        identifier = parse(operation_id)
        await image(call, identifier)
        tag = await call.tx.execute(
            "update operation set status = 'cancelled', updated_at = now(), finished_at = now()"
            " where organization_id = $1 and id = $2 and status = 'pending'",
            call.tx.organization_id,
            identifier,
        )
        if not tag.endswith(" 1"):
            raise OperationNotPending
        return await image(call, identifier)

    return router
