"""The tables of projects."""

from typing import Final

from services.projects.models.approval import ApprovalLimitRow
from services.projects.models.base import METADATA, Row
from services.projects.models.baselines import BaselineRow, BaselineTaskRow
from services.projects.models.hierarchy import (
    CustomerRow,
    CustomFieldRow,
    PortfolioItemRow,
    PortfolioRow,
    ProgrammeRow,
    ProgrammeTransitionRow,
)
from services.projects.models.imports import ImportRow
from services.projects.models.intake import IntakeAssessmentRow, IntakeCriterionRow, IntakeRequestRow
from services.projects.models.organization_calendars import OrganizationCalendarRow
from services.projects.models.plan import (
    AssignmentRow,
    CalendarRow,
    DependencyRow,
    PlanResourceRow,
    ProgressRow,
    TaskRow,
)
from services.projects.models.project import KeyCounterRow, ProjectRow, ProjectTransitionRow
from services.projects.models.project_links import LinkBoundRow, ProjectLinkRow
from services.projects.models.quality import AssessmentOffenderRow, ScheduleAssessmentRow
from services.projects.models.schedule import ScheduleItemRow, ScheduleRow
from shared.tables import server_defaults

server_defaults(*Row.__subclasses__())
TABLES: Final = tuple(METADATA.tables)

__all__ = [
    "METADATA",
    "TABLES",
    "ApprovalLimitRow",
    "AssessmentOffenderRow",
    "AssignmentRow",
    "BaselineRow",
    "BaselineTaskRow",
    "CalendarRow",
    "CustomFieldRow",
    "CustomerRow",
    "DependencyRow",
    "ImportRow",
    "IntakeAssessmentRow",
    "IntakeCriterionRow",
    "IntakeRequestRow",
    "KeyCounterRow",
    "LinkBoundRow",
    "OrganizationCalendarRow",
    "PlanResourceRow",
    "PortfolioItemRow",
    "PortfolioRow",
    "ProgrammeRow",
    "ProgrammeTransitionRow",
    "ProgressRow",
    "ProjectLinkRow",
    "ProjectRow",
    "ProjectTransitionRow",
    "Row",
    "ScheduleAssessmentRow",
    "ScheduleItemRow",
    "ScheduleRow",
    "TaskRow",
]
