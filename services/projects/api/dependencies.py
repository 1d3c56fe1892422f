"""Links between tasks over HTTP."""

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.projects import repository
from services.projects.api.projects import AsOf, ProjectRef
from services.projects.domain.conventions import LagCalendar
from services.projects.domain.images import DependencyRead
from services.projects.domain.plan import LagUnit, LinkType
from services.projects.entities import DEPENDENCY
from services.projects.repository.dependencies import DEPENDENCIES
from services.projects.service import dependencies as service
from services.projects.service.projects import known_project, known_project_as_of
from shared import entity, history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Patch, Schema, absent, as_uuid

router = APIRouter(prefix="/v1/projects/{project_id}/dependencies", tags=["dependencies"], route_class=Operation)

DependencyRef = Annotated[str, Path(description="The dependency's id.")]
Lag = Annotated[int, Field(strict=True, ge=-10_000_000, le=10_000_000)]
"""Minutes or percent; negative is a lead."""

DependencyPage = page_of(DependencyRead, "DependencyPage")


class DependencyCreate(Schema):
    """A new dependency."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "predecessor_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10",
                    "successor_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f11",
                    "type": "finish_to_start",
                    "lag": 480,
                }
            ]
        }
    )

    predecessor_id: UUID
    """The task that goes before: a summary stands for all tasks below it."""
    successor_id: UUID
    """The task that hangs on it, of the same project."""
    type: LinkType = LinkType.FINISH_TO_START
    """Which ends are linked."""
    lag: Lag = 0
    """Minutes, or percent of the predecessor's duration for the percent units; negative is a lead."""
    lag_unit: LagUnit = LagUnit.WORKING
    """What the lag is counted in."""
    lag_calendar: LagCalendar | None = None
    """On whose calendar a working lag is counted; null: as the plan's conventions say."""

    @model_validator(mode="after")
    def _links_two_tasks(self) -> "DependencyCreate":
        if self.predecessor_id == self.successor_id:
            raise PydanticCustomError("self_dependency", "a task cannot depend on itself")
        return self


class DependencyUpdate(Patch):
    """Changes to a dependency; absent fields keep their values. Its tasks never change."""

    type: LinkType = absent()
    """Which ends are linked."""
    lag: Lag = absent()
    """Minutes, or percent of the predecessor's duration for the percent units; negative is a lead."""
    lag_unit: LagUnit = absent()
    """What the lag is counted in."""
    lag_calendar: LagCalendar | None = None
    """On whose calendar a working lag is counted; null: as the plan's conventions say."""


@router.get("", response_model=DependencyPage, **operation(Permission.PLAN_READ, 404))
async def list_dependencies(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    predecessor_id: Annotated[UUID | None, Query(description="Only those that leave from this task.")] = None,
    successor_id: Annotated[UUID | None, Query(description="Only those that arrive at this task.")] = None,
    task_id: Annotated[UUID | None, Query(description="Only those at either end of this task.")] = None,
    type: Annotated[list[LinkType] | None, Query(description="Any of these types.")] = None,  # noqa: A002
) -> Response:
    """List the dependencies between a project's tasks.

    Sorts: id, type, lag, created_at, updated_at; default id (order of creation).
    """
    identifier = as_uuid(project_id)

    async def visible() -> asyncpg.Record:
        return await repository.project_row(call.tx, project_id, call.own_only)

    filters = {
        "project_id": identifier or (await visible())["id"],
        "predecessor_id": predecessor_id,
        "successor_id": successor_id,
        "task_id": task_id,
        "type": type,
    }
    own = pagination.owned_by(call.own_only, "p.owner")
    return await pagination.page(call.tx, DEPENDENCIES, page, filters, restrict=own, if_empty=visible)


@router.post(
    "", status_code=201, response_model=DependencyRead, **operation(Permission.PLAN_UPDATE, 404, 409, 413, 415)
)
async def create_dependency(call: Current, project_id: ProjectRef, body: DependencyCreate) -> Response:
    """Link two tasks of a project.

    A dependency that would make tasks wait for each other, be it through summaries, is refused (409
    dependency_cycle); `errors[]` names the tasks of the loop in order, with
    code and name those of projects that the caller sees.
    """
    written = await service.create_dependency(call.tx, project_id, call.own_only, body.model_dump())
    return call.written(written, 201, f"/v1/projects/{project_id}/dependencies/{written.id}")


@router.get("/{dependency_id}", response_model=DependencyRead, **operation(Permission.PLAN_READ, 404))
async def get_dependency(
    call: Current, project_id: ProjectRef, dependency_id: DependencyRef, as_of: AsOf = None
) -> Response:
    """Return one dependency; with as_of, as it was then."""
    identifier = identifier_of(dependency_id)
    if as_of is not None:
        root = await known_project_as_of(call.tx, project_id, call.own_only, as_of)
        return call.one(*await entity.image_as_of(call.tx, DEPENDENCY, identifier, as_of, root=root))
    condition, values = repository.reference(project_id, call.own_only, "p")
    found = await entity.get(call.tx, DEPENDENCY, f"{condition} and t.id = ${len(values) + 2}", *values, identifier)
    return call.one(*found)


@router.get("/{dependency_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_dependency_history(
    call: Current, page: Paging, project_id: ProjectRef, dependency_id: DependencyRef, filters: history.Filters
) -> Response:
    """List the versions of a dependency: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    root = await known_project(call.tx, project_id, call.own_only)
    return await history.page(call.tx, page, DEPENDENCY, identifier_of(dependency_id), filters, root=root)


@router.patch(
    "/{dependency_id}",
    response_model=DependencyRead,
    **operation(Permission.PLAN_UPDATE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_dependency(
    call: Current,
    project_id: ProjectRef,
    dependency_id: DependencyRef,
    body: Annotated[DependencyUpdate, Body(media_type=MERGE_PATCH[0])],
) -> Response:
    """Change the type or the lag of a dependency."""
    identifier = identifier_of(dependency_id)
    written = await service.update_dependency(
        call.tx, project_id, call.own_only, identifier, call.expected, body.changes()
    )
    return call.written(written)


@router.delete("/{dependency_id}", status_code=204, **operation(Permission.PLAN_UPDATE, 404, 412, 428))
async def delete_dependency(call: Current, project_id: ProjectRef, dependency_id: DependencyRef) -> Response:
    """Remove a dependency."""
    identifier = identifier_of(dependency_id)
    return call.written(await service.delete_dependency(call.tx, project_id, call.own_only, identifier, call.expected))
