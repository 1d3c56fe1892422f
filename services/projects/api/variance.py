"""How a plan stands to a baseline, over HTTP."""

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from services.projects import repository
from services.projects.api.projects import ProjectRef
from services.projects.domain.baseline_images import VariancePage
from services.projects.repository.variance import VARIANCE
from services.projects.service.baselines import CURRENT, named_baseline
from services.projects.service.schedules import refresh_if_asked
from services.projects.service.variance import compare
from shared.pagination import LIMIT_DEFAULT, LIMIT_MAX, PageRequest, place_of
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.strict_json import dumps

router = APIRouter(prefix="/v1/projects/{project_id}/variance", tags=["baselines"], route_class=Operation)

Minutes = Annotated[int, Field(ge=-(10**9), le=10**9)]

Amount = Annotated[Decimal, Field(max_digits=20, decimal_places=4, allow_inf_nan=False)]


@router.get("", response_model=VariancePage, **operation(Permission.PLAN_READ, 404))
async def get_variance(
    request: Request,
    call: Current,
    project_id: ProjectRef,
    baseline: Annotated[
        str,
        Query(max_length=64, description="A baseline's id; `current`: the one in force; `original`: the first ever."),
    ] = CURRENT,
    is_summary: Annotated[bool | None, Query(description="Only summaries, or only others.")] = None,
    is_milestone: Annotated[bool | None, Query(description="Only milestones, or only others.")] = None,
    presence: Annotated[
        list[Literal["both", "added", "removed"]] | None,
        Query(description="In both, added to the plan since, or removed from it; any of these."),
    ] = None,
    start_variance_above: Annotated[Minutes | None, Query(description="Starts later by more working minutes.")] = None,
    finish_variance_above: Annotated[Minutes | None, Query(description="Ends later by more working minutes.")] = None,
    duration_variance_above: Annotated[Minutes | None, Query(description="Takes more working minutes longer.")] = None,
    work_variance_above: Annotated[Minutes | None, Query(description="Is more work by more working minutes.")] = None,
    cost_variance_above: Annotated[
        Amount | None, Query(description="Costs more by more than this, in the project's currency.")
    ] = None,
    sort: Annotated[
        str | None,
        Query(max_length=200, description="Names to sort by, comma-separated; `-` in front for descending."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=2048, description="`next_cursor` of the page before.")] = None,
) -> Response:
    """Return how the plan stands to a baseline: the whole, and each task with dates, work and cost.

    Tasks added since are all variance, and so are those removed. Dates differ in working minutes of the project's
    calendar; where one side has none they do not, and come last. `sort=-finish_variance` begins with what slipped most.
    Sorts: position, name, start_variance, finish_variance, duration_variance, work_variance, cost_variance; default
    position (the order of the plan). Filters bound the items; the total is always of the whole plan.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    await refresh_if_asked(call.tx, project["id"])
    chosen = await named_baseline(call.tx, project["id"], baseline)
    filters = {
        "is_summary": is_summary,
        "is_milestone": is_milestone,
        "presence": presence,
        "start_variance_above": start_variance_above,
        "finish_variance_above": finish_variance_above,
        "duration_variance_above": duration_variance_above,
        "work_variance_above": work_variance_above,
        "cost_variance_above": cost_variance_above,
    }
    # Which baseline is the current one may change between two pages: the cursor is good for one of them.
    path = f"/v1/projects/{project['id']}/variance/{chosen['id']}"
    secret: bytes = request.app.state.cursor_secret
    wanted = PageRequest(limit, cursor, sort, None, include_total=False, path=path, query="", secret=secret)
    place = place_of(call.tx.organization_id, VARIANCE, wanted, filters)
    return Response(dumps(await compare(call.tx, project, chosen, place, limit)), media_type="application/json")
