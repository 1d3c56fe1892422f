"""Which projects are in a portfolio, over HTTP."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.hierarchy_schemas import PortfolioItemCreate, PortfolioItemPage, PortfolioItemUpdate
from services.projects.api.portfolios import PortfolioRef
from services.projects.api.projects import AsOf
from services.projects.domain.hierarchy_images import PortfolioItemRead
from services.projects.entities import PORTFOLIO, PORTFOLIO_ITEM
from services.projects.repository import hierarchy as rows
from services.projects.service import hierarchy as service
from shared import entity, history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation

router = APIRouter(prefix="/v1/portfolios/{portfolio_id}/items", tags=["portfolios"], route_class=Operation)

ItemRef = Annotated[str, Path(description="The item's id.")]
OWN: Final = "exists (select from project p where p.organization_id = $1 and p.id = t.project_id and p.owner = {})"


@router.get("", response_model=PortfolioItemPage, **operation(Permission.HIERARCHY_READ, 404))
async def list_portfolio_items(
    call: Current,
    page: Paging,
    portfolio_id: PortfolioRef,
    project_id: Annotated[UUID | None, Query(description="Only this project.")] = None,
) -> Response:
    """List the projects put into a portfolio with their weights; `/v1/projects?portfolio_id=` has all below it.

    Sorts: id, weight, created_at; default id (order in which they were put in).
    """
    portfolio = await rows.find(call.tx, PORTFOLIO, portfolio_id, rows.SEES[PORTFOLIO.name], call.own_only)
    filters = {"portfolio_id": portfolio["id"], "project_id": project_id}
    is_mine = call.own_only in {None, portfolio["owner"]}
    return await pagination.page(
        call.tx, rows.PORTFOLIO_ITEMS, page, filters, restrict=None if is_mine else (OWN, call.own_only)
    )


@router.post(
    "", status_code=201, response_model=PortfolioItemRead, **operation(Permission.PORTFOLIO_MANAGE, 404, 409, 413, 415)
)
async def create_portfolio_item(call: Current, portfolio_id: PortfolioRef, body: PortfolioItemCreate) -> Response:
    """Put a project into a portfolio."""
    written = await service.add_item(call.tx, portfolio_id, body.project_id, body.weight)
    return call.written(written, 201, f"/v1/portfolios/{portfolio_id}/items/{written.id}")


@router.get("/{item_id}", response_model=PortfolioItemRead, **operation(Permission.HIERARCHY_READ, 404))
async def get_portfolio_item(
    call: Current, portfolio_id: PortfolioRef, item_id: ItemRef, as_of: AsOf = None
) -> Response:
    """Return one project's place in a portfolio; with as_of, as it was then."""
    portfolio = await rows.find(call.tx, PORTFOLIO, portfolio_id, rows.SEES[PORTFOLIO.name], call.own_only)
    identifier = identifier_of(item_id)
    if as_of is not None:
        found = await entity.image_as_of(call.tx, PORTFOLIO_ITEM, identifier, as_of, root=portfolio["id"])
    else:
        where = "t.portfolio_id = $2 and t.id = $3"
        found = await entity.get(call.tx, PORTFOLIO_ITEM, where, portfolio["id"], identifier)
    return call.one(*found)


@router.get("/{item_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_portfolio_item_history(
    call: Current, page: Paging, portfolio_id: PortfolioRef, item_id: ItemRef, filters: history.Filters
) -> Response:
    """List the versions of a project's place in a portfolio: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    portfolio = await rows.find(call.tx, PORTFOLIO, portfolio_id, rows.SEES[PORTFOLIO.name], call.own_only)
    return await history.page(call.tx, page, PORTFOLIO_ITEM, identifier_of(item_id), filters, root=portfolio["id"])


@router.patch(
    "/{item_id}",
    response_model=PortfolioItemRead,
    **operation(Permission.PORTFOLIO_MANAGE, 404, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_portfolio_item(
    call: Current,
    portfolio_id: PortfolioRef,
    item_id: ItemRef,
    body: Annotated[PortfolioItemUpdate, Body(media_type=MERGE_PATCH[0])],
) -> Response:
    """Change how much a project counts in a portfolio."""
    identifier = identifier_of(item_id)
    return call.written(await service.update_item(call.tx, portfolio_id, identifier, call.expected, body.changes()))


@router.delete("/{item_id}", status_code=204, **operation(Permission.PORTFOLIO_MANAGE, 404, 412, 428))
async def delete_portfolio_item(call: Current, portfolio_id: PortfolioRef, item_id: ItemRef) -> Response:
    """Take a project out of a portfolio."""
    return call.written(await service.delete_item(call.tx, portfolio_id, identifier_of(item_id), call.expected))
