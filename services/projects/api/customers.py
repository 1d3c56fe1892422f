"""Customers over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.hierarchy_schemas import CustomerCreate, CustomerPage, CustomerUpdate
from services.projects.api.projects import AsOf
from services.projects.domain.hierarchy_images import CustomerRead
from services.projects.entities import CUSTOMER
from services.projects.repository.hierarchy import CUSTOMERS
from services.projects.service import hierarchy as service
from shared import history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, operation
from shared.types import Wanted

router = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=Operation)

CustomerRef = Annotated[str, Path(description="The customer's id, or its human key such as CU-7.")]


@router.get("", response_model=CustomerPage, **operation(Permission.HIERARCHY_READ))
async def list_customers(
    call: Current,
    page: Paging,
    key: Annotated[str | None, Query(max_length=20, description="Human key.")] = None,
    name: Annotated[Wanted | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
) -> Response:
    """List those whom projects are done for.

    Sorts: id, key, name, created_at, updated_at; default id (order of creation).
    """
    return await pagination.page(call.tx, CUSTOMERS, page, {"key": key, "name": name})


@router.post("", status_code=201, response_model=CustomerRead, **operation(Permission.CUSTOMER_MANAGE, 409, 413, 415))
async def create_customer(call: Current, body: CustomerCreate) -> Response:
    """Create a customer."""
    written = await service.create(call.tx, CUSTOMER, body.model_dump())
    return call.written(written, 201, f"/v1/customers/{written.id}")


@router.get("/{customer_id}", response_model=CustomerRead, **operation(Permission.HIERARCHY_READ, 404))
async def get_customer(call: Current, customer_id: CustomerRef, as_of: AsOf = None) -> Response:
    """Return one customer; with as_of, as it was then."""
    return call.one(*await service.get(call.tx, CUSTOMER, customer_id, None, as_of))


@router.get("/{customer_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_customer_history(
    call: Current, page: Paging, customer_id: CustomerRef, filters: history.Filters
) -> Response:
    """List the versions of a customer: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    identifier = await service.known(call.tx, CUSTOMER, customer_id, None)
    return await history.page(call.tx, page, CUSTOMER, identifier, filters)


@router.patch(
    "/{customer_id}",
    response_model=CustomerRead,
    **operation(Permission.CUSTOMER_MANAGE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_customer(
    call: Current, customer_id: CustomerRef, body: Annotated[CustomerUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a customer."""
    changes = body.changes()
    return call.written(
        await service.update(call.tx, CUSTOMER, customer_id, None, call.expected, call.principal, changes)
    )


@router.delete("/{customer_id}", status_code=204, **operation(Permission.CUSTOMER_MANAGE, 404, 409, 412, 428))
async def delete_customer(call: Current, customer_id: CustomerRef) -> Response:
    """Delete a customer that nothing is done for."""
    return call.written(await service.delete(call.tx, CUSTOMER, customer_id, call.expected))
