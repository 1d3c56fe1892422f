"""Schedule quality over HTTP."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from services.projects import repository
from services.projects.api.projects import ProjectRef
from services.projects.domain.quality.images import OffenderRead, ScheduleAssessmentRead
from services.projects.entities import SCHEDULE_ASSESSMENT
from services.projects.repository import quality as rows
from services.projects.service import quality as service
from shared import entity, pagination
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import Current, Operation, identifier_of, operation
from shared.types import Count, Instant, Patch, Percent, Schema, absent, decimal_of

router = APIRouter(
    prefix="/v1/projects/{project_id}/schedule-assessments", tags=["schedule quality"], route_class=Operation
)

AssessmentRef = Annotated[str, Path(description="The assessment's id.")]
ScheduleAssessmentPage = page_of(ScheduleAssessmentRead, "ScheduleAssessmentPage")
OffenderPage = page_of(OffenderRead, "OffenderPage")
Index = Annotated[
    Decimal,
    BeforeValidator(decimal_of),
    Field(ge=0, le=10, max_digits=6, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10}),
]
Days = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class ThresholdsGiven(Patch):
    """What the checks are held against; what is absent is as PAM 200.1 has it."""

    missing_logic_percent: Percent = absent()
    """Check 1; 5."""
    leads: Count = absent()
    """Check 2; 0."""
    lags_percent: Percent = absent()
    """Check 3; 5."""
    finish_to_start_percent: Percent = absent()
    """Check 4, at least; 90."""
    hard_constraints_percent: Percent = absent()
    """Check 5; 5."""
    high_float_days: Days = absent()
    """Check 6: from how many working days total float is high; 44."""
    high_float_percent: Percent = absent()
    """Check 6; 5."""
    high_duration_days: Days = absent()
    """Check 8: from how many working days a duration is high; 44."""
    high_duration_percent: Percent = absent()
    """Check 8; 5."""
    invalid_dates: Count = absent()
    """Check 9; 0."""
    missed_percent: Percent = absent()
    """Check 11; 5."""
    critical_path_delay_days: Days = absent()
    """Check 12: working days put on a critical task; 600."""
    critical_path_length_index: Index = absent()
    """Check 13, at least; 0.95."""
    baseline_execution_index: Index = absent()
    """Check 14, at least; 0.95."""


class AssessmentCreate(Schema):
    """An assessment to be made of the schedule as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"thresholds": {"lags_percent": 10}}]})

    status_date: Instant | None = None
    """As of when; the project's status date if absent."""
    thresholds: ThresholdsGiven = ThresholdsGiven()
    """Other thresholds than PAM 200.1's."""


@router.post(
    "",
    status_code=201,
    response_model=ScheduleAssessmentRead,
    **operation(Permission.PLAN_ASSESS, 404, 409, 413, 415, deadline_ms=60_000),
)
async def assess_schedule(call: Current, project_id: ProjectRef, body: AssessmentCreate) -> Response:
    """Assess the present schedule by the DCMA 14 points and keep what was found.

    A check whose population is empty, or that lacks a status date or a baseline, is neither passed nor failed: its
    value is null, with the reason.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    written = await service.assess_schedule(call.tx, project, body.status_date, body.thresholds.changes())
    return call.written(written, 201, f"/v1/projects/{project_id}/schedule-assessments/{written.id}")


@router.get("", response_model=ScheduleAssessmentPage, **operation(Permission.PLAN_READ, 404))
async def list_schedule_assessments(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    ruleset: Annotated[str | None, Query(max_length=100, description="Only of this reading of the 14 points.")] = None,
) -> Response:
    """List the assessments of a project's schedules.

    Sorts: id, created_at, failed; default -id (newest first).
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    return await pagination.page(call.tx, rows.ASSESSMENTS, page, {"project_id": project["id"], "ruleset": ruleset})


@router.get("/{assessment_id}", response_model=ScheduleAssessmentRead, **operation(Permission.PLAN_READ, 404))
async def get_schedule_assessment(call: Current, project_id: ProjectRef, assessment_id: AssessmentRef) -> Response:
    """Return one assessment; it never changes."""
    project = await repository.project_row(call.tx, project_id, call.own_only)
    condition, identifier = "t.project_id = $2 and t.id = $3", identifier_of(assessment_id)
    return call.one(*await entity.get(call.tx, SCHEDULE_ASSESSMENT, condition, project["id"], identifier))


@router.get("/{assessment_id}/offenders", response_model=OffenderPage, **operation(Permission.PLAN_READ, 404))
async def list_assessment_offenders(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    assessment_id: AssessmentRef,
    check: Annotated[str | None, Query(max_length=64, description="Only of this check.")] = None,
) -> Response:
    """List the tasks and links that an assessment objects to.

    Sorts: id, check; default id (order of the checks, then of the plan).
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    condition, identifier = "t.project_id = $2 and t.id = $3", identifier_of(assessment_id)
    await entity.get(call.tx, SCHEDULE_ASSESSMENT, condition, project["id"], identifier)
    return await pagination.page(call.tx, rows.OFFENDERS, page, {"assessment_id": identifier, "check": check})
