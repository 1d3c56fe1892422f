"""Metrics over HTTP."""

import hashlib
import time
from datetime import UTC, date, datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from services.kpi.api.schemas import KpiPointPage, Moment
from services.kpi.domain.images import KpisRead
from services.kpi.domain.moments import HistoryInterval
from services.kpi.service.metrics import Series, metrics_at, metrics_over_time
from shared.pagination import LIMIT_DEFAULT, LIMIT_MAX, PageRequest, answer, decode_cursor, encode_cursor
from shared.permissions import Permission
from shared.route import Current, Operation, operation

router = APIRouter(prefix="/v1/projects/{project_id}/kpis", tags=["kpis"], route_class=Operation)

ProjectRef = Annotated[str, Path(description="The project's id, or its human key such as PRJ-42.")]


@router.get("", response_model=KpisRead, **operation(Permission.KPI_READ, 404))
async def get_kpis(
    call: Current,
    project_id: ProjectRef,
    as_of: Annotated[
        Moment | None,
        Query(description="An instant, or a date: the end of that day in the project's time zone."),
    ] = None,
) -> Response:
    """Return a project's earned value and earned schedule as of an instant.

    Without `as_of` they are as of the later of two instants: the plan's status date (now, if it has none) and the
    newest instant that progress was stated for (unless it lies more than a year beyond both). The instant used is
    always in the answer.

    Planned value runs linearly over the working minutes of each task's calendar from its baseline start to its
    baseline finish. Progress in an imported plan counts from the plan's status date (from the import, if it has
    none), a fact of progress from its `at`; of each task the latest fact up to `as_of` counts that says something of
    what it earns by. Each task earns by its technique, or by that of its project. Leaf tasks alone are added up,
    inactive ones not. An undefined figure is null with its reason.

    Without `as_of` the tasks count as they are now. With it they count as they were at that instant: those that there
    were, with their baselines, techniques and calendars of then, and no matter what became of them. A change counts
    from when it was made, an imported plan from its status date if that is earlier; instants before the first baseline
    are measured against that.
    """
    kpis = await metrics_at(call.tx, project_id, call.own_only, as_of, datetime.now(UTC))
    body = orjson.dumps(kpis.as_json())
    # Metrics have no version of their own: the same ones have the same tag.
    return call.one(int.from_bytes(hashlib.sha256(body).digest()[:7]), body.decode())


@router.get("/history", response_model=KpiPointPage, **operation(Permission.KPI_READ, 404))
async def get_kpi_history(
    request: Request,
    call: Current,
    project_id: ProjectRef,
    from_: Annotated[
        Moment | None, Query(alias="from", description="The first day; default: the baseline start.")
    ] = None,
    to: Annotated[
        Moment | None,
        Query(description="The last day; default: that of the default `as_of`, at most the end of plan and progress."),
    ] = None,
    interval: Annotated[HistoryInterval, Query(description="How far the points are apart.")] = HistoryInterval.WEEK,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many points at most.")] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None, Query(max_length=2048, description="`next_cursor` of the page before; opaque, good for 24 hours.")
    ] = None,
) -> Response:
    """Return a project's metrics over time: at the end of the first day, of each interval after it, of the last day.

    Weeks end on Sunday, months on their last day, in the project's time zone. Each point has the metrics that
    `as_of` its instant gives. Of instants in `from` and `to` the day counts.
    """
    secret: bytes = request.app.state.cursor_secret
    now = time.time()
    scope = f"kpi-history {call.tx.organization_id} {project_id} {from_} {to} {interval}"
    first, last, after = from_, to, None
    if cursor is not None:
        values = decode_cursor(secret, scope, cursor, now, 3)
        first, last, after = (date.fromisoformat(str(value)) for value in values)
    asked = Series(interval, first, last, after, limit)
    history = await metrics_over_time(call.tx, project_id, call.own_only, asked, datetime.now(UTC))
    following = None
    if history.days and history.days[-1] < history.last:
        places = [day.isoformat() for day in (history.first, history.last, history.days[-1])]
        following = encode_cursor(secret, scope, places, now)
    images = [orjson.dumps(point.as_point()).decode() for point in history.points]
    page = PageRequest(limit, cursor, None, None, False, request.url.path, request.url.query, secret)
    return answer(images, page, following)
