"""The composition of kpi."""

from typing import Final

from starlette.types import ASGIApp

from services.kpi.api import kpis
from services.kpi.consumers import PROJECTION, SUBSCRIPTIONS
from services.kpi.models import METADATA
from services.kpi.service.evaluation import EVALUATE, evaluate
from services.kpi.settings import Settings
from shared.dead_letter_api import dead_letter_router
from shared.service import create_service

NAME: Final = "kpi"
TITLE: Final = "KPIs"
ROUTERS: Final = (kpis.router, dead_letter_router(NAME, METADATA))


def create_app(settings: Settings) -> ASGIApp:
    """Compose the service from its settings."""
    return create_service(
        NAME,
        settings,
        title=TITLE,
        routers=ROUTERS,
        subscriptions=SUBSCRIPTIONS,
        work={EVALUATE: evaluate},
        projections=[PROJECTION],
    )
