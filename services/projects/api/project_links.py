"""Links between projects over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import ConfigDict, Field

from services.projects import repository
from services.projects.api.dependencies import Lag
from services.projects.api.projects import AsOf, ProjectRef
from services.projects.domain.plan import LinkType
from services.projects.domain.project_link_images import CrossLagUnit, ProjectLinkRead, ProjectLinkView
from services.projects.domain.project_links import Hardness, LinkState
from services.projects.entities import PROJECT_LINK
from services.projects.repository import project_links as rows
from services.projects.service import project_links as service
from shared import entity, history, pagination
from shared.errors import NotFound
from shared.history import HistoryPage
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Name, Patch, Schema, absent

router = APIRouter(prefix="/v1/projects/{project_id}/links", tags=["project-links"], route_class=Operation)

LinkRef = Annotated[str, Path(description="The link's id.")]
Why = Annotated[Name, Field(description="Why; kept with the link.")]
ProjectLinkPage = page_of(ProjectLinkView, "ProjectLinkPage")


class ProjectLinkCreate(Schema):
    """A new link from a task of this project to one of another."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "predecessor_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10",
                    "successor_project_id": "01981c79-90a1-7b52-8e04-5a5a52f20d11",
                    "successor_id": "01981c7b-1f4e-7a52-8c7d-0a4d4f0b1c22",
                    "hardness": "soft",
                    "reason": "The cranes need the finished quay.",
                }
            ]
        }
    )

    predecessor_id: UUID
    """The task of this project that goes before: a summary stands for all tasks below it."""
    successor_project_id: UUID
    """The other project."""
    successor_id: UUID
    """Its task that hangs on this one; a summary stands for all tasks below it."""
    type: LinkType = LinkType.FINISH_TO_START
    """Which ends are linked."""
    lag: Lag = 0
    """Minutes; negative is a lead."""
    lag_unit: CrossLagUnit = "working"
    """Working minutes of the calendar of the successor's project, or minutes of the clock."""
    hardness: Hardness
    """Hard needs the right to plan both projects and is in force at once; soft is offered."""
    reason: Annotated[str, Field(max_length=500)] = ""
    """Why, for who is to accept it."""


class ProjectLinkUpdate(Patch):
    """Changes to a link between projects; absent fields keep their values. Its tasks and hardness never change."""

    type: LinkType = absent()
    """Which ends are linked."""
    lag: Lag = absent()
    """Minutes; negative is a lead."""
    lag_unit: CrossLagUnit = absent()
    """Working minutes of the calendar of the successor's project, or minutes of the clock."""


class LinkDecisionCreate(Schema):
    """What the successor's side says to a soft link."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"decision": "accepted", "reason": "It fits."}]})

    decision: Literal["accepted", "refused"]
    """One that is in force may still be refused."""
    reason: Why


class LinkWithdrawalCreate(Schema):
    """Why a soft link is withdrawn."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The quay is not needed any more."}]})

    reason: Why


