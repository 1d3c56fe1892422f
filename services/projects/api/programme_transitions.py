"""The life cycle of a programme over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.projects.api.programmes import ProgrammeRef
from services.projects.api.transitions import TransitionCreate
from services.projects.domain.hierarchy_images import ProgrammeRead
from services.projects.domain.life_cycle_images import MovesRead, ProgrammeTransitionRead
from services.projects.domain.project import ProjectStatus
from services.projects.entities import PROGRAMME
from services.projects.repository import hierarchy
from services.projects.repository import life_cycle as rows
from services.projects.service import life_cycle as service
from shared import pagination
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.strict_json import dumps
from shared.types import Wanted

router = APIRouter(prefix="/v1/programmes/{programme_id}", tags=["programmes"], route_class=Operation)

ProgrammeTransitionPage = page_of(ProgrammeTransitionRead, "ProgrammeTransitionPage")
_SEEN = hierarchy.SEES[PROGRAMME.name]


@router.get("/transitions", response_model=ProgrammeTransitionPage, **operation(Permission.HIERARCHY_READ, 404))
async def list_programme_transitions(
    call: Current,
    page: Paging,
    programme_id: ProgrammeRef,
    to_status: Annotated[list[ProjectStatus] | None, Query(description="To any of these states.")] = None,
    moved_by: Annotated[Wanted | None, Query(max_length=200, description="Who moved it.")] = None,
    is_override: Annotated[bool | None, Query(description="Only those that overrode what was open.")] = None,
) -> Response:
    """List the moves that a programme has made through its life cycle: who, when, why, and what was overridden.

    Sorts: id, moved_at; default -moved_at (newest first).
    """
    programme = await hierarchy.find(call.tx, PROGRAMME, programme_id, _SEEN, call.own_only)
    filters = {
        "programme_id": programme["id"],
        "to_status": to_status,
        "moved_by": moved_by,
        "is_override": is_override,
    }
    return await pagination.page(call.tx, rows.PROGRAMME_TRANSITIONS, page, filters)


@router.post(
    "/transitions",
    response_model=ProgrammeRead,
    **operation(Permission.PROGRAMME_UPDATE, 404, 409, 412, 413, 415, 428),
)
async def transition_programme(call: Current, programme_id: ProgrammeRef, body: TransitionCreate) -> Response:
    """Move a programme through its life cycle, with `If-Match`; answers the programme.

    The states, rights and rules are those of projects. Closing is refused (409 still_open) while a project of it is not
    closed or cancelled, unless a PMO director overrides that.
    """
    wanted = service.Wanted(body.to, body.reason, body.override)
    programme = await hierarchy.locked(call.tx, PROGRAMME, programme_id, hierarchy.OWNS, call.own_only)
    return call.written(await service.transition(call.tx, PROGRAMME, programme, call.expected, call.principal, wanted))


@router.get("/possible-transitions", response_model=MovesRead, **operation(Permission.HIERARCHY_READ, 404))
async def get_possible_programme_transitions(call: Current, programme_id: ProgrammeRef) -> Response:
    """Return the moves from the programme's present state, and what would keep the caller from each."""
    programme = await hierarchy.find(call.tx, PROGRAMME, programme_id, _SEEN, call.own_only)
    moves = await service.moves_of(call.tx, PROGRAMME, programme, call.principal)
    return Response(dumps(moves), media_type="application/json")
