"""Many changes of a plan in one request, over HTTP."""

from typing import Annotated, Final, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.projects.api.batch_problems import MAX_BYTES, MOST_ITEMS, BatchProblem, told
from services.projects.api.dependencies import DependencyUpdate, Lag
from services.projects.api.projects import ProjectRef
from services.projects.api.schemas import TaskFields, TaskUpdate
from services.projects.domain.conventions import LagCalendar
from services.projects.domain.plan import LagUnit, LinkType
from services.projects.service.batch_steps import Outcome, Step
from services.projects.service.batches import run_batch
from shared.errors import TooManyItems
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.types import Count, Flag, Schema

router = APIRouter(prefix="/v1/projects/{project_id}/tasks", tags=["tasks"], route_class=Operation)

PLACE: Final = {"parent_id", "before_id", "after_id"}

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Ref = Annotated[
    UUID | Annotated[str, Field(pattern=r"^#[A-Za-z0-9_.-]{1,64}$")],
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "pattern": r"^#[A-Za-z0-9_.-]{1,64}$"}],
            "examples": ["#walls"],
        }
    ),
]
"""An id, or `#` and the ref of an earlier item that creates what is meant."""


class BatchTaskCreate(TaskFields):
    """A new task, whose parent may be one that an earlier item creates."""

    parent_id: Ref | None = None
    """The summary it belongs to: an id, or `#ref`."""


class CreateTaskItem(Schema):
    """Add a task, last below its parent."""

    action: Literal["create_task"]
    """What is to be done."""
    ref: Name | None = None
    """Names the new task for later items, as `#ref`."""
    task: BatchTaskCreate
    """The new task."""

    def step(self) -> Step:
        """Return the step that this asks for."""
        return Step(self.action, self.task.values(), ref=self.ref, cost=self.task.cost)


class UpdateTaskItem(Schema):
    """Change a task; one batch updates it once."""

    action: Literal["update_task"]
    """What is to be done."""
    id: UUID
    """The task."""
    version: Count
    """The version that is to be changed."""
    task: TaskUpdate
    """What is to change."""

    def step(self) -> Step:
        """Return the step that this asks for."""
        return Step(self.action, self.task.changes(), self.id, self.version)


class MoveTaskItem(Schema):
    """Move a task with all below it: below a parent, before or after a sibling; neither: last at the top."""

    action: Literal["move_task"]
    """What is to be done."""
    id: UUID
    """The task."""
    version: Count
    """The version that is to be changed."""
    parent_id: Ref | None = None
    """The new parent; null: the sibling's, else the top."""
    before_id: Ref | None = None
    """The sibling to stand before."""
    after_id: Ref | None = None
    """The sibling to stand after."""

    def step(self) -> Step:
        """Return the step that this asks for."""
        return Step(self.action, self.model_dump(include=PLACE), self.id, self.version)


class DeleteTaskItem(Schema):
    """Delete a task with its dependencies and assignments."""

    action: Literal["delete_task"]
    """What is to be done."""
    id: UUID
    """The task."""
    version: Count
    """The version that is to be deleted."""
    with_subtasks: Flag = False
    """Delete all below it too."""

    def step(self) -> Step:
        """Return the step that this asks for."""
        return Step(self.action, {}, self.id, self.version, with_subtasks=self.with_subtasks)


class BatchDependency(Schema):
    """A new dependency, between tasks of which earlier items may create some."""

    predecessor_id: Ref
    """The task that goes before: an id, or `#ref`."""
    successor_id: Ref
    """The task that hangs on it: an id, or `#ref`."""
    type: LinkType = LinkType.FINISH_TO_START
    """Which ends are linked."""
    lag: Lag = 0
    """Minutes, or percent of the predecessor's duration for the percent units; negative is a lead."""
    lag_unit: LagUnit = LagUnit.WORKING
    """What the lag is counted in."""
    lag_calendar: LagCalendar | None = None
    """On whose calendar a working lag is counted; null: as the plan's conventions say."""


class CreateDependencyItem(Schema):
    """Link two tasks."""

    action: Literal["create_dependency"]
    """What is to be done."""
    dependency: BatchDependency
    """The new dependency."""

    def step(self) -> Step:
        """Return the step that this asks for."""
        return Step(self.action, self.dependency.model_dump())