@router.get("", response_model=ProjectLinkPage, **operation(Permission.PLAN_READ, 404))
async def list_project_links(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    direction: Annotated[
        Literal["incoming", "outgoing"] | None,
        Query(description="Only those that this project's tasks hang on, or only those that hang on its tasks."),
    ] = None,
    task_id: Annotated[UUID | None, Query(description="Only those at either end of this task.")] = None,
    state: Annotated[list[LinkState] | None, Query(description="Any of these states.")] = None,
    hardness: Annotated[Hardness | None, Query(description="Only hard ones, or only soft ones.")] = None,
    is_driving: Annotated[bool | None, Query(description="Only those that their successor lies by, or others.")] = None,
) -> Response:
    """List the links between a project and others, with what each asks of its successor at present.

    Sorts: id, state, created_at, updated_at; default id (order of creation).
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    filters = {
        direction or "either": project["id"],
        "task_id": task_id,
        "state": state,
        "hardness": hardness,
        "is_driving": is_driving,
    }
    return await pagination.page(call.tx, rows.PROJECT_LINKS, page, filters)


@router.post(
    "", status_code=201, response_model=ProjectLinkRead, **operation(Permission.PLAN_UPDATE, 404, 409, 413, 415)
)
async def create_project_link(call: Current, project_id: ProjectRef, body: ProjectLinkCreate) -> Response:
    """Link a task of this project to one of another, which follows it.

    A hard link needs the right to plan both, and the other project's schedule follows at once. A soft one is offered to
    who plans the other project. What would make tasks wait for each other through several projects is refused (409
    dependency_cycle); `errors[]` names the tasks of the loop in order, with
    code and name those of projects that the caller sees.
    """
    written = await service.create_link(call.tx, project_id, call.own_only, body.model_dump())
    return call.written(written, 201, f"/v1/projects/{project_id}/links/{written.id}")


@router.get("/{link_id}", response_model=ProjectLinkRead, **operation(Permission.PLAN_READ, 404))
async def get_project_link(call: Current, project_id: ProjectRef, link_id: LinkRef, as_of: AsOf = None) -> Response:
    """Return one link between projects, at either end; with as_of, as it was then."""
    project = await repository.project_row(call.tx, project_id, call.own_only)
    identifier = identifier_of(link_id)
    found = "t.id = $3 and $2 in (t.project_id, t.predecessor_project_id)"
    version, image = await entity.get(call.tx, PROJECT_LINK, found, project["id"], identifier)
    if as_of is not None:
        version, image = await entity.image_as_of(call.tx, PROJECT_LINK, identifier, as_of)
    return call.one(version, image)


@router.get("/{link_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_project_link_history(
    call: Current, page: Paging, project_id: ProjectRef, link_id: LinkRef, filters: history.Filters
) -> Response:
    """List the versions of a link between projects: who offered, decided or changed it, when and why.

    Sorts: version; default -version (newest first).
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    identifier = identifier_of(link_id)
    last = await history.last_image(call.tx, PROJECT_LINK, identifier)
    if str(project["id"]) not in {last["successor_project_id"], last["predecessor_project_id"]}:
        raise NotFound
    return await history.page(call.tx, page, PROJECT_LINK, identifier, filters)


@router.patch(
    "/{link_id}",
    response_model=ProjectLinkRead,
    **operation(Permission.PLAN_UPDATE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_project_link(
    call: Current,
    project_id: ProjectRef,
    link_id: LinkRef,
    body: Annotated[ProjectLinkUpdate, Body(media_type=MERGE_PATCH[0])],
) -> Response:
    """Change the type or the lag of a link between projects; a soft one is offered anew by that."""
    identifier = identifier_of(link_id)
    written = await service.update_link(call.tx, project_id, call.own_only, identifier, call.expected, body.changes())
    return call.written(written)


@router.delete("/{link_id}", status_code=204, **operation(Permission.PLAN_UPDATE, 404, 409, 412, 428))
async def delete_project_link(call: Current, project_id: ProjectRef, link_id: LinkRef) -> Response:
    """Remove a link between projects: hard ones need the right to plan both, soft ones that of the predecessor's."""
    identifier = identifier_of(link_id)
    return call.written(await service.delete_link(call.tx, project_id, call.own_only, identifier, call.expected))


@router.post(
    "/{link_id}/decisions",
    response_model=ProjectLinkRead,
    **operation(Permission.PLAN_UPDATE, 404, 409, 412, 413, 415, 428),
)
async def decide_project_link(
    call: Current, project_id: ProjectRef, link_id: LinkRef, body: LinkDecisionCreate
) -> Response:
    """Accept or refuse a soft link, with `If-Match` and the right to plan the successor's project.

    An accepted link is in force: the successor's schedule follows at once. It may be refused later too.
    """
    decision = service.Decision(LinkState(body.decision), body.reason)
    identifier = identifier_of(link_id)
    return call.written(
        await service.decide_link(call.tx, project_id, call.own_only, identifier, call.expected, decision)
    )


@router.post(
    "/{link_id}/withdrawal",
    response_model=ProjectLinkRead,
    **operation(Permission.PLAN_UPDATE, 404, 409, 412, 413, 415, 428),
)
async def withdraw_project_link(
    call: Current, project_id: ProjectRef, link_id: LinkRef, body: LinkWithdrawalCreate
) -> Response:
    """Withdraw a soft link, offered or accepted, with `If-Match` and the right to plan the predecessor's project."""
    decision = service.Decision(LinkState.WITHDRAWN, body.reason)
    identifier = identifier_of(link_id)
    return call.written(
        await service.decide_link(call.tx, project_id, call.own_only, identifier, call.expected, decision)
    )
