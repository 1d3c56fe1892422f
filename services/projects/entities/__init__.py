"""How PostgreSQL writes each entity's image from its row."""

from services.projects.entities.approval import APPROVAL_LIMIT
from services.projects.entities.baselines import BASELINE, BASELINE_TASK
from services.projects.entities.hierarchy import (
    CUSTOM_FIELD,
    CUSTOMER,
    PORTFOLIO,
    PORTFOLIO_ITEM,
    PROGRAMME,
    PROGRAMME_TRANSITION,
)
from services.projects.entities.intake import INTAKE_ASSESSMENT, INTAKE_CRITERION, INTAKE_REQUEST
from services.projects.entities.organization_calendars import ORGANIZATION_CALENDAR
from services.projects.entities.plan import ASSIGNMENT, CALENDAR, DEPENDENCY, PLAN_RESOURCE, PROGRESS, TASK
from services.projects.entities.project import IMPORT, PROJECT, PROJECT_TRANSITION
from services.projects.entities.project_links import PROJECT_LINK
from services.projects.entities.quality import ASSESSMENT_OFFENDER, SCHEDULE_ASSESSMENT

__all__ = [
    "APPROVAL_LIMIT",
    "ASSESSMENT_OFFENDER",
    "ASSIGNMENT",
    "BASELINE",
    "BASELINE_TASK",
    "CALENDAR",
    "CUSTOMER",
    "CUSTOM_FIELD",
    "DEPENDENCY",
    "IMPORT",
    "INTAKE_ASSESSMENT",
    "INTAKE_CRITERION",
    "INTAKE_REQUEST",
    "ORGANIZATION_CALENDAR",
    "PLAN_RESOURCE",
    "PORTFOLIO",
    "PORTFOLIO_ITEM",
    "PROGRAMME",
    "PROGRAMME_TRANSITION",
    "PROGRESS",
    "PROJECT",
    "PROJECT_LINK",
    "PROJECT_TRANSITION",
    "SCHEDULE_ASSESSMENT",
    "TASK",
]
