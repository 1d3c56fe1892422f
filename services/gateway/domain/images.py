"""The images of the gateway's entities: what the API answers, history keeps and events carry."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import ConfigDict
from pydantic.config import JsonDict

from services.gateway.domain.api_client import Scope
from services.gateway.domain.inbound import InboundStatus
from shared.types import Count, Schema, Text


class ApiClientRead(Schema):
    """Another system that may call with an API key. The key itself is shown once, when it is created."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag. Use of the key is not counted."""
    name: Text
    """What people call it."""
    key_prefix: Text
    """How its key begins: to recognize it by."""
    scopes: list[Scope]
    """What the key is good for."""
    created_by: Text
    """Subject of whoever created it."""
    expires_at: datetime | None
    """From when on the key is refused, UTC; null: never."""
    last_used_at: datetime | None
    """When the key was last presented, UTC, to within five minutes; null: never."""
    created_at: datetime
    """When it was created, UTC."""
    updated_at: datetime
    """When it was last changed, UTC."""


class RejectionRead(Schema):
    """Why an inbound event could not take effect."""

    code: Text
    """Which reason; stable."""
    detail: Text
    """Why, for people."""


INBOUND_EXAMPLE: Final[JsonDict] = {
    "id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10",
    "version": 2,
    "source": "https://jira.example.com",
    "event_id": "10042",
    "type": "pmo.inbound.task.progressed.v1",
    "time": None,
    "subject": None,
    "status": "applied",
    "position": "projects:01981c79-90a1-7b52-8e04-5a5a52f20d11@17",
    "reason": None,
    "data": {"project": {"key": "PRJ-1"}, "task": {"source_id": "12"}, "percent_complete": 60},
    "sent_by": "api-client:7GkQ2mV0xWb3TzRn",
    "received_at": "2026-03-31T16:00:00.120000Z",
    "updated_at": "2026-03-31T16:00:00.190000Z",
}


class InboundEventRead(Schema):
    """An event that another system sent, and what became of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [INBOUND_EXAMPLE]})

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    source: Text
    """The sender's context, as it sent it."""
    event_id: Text
    """The sender's id, as it sent it: unique with the source."""
    type: Text
    """What kind of event it is."""
    time: datetime | None
    """When it happened, as the sender says; never used for order."""
    subject: Text | None
    """What it is about, as the sender says."""
    status: InboundStatus
    """accepted: stored, under way; applied; rejected: see reason."""
    position: Text | None
    """PMO-Position of the effect, once it is applied: reads with PMO-Wait-For see it."""
    reason: RejectionRead | None
    """Why it was rejected."""
    data: dict[str, object]
    """What it says."""
    sent_by: Text
    """Subject of whoever sent it."""
    received_at: datetime
    """When it was stored, UTC."""
    updated_at: datetime
    """When its status last changed, UTC."""
