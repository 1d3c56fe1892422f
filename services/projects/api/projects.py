"""Projects over HTTP."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects import repository
from services.projects.api.governed import CUSTOM_QUERY, Custom, Governed
from services.projects.api.schemas import ProjectCreate, ProjectPage, ProjectUpdate
from services.projects.domain.images import ProjectRead
from services.projects.domain.project import ProjectStatus
from services.projects.entities import PROJECT
from services.projects.service import custom_fields, life_cycle
from services.projects.service import projects as service
from services.projects.service.copying import fill_from_template
from services.projects.service.organization_calendars import begin_with_default
from shared import entity, history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, operation
from shared.types import Instant, Wanted

router = APIRouter(prefix="/v1/projects", tags=["projects"], route_class=Operation)

ProjectRef = Annotated[str, Path(description="The project's id, or its human key such as PRJ-42.")]
AsOf = Annotated[Instant | None, Query(description="The state at this instant, from history.")]


@router.get("", response_model=ProjectPage, **operation(Permission.PROJECT_READ, extra=CUSTOM_QUERY))
async def list_projects(
    call: Current,
    page: Paging,
    governed: Governed,
    custom: Custom,
    status: Annotated[list[ProjectStatus] | None, Query(description="Any of these states.")] = None,
    programme_id: Annotated[UUID | None, Query(description="Part of this programme.")] = None,
    portfolio_id: Annotated[
        UUID | None,
        Query(description="Below this portfolio: put into it, in a programme of it, or so in a portfolio below it."),
    ] = None,
    is_template: Annotated[bool | None, Query(description="Only templates, or only others.")] = None,
    source_id: Annotated[Wanted | None, Query(max_length=200, description="What another system calls it.")] = None,
    created_after: Annotated[Instant | None, Query(description="Created after this instant.")] = None,
) -> Response:
    """List projects, also by the organization's own fields: `custom.<key>=<value>`.

    Sorts: id, key, name, status, start, created_at, updated_at; default id (order of creation).
    """
    filters = {
        **asdict(governed),
        "status": status,
        "programme_id": programme_id,
        "portfolio_id": portfolio_id,
        "is_template": is_template,
        "source_id": source_id,
        "created_after": created_after,
        "custom": await custom_fields.wanted(call.tx, PROJECT, custom),
    }
    own = pagination.owned_by(call.own_only)
    return await pagination.page(call.tx, repository.PROJECTS, page, filters, restrict=own)


@router.post("", status_code=201, response_model=ProjectRead, **operation(Permission.PROJECT_CREATE, 409, 413, 415))
async def create_project(call: Current, body: ProjectCreate) -> Response:
    """Create a project, empty or with the plan of a template; to begin it as approved or active needs that right."""
    life_cycle.may_begin(call.principal, body.status)
    values = body.model_dump(exclude={"time_zone", "start", "status_date", "template_id"})
    owner = call.own_only or body.owner or call.principal.subject
    written = await service.create_project(
        call.tx,
        {**values, "owner": owner},
        time_zone=body.time_zone,
        start=body.start,
        status=body.status_date,
    )
    if body.template_id is not None:
        written = await fill_from_template(call.tx, written.id, body.template_id, call.own_only)
    else:
        written = await begin_with_default(call.tx, written)
    return call.written(written, 201, f"/v1/projects/{written.id}")


@router.get("/{project_id}", response_model=ProjectRead, **operation(Permission.PROJECT_READ, 404))
async def get_project(call: Current, project_id: ProjectRef, as_of: AsOf = None) -> Response:
    """Return one project; with as_of, as it was then."""
    if as_of is not None:
        return call.one(*await service.project_as_of(call.tx, project_id, call.own_only, as_of))
    condition, values = repository.reference(project_id, call.own_only)
    return call.one(*await entity.get(call.tx, PROJECT, condition, *values))


@router.get("/{project_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_project_history(
    call: Current, page: Paging, project_id: ProjectRef, filters: history.Filters
) -> Response:
    """List the versions of a project, also of a deleted one: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    identifier = await service.known_project(call.tx, project_id, call.own_only)
    return await history.page(call.tx, page, PROJECT, identifier, filters, root=identifier)


@router.patch(
    "/{project_id}",
    response_model=ProjectRead,
    **operation(Permission.PROJECT_UPDATE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_project(
    call: Current, project_id: ProjectRef, body: Annotated[ProjectUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a project; a change of its status is a transition, its reason goes into `PMO-Reason`."""
    written = await service.update_project(
        call.tx, project_id, call.own_only, call.expected, call.principal, body.changes()
    )
    return call.written(written)


@router.delete("/{project_id}", status_code=204, **operation(Permission.PROJECT_DELETE, 404, 409, 412, 428))
async def delete_project(call: Current, project_id: ProjectRef) -> Response:
    """Delete a project with everything in it; what it held keeps its history.

    One that is closed or cancelled is deleted by PMO directors alone (409 project_closed).
    """
    return call.written(await service.delete_project(call.tx, project_id, call.own_only, call.expected, call.principal))
