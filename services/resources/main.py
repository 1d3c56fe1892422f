"""The composition of resources."""

from typing import Final

from starlette.types import ASGIApp

from services.resources.api import project_load, resources
from services.resources.consumers import PROJECTION, SUBSCRIPTIONS
from services.resources.models import METADATA
from services.resources.service.load import work_load
from services.resources.service.plans import LOAD
from services.resources.settings import Settings
from shared.dead_letter_api import dead_letter_router
from shared.service import create_service

NAME: Final = "resources"
TITLE: Final = "Resources"
ROUTERS: Final = (resources.router, project_load.router, dead_letter_router(NAME, METADATA))


def create_app(settings: Settings) -> ASGIApp:
    """Compose the service from its settings."""
    return create_service(
        NAME,
        settings,
        title=TITLE,
        routers=ROUTERS,
        subscriptions=SUBSCRIPTIONS,
        work={LOAD: work_load},
        projections=[PROJECTION],
    )
