"""Resources and their load over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.resources.api.schemas import ResourcePage
from services.resources.domain.images import LoadRead, ResourceRead
from services.resources.models import RESOURCE, RESOURCE_WITH_RATES
from services.resources.repository.reading import RESOURCES, RESOURCES_WITH_RATES
from services.resources.service.load import load_of_resource
from shared import entity, pagination
from shared.errors import NotFound
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import Call, Current, Operation, operation
from shared.types import Day, as_uuid

router = APIRouter(prefix="/v1/resources", tags=["resources"], route_class=Operation)

ResourceId = Annotated[str, Path(description="The resource's id.")]


def _sees_rates(call: Call) -> bool:
    return call.principal.reach(Permission.RATE_READ) is not None


def _identifier(text: str) -> UUID:
    identifier = as_uuid(text)
    if identifier is None:
        raise NotFound
    return identifier


@router.get("", response_model=ResourcePage, **operation(Permission.RESOURCE_READ, 409))
async def list_resources(
    call: Current,
    page: Paging,
    project_id: Annotated[
        str | None, Query(max_length=64, description="Of this project: its id, or its human key such as PRJ-42.")
    ] = None,
    type: Annotated[  # noqa: A002 - the parameter's name
        list[Literal["work", "material", "cost"]] | None, Query(description="Any of these types.")
    ] = None,
    name: Annotated[str | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
) -> Response:
    """List resources. Rates are there only for callers with the permission rate.read.

    Sorts: id, name, type, max_units, created_at, updated_at; default name.
    """
    listing = RESOURCES_WITH_RATES if _sees_rates(call) else RESOURCES
    identifier = as_uuid(project_id or "")
    filters = {
        "project_id": identifier,
        "project_key": project_id if identifier is None else None,
        "type": type,
        "name": name,
    }
    own = pagination.owned_by(call.own_only, "p.owner")
    return await pagination.page(call.tx, listing, page, filters, restrict=own)


@router.get("/{resource_id}", response_model=ResourceRead, **operation(Permission.RESOURCE_READ, 404, 409))
async def get_resource(call: Current, resource_id: ResourceId) -> Response:
    """Return one resource. Rates are there only for callers with the permission rate.read."""
    kind = RESOURCE_WITH_RATES if _sees_rates(call) else RESOURCE
    found = "t.id = $2 and ($3::text is null or p.owner = $3)"
    return call.one(*await entity.get(call.tx, kind, found, _identifier(resource_id), call.own_only))


@router.get("/{resource_id}/load", response_model=LoadRead, **operation(Permission.RESOURCE_READ, 404, 409))
async def get_resource_load(
    call: Current,
    resource_id: ResourceId,
    from_: Annotated[
        Day | None, Query(alias="from", description="The first day; default the first with a booking.")
    ] = None,
    to: Annotated[Day | None, Query(description="The last day; default the last with a booking.")] = None,
) -> Response:
    """Return a resource's load day by day: capacity, booked, over-allocated, and by which tasks.

    A span holds at most 400 days; without `from` and `to` it is that of the bookings, cut to 400 days. `booked_from`
    and `booked_to` tell how far the bookings reach.
    """
    body = await load_of_resource(call.tx, _identifier(resource_id), call.own_only, from_, to)
    return Response(body, media_type="application/json")
