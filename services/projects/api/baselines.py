"""Baselines and variance over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import ConfigDict, Field

from services.projects import repository
from services.projects.api.projects import AsOf, ProjectRef
from services.projects.domain.baseline_images import BaselineRead, BaselineTaskRead
from services.projects.domain.baselines import BaselineStatus
from services.projects.entities import BASELINE
from services.projects.repository import baselines as rows
from services.projects.service import baselines as service
from services.projects.service.projects import known_project, known_project_as_of
from shared import entity, history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import Current, Operation, identifier_of, operation
from shared.types import Name, Schema

router = APIRouter(prefix="/v1/projects/{project_id}", tags=["baselines"], route_class=Operation)

BaselineRef = Annotated[str, Path(description="The baseline's id.")]
Reason = Annotated[Name, Field(description="Why; kept with the baseline.")]
BaselinePage = page_of(BaselineRead, "BaselinePage")
BaselineTaskPage = page_of(BaselineTaskRead, "BaselineTaskPage")


class BaselineCreate(Schema):
    """A baseline to be taken of the plan as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Contract baseline", "reason": "Scope as agreed with the port authority."}]
        }
    )

    name: Name
    """What people call it; unique among the project's baselines that are not rejected or withdrawn."""
    reason: Reason


class DecisionCreate(Schema):
    """What is to become of a requested baseline."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "approved", "reason": "Agreed in the steering board."}]}
    )

    decision: Literal["approved", "rejected"]
    """By somebody else than who requested it."""
    reason: Reason


class WithdrawalCreate(Schema):
    """Why a baseline is withdrawn."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The storm changed the sequence."}]})

    reason: Reason


@router.get("/baselines", response_model=BaselinePage, **operation(Permission.PLAN_READ, 404))
async def list_baselines(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    status: Annotated[list[BaselineStatus] | None, Query(description="Any of these states.")] = None,
    requested_by: Annotated[str | None, Query(max_length=200, description="Who asked for it.")] = None,
) -> Response:
    """List the baselines of a project, also those that were superseded or rejected.

    Sorts: id, name, created_at, decided_at, finish; default id (order of request).
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    filters = {"project_id": project["id"], "status": status, "requested_by": requested_by}
    return await pagination.page(call.tx, rows.BASELINES, page, filters)


@router.post(
    "/baselines",
    status_code=201,
    response_model=BaselineRead,
    **operation(Permission.BASELINE_REQUEST, 404, 409, 413, 415),
)
async def request_baseline(call: Current, project_id: ProjectRef, body: BaselineCreate) -> Response:
    """Take the plan as it is now as a baseline, for somebody else to approve.

    It holds dates, duration, work and cost of every task, and stays as it is whatever the plan does later.
    """
    written = await service.request_baseline(call.tx, project_id, call.own_only, body.name, body.reason)
    return call.written(written, 201, f"/v1/projects/{project_id}/baselines/{written.id}")


@router.get("/baselines/{baseline_id}", response_model=BaselineRead, **operation(Permission.PLAN_READ, 404))
async def get_baseline(call: Current, project_id: ProjectRef, baseline_id: BaselineRef, as_of: AsOf = None) -> Response:
    """Return one baseline; with as_of, as it was then."""
    identifier = identifier_of(baseline_id)
    if as_of is not None:
        root = await known_project_as_of(call.tx, project_id, call.own_only, as_of)
        return call.one(*await entity.image_as_of(call.tx, BASELINE, identifier, as_of, root=root))
    project = await repository.project_row(call.tx, project_id, call.own_only)
    return call.one(*await entity.get(call.tx, BASELINE, "t.project_id = $2 and t.id = $3", project["id"], identifier))


@router.get("/baselines/{baseline_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_baseline_history(
    call: Current, page: Paging, project_id: ProjectRef, baseline_id: BaselineRef, filters: history.Filters
) -> Response:
    """List the versions of a baseline: who asked for it, who decided it, when and why.

    Sorts: version; default -version (newest first).
    """
    root = await known_project(call.tx, project_id, call.own_only)
    return await history.page(call.tx, page, BASELINE, identifier_of(baseline_id), filters, root=root)


@router.get("/baselines/{baseline_id}/tasks", response_model=BaselineTaskPage, **operation(Permission.PLAN_READ, 404))
async def list_baseline_tasks(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    baseline_id: BaselineRef,
    is_summary: Annotated[bool | None, Query(description="Only summaries, or only others.")] = None,
) -> Response:
    """List the tasks that a baseline holds, as they were.

    Sorts: position, name, start, finish; default position.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    baseline = await rows.baseline_row(call.tx, project["id"], identifier_of(baseline_id))
    filters = {"baseline_id": baseline["id"], "is_summary": is_summary}
    return await pagination.page(call.tx, rows.BASELINE_TASKS, page, filters)


@router.post(
    "/baselines/{baseline_id}/decisions",
    response_model=BaselineRead,
    **operation(Permission.BASELINE_APPROVE, 404, 409, 412, 413, 415, 428),
)
async def decide_baseline(
    call: Current, project_id: ProjectRef, baseline_id: BaselineRef, body: DecisionCreate
) -> Response:
    """Approve or reject a requested baseline, with `If-Match`; who requested it cannot.

    What a role approves may be limited (`/v1/approval-limits`): the cost of a first baseline, and what another adds to
    the one in force or by how much it finishes later.

    An approved baseline is in force: the tasks' baseline figures, and with them earned value, are measured against it.
    The one before it is superseded and stays; `replaced_variance` keeps how the new one stood to it.
    """
    written = await service.decide_baseline(
        call.tx,
        project_id,
        call.own_only,
        identifier_of(baseline_id),
        call.expected,
        service.Decision(BaselineStatus(body.decision), body.reason, call.principal),
    )
    return call.written(written)


@router.post(
    "/baselines/{baseline_id}/withdrawal",
    response_model=BaselineRead,
    **operation(Permission.BASELINE_REQUEST, 404, 409, 412, 413, 415, 428),
)
async def withdraw_baseline(
    call: Current, project_id: ProjectRef, baseline_id: BaselineRef, body: WithdrawalCreate
) -> Response:
    """Withdraw a baseline that the caller requested and nobody has decided, with `If-Match`."""
    decision = service.Decision(BaselineStatus.WITHDRAWN, body.reason, call.principal)
    written = await service.decide_baseline(
        call.tx, project_id, call.own_only, identifier_of(baseline_id), call.expected, decision
    )
    return call.written(written)
