"""The life cycle of a project over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from services.projects import repository
from services.projects.api.projects import ProjectRef
from services.projects.domain.images import ProjectRead
from services.projects.domain.life_cycle_images import MovesRead, TransitionRead
from services.projects.domain.project import ProjectStatus
from services.projects.entities import PROJECT
from services.projects.repository import life_cycle as rows
from services.projects.service import life_cycle as service
from shared import pagination
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.strict_json import dumps
from shared.types import Flag, Name, Schema, Wanted

router = APIRouter(prefix="/v1/projects/{project_id}", tags=["projects"], route_class=Operation)

TransitionPage = page_of(TransitionRead, "TransitionPage")


class TransitionCreate(Schema):
    """A move through the life cycle."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "closing", "reason": "The terminal was handed over on 3 May."}]}
    )

    to: ProjectStatus
    """The state to come to."""
    reason: Annotated[Name, Field(max_length=500)] | None = None
    """Why; some moves need one, and so does an override. Kept with the move and in the project's history."""
    override: Flag = False
    """Close it although something is still open; for PMO directors."""


@router.get("/transitions", response_model=TransitionPage, **operation(Permission.PROJECT_READ, 404))
async def list_transitions(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    to_status: Annotated[list[ProjectStatus] | None, Query(description="To any of these states.")] = None,
    moved_by: Annotated[Wanted | None, Query(max_length=200, description="Who moved it.")] = None,
    is_override: Annotated[bool | None, Query(description="Only those that overrode what was open.")] = None,
) -> Response:
    """List the moves that a project has made through its life cycle: who, when, why, and what was overridden.

    Sorts: id, moved_at; default -moved_at (newest first).
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    filters = {
        "project_id": project["id"],
        "to_status": to_status,
        "moved_by": moved_by,
        "is_override": is_override,
    }
    return await pagination.page(call.tx, rows.TRANSITIONS, page, filters)


@router.post(
    "/transitions",
    response_model=ProjectRead,
    **operation(Permission.PROJECT_UPDATE, 404, 409, 412, 413, 415, 428),
)
async def transition_project(call: Current, project_id: ProjectRef, body: TransitionCreate) -> Response:
    """Move a project through its life cycle, with `If-Match`; answers the project.

    `GET …/possible-transitions` tells which moves there are and what each asks for. Approval is for somebody else than
    who proposed; closing is refused (409 still_open) while something is open, unless a PMO director overrides that.
    """
    wanted = service.Wanted(body.to, body.reason, body.override)
    project = await repository.locked_project(call.tx, project_id, call.own_only)
    return call.written(await service.transition(call.tx, PROJECT, project, call.expected, call.principal, wanted))


@router.get("/possible-transitions", response_model=MovesRead, **operation(Permission.PROJECT_READ, 404))
async def get_possible_transitions(call: Current, project_id: ProjectRef) -> Response:
    """Return the moves from the project's present state, and what would keep the caller from each."""
    project = await repository.project_row(call.tx, project_id, call.own_only)
    moves = await service.moves_of(call.tx, PROJECT, project, call.principal)
    return Response(dumps(moves), media_type="application/json")
