"""The structure of a plan over HTTP: moving, copying and numbering tasks."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.projects.api.projects import ProjectRef
from services.projects.api.tasks import TaskRef
from services.projects.domain.images import TaskRead
from services.projects.entities import TASK
from services.projects.service import copying
from services.projects.service.batch_steps import Step
from services.projects.service.batches import run_batch
from services.projects.service.copying import Wanted
from services.projects.service.life_cycle import changeable_project
from services.projects.service.outlines import load_outline, write_outline
from shared import entity
from shared.entity import Written
from shared.permissions import Permission
from shared.route import Current, Operation, identifier_of, operation
from shared.types import Count, Flag, Schema

router = APIRouter(prefix="/v1/projects/{project_id}/tasks", tags=["tasks"], route_class=Operation)


class TaskMove(Schema):
    """Where a task is to stand: below a parent, before or after a sibling; neither: last."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parent_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10"}]})

    parent_id: UUID | None = None
    """The new parent; null: that of the sibling named, else the top."""
    before_id: UUID | None = None
    """The sibling to stand before."""
    after_id: UUID | None = None
    """The sibling to stand after."""

    @model_validator(mode="after")
    def _stands_beside_one(self) -> "TaskMove":
        if self.before_id is not None and self.after_id is not None:
            raise PydanticCustomError("two_siblings", "before_id and after_id exclude each other")
        return self


class TaskCopy(Schema):
    """What is to be copied."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"source_project_id": "01981c79-90a1-7b52-8e04-5a5a52f20d11", "with_assignments": True}]
        }
    )

    source_project_id: UUID
    """Where from: this project, another one that the caller sees, or any template."""
    task_ids: Annotated[list[UUID], Field(max_length=1000)] = Field(default_factory=list)
    """Tasks, each with all below it; none: the whole plan."""
    parent_id: UUID | None = None
    """Below which task of this project; null: at the top."""
    with_dependencies: Flag = True
    """The dependencies among the copied tasks too."""
    with_calendars: Flag = True
    """The calendars too; otherwise copies work in the calendar of this project."""
    with_assignments: Flag = False
    """The assignments and their resources too."""


class CopiedTask(Schema):
    """A task and its copy."""

    source_id: UUID
    """What was copied."""
    id: UUID
    """The copy."""


class CopyRead(Schema):
    """What was copied."""

    items: list[CopiedTask]
    """The copies in the order of the plan."""


class RenumberRead(Schema):
    """What numbering did."""

    changed: Count
    """How many tasks have another WBS code now."""


@router.post(
    "/{task_id}/move",
    response_model=TaskRead,
    **operation(Permission.PLAN_UPDATE, 404, 409, 412, 413, 415, 422, 428),
)
async def move_task(call: Current, project_id: ProjectRef, task_id: TaskRef, body: TaskMove) -> Response:
    """Move a task with all below it.

    To indent a task, move it below the one above it; to outdent it, after its parent. A move that would make tasks
    wait for each other is refused (409 dependency_cycle). WBS codes of the branch are made anew by the project's mask.
    """
    step = Step("move_task", body.model_dump(), identifier_of(task_id), call.expected)
    (outcome,), position = await run_batch(call.tx, project_id, call.own_only, [step], atomic=False, at="")
    if outcome.problem is not None:
        raise outcome.problem
    assert outcome.id is not None
    version, image = await entity.get(call.tx, TASK, "t.id = $2", outcome.id)
    return call.written(Written(outcome.id, version, image, position))


@router.post("/copy", status_code=201, response_model=CopyRead, **operation(Permission.PLAN_UPDATE, 404, 409, 413, 415))
async def copy_tasks(call: Current, project_id: ProjectRef, body: TaskCopy) -> Response:
    """Copy tasks with all below them, from this project, another one or a template.

    Copies have not begun: no progress, actuals or baseline. Dates shift with the projects' starts; money in another
    currency is not taken over.
    """
    wanted = Wanted(**body.model_dump(exclude={"source_project_id"}))
    copies, position = await copying.copy_tasks(call.tx, project_id, call.own_only, body.source_project_id, wanted)
    items = [{"source_id": str(key), "id": str(copy)} for key, copy in copies.items()]
    headers = {"PMO-Position": position}
    return Response(orjson.dumps({"items": items}), 201, headers, media_type="application/json")


@router.post("/renumber", response_model=RenumberRead, **operation(Permission.PLAN_UPDATE, 404, 409))
async def renumber_tasks(call: Current, project_id: ProjectRef) -> Response:
    """Make all WBS codes anew by the project's mask, in the order of the plan; those given by hand stay."""
    project = await changeable_project(call.tx, project_id, call.own_only)
    outline = await load_outline(call.tx, project)
    outline.renumber()
    settled = outline.settle()
    position = await write_outline(call.tx, project["id"], settled)
    headers = {} if position is None else {"PMO-Position": position}
    return Response(orjson.dumps({"changed": len(settled)}), 200, headers, media_type="application/json")