class UpdateDependencyItem(Schema):
    """Change a dependency; one batch updates it once."""

    action: Literal["update_dependency"]
    """What is to be done."""
    id: UUID
    """The dependency."""
    version: Count
    """The version that is to be changed."""
    dependency: DependencyUpdate
    """What is to change."""

    def step(self) -> Step:
        """Return the step that this asks for."""
        return Step(self.action, self.dependency.changes(), self.id, self.version)


class DeleteDependencyItem(Schema):
    """Remove a dependency."""

    action: Literal["delete_dependency"]
    """What is to be done."""
    id: UUID
    """The dependency."""
    version: Count
    """The version that is to be deleted."""

    def step(self) -> Step:
        """Return the step that this asks for."""
        return Step(self.action, {}, self.id, self.version)


BatchItem = Annotated[
    CreateTaskItem
    | UpdateTaskItem
    | MoveTaskItem
    | DeleteTaskItem
    | CreateDependencyItem
    | UpdateDependencyItem
    | DeleteDependencyItem,
    Field(discriminator="action"),
]


class TaskBatch(Schema):
    """Changes of a plan, taken one after the other."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "mode": "atomic",
                    "items": [
                        {"action": "create_task", "ref": "walls", "task": {"name": "Quay walls"}},
                        {
                            "action": "create_task",
                            "ref": "piles",
                            "task": {"name": "Drive piles", "parent_id": "#walls", "duration_minutes": 4800},
                        },
                        {"action": "create_task", "ref": "cap", "task": {"name": "Cap", "parent_id": "#walls"}},
                        {
                            "action": "create_dependency",
                            "dependency": {"predecessor_id": "#piles", "successor_id": "#cap"},
                        },
                    ],
                }
            ]
        }
    )

    mode: Literal["atomic", "best_effort"]
    """All or nothing, or each that can be done."""
    items: Annotated[list[BatchItem], Field(min_length=1, json_schema_extra={"maxItems": MOST_ITEMS})]
    """At most 5000."""

    @model_validator(mode="after")
    def _stands_beside_one(self) -> "TaskBatch":
        for item in self.items:
            if isinstance(item, MoveTaskItem) and item.before_id is not None and item.after_id is not None:
                raise PydanticCustomError("two_siblings", "before_id and after_id exclude each other")
        return self


class BatchResult(Schema):
    """What became of an item."""

    index: Count
    """Its place in the batch, from 0."""
    status: Count
    """201 created, 200 changed, 204 deleted, else the status of its problem."""
    id: UUID | None
    """What was created or changed."""
    version: Count | None
    """Its version now: the ETag."""
    problem: BatchProblem | None
    """Why it was not done; null when it was."""


class BatchRead(Schema):
    """What became of a batch."""

    items: list[BatchResult]
    """One for each item, in its order."""


def _result(index: int, outcome: Outcome) -> dict[str, object]:
    return {
        "index": index,
        "status": outcome.status,
        "id": None if outcome.id is None else str(outcome.id),
        "version": outcome.version,
        "problem": told(outcome.problem),
    }


BATCH = operation(
    Permission.PLAN_UPDATE,
    404,
    409,
    413,
    415,
    max_body_bytes=MAX_BYTES,
    deadline_ms=60_000,
    extra={"x-pmo-max-items": MOST_ITEMS},
)
BATCH["responses"] |= {207: {"model": BatchRead, "description": "What became of each item (best_effort)."}}


@router.post("/batch", response_model=BatchRead, **BATCH)
async def change_tasks(call: Current, project_id: ProjectRef, body: TaskBatch) -> Response:
    """Create, change, move and delete tasks and dependencies, up to 5,000 in one call.

    Items take effect in their order; one may name what an earlier one creates by `#ref`. With mode atomic all are done
    (200) or none (409 batch_refused, `errors[]` says which items and why); with best_effort those that can be done are,
    and the answer (207) tells of each. What is changed is one event, `pmo.projects.plan.changed.v1`, in chunks, with
    what is stated of progress. A body that is malformed is refused as a whole.
    """
    if len(body.items) > MOST_ITEMS:
        raise TooManyItems(f"At most {MOST_ITEMS} items.")
    atomic = body.mode == "atomic"
    outcomes, position = await run_batch(
        call.tx, project_id, call.own_only, [item.step() for item in body.items], atomic=atomic
    )
    answer = orjson.dumps({"items": [_result(index, outcome) for index, outcome in enumerate(outcomes)]})
    headers = {"PMO-Position": position}
    return Response(answer, 200 if atomic else 207, headers, media_type="application/json")
