"""The overview of a project over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import WithJsonSchema

from services.gateway.api.route import Caller, DirectOperation
from services.gateway.internal import Services
from services.gateway.proxy.app import Edge
from services.gateway.service import overview as service
from shared.correlation import Correlation
from shared.messaging import parse_positions
from shared.permissions import Permission
from shared.route import operation
from shared.types import Schema, Text

router = APIRouter(prefix="/v1/projects/{project_id}/overview", tags=["overview"], route_class=DirectOperation)


def _elsewhere(name: str) -> WithJsonSchema:
    """Refer to a schema that another service declares, or null."""
    return WithJsonSchema({"anyOf": [{"$ref": f"#/components/schemas/{name}"}, {"type": "null"}]})


class ScheduleSummaryRead(Schema):
    """The present schedule in a few figures."""

    revision: int
    """Counts the schedules of the project."""
    time_zone: Text
    """IANA time zone of the date-times."""
    project_start: Text | None
    """When the first task starts, in the project's time zone."""
    project_finish: Text | None
    """When the last task finishes, in the project's time zone."""
    problem: Text | None
    """Why there is no schedule of the present plan."""


class OverviewRead(Schema):
    """A project at a glance; a part whose service does not answer is null, and its service is in `degraded`."""

    project: Annotated[dict[str, Any] | None, _elsewhere("ProjectRead")]
    """The project."""
    schedule: ScheduleSummaryRead | None
    """Its present schedule."""
    load: Annotated[dict[str, Any] | None, _elsewhere("LoadSummaryRead")]
    """The load of its resources."""
    kpis: Annotated[dict[str, Any] | None, _elsewhere("KpisRead")]
    """How it stands."""
    degraded: list[Text]
    """Services that did not answer: projects, resources, kpi."""
    reasons: dict[str, Text]
    """Service -> the code of what it, or the way to it, answered instead."""


@router.get("", response_model=OverviewRead, **operation(Permission.PROJECT_READ, 404, extra={"x-pmo-composed": True}))
async def get_project_overview(
    asked: Caller,
    request: Request,
    project_id: Annotated[str, Path(description="The project's id, or its human key such as PRJ-42.")],
) -> Response:
    """Return a project at a glance.

    Its data, schedule, load and KPIs, asked of their services at once. When a service is down or too slow the rest
    comes, and `degraded` names it. Roles that may not see a part get it as null too.
    """
    edge: Edge = request.app.state.edge
    correlation: Correlation = request.state.correlation
    wanted = request.headers.get("pmo-wait-for")
    positions = None if wanted is None else ", ".join(map(str, parse_positions(wanted)))
    services = Services(edge.upstreams, edge.minter, asked.principal, correlation, positions)
    return Response(await service.overview(services, project_id), media_type="application/json")
