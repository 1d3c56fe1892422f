"""How PostgreSQL writes requests for projects, their assessments and criteria."""

from typing import Final

from services.projects.entities.base import STAMPS, plain, table
from services.projects.models import IntakeAssessmentRow, IntakeCriterionRow, IntakeRequestRow
from shared.entity import Entity

_UNASSESSED: Final = (
    "case when t.assessments = 0 then 'not_assessed' when t.outdated_assessments = t.assessments then 'outdated' end"
)
"""Why nothing that was said of a request counts, if nothing does."""
INTAKE_REQUEST: Final = Entity(
    "projects",
    "intake_request",
    table(IntakeRequestRow),
    {
        **plain("id", "version", "key", "title", "description", "status", "requester", "customer_id"),
        **plain("desired_start", "desired_finish"),
        "estimated_cost": "pmo_money(t.estimated_cost, t.currency)",
        "estimated_benefit": "pmo_money(t.estimated_benefit, t.currency)",
        **plain("custom_fields", "assessments", "outdated_assessments", "content_version"),
        "score": "json_build_object('value', t.score::text, 'unit', 'points',"
        f" 'reason', case when t.score is null then coalesce({_UNASSESSED}, 'not_assessed') end)",
        "score_coverage": "json_build_object('value', t.score_coverage::text, 'unit', 'ratio',"
        f" 'reason', case when t.score_coverage is null then coalesce({_UNASSESSED}, 'no_criteria') end)",
        **plain("submitted_by"),
        "submitted_at": "pmo_instant(t.submitted_at)",
        **plain("decided_by"),
        "decided_at": "pmo_instant(t.decided_at)",
        **plain("decision_reason", "project_id"),
        **STAMPS,
    },
    root="id",
)
INTAKE_ASSESSMENT: Final = Entity(
    "projects",
    "intake_assessment",
    table(IntakeAssessmentRow),
    {**plain("id", "version", "request_id", "request_version", "assessor", "scores", "note"), **STAMPS},
    root="request_id",
)
INTAKE_CRITERION: Final = Entity(
    "projects",
    "intake_criterion",
    table(IntakeCriterionRow),
    {
        **plain("id", "version", "name", "description", "weight", "minimum", "maximum", "direction", "status"),
        **STAMPS,
    },
    root="id",
)
