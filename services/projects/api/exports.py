"""Exports over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.projects import repository
from services.projects.api.projects import ProjectRef
from services.projects.service import exports as service
from services.projects.service.schedules import refresh_if_asked
from shared import messaging
from shared.permissions import Permission
from shared.route import Current, Operation, operation

router = APIRouter(prefix="/v1/projects/{project_id}/export", tags=["imports"], route_class=Operation)
CONTENT: dict[str, object] = {
    "description": "The file.",
    "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in service.MEDIA_TYPES.values()},
}
DECLARED = operation(Permission.PLAN_READ, 404, deadline_ms=120_000)
DECLARED["responses"][200] = CONTENT


@router.get("", response_class=Response, **DECLARED)
async def export_plan(
    call: Current,
    project_id: ProjectRef,
    format: Annotated[  # noqa: A002
        Literal["mspdi", "csv", "ics"],
        Query(description="Microsoft Project XML, a table of the tasks, or the milestones as iCalendar."),
    ],
) -> Response:
    """Export a project's plan with its present schedule.

    Rows have the numbers that they were imported with, so that the file imported into the project again changes
    nothing; rows that came without get the next ones. Rates, and the costs of assignments that
    tell them, are there only for callers with the permission rate.read. `PMO-Position` names the state shown.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    await refresh_if_asked(call.tx, project["id"])
    rates = call.principal.reach(Permission.RATE_READ) is not None
    content = await service.export_plan(call.tx, project, format, rates=rates)
    version = await call.tx.fetchint(
        "select version from aggregate where organization_id = $1 and id = $2", call.tx.organization_id, project["id"]
    )
    name = f"{project['key']}.{service.SUFFIXES[format]}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "PMO-Position": messaging.position("projects", project["id"], version),
    }
    return Response(content, headers=headers, media_type=service.MEDIA_TYPES[format])
