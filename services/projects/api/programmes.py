"""Programmes over HTTP."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.governed import CUSTOM_QUERY, Custom, Governed
from services.projects.api.hierarchy_schemas import ProgrammeCreate, ProgrammePage, ProgrammeUpdate
from services.projects.api.projects import AsOf
from services.projects.domain.hierarchy_images import ProgrammeRead, RollUpRead
from services.projects.domain.project import ProjectStatus
from services.projects.entities import PROGRAMME
from services.projects.repository import hierarchy as rows
from services.projects.service import custom_fields, life_cycle
from services.projects.service import hierarchy as service
from shared import history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, operation

router = APIRouter(prefix="/v1/programmes", tags=["programmes"], route_class=Operation)

ProgrammeRef = Annotated[str, Path(description="The programme's id, or its human key such as PG-5.")]


@router.get("", response_model=ProgrammePage, **operation(Permission.HIERARCHY_READ, extra=CUSTOM_QUERY))
async def list_programmes(
    call: Current,
    page: Paging,
    governed: Governed,
    custom: Custom,
    status: Annotated[list[ProjectStatus] | None, Query(description="Any of these states.")] = None,
    portfolio_id: Annotated[UUID | None, Query(description="Directly part of this portfolio.")] = None,
    is_alone: Annotated[bool | None, Query(description="Only those in no portfolio, or only others.")] = None,
) -> Response:
    """List programmes, also by the organization's own fields: `custom.<key>=<value>`.

    Sorts: id, key, name, status, created_at, updated_at; default id (order of creation).
    """
    filters = {
        **asdict(governed),
        "status": status,
        "portfolio_id": portfolio_id,
        "is_alone": is_alone,
        "custom": await custom_fields.wanted(call.tx, PROGRAMME, custom),
    }
    seen = None if call.own_only is None else (rows.SEES[PROGRAMME.name], call.own_only)
    return await pagination.page(call.tx, rows.PROGRAMMES, page, filters, restrict=seen)


@router.post("", status_code=201, response_model=ProgrammeRead, **operation(Permission.PROGRAMME_UPDATE, 409, 413, 415))
async def create_programme(call: Current, body: ProgrammeCreate) -> Response:
    """Create a programme; it may stand alone. To begin it as approved or active needs the right to approve."""
    life_cycle.may_begin(call.principal, body.status)
    owner = call.own_only or body.owner or call.principal.subject
    written = await service.create(call.tx, PROGRAMME, {**body.model_dump(), "owner": owner})
    return call.written(written, 201, f"/v1/programmes/{written.id}")


@router.get("/{programme_id}", response_model=ProgrammeRead, **operation(Permission.HIERARCHY_READ, 404))
async def get_programme(call: Current, programme_id: ProgrammeRef, as_of: AsOf = None) -> Response:
    """Return one programme; with as_of, as it was then."""
    return call.one(*await service.get(call.tx, PROGRAMME, programme_id, call.own_only, as_of))


@router.get("/{programme_id}/roll-up", response_model=RollUpRead, **operation(Permission.HIERARCHY_READ, 404))
async def get_programme_roll_up(call: Current, programme_id: ProgrammeRef) -> Response:
    """Count the projects of a programme by status and declared health, and tell how much that covers."""
    row = await rows.find(call.tx, PROGRAMME, programme_id, rows.SEES[PROGRAMME.name], call.own_only)
    return Response(await rows.roll_up(call.tx, PROGRAMME, row["id"]), media_type="application/json")


@router.get("/{programme_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_programme_history(
    call: Current, page: Paging, programme_id: ProgrammeRef, filters: history.Filters
) -> Response:
    """List the versions of a programme: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    identifier = await service.known(call.tx, PROGRAMME, programme_id, call.own_only)
    return await history.page(call.tx, page, PROGRAMME, identifier, filters)


@router.patch(
    "/{programme_id}",
    response_model=ProgrammeRead,
    **operation(Permission.PROGRAMME_UPDATE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_programme(
    call: Current, programme_id: ProgrammeRef, body: Annotated[ProgrammeUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a programme; its status moves as by `POST …/transitions`, with the reason in `PMO-Reason`."""
    changes = body.changes()
    written = await service.update(
        call.tx, PROGRAMME, programme_id, call.own_only, call.expected, call.principal, changes
    )
    return call.written(written)


@router.delete("/{programme_id}", status_code=204, **operation(Permission.PROGRAMME_DELETE, 404, 409, 412, 428))
async def delete_programme(call: Current, programme_id: ProgrammeRef) -> Response:
    """Delete a programme that no project is part of."""
    return call.written(await service.delete(call.tx, PROGRAMME, programme_id, call.expected))
