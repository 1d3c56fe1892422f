"""What the gateway's own API takes and gives."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from services.gateway.domain.api_client import Scope
from services.gateway.domain.images import ApiClientRead, InboundEventRead
from services.gateway.domain.inbound import Receipt
from shared.pagination import page_of
from shared.permissions import Permission, Reach, Role
from shared.types import Instant, Name, Schema, Text


class ApiClientCreate(Schema):
    """A system to let in."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Jira", "scopes": ["ingest"]}]})

    name: Name
    """What people call it."""
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    """What its key is good for."""
    expires_at: Instant | None = None
    """From when on the key is refused; never if absent."""


class ApiClientCreated(ApiClientRead):
    """A system that was let in, with its key: shown this once."""

    key: Text
    """The key, to be sent as `Authorization: Bearer`. It is stored nowhere; keep it like a password."""


ApiClientPage = page_of(ApiClientRead, "ApiClientPage")


class ReceiptRead(Schema):
    """What was done with one event of the request."""

    id: UUID
    """Our id: `GET /v1/ingest/events/{event_id}` tells what becomes of it."""
    source: Text
    """The sender's context."""
    event_id: Text
    """The sender's id."""
    status: Receipt
    """accepted: stored now; duplicate: it was stored before, and `id` is the first one's."""


class ReceiptsRead(Schema):
    """What was done with the events of a request, in their order. All of them are stored durably."""

    items: list[ReceiptRead]
    """One for each event."""


InboundEventPage = page_of(InboundEventRead, "InboundEventPage")


class GrantRead(Schema):
    """A permission of the caller."""

    permission: Permission
    """What may be done."""
    reach: Reach
    """all: everywhere in the organization; own: in the caller's own projects."""


class MeRead(Schema):
    """Who the caller is and may do."""

    organization_id: UUID
    """The organization that everything the caller sees belongs to."""
    subject: Text
    """The caller's id at the issuer, or `api-client:` and the id of the key."""
    name: Text
    """What people call the caller; may be empty."""
    roles: list[Role]
    """Roles of a person."""
    scopes: list[Scope]
    """Scopes of an API key."""
    permissions: list[GrantRead]
    """What roles and scopes together grant."""
