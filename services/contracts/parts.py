"""What each service brings to the contracts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel

from services.gateway import consumers as gateway_consumers
from services.gateway import main as gateway
from services.gateway.domain import events as gateway_events
from services.gateway.ingest.types import InboundTaskProgressed
from services.kpi import consumers as kpi_consumers
from services.kpi import main as kpi
from services.kpi.domain import events as kpi_events
from services.projects import consumers as projects_consumers
from services.projects import main as projects
from services.projects.domain import events as projects_events
from services.resources import consumers as resources_consumers
from services.resources import main as resources
from services.resources.domain import events as resources_events
from shared.events import Event
from shared.messaging import Subscription

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A service's routers, events and subscriptions, and the schemas that no route names by itself."""

    name: str
    title: str
    routers: Sequence[APIRouter]
    events: Sequence[type[Event]]
    subscriptions: Mapping[str, Sequence[Subscription[Any]]]
    schemas: Sequence[type[BaseModel]] = field(default=())


PARTS: Final = (
    Part("projects", projects.TITLE, projects.ROUTERS, projects_events.EVENTS, projects_consumers.SUBSCRIPTIONS),
    Part("resources", resources.TITLE, resources.ROUTERS, resources_events.EVENTS, resources_consumers.SUBSCRIPTIONS),
    Part("kpi", kpi.TITLE, kpi.ROUTERS, kpi_events.EVENTS, kpi_consumers.SUBSCRIPTIONS),
    Part(
        "gateway",
        gateway.TITLE,
        gateway.ROUTERS,
        gateway_events.EVENTS,
        gateway_consumers.SUBSCRIPTIONS,
        (InboundTaskProgressed,),
    ),
)
