"""Requests for projects over HTTP."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.governed import CUSTOM_QUERY, Custom
from services.projects.api.intake_schemas import (
    IntakeDecisionCreate,
    IntakeRequestCreate,
    IntakeRequestPage,
    IntakeRequestUpdate,
    IntakeWithdrawalCreate,
    ProjectOfRequest,
)
from services.projects.api.projects import AsOf
from services.projects.domain.intake import IntakeStatus
from services.projects.domain.intake_images import IntakeRequestRead
from services.projects.domain.project import ProjectStatus
from services.projects.entities import INTAKE_REQUEST
from services.projects.repository import hierarchy
from services.projects.repository import intake as rows
from services.projects.service import custom_fields
from services.projects.service import intake as service
from shared import entity, history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Call, Current, Operation, operation
from shared.types import Wanted

router = APIRouter(prefix="/v1/intake-requests", tags=["intake"], route_class=Operation)

RequestRef = Annotated[str, Path(description="The request's id, or its human key such as RQ-7.")]


async def visible(call: Call, reference: str) -> UUID:
    """Return the id of a request that the caller may see; raises NotFound."""
    row = await hierarchy.find(call.tx, INTAKE_REQUEST, reference, rows.REQUESTED, call.own_only)
    return UUID(str(row["id"]))


@router.get("", response_model=IntakeRequestPage, **operation(Permission.INTAKE_READ, extra=CUSTOM_QUERY))
async def list_intake_requests(
    call: Current,
    page: Paging,
    custom: Custom,
    key: Annotated[str | None, Query(max_length=20, description="Human key.")] = None,
    title: Annotated[Wanted | None, Query(max_length=100, description="Part of the title; taken literally.")] = None,
    status: Annotated[list[IntakeStatus] | None, Query(description="Any of these states.")] = None,
    requester: Annotated[Wanted | None, Query(max_length=200, description="Who asks for it.")] = None,
    customer_id: Annotated[UUID | None, Query(description="For this customer.")] = None,
    project_id: Annotated[UUID | None, Query(description="The one that has become this project.")] = None,
    is_assessed: Annotated[bool | None, Query(description="Only those with a score, or only others.")] = None,
    score_at_least: Annotated[Decimal | None, Query(ge=0, le=100, description="With this score or more.")] = None,
) -> Response:
    """List requests for projects, also by the organization's own fields: `custom.<key>=<value>`.

    `sort=-score` ranks them: the best first, those without a score last. Sorts: id, key, title, status, score,
    desired_start, desired_finish, submitted_at, created_at, updated_at; default id (order of creation).
    """
    filters = {
        "key": key,
        "title": title,
        "status": status,
        "requester": requester,
        "customer_id": customer_id,
        "project_id": project_id,
        "is_assessed": is_assessed,
        "score_at_least": score_at_least,
        "custom": await custom_fields.wanted(call.tx, INTAKE_REQUEST, custom),
    }
    own = pagination.owned_by(call.own_only, "t.requester")
    return await pagination.page(call.tx, rows.REQUESTS, page, filters, restrict=own)


@router.post(
    "", status_code=201, response_model=IntakeRequestRead, **operation(Permission.INTAKE_SUBMIT, 409, 413, 415)
)
async def create_intake_request(call: Current, body: IntakeRequestCreate) -> Response:
    """Make a request for a project, as a draft."""
    requester = call.own_only or body.requester or call.principal.subject
    values = {name: getattr(body, name) for name in type(body).model_fields} | {"requester": requester}
    written = await service.create_request(call.tx, values)
    return call.written(written, 201, f"/v1/intake-requests/{written.id}")


@router.get("/{request_id}", response_model=IntakeRequestRead, **operation(Permission.INTAKE_READ, 404))
async def get_intake_request(call: Current, request_id: RequestRef, as_of: AsOf = None) -> Response:
    """Return one request; with as_of, as it was then."""
    identifier = await visible(call, request_id)
    if as_of is not None:
        return call.one(*await entity.image_as_of(call.tx, INTAKE_REQUEST, identifier, as_of))
    return call.one(*await entity.get(call.tx, INTAKE_REQUEST, "t.id = $2", identifier))


@router.get("/{request_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_intake_request_history(
    call: Current, page: Paging, request_id: RequestRef, filters: history.Filters
) -> Response:
    """List the versions of a request: who changed, scored or decided it, when and why.

    Sorts: version; default -version (newest first).
    """
    return await history.page(call.tx, page, INTAKE_REQUEST, await visible(call, request_id), filters)


@router.patch(
    "/{request_id}",
    response_model=IntakeRequestRead,
    **operation(Permission.INTAKE_SUBMIT, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_intake_request(
    call: Current, request_id: RequestRef, body: Annotated[IntakeRequestUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a request that is not decided.

    What assessors have said of it so far is outdated by that: it is kept, and counts for nothing until said anew.
    """
    return call.written(await service.update_request(call.tx, request_id, call.own_only, call.expected, body.changes()))


@router.post(
    "/{request_id}/submission",
    response_model=IntakeRequestRead,
    **operation(Permission.INTAKE_SUBMIT, 404, 409, 412, 428),
)
async def submit_intake_request(call: Current, request_id: RequestRef) -> Response:
    """Submit a draft, or a deferred request again, with `If-Match`: from then on it can be assessed and decided."""
    return call.written(await service.submit_request(call.tx, request_id, call.own_only, call.expected))


@router.post(
    "/{request_id}/withdrawal",
    response_model=IntakeRequestRead,
    **operation(Permission.INTAKE_SUBMIT, 404, 409, 412, 413, 415, 428),
)
async def withdraw_intake_request(call: Current, request_id: RequestRef, body: IntakeWithdrawalCreate) -> Response:
    """Withdraw a request that the caller asked for or submitted, with `If-Match`."""
    written = await service.withdraw_request(call.tx, request_id, call.own_only, call.expected, body.reason)
    return call.written(written)


@router.post(
    "/{request_id}/decisions",
    response_model=IntakeRequestRead,
    **operation(Permission.INTAKE_DECIDE, 404, 409, 412, 413, 415, 428),
)
async def decide_intake_request(call: Current, request_id: RequestRef, body: IntakeDecisionCreate) -> Response:
    """Approve, reject or defer a submitted request, with `If-Match`; who asked for it or submitted it cannot.

    An approved request becomes a project at once: its title, description, customer, currency and desired start are
    taken over; `project_id` names it. Where there are criteria, it must have been assessed before.
    """
    given = body.project or ProjectOfRequest()
    project = service.NewProject(
        ProjectStatus(given.status), given.owner, given.programme_id, given.time_zone, given.custom_fields
    )
    decision = service.Decision(IntakeStatus(body.decision), body.reason, project)
    return call.written(await service.decide_request(call.tx, request_id, call.expected, decision))
