"""Progress over HTTP: what was stated of tasks as of when, and many statements at once."""

import time
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.projects import repository
from services.projects.api.batch_problems import MAX_BYTES, MOST_ITEMS, BatchProblem, told
from services.projects.api.progress_schemas import StatedFields
from services.projects.api.projects import ProjectRef
from services.projects.domain.progress_images import ProgressLineRead, ProgressRead
from services.projects.repository.progress import FACTS
from services.projects.service.progress_line import Line, default_instant, progress_line
from services.projects.service.progress_line import page_of as page_of_line
from services.projects.service.schedules import refresh_if_asked
from services.projects.service.stating import Stated, StatedOutcome, state_progress
from shared import pagination
from shared.errors import TooManyItems
from shared.pagination import LIMIT_DEFAULT, LIMIT_MAX, Paging, decode_cursor, encode_cursor, page_of
from shared.permissions import Permission
from shared.route import Current, Operation, operation
from shared.strict_json import dumps
from shared.types import Count, Instant, Name, Schema, SourceId, absent

router = APIRouter(prefix="/v1/projects/{project_id}", tags=["progress"], route_class=Operation)

ProgressPage = page_of(ProgressRead, "ProgressPage")


@router.get("/progress", response_model=ProgressPage, **operation(Permission.PLAN_READ, 404))
async def list_progress(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    task_id: Annotated[UUID | None, Query(description="Only of this task.")] = None,
    source: Annotated[str | None, Query(max_length=500, description="Only what this source stated.")] = None,
    from_: Annotated[Instant | None, Query(alias="from", description="As of this instant or later.")] = None,
    to: Annotated[Instant | None, Query(description="As of this instant or earlier.")] = None,
) -> Response:
    """List the facts of progress of a project: what was stated of a task, as of when and by whom.

    Facts are never changed. What an imported file states is told with the import, not here. Sorts: at, id; default at.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    filters = {"project_id": project["id"], "task_id": task_id, "source": source, "from": from_, "to": to}
    return await pagination.page(call.tx, FACTS, page, filters)


def _exactly_one(schema: JsonDict) -> None:
    schema.update({"minProperties": 1, "maxProperties": 1})
    properties = schema.get("properties")
    for one in properties.values() if isinstance(properties, dict) else ():
        if isinstance(one, dict):
            one.pop("default", None)


class TaskName(Schema):
    """Names a task of the project in exactly one of three ways."""

    model_config = ConfigDict(json_schema_extra=_exactly_one)

    id: UUID = absent()
    """Our id."""
    source_id: SourceId = absent()
    """What the system it came from calls it."""
    work_breakdown_structure: Name = absent()
    """Its WBS code, if no other task has it too."""

    @model_validator(mode="after")
    def _is_one(self) -> "TaskName":
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("one_reference", "give exactly one of: id, source_id, work_breakdown_structure")
        return self


class ProgressItem(StatedFields):
    """What is stated of a task as of an instant."""

    task: TaskName
    """Of which task."""
    at: Instant
    """As of when it is true; not after both now and the project's status date."""

    @model_validator(mode="after")
    def _says_something(self) -> "ProgressItem":
        if self.model_fields_set <= {"task", "at"}:
            raise PydanticCustomError("nothing_stated", "states nothing of the task's progress")
        return self

    def stated(self) -> Stated:
        """Return the statement."""
        (column,) = self.task.model_fields_set
        values = {name: value for name, value in self.changes().items() if name not in {"task", "at"}}
        return Stated(column, getattr(self.task, column), values | {"progress_at": self.at})


