"""How PostgreSQL writes assessments of schedules."""

from typing import Final

from services.projects.entities.base import JOIN_PROJECT, STAMPS, plain, table, wall
from services.projects.models import AssessmentOffenderRow, ScheduleAssessmentRow
from shared.entity import Entity

SCHEDULE_ASSESSMENT: Final = Entity(
    "projects",
    "schedule_assessment",
    table(ScheduleAssessmentRow),
    {
        **plain("id", "version", "project_id", "ruleset", "schedule_revision"),
        **wall("status_date"),
        **plain("requested_by", "passed", "failed", "thresholds", "checks"),
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
ASSESSMENT_OFFENDER: Final = Entity(
    "projects",
    "assessment_offender",
    table(AssessmentOffenderRow),
    {
        "check": "t.check_code",
        **plain("task_id"),
        "task_name": "k.name",
        **plain("successor_id"),
        "successor_name": "s.name",
    },
    root="assessment_id",
    join="left join task k on k.organization_id = t.organization_id and k.id = t.task_id"
    " left join task s on s.organization_id = t.organization_id and s.id = t.successor_id",
)
"""Read only: its rows are found once, with their assessment."""
