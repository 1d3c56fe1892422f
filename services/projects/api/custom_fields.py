"""The fields that an organization adds, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from services.projects.api.hierarchy_schemas import CustomFieldCreate, CustomFieldPage, CustomFieldUpdate
from services.projects.api.projects import AsOf
from services.projects.domain.hierarchy import FieldOwner, FieldStatus, FieldType
from services.projects.domain.hierarchy_images import CustomFieldRead
from services.projects.entities import CUSTOM_FIELD
from services.projects.repository.hierarchy import CUSTOM_FIELDS
from services.projects.service import custom_fields as service
from services.projects.service import hierarchy
from shared import history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation

router = APIRouter(prefix="/v1/custom-fields", tags=["custom-fields"], route_class=Operation)

FieldRef = Annotated[str, Path(description="The field's id.")]


@router.get("", response_model=CustomFieldPage, **operation(Permission.CUSTOM_FIELD_READ))
async def list_custom_fields(
    call: Current,
    page: Paging,
    entity: Annotated[list[FieldOwner] | None, Query(description="Of any of these kinds of things.")] = None,
    key: Annotated[str | None, Query(max_length=40, description="Its name in custom_fields.")] = None,
    type: Annotated[list[FieldType] | None, Query(description="Any of these types.")] = None,  # noqa: A002
    status: Annotated[list[FieldStatus] | None, Query(description="Active or retired ones.")] = None,
) -> Response:
    """List the fields that the organization has added to what there is.

    Sorts: id, entity, key, name, created_at, updated_at; default entity,key.
    """
    filters = {"entity": entity, "key": key, "type": type, "status": status}
    return await pagination.page(call.tx, CUSTOM_FIELDS, page, filters)


@router.post(
    "", status_code=201, response_model=CustomFieldRead, **operation(Permission.CUSTOM_FIELD_MANAGE, 409, 413, 415)
)
async def create_custom_field(call: Current, body: CustomFieldCreate) -> Response:
    """Add a field to portfolios, programmes, projects or tasks; what is there already has no value for it."""
    written = await service.create_field(call.tx, body.model_dump())
    return call.written(written, 201, f"/v1/custom-fields/{written.id}")


@router.get("/{field_id}", response_model=CustomFieldRead, **operation(Permission.CUSTOM_FIELD_READ, 404))
async def get_custom_field(call: Current, field_id: FieldRef, as_of: AsOf = None) -> Response:
    """Return one field; with as_of, as it was then."""
    return call.one(*await hierarchy.get(call.tx, CUSTOM_FIELD, str(identifier_of(field_id)), None, as_of))


@router.get("/{field_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_custom_field_history(
    call: Current, page: Paging, field_id: FieldRef, filters: history.Filters
) -> Response:
    """List the versions of a field: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    return await history.page(call.tx, page, CUSTOM_FIELD, identifier_of(field_id), filters)


@router.patch(
    "/{field_id}",
    response_model=CustomFieldRead,
    **operation(Permission.CUSTOM_FIELD_MANAGE, 404, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_custom_field(
    call: Current, field_id: FieldRef, body: Annotated[CustomFieldUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a field, or retire it; values that are there stay as they are."""
    identifier = identifier_of(field_id)
    return call.written(await service.update_field(call.tx, str(identifier), call.expected, body.changes()))


@router.delete("/{field_id}", status_code=204, **operation(Permission.CUSTOM_FIELD_MANAGE, 404, 409, 412, 428))
async def delete_custom_field(call: Current, field_id: FieldRef) -> Response:
    """Delete a field that nothing has a value for; one that is in use can be retired."""
    return call.written(await service.delete_field(call.tx, str(identifier_of(field_id)), call.expected))