class ProgressBatch(Schema):
    """Statements about tasks of one project."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "mode": "best_effort",
                    "items": [
                        {"task": {"source_id": "12"}, "at": "2026-03-31T17:00:00+02:00", "percent_complete": 60},
                        {
                            "task": {"work_breakdown_structure": "1.3"},
                            "at": "2026-03-31T17:00:00+02:00",
                            "actual_finish": "2026-03-30T15:00:00+02:00",
                            "actual_cost": {"amount": "18250.00", "currency": "EUR"},
                        },
                    ],
                }
            ]
        }
    )

    mode: Literal["atomic", "best_effort"]
    """All or nothing, or each that can be taken."""
    items: Annotated[list[ProgressItem], Field(min_length=1, json_schema_extra={"maxItems": MOST_ITEMS})]
    """At most 5000; they take effect in the order of their instants."""


class ProgressResult(Schema):
    """What became of a statement."""

    index: Count
    """Its place in the batch, from 0."""
    status: Count
    """201 kept, else the status of its problem."""
    id: UUID | None
    """The fact."""
    task_id: UUID | None
    """The task."""
    is_newest: bool | None
    """The task has taken it on; false: progress as of later is known, so it is a fact of the past alone."""
    problem: BatchProblem | None
    """Why it was not taken; null when it was."""


class ProgressBatchRead(Schema):
    """What became of statements."""

    items: list[ProgressResult]
    """One for each item, in its order."""


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
BATCH["responses"] |= {207: {"model": ProgressBatchRead, "description": "What became of each item (best_effort)."}}


def _result(index: int, outcome: StatedOutcome) -> dict[str, object]:
    problem = outcome.problem
    return {
        "index": index,
        "status": 201 if problem is None else int(problem.status),
        "id": outcome.id,
        "task_id": outcome.task_id,
        "is_newest": outcome.is_newest,
        "problem": told(problem),
    }


@router.post("/progress/batch", response_model=ProgressBatchRead, **BATCH)
async def state_progress_of_tasks(call: Current, project_id: ProjectRef, body: ProgressBatch) -> Response:
    """State progress of many tasks, up to 5,000 statements in one call, each as of its own instant.

    Each is kept as a fact. The newest of a task is what the task tells from then on; one that is older changes nothing
    but the past: the metrics as of its instant. With mode atomic all are taken (200) or none (409 batch_refused,
    `errors[]` says which items and why); with best_effort those that can be are, and the answer (207) tells of each.
    All is one event, `pmo.projects.plan.changed.v1`, in chunks, with the facts and the tasks that took them on.
    """
    if len(body.items) > MOST_ITEMS:
        raise TooManyItems(f"At most {MOST_ITEMS} items.")
    atomic = body.mode == "atomic"
    stated = [item.stated() for item in body.items]
    outcomes, position = await state_progress(call.tx, project_id, call.own_only, stated, atomic=atomic)
    answer = dumps({"items": [_result(index, outcome) for index, outcome in enumerate(outcomes)]})
    return Response(answer, 200 if atomic else 207, {"PMO-Position": position}, media_type="application/json")


@router.get("/progress-line", response_model=ProgressLineRead, **operation(Permission.PLAN_READ, 404))
async def get_progress_line(
    request: Request,
    call: Current,
    project_id: ProjectRef,
    as_of: Annotated[
        Instant | None, Query(description="The instant that the line runs down; default: the status date, else now.")
    ] = None,
    bars: Annotated[
        Literal["schedule", "baseline"], Query(description="On the present schedule, or on the baseline in force.")
    ] = "schedule",
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=2048, description="`next_cursor` of the page before.")] = None,
) -> Response:
    """Return where progress stands on each task's bar beside an instant: who is behind, who is ahead, by how much.

    As Microsoft Project draws it: a task that has begun is at the part of its bar that its percent complete is of the
    working time in it; one that has not begun and should have is at its start, one that is finished before its time at
    its finish; all others are on the line. Progress counts as it was known as of the instant.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    await refresh_if_asked(call.tx, project["id"])
    now = time.time()
    secret: bytes = request.app.state.cursor_secret
    scope = f"{call.tx.organization_id} progress-line {project['id']} {as_of} {bars}"
    asked, place = as_of or default_instant(project, datetime.now(UTC)), BEGINNING
    if cursor is not None:
        instant, position, task_id = decode_cursor(secret, scope, cursor, now, 3)
        asked, place = datetime.fromisoformat(str(instant)), (int(str(position)), UUID(str(task_id)))
    document, following = await progress_line(call.tx, project, Line(bars, asked, limit, place))
    values = None if following is None else [asked.isoformat(), *map(str, following)]
    return Response(
        page_of_line(document, None if values is None else encode_cursor(secret, scope, values, now)),
        media_type="application/json",
    )


BEGINNING: Final = (-1, UUID(int=0))
