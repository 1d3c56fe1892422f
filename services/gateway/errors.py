"""The facts that the gateway's own API refuses with."""

from shared.errors import BadRequest, Conflict, Overloaded, ValidationFailed


class EventInvalid(BadRequest):
    """What was sent is not CloudEvents."""

    code, title = "event_invalid", "What was sent is not CloudEvents 1.0"
    cause = (
        "A required attribute (id, source, type, specversion) is missing or not a string, specversion is not 1.0, or "
        "the Content-Type and the ce- headers contradict each other."
    )
    cure = "Send structured, batched or binary CloudEvents as the operation describes; mend every entry of errors[]."


class EventConflict(Conflict):
    """An event with the same source and id but another content is stored already."""

    code, title = "event_conflict", "Another event has this source and id"
    cause = "source and id together name one event for ever; this one differs from the first in type, time or data."
    cure = "Give each event an id of its own. To send the same event again, send it unchanged."


class EventTypeUnknown(ValidationFailed):
    """No such type of inbound event is known."""

    code, title = "event_type_unknown", "This type of event is not known"
    cause = "The type is none of those that can take effect; errors[] lists them."
    cure = "Send one of the known types."


class ExpiryPassed(ValidationFailed):
    """The key would live in the past."""

    code, title = "expiry_passed", "The expiry has passed"
    cause = "expires_at is not in the future."
    cure = "Leave expires_at out for a key without expiry, or name a later instant."


class TooManyStreams(Overloaded):
    """All live streams that this process serves are taken."""

    code, title = "too_many_streams", "Too many live streams"
    cause = "As many live streams are open as one process, or one caller, may have."
    cure = "Close streams that are not needed; read several filters over one stream; try again as Retry-After says."
