"""Limits of approval over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import ConfigDict

from services.projects.api.projects import AsOf
from services.projects.domain.approval import LimitedRole
from services.projects.domain.approval_images import ApprovalLimitRead
from services.projects.entities import APPROVAL_LIMIT
from services.projects.repository.approval import LIMITS
from services.projects.service import approval as service
from services.projects.service import hierarchy
from shared import history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Count, Currency, Money, Patch, Schema, absent

router = APIRouter(prefix="/v1/approval-limits", tags=["baselines"], route_class=Operation)

LimitRef = Annotated[str, Path(description="The limit's id.")]
ApprovalLimitPage = page_of(ApprovalLimitRead, "ApprovalLimitPage")


class ApprovalLimitCreate(Schema):
    """A role to be limited in what it approves, in the currency of the amount."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"role": "pmo_manager", "cost": {"amount": "50000.00", "currency": "EUR"}, "delay_minutes": 4800}
            ]
        }
    )

    role: LimitedRole
    """Whom it limits; PMO directors are not."""
    cost: Money
    """The most cost of a first baseline, and the most that another may add to the one in force."""
    delay_minutes: Count | None = None
    """The most that another may finish later than the one in force, in working minutes; null: any."""


class ApprovalLimitUpdate(Patch):
    """Changes to a limit; absent fields keep their values."""

    cost: Money = absent()
    """In the limit's currency."""
    delay_minutes: Count | None = None
    """Working minutes; null: any."""


@router.get("", response_model=ApprovalLimitPage, **operation(Permission.POLICY_READ))
async def list_approval_limits(
    call: Current,
    page: Paging,
    role: Annotated[list[LimitedRole] | None, Query(description="Of any of these roles.")] = None,
    currency: Annotated[Currency | None, Query(description="In this currency.")] = None,
) -> Response:
    """List up to what roles approve baselines; a role without any limit is not limited.

    Sorts: id, role, currency, created_at; default role,currency.
    """
    return await pagination.page(call.tx, LIMITS, page, {"role": role, "currency": currency})


@router.post(
    "", status_code=201, response_model=ApprovalLimitRead, **operation(Permission.POLICY_MANAGE, 409, 413, 415)
)
async def create_approval_limit(call: Current, body: ApprovalLimitCreate) -> Response:
    """Limit what a role approves; from then on it approves nothing in currencies that it has no limit in."""
    written = await service.create_limit(call.tx, body.role, body.cost, body.delay_minutes)
    return call.written(written, 201, f"/v1/approval-limits/{written.id}")


@router.get("/{limit_id}", response_model=ApprovalLimitRead, **operation(Permission.POLICY_READ, 404))
async def get_approval_limit(call: Current, limit_id: LimitRef, as_of: AsOf = None) -> Response:
    """Return one limit; with as_of, as it was then."""
    return call.one(*await hierarchy.get(call.tx, APPROVAL_LIMIT, str(identifier_of(limit_id)), None, as_of))


@router.get("/{limit_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_approval_limit_history(
    call: Current, page: Paging, limit_id: LimitRef, filters: history.Filters
) -> Response:
    """List the versions of a limit: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    return await history.page(call.tx, page, APPROVAL_LIMIT, identifier_of(limit_id), filters)


@router.patch(
    "/{limit_id}",
    response_model=ApprovalLimitRead,
    **operation(Permission.POLICY_MANAGE, 404, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_approval_limit(
    call: Current, limit_id: LimitRef, body: Annotated[ApprovalLimitUpdate, Body(media_type=MERGE_PATCH[0])]
) -> Response:
    """Change a limit; what is approved already stays."""
    identifier = str(identifier_of(limit_id))
    return call.written(await service.update_limit(call.tx, identifier, call.expected, body.changes()))


@router.delete("/{limit_id}", status_code=204, **operation(Permission.POLICY_MANAGE, 404, 412, 428))
async def delete_approval_limit(call: Current, limit_id: LimitRef) -> Response:
    """Take a limit away."""
    return call.written(await service.delete_limit(call.tx, str(identifier_of(limit_id)), call.expected))
