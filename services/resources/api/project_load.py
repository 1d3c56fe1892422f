"""The load of a whole project over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.resources.api.schemas import OverAllocationPage
from services.resources.domain.images import LoadSummaryRead
from services.resources.repository import reading
from services.resources.service.load import bring_up_to_date
from shared import pagination
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import Current, Operation, operation

router = APIRouter(tags=["load"], route_class=Operation)

ProjectRef = Annotated[str, Query(max_length=64, description="The project's id, or its human key such as PRJ-42.")]


def _strictly(request: Request) -> bool:
    """Whether the answer must not be behind: a caller who names no position rather has the last figures than none."""
    return "pmo-wait-for" in request.headers


@router.get("/v1/over-allocations", response_model=OverAllocationPage, **operation(Permission.RESOURCE_READ, 404, 409))
async def list_over_allocations(
    request: Request,
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    resource_id: Annotated[UUID | None, Query(description="Of this resource.")] = None,
) -> Response:
    """List the over-allocations of a project's resources, explained: when, by how much, by which tasks.

    The day is the unit: a day is over-allocated by what is booked on it beyond the resource's capacity of that day, so
    tasks one after the other within a day are not. Sorts: from, over_allocated_minutes, resource_name; default from.
    """
    project = await reading.project(call.tx, project_id, call.own_only)
    await bring_up_to_date(call.tx, project.id, strictly=_strictly(request))
    filters = {"project_id": project.id, "resource_id": resource_id}
    return await pagination.page(call.tx, reading.OVER_ALLOCATIONS, page, filters)


@router.get("/v1/load-summary", response_model=LoadSummaryRead, **operation(Permission.RESOURCE_READ, 404, 409))
async def get_load_summary(request: Request, call: Current, project_id: ProjectRef) -> Response:
    """Return how loaded the resources of a project are, in a few figures."""
    project = await reading.project(call.tx, project_id, call.own_only)
    await bring_up_to_date(call.tx, project.id, strictly=_strictly(request))
    return Response(await reading.summary(call.tx, project.id), media_type="application/json")
