"""The composition of projects."""

from typing import Final

from starlette.types import ASGIApp

from services.projects.api import (
    approval_limits,
    baselines,
    batches,
    calendars,
    custom_fields,
    customers,
    dependencies,
    exports,
    float_paths,
    impact,
    imports,
    intake,
    intake_assessments,
    intake_criteria,
    organization_calendars,
    portfolio_items,
    portfolios,
    programme_transitions,
    programmes,
    progress,
    project_links,
    projects,
    quality,
    schedules,
    structure,
    tasks,
    transitions,
    variance,
)
from services.projects.consumers import SUBSCRIPTIONS
from services.projects.entities import CALENDAR, PLAN_RESOURCE, PROJECT, TASK
from services.projects.models import METADATA
from services.projects.service.imports import IMPORT_WORK, run_import
from services.projects.service.intake_assessments import RESCORE, rescore
from services.projects.service.organization_calendars import INHERIT, inherit
from services.projects.service.projects import DROP_LINKS, SCHEDULE
from services.projects.service.propagation import drop_dangling
from services.projects.service.schedules import recompute
from services.projects.settings import Settings
from shared.dead_letter_api import dead_letter_router
from shared.operations import operations_router
from shared.service import create_service

NAME: Final = "projects"
TITLE: Final = "Projects"

ROUTERS: Final = (
    customers.router,
    portfolios.router,
    portfolio_items.router,
    programmes.router,
    programme_transitions.router,
    custom_fields.router,
    intake.router,
    intake_assessments.router,
    intake_criteria.router,
    projects.router,
    transitions.router,
    tasks.router,
    batches.router,
    structure.router,
    progress.router,
    dependencies.router,
    project_links.router,
    organization_calendars.router,
    calendars.router,
    schedules.router,
    float_paths.router,
    impact.router,
    baselines.router,
    variance.router,
    approval_limits.router,
    quality.router,
    imports.router,
    exports.router,
    operations_router(NAME),
    dead_letter_router(NAME, METADATA),
)
AUDITED: Final = (PROJECT, CALENDAR, TASK, PLAN_RESOURCE)
"""What others compare their copies with: entities each of whose versions is told by an event."""


def create_app(settings: Settings) -> ASGIApp:
    """Compose the service from its settings."""
    return create_service(
        NAME,
        settings,
        title=TITLE,
        routers=ROUTERS,
        subscriptions=SUBSCRIPTIONS,
        work={
            IMPORT_WORK: run_import,
            SCHEDULE: recompute,
            DROP_LINKS: drop_dangling,
            RESCORE: rescore,
            INHERIT: inherit,
        },
        owned=AUDITED,
    )
