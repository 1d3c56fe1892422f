"""Schedules over HTTP."""

import time
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response

from services.projects import repository
from services.projects.api.projects import ProjectRef
from services.projects.api.schemas import SchedulePage
from services.projects.domain.conventions import MICROSOFT_PROJECT
from services.projects.service.plans import conventions_of
from services.projects.service.schedules import fresh_project
from shared.pagination import LIMIT_DEFAULT, LIMIT_MAX, decode_cursor, encode_cursor
from shared.permissions import Permission
from shared.route import Current, Operation, operation

USUAL: Final = MICROSOFT_PROJECT.near_critical_float_minutes

router = APIRouter(prefix="/v1/projects/{project_id}/schedule", tags=["schedule"], route_class=Operation)


@router.get("", response_model=SchedulePage, **operation(Permission.PLAN_READ, 404, 409))
async def get_schedule(
    request: Request,
    call: Current,
    project_id: ProjectRef,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=2048, description="`next_cursor` of the page before.")] = None,
    is_critical: Annotated[bool | None, Query(description="Only critical tasks, or only others.")] = None,
    is_near_critical: Annotated[
        bool | None, Query(description="Only tasks within the conventions' near-critical float, or only others.")
    ] = None,
) -> Response:
    """Return the present schedule: the dates of every task by the critical path method on working calendars.

    A cursor is good for one revision: after a new schedule start again without it (400 cursor_invalid).
    """
    identifier = await fresh_project(call.tx, project_id, call.own_only)
    secret: bytes = request.app.state.cursor_secret
    now = time.time()
    place: tuple[int, UUID] = (-1, UUID(int=0))
    present = await call.tx.fetchint(
        "select version from schedule where organization_id = $1 and id = $2", call.tx.organization_id, identifier
    )
    scope = f"{call.tx.organization_id} {identifier} {is_critical} {is_near_critical} "
    if cursor is not None:
        position, task_id = decode_cursor(secret, f"{scope}{present}", cursor, now, 2)
        place = (int(str(position)), UUID(str(task_id)))
    filters = (is_critical, is_near_critical, USUAL)
    row = await call.tx.fetchrow(
        repository.SCHEDULE_PAGE, call.tx.organization_id, identifier, *place, limit + 1, *filters
    )
    assert row is not None
    revision: int = row["revision"] or 0
    images: list[str] = row["images"]
    following = None
    if len(images) > limit:
        images = images[:limit]
        following = encode_cursor(secret, f"{scope}{revision}", row["places"][limit - 1].split(","), now)
    head = {
        "revision": revision,
        "time_zone": row["time_zone"],
        "project_start": row["project_start"],
        "project_finish": row["project_finish"],
        "problem": row["problem"],
        "conventions": conventions_of(row["plan_settings"]),
    }
    body = orjson.dumps(head)[:-1] + b',"items":[' + ",".join(images).encode() + b'],"next_cursor":'
    return Response(body + orjson.dumps(following) + b"}", media_type="application/json")
