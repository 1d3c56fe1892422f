"""What a slip would do, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from services.projects.api.projects import ProjectRef
from services.projects.domain.impact_images import ImpactRead
from services.projects.service.impact import impact_of
from services.projects.service.schedules import fresh_project
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.types import Schema

router = APIRouter(prefix="/v1/projects/{project_id}/impact", tags=["schedule"], route_class=Operation)


class SlipCreate(Schema):
    """A task that is to slip, in thought."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10", "slip_minutes": 2400}]}
    )

    task_id: UUID
    """The task of this project; a summary: all open tasks below it."""
    slip_minutes: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    """By how many working minutes of the project it begins later; what has begun takes so much longer instead."""


@router.post("", response_model=ImpactRead, **operation(Permission.PLAN_READ, 404, 413, 415))
async def preview_impact(call: Current, project_id: ProjectRef, body: SlipCreate) -> Response:
    """Tell what would move if a task slipped: tasks, milestones and deadlines, here and in projects that follow.

    Nothing is written. Projects that follow do so by links in force; of those that the caller may not see, only how
    much moves is told.
    """
    identifier = await fresh_project(call.tx, project_id, call.own_only)
    answer = await impact_of(call.tx, identifier, call.own_only, body.task_id, body.slip_minutes)
    return Response(answer, media_type="application/json")
