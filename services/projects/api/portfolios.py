"""Portfolios over HTTP."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.governed import CUSTOM_QUERY, Custom, Governed
from services.projects.api.hierarchy_schemas import PortfolioCreate, PortfolioPage, PortfolioUpdate
from services.projects.api.projects import AsOf
from services.projects.domain.hierarchy import PortfolioStatus
from services.projects.domain.hierarchy_images import PortfolioRead, RollUpRead
from services.projects.entities import PORTFOLIO
from services.projects.repository import hierarchy as rows
from services.projects.service import custom_fields
from services.projects.service import hierarchy as service
from shared import history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, operation

router = APIRouter(prefix="/v1/portfolios", tags=["portfolios"], route_class=Operation)

PortfolioRef = Annotated[str, Path(description="The portfolio's id, or its human key such as PF-3.")]


@router.get("", response_model=PortfolioPage, **operation(Permission.HIERARCHY_READ, extra=CUSTOM_QUERY))
async def list_portfolios(
    call: Current,
    page: Paging,
    governed: Governed,
    custom: Custom,
    status: Annotated[list[PortfolioStatus] | None, Query(description="Any of these states.")] = None,
    parent_id: Annotated[UUID | None, Query(description="Directly part of this portfolio.")] = None,
    is_root: Annotated[bool | None, Query(description="Only those that are part of no other, or only others.")] = None,
) -> Response:
    """List portfolios, also by the organization's own fields: `custom.<key>=<value>`.

    Sorts: id, key, name, status, created_at, updated_at; default id (order of creation).
    """
    filters = {
        **asdict(governed),
        "status": status,
        "parent_id": parent_id,
        "is_root": is_root,
        "custom": await custom_fields.wanted(call.tx, PORTFOLIO, custom),
    }
    seen = None if call.own_only is None else (rows.SEES[PORTFOLIO.name], call.own_only)
    return await pagination.page(call.tx, rows.PORTFOLIOS, page, filters, restrict=seen)


@router.post("", status_code=201, response_model=PortfolioRead, **operation(Permission.PORTFOLIO_MANAGE, 409, 413, 415))
async def create_portfolio(call: Current, body: PortfolioCreate) -> Response:
    """Create a portfolio."""
    owner = body.owner or call.principal.subject
    written = await service.create(call.tx, PORTFOLIO, {**body.model_dump(), "owner": owner})
    return call.written(written, 201, f"/v1/portfolios/{written.id}")


@router.get("/{portfolio_id}", response_model=PortfolioRead, **operation(Permission.HIERARCHY_READ, 404))
async def get_portfolio(call: Current, portfolio_id: PortfolioRef, as_of: AsOf = None) -> Response:
    """Return one portfolio; with as_of, as it was then."""
    return call.one(*await service.get(call.tx, PORTFOLIO, portfolio_id, call.own_only, as_of))


@router.get("/{portfolio_id}/roll-up", response_model=RollUpRead, **operation(Permission.HIERARCHY_READ, 404))
async def get_portfolio_roll_up(call: Current, portfolio_id: PortfolioRef) -> Response:
    """Count the projects below a portfolio by status and declared health, and tell how much that covers.

    Below it are the projects put into it, those of its programmes, and all of this in the portfolios below. It changes
    with the projects, not with the portfolio: so it is a resource of its own, without a version.
    """
    row = await rows.find(call.tx, PORTFOLIO, portfolio_id, rows.SEES[PORTFOLIO.name], call.own_only)
    return Response(await rows.roll_up(call.tx, PORTFOLIO, row["id"]), media_type="application/json")


@router.get("/{portfolio_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_portfolio_history(
    call: Current, page: Paging, portfolio_id: PortfolioRef, filters: history.Filters
) -> Response:
    """List the versions of a portfolio: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    identifier = await service.known(call.tx, PORTFOLIO, portfolio_id, call.own_only)
    return await history.page(call.tx, page, PORTFOLIO, identifier, filters)


@router.patch(
    "/{portfolio_id}",
    response_model=PortfolioRead,
    **operation(Permission.PORTFOLIO_MANAGE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_portfolio(
    call: Current, portfolio_id: PortfolioRef, body: Annotated[PortfolioUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a portfolio."""
    changes = body.changes()
    written = await service.update(
        call.tx, PORTFOLIO, portfolio_id, call.own_only, call.expected, call.principal, changes
    )
    return call.written(written)


@router.delete("/{portfolio_id}", status_code=204, **operation(Permission.PORTFOLIO_MANAGE, 404, 409, 412, 428))
async def delete_portfolio(call: Current, portfolio_id: PortfolioRef) -> Response:
    """Delete a portfolio that no programme and no other portfolio is part of; its projects stay."""
    return call.written(await service.delete(call.tx, PORTFOLIO, portfolio_id, call.expected))
