"""What requests for projects are assessed by, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.intake_schemas import IntakeCriterionCreate, IntakeCriterionPage, IntakeCriterionUpdate
from services.projects.api.projects import AsOf
from services.projects.domain.hierarchy import FieldStatus
from services.projects.domain.intake_images import IntakeCriterionRead
from services.projects.entities import INTAKE_CRITERION
from services.projects.repository import intake as rows
from services.projects.service import hierarchy
from services.projects.service import intake_assessments as service
from shared import history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Wanted

router = APIRouter(prefix="/v1/intake-criteria", tags=["intake"], route_class=Operation)

CriterionRef = Annotated[str, Path(description="The criterion's id.")]


@router.get("", response_model=IntakeCriterionPage, **operation(Permission.INTAKE_READ))
async def list_intake_criteria(
    call: Current,
    page: Paging,
    status: Annotated[list[FieldStatus] | None, Query(description="Active or retired ones.")] = None,
    name: Annotated[Wanted | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
) -> Response:
    """List what the organization assesses requests by.

    Sorts: id, name, weight, created_at, updated_at; default name.
    """
    return await pagination.page(call.tx, rows.CRITERIA, page, {"status": status, "name": name})


@router.post(
    "", status_code=201, response_model=IntakeCriterionRead, **operation(Permission.INTAKE_MANAGE, 409, 413, 415)
)
async def create_intake_criterion(call: Current, body: IntakeCriterionCreate) -> Response:
    """Add something to assess requests by; the coverage of scores that there are falls."""
    written = await service.create_criterion(call.tx, body.model_dump())
    return call.written(written, 201, f"/v1/intake-criteria/{written.id}")


@router.get("/{criterion_id}", response_model=IntakeCriterionRead, **operation(Permission.INTAKE_READ, 404))
async def get_intake_criterion(call: Current, criterion_id: CriterionRef, as_of: AsOf = None) -> Response:
    """Return one criterion; with as_of, as it was then."""
    return call.one(*await hierarchy.get(call.tx, INTAKE_CRITERION, str(identifier_of(criterion_id)), None, as_of))


@router.get("/{criterion_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_intake_criterion_history(
    call: Current, page: Paging, criterion_id: CriterionRef, filters: history.Filters
) -> Response:
    """List the versions of a criterion: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    return await history.page(call.tx, page, INTAKE_CRITERION, identifier_of(criterion_id), filters)


@router.patch(
    "/{criterion_id}",
    response_model=IntakeCriterionRead,
    **operation(Permission.INTAKE_MANAGE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_intake_criterion(
    call: Current, criterion_id: CriterionRef, body: Annotated[IntakeCriterionUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a criterion, or retire it; scores of undecided requests follow soon, those of decided ones stay."""
    identifier = str(identifier_of(criterion_id))
    return call.written(await service.update_criterion(call.tx, identifier, call.expected, body.changes()))


@router.delete("/{criterion_id}", status_code=204, **operation(Permission.INTAKE_MANAGE, 404, 409, 412, 428))
async def delete_intake_criterion(call: Current, criterion_id: CriterionRef) -> Response:
    """Delete a criterion that nobody has scored by; one that is in use can be retired."""
    return call.written(await service.delete_criterion(call.tx, str(identifier_of(criterion_id)), call.expected))
