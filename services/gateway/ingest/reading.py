"""From the JSON of a request to inbound events that can be stored: everything is checked, all mistakes are told."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from uuid_utils.compat import uuid7

from services.gateway.domain.events import InboundAccepted
from services.gateway.domain.inbound import order_of
from services.gateway.errors import EventInvalid, EventTypeUnknown
from services.gateway.ingest.types import EVENTS, KNOWN, InboundEvent
from shared.errors import FieldError, Forbidden, ValidationFailed
from shared.strict_json import pointer

ACCEPTED: Final = InboundAccepted.type
MOST_ERRORS: Final = 100
_REQUIRED: Final = frozenset({"specversion", "id", "source", "type"})
_MALFORMED: Final = frozenset({"missing", "string_type", "string_too_short"})
_EXTENSION: Final = re.compile(r"[a-z0-9]{1,20}", re.ASCII)
_SCALARS: Final = (str, int)


@dataclass(frozen=True, slots=True)
class Inbound:
    """An inbound event as it is stored, and as it is told on."""

    id: UUID
    source: str
    event_id: str
    type: str
    time: datetime | None
    subject: str | None
    data: str
    fingerprint: bytes
    order: UUID
    told: str
    """The data of our own event about it."""


@dataclass(frozen=True, slots=True)
class Mode:
    """Where things stand in the request, for pointers: `batched` in an array, `binary` in the headers."""

    batched: bool = False
    binary: bool = False

    def pointer(self, index: int, parts: Sequence[int | str]) -> str:
        """Return where a part of an event stands in the request."""
        if self.binary and parts and parts[0] != "data":
            return f"header/ce-{parts[0]}"
        inside = parts[1:] if self.binary else parts
        prefix = f"/{index}" if self.batched else ""
        return prefix + pointer(inside) or "/"


def read(documents: Sequence[object], mode: Mode, organization_id: UUID) -> list[Inbound]:
    """Return the events of a request; raises EventInvalid, EventTypeUnknown, ValidationFailed or Forbidden."""
    try:
        events = EVENTS.validate_python(documents)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_input=False), mode) from None
    _check_extensions(events, mode, organization_id)
    orders: dict[tuple[str, str], UUID] = {}
    return [_inbound(event, organization_id, orders) for event in events]


def _inbound(event: InboundEvent, organization_id: UUID, orders: dict[tuple[str, str], UUID]) -> Inbound:
    reference = (event.source, event.data.order)
    order = orders.get(reference)
    if order is None:
        order = orders[reference] = order_of(organization_id, *reference)
    data = event.data.model_dump_json(exclude_unset=True)
    identifier = uuid7()
    told: dict[str, object] = {
        "inbound_id": identifier,
        "type": event.type,
        "source": event.source,
        "event_id": event.id,
        "time": event.time,
        "data": orjson.Fragment(data),
    }
    content = orjson.dumps([event.type, event.time, event.subject, orjson.Fragment(data)])
    return Inbound(
        identifier,
        event.source,
        event.id,
        event.type,
        event.time,
        event.subject,
        data,
        hashlib.sha256(content).digest(),
        order,
        orjson.dumps(told, option=orjson.OPT_UTC_Z).decode(),
    )


def _refusal(details: Sequence[ErrorDetails], mode: Mode) -> ValidationFailed | EventInvalid:
    """Return 400 when any event lacks what makes it a CloudEvent, else 422; both name every mistake."""
    errors = []
    malformed = unknown = False
    for item in details:
        index, *rest = item["loc"]
        kind, message = str(item["type"]), str(item["msg"]).removeprefix("Value error, ")
        if not rest or (rest[0] in _REQUIRED and kind in _MALFORMED) or rest == ["specversion"]:
            malformed = True
        elif rest == ["type"]:
            unknown = True
            kind, message = "event_type_unknown", f"known types: {', '.join(KNOWN)}"
        errors.append(FieldError(mode.pointer(int(index), rest), kind, message[:300]))
    errors = errors[:MOST_ERRORS]
    if malformed:
        return EventInvalid(errors=errors)
    return EventTypeUnknown(errors=errors) if unknown else ValidationFailed(errors=errors)


def _check_extensions(events: Sequence[InboundEvent], mode: Mode, organization_id: UUID) -> None:
    errors: list[FieldError] = []
    for index, event in enumerate(events):
        extra: Mapping[str, object] | None = event.model_extra
        if not extra:
            continue
        if extra.get("organization", str(organization_id)) != str(organization_id):
            raise Forbidden("An event names another organization.")
        for name, value in extra.items():
            if not _EXTENSION.fullmatch(name):
                shown = [name] if len(name) <= 40 and name.isascii() and name.isprintable() else []
                detail = "extension attributes are named with lower-case letters and digits, at most 20"
                errors.append(FieldError(mode.pointer(index, shown), "extension_name", detail))
            elif not isinstance(value, _SCALARS) or (isinstance(value, str) and len(value) > 4096):
                detail = "extension attributes are texts up to 4,096 characters, whole numbers or booleans"
                errors.append(FieldError(mode.pointer(index, [name]), "extension_value", detail))
    if errors:
        raise ValidationFailed(errors=errors[:MOST_ERRORS])
