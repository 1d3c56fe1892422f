"""What holds tasks where they lie: relations with their floats, and the paths that they make."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.projects import repository
from services.projects.api.projects import ProjectRef
from services.projects.api.tasks import TaskRef
from services.projects.domain.conventions import FloatPathMethod
from services.projects.domain.plan import LagUnit, LinkType, Plan
from services.projects.domain.schedule import Relation, driving_relations, float_paths
from services.projects.service.analysis import analysed
from shared.errors import FieldError, ValidationFailed
from shared.permissions import Permission
from shared.route import Current, Operation, identifier_of, operation
from shared.strict_json import dumps
from shared.types import Count, Schema

router = APIRouter(prefix="/v1/projects/{project_id}", tags=["schedule"], route_class=Operation)


class FloatPathRead(Schema):
    """Tasks that follow each other."""

    number: Count
    """1 holds the end most."""
    float_minutes: int
    """The free floats on its way to the end, summed up; by total float that of its last relation."""
    leads_to: UUID | None
    """The task of a path before that it ends at; null on the first."""
    task_ids: list[UUID]
    """Its tasks in order of time; a task is on one path only."""


class FloatPathsRead(Schema):
    """Float paths of a schedule."""

    revision: Count
    """The schedule they are of."""
    method: FloatPathMethod
    """Which float leads from one path to the next."""
    paths: list[FloatPathRead]
    """In order of their float; none while no task is open."""


class RelationRead(Schema):
    """A link of a task, with what its two ends leave room for; minutes of the predecessor's calendar."""

    predecessor_id: UUID
    """The task that goes before."""
    successor_id: UUID
    """The task that hangs on it."""
    type: LinkType
    """Which ends are linked."""
    lag: int
    """Minutes, or percent of the predecessor's duration."""
    lag_unit: LagUnit
    """What the lag is counted in."""
    free_float_minutes: int
    """By how much the predecessor may be later without moving the successor; negative: the link is not kept."""
    total_float_minutes: int
    """By how much without moving the project's finish or a date that must be kept."""
    is_driving: bool
    """Whether the successor lies where it does because of this link, or of others that ask for as much."""


class RelationsRead(Schema):
    """The links of one task."""

    revision: Count
    """The schedule they are of."""
    predecessors: list[RelationRead]
    """Driving ones first, then by free float."""
    successors: list[RelationRead]
    """Driven ones first, then by free float."""


@router.get("/schedule/float-paths", response_model=FloatPathsRead, **operation(Permission.PLAN_READ, 404, 409, 422))
async def list_float_paths(
    call: Current,
    project_id: ProjectRef,
    ending_with: Annotated[
        UUID | None, Query(description="The task that they end with; without it the one that finishes last.")
    ] = None,
    method: Annotated[
        FloatPathMethod, Query(description="By free float what drives comes first, by total float what is most urgent.")
    ] = FloatPathMethod.FREE_FLOAT,
    limit: Annotated[int, Query(ge=1, le=100, description="How many paths at most.")] = 10,
) -> Response:
    """Return the path that holds a task most, and those that would hold it next (multiple float paths)."""
    project = await repository.project_row(call.tx, project_id, call.own_only)
    end = None if ending_with is None else str(ending_with)
    try:
        search = partial(float_paths, ending_with=end, method=method, most=limit)
        revision, paths = await analysed(call.tx, project["id"], search)
    except KeyError as missing:
        detail = "names no task of this project"
        raise ValidationFailed(errors=[FieldError("query/ending_with", "unknown_reference", detail)]) from missing
    items = [
        {
            "number": path.number,
            "float_minutes": path.float_minutes,
            "leads_to": path.leads_to,
            "task_ids": path.tasks,
        }
        for path in paths
    ]
    return _answer({"revision": revision, "method": method, "paths": items})


@router.get("/tasks/{task_id}/relations", response_model=RelationsRead, **operation(Permission.PLAN_READ, 404, 409))
async def list_relations(
    call: Current,
    project_id: ProjectRef,
    task_id: TaskRef,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many of each at most.")] = 100,
) -> Response:
    """Return a task's links with their floats, and which of them drive it or are driven by it."""
    project = await repository.project_row(call.tx, project_id, call.own_only)
    row = await repository.task_row(call.tx, project["id"], identifier_of(task_id))
    revision, (before, after) = await analysed(call.tx, project["id"], partial(_of_task, name=str(row["id"])))
    return _answer({"revision": revision, "predecessors": before[:limit], "successors": after[:limit]})


def _of_task(plan: Plan, name: str) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    found = sorted(driving_relations(plan), key=lambda each: (not each.is_driving, each.free_float_minutes))
    before = [_image(each) for each in found if each.link.successor == name]
    return before, [_image(each) for each in found if each.link.predecessor == name]


def _image(relation: Relation) -> dict[str, object]:
    link = relation.link
    return {
        "predecessor_id": link.predecessor,
        "successor_id": link.successor,
        "type": link.type,
        "lag": link.lag,
        "lag_unit": link.lag_unit,
        "free_float_minutes": relation.free_float_minutes,
        "total_float_minutes": relation.total_float_minutes,
        "is_driving": relation.is_driving,
    }


def _answer(body: dict[str, object]) -> Response:
    return Response(dumps(body), media_type="application/json")
