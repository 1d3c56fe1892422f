"""Exports over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from services.projects import repository
from services.projects.api.projects import ProjectRef
from services.projects.service import exports as service
from services.projects.service.schedules import refresh_if_asked
from shared import messaging
from shared.concurrency import etag, not_modified
from shared.permissions import Permission
from shared.route import Current, Operation, operation

router = APIRouter(prefix="/v1/projects/{project_id}/export", tags=["imports"], route_class=Operation)
CONTENT: dict[str, object] = {
    "description": "The file.",
    "headers": {"ETag": {}},
    "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in service.MEDIA_TYPES.values()},
}
DECLARED = operation(Permission.PLAN_READ, 404, deadline_ms=120_000)
DECLARED["responses"][200] = CONTENT


@router.get("", response_class=Response, **DECLARED)
async def export_plan(
    call: Current,
    project_id: ProjectRef,
    format: Annotated[  # noqa: A002
        Literal["mspdi", "xer", "csv", "xlsx", "ics"],
        Query(
            description="Microsoft Project XML (`mspdi`), Primavera (`xer`), a table of the tasks (`csv`, `xlsx`),"
            " or the milestones as iCalendar (`ics`)."
        ),
    ],
) -> Response:
    """Export a project's plan with its present schedule.

    Rows have the numbers that they were imported with, so that the file imported into the project again changes
    nothing; rows that came without get the next ones. Rates, and the costs of assignments that
    tell them, are there only for callers with the permission rate.read. `PMO-Position` names the state shown, and so
    does the ETag: with `If-None-Match` the answer is 304 while nothing has changed.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    await refresh_if_asked(call.tx, project["id"])
    # Before the plan is read, so that no file has the ETag of a state after it.
    version = await repository.position(call.tx, project["id"])
    rates = call.principal.reach(Permission.RATE_READ) is not None
    tag = f"{version}-rates" if rates else str(version)
    headers = {"ETag": etag(tag), "PMO-Position": messaging.position("projects", project["id"], version)}
    if not_modified(call.if_none_match, tag):
        return Response(status_code=304, headers=headers)
    content = await service.export_plan(call.tx, project, format, rates=rates)
    name = f"{project['key']}.{service.SUFFIXES.get(format, format)}"
    headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return StreamingResponse(content, headers=headers, media_type=service.MEDIA_TYPES[format])
