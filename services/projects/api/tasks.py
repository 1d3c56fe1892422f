"""Tasks over HTTP."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Body, Path, Query, Response

from services.projects import repository
from services.projects.api.governed import CUSTOM_QUERY, Custom
from services.projects.api.projects import AsOf, ProjectRef
from services.projects.api.schemas import TaskCreate, TaskPage, TaskUpdate
from services.projects.domain.images import TaskRead
from services.projects.domain.plan import ActivityType
from services.projects.domain.projection_images import TaskView
from services.projects.entities import TASK
from services.projects.entities.projections import PROJECTIONS, expanded
from services.projects.service import custom_fields
from services.projects.service import tasks as service
from services.projects.service.projects import known_project, known_project_as_of
from services.projects.service.schedules import fresh_project
from shared import entity, history, pagination
from shared.concurrency import etag
from shared.errors import FieldError, ValidationFailed
from shared.history import HistoryPage
from shared.pagination import Paging
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Instant, Wanted, as_uuid

router = APIRouter(prefix="/v1/projects/{project_id}/tasks", tags=["tasks"], route_class=Operation)

TaskRef = Annotated[str, Path(description="The task's id.")]
Expand = Annotated[
    str | None,
    Query(max_length=200, description=f"What to show beside, comma-separated: any of {', '.join(PROJECTIONS)}."),
]


def _projections(expand: str | None) -> tuple[str, ...]:
    """Return the projections that are asked for; raises ValidationFailed naming those there are."""
    names = () if expand is None else tuple(dict.fromkeys(expand.split(",")))
    if not PROJECTIONS.keys() >= set(names):
        detail = f"is not one of: {', '.join(PROJECTIONS)}"
        raise ValidationFailed(errors=[FieldError("query/expand", "unknown_projection", detail)])
    return names


@router.get("", response_model=TaskPage, **operation(Permission.PLAN_READ, 404, extra=CUSTOM_QUERY))
async def list_tasks(
    call: Current,
    page: Paging,
    custom: Custom,
    project_id: ProjectRef,
    parent_id: Annotated[UUID | None, Query(description="Only the tasks directly below this summary.")] = None,
    source_id: Annotated[Wanted | None, Query(max_length=200, description="What the file calls it.")] = None,
    is_summary: Annotated[bool | None, Query(description="Only summaries, or only others.")] = None,
    is_milestone: Annotated[bool | None, Query(description="Only milestones, or only others.")] = None,
    activity_type: Annotated[list[ActivityType] | None, Query(description="Any of these activity types.")] = None,
    name: Annotated[Wanted | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
    deadline_before: Annotated[Instant | None, Query(description="With a deadline before this instant.")] = None,
    percent_complete_below: Annotated[
        Decimal | None, Query(ge=0, le=100, allow_inf_nan=False, description="Less complete than this.")
    ] = None,
    expand: Expand = None,
) -> Response:
    """List the tasks of a project, also by the organization's own fields: `custom.<key>=<value>`.

    Sorts: position, name, priority, duration_minutes, percent_complete, deadline, updated_at; default position.
    Expansions are of one revision of the schedule, computed anew if what they show was changed just before.
    """
    identifier = as_uuid(project_id)
    projections = _projections(expand)

    async def visible() -> asyncpg.Record:
        return await repository.project_row(call.tx, project_id, call.own_only)

    if projections:
        identifier = await fresh_project(call.tx, project_id, call.own_only)
        page = page if page.fields is None else replace(page, fields=",".join((page.fields, *projections)))
    filters = {
        "project_id": identifier or (await visible())["id"],
        "parent_id": parent_id,
        "source_id": source_id,
        "is_summary": is_summary,
        "is_milestone": is_milestone,
        "activity_type": activity_type,
        "name": name,
        "deadline_before": deadline_before,
        "percent_complete_below": percent_complete_below,
        "custom": await custom_fields.wanted(call.tx, TASK, custom),
    }
    own = pagination.owned_by(call.own_only, "p.owner")
    listing = repository.tasks_with(projections)
    return await pagination.page(call.tx, listing, page, filters, restrict=own, if_empty=visible)


@router.post("", status_code=201, response_model=TaskRead, **operation(Permission.PLAN_UPDATE, 404, 409, 413, 415))
async def create_task(call: Current, project_id: ProjectRef, body: TaskCreate) -> Response:
    """Add a task to a project."""
    written = await service.create_task(call.tx, project_id, call.own_only, body.values(), body.cost)
    return call.written(written, 201, f"/v1/projects/{project_id}/tasks/{written.id}")


@router.get("/{task_id}", response_model=TaskView, **operation(Permission.PLAN_READ, 404))
async def get_task(
    call: Current, project_id: ProjectRef, task_id: TaskRef, as_of: AsOf = None, expand: Expand = None
) -> Response:
    """Return one task; with as_of, as it was then.

    With `expand` the answer changes with the schedule too, so that it is always sent in full; its ETag is the task's.
    """
    identifier = identifier_of(task_id)
    projections = _projections(expand)
    if projections and as_of is not None:
        raise ValidationFailed(errors=[FieldError("query/expand", "not_as_of", "shows only how it is now")])
    if projections:
        found, own = "t.project_id = $2 and t.id = $3", await fresh_project(call.tx, project_id, call.own_only)
        version, image = await entity.get(call.tx, expanded(projections), found, own, identifier)
        return Response(image, media_type="application/json", headers={"ETag": etag(version)})
    if as_of is not None:
        root = await known_project_as_of(call.tx, project_id, call.own_only, as_of)
        return call.one(*await entity.image_as_of(call.tx, TASK, identifier, as_of, root=root))
    condition, values = repository.reference(project_id, call.own_only, "p")
    return call.one(*await entity.get(call.tx, TASK, f"{condition} and t.id = ${len(values) + 2}", *values, identifier))


@router.get("/{task_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_task_history(
    call: Current, page: Paging, project_id: ProjectRef, task_id: TaskRef, filters: history.Filters
) -> Response:
    """List the versions of a task: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    root = await known_project(call.tx, project_id, call.own_only)
    return await history.page(call.tx, page, TASK, identifier_of(task_id), filters, root=root)


@router.patch(
    "/{task_id}",
    response_model=TaskRead,
    **operation(Permission.PLAN_UPDATE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_task(
    call: Current,
    project_id: ProjectRef,
    task_id: TaskRef,
    body: Annotated[TaskUpdate, Body(media_type=MERGE_PATCH[0])],
) -> Response:
    """Change a task; what it states of progress counts as of `progress_at`, else as of now.

    A fact of progress is kept of it. Not of an instant before the newest one that progress is known of (409
    newer_progress_known): such facts are for `POST /v1/projects/{project_id}/progress/batch`.
    """
    identifier = identifier_of(task_id)
    written = await service.update_task(call.tx, project_id, call.own_only, identifier, call.expected, body.changes())
    return call.written(written)


@router.delete("/{task_id}", status_code=204, **operation(Permission.PLAN_UPDATE, 404, 409, 412, 428))
async def delete_task(call: Current, project_id: ProjectRef, task_id: TaskRef) -> Response:
    """Delete a task with its links and assignments."""
    identifier = identifier_of(task_id)
    return call.written(await service.delete_task(call.tx, project_id, call.own_only, identifier, call.expected))
