"""What assessors say of requests for projects, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.intake import RequestRef, visible
from services.projects.api.intake_schemas import IntakeAssessmentCreate, IntakeAssessmentPage, IntakeAssessmentUpdate
from services.projects.api.projects import AsOf
from services.projects.domain.intake_images import IntakeAssessmentRead
from services.projects.entities import INTAKE_ASSESSMENT
from services.projects.repository import intake as rows
from services.projects.service import intake_assessments as service
from shared import entity, history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Wanted

router = APIRouter(prefix="/v1/intake-requests/{request_id}/assessments", tags=["intake"], route_class=Operation)

AssessmentRef = Annotated[str, Path(description="The assessment's id.")]


@router.get("", response_model=IntakeAssessmentPage, **operation(Permission.INTAKE_READ, 404))
async def list_intake_assessments(
    call: Current,
    page: Paging,
    request_id: RequestRef,
    assessor: Annotated[Wanted | None, Query(max_length=200, description="Who assessed it.")] = None,
) -> Response:
    """List what assessors say of a request.

    Sorts: id, assessor, created_at, updated_at; default id (order of creation).
    """
    filters = {"request_id": await visible(call, request_id), "assessor": assessor}
    return await pagination.page(call.tx, rows.ASSESSMENTS, page, filters)


@router.post(
    "",
    status_code=201,
    response_model=IntakeAssessmentRead,
    **operation(Permission.INTAKE_ASSESS, 404, 409, 413, 415),
)
async def create_intake_assessment(call: Current, request_id: RequestRef, body: IntakeAssessmentCreate) -> Response:
    """Assess a submitted request by the organization's criteria; its score follows at once.

    Each assessor does so once and may change it; who asks for a project does not assess it.
    """
    scores = [score.model_dump() for score in body.scores]
    written = await service.assess_request(call.tx, request_id, scores, body.note)
    return call.written(written, 201, f"/v1/intake-requests/{request_id}/assessments/{written.id}")


@router.get("/{intake_assessment_id}", response_model=IntakeAssessmentRead, **operation(Permission.INTAKE_READ, 404))
async def get_intake_assessment(
    call: Current, request_id: RequestRef, intake_assessment_id: AssessmentRef, as_of: AsOf = None
) -> Response:
    """Return what one assessor says; with as_of, as it was then."""
    root = await visible(call, request_id)
    identifier = identifier_of(intake_assessment_id)
    if as_of is not None:
        return call.one(*await entity.image_as_of(call.tx, INTAKE_ASSESSMENT, identifier, as_of, root=root))
    where = "t.request_id = $2 and t.id = $3"
    return call.one(*await entity.get(call.tx, INTAKE_ASSESSMENT, where, root, identifier))


@router.get("/{intake_assessment_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_intake_assessment_history(
    call: Current, page: Paging, request_id: RequestRef, intake_assessment_id: AssessmentRef, filters: history.Filters
) -> Response:
    """List the versions of what one assessor says.

    Sorts: version; default -version (newest first).
    """
    root = await visible(call, request_id)
    return await history.page(call.tx, page, INTAKE_ASSESSMENT, identifier_of(intake_assessment_id), filters, root=root)


@router.patch(
    "/{intake_assessment_id}",
    response_model=IntakeAssessmentRead,
    **operation(Permission.INTAKE_ASSESS, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_intake_assessment(
    call: Current,
    request_id: RequestRef,
    intake_assessment_id: AssessmentRef,
    body: Annotated[IntakeAssessmentUpdate, Body(media_type=MERGE_PATCH[0])],
) -> Response:
    """Change what the caller has said of a request that is not decided.

    From then on it is of the request as it is now: to stand by scores that are outdated, send them again.
    """
    identifier = identifier_of(intake_assessment_id)
    written = await service.update_assessment(call.tx, request_id, identifier, call.expected, body.changes())
    return call.written(written)
