"""The events that the gateway publishes."""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from pydantic import Field

from services.gateway.domain.images import ApiClientRead
from shared.events import EntityEvent, Event
from shared.types import Text


class InboundAccepted(Event):
    """An event of another system was stored. Events of one source about one project keep their order."""

    type: ClassVar[str] = "pmo.gateway.inbound.accepted.v1"

    inbound_id: UUID = Field(description="The inbound event, as the gateway numbered it; answers name it.")
    inbound_type: Text = Field(alias="type", description="What kind of event it is.")
    source: Text = Field(description="The sender's context, as it sent it.")
    event_id: Text = Field(description="The sender's id, as it sent it: unique with the source.")
    time: datetime | None = Field(description="When it happened, as the sender says; never used for order.")
    data: dict[str, object] = Field(description="What it says, valid for its type.")


class ApiClientCreated(EntityEvent[ApiClientRead]):
    """A system was given an API key."""

    type: ClassVar[str] = "pmo.gateway.api_client.created.v1"


class ApiClientDeleted(EntityEvent[ApiClientRead]):
    """An API key was revoked."""

    type: ClassVar[str] = "pmo.gateway.api_client.deleted.v1"


EVENTS: Final[tuple[type[Event], ...]] = (InboundAccepted, ApiClientCreated, ApiClientDeleted)
"""Everything this service publishes."""
