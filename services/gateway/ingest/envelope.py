"""CloudEvents 1.0 over HTTP: the structured, batched and binary content modes, read into one shape.

Sources: CloudEvents 1.0.2; HTTP Protocol Binding 1.0.2; JSON Event Format 1.0.2.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from services.gateway.errors import EventInvalid
from shared.errors import FieldError, TooManyItems, UnsupportedMediaType

MOST_EVENTS: Final = 1000
STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
PLAIN: Final = "application/json"
MEDIA_TYPES: Final = (STRUCTURED, BATCHED, PLAIN)

_PREFIX: Final = "ce-"
_EXTENSION: Final = re.compile(r"[a-z0-9]{1,20}", re.ASCII)
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f]")

Headers = Sequence[tuple[str, str]]


def events_of(media_type: str, headers: Headers, body: object) -> list[object]:
    """Return the events of a request as their JSON objects; raises EventInvalid, TooManyItems, UnsupportedMediaType."""
    attributes = [(name[len(_PREFIX) :], value) for name, value in headers if name.startswith(_PREFIX)]
    match media_type:
        case "application/cloudevents+json" | "application/cloudevents-batch+json" if attributes:
            raise EventInvalid(
                "Content-Type says that the attributes are in the body, but there are ce- headers too.",
                errors=[
                    FieldError(f"header/{_PREFIX}{name}", "mode_mismatch", "not in this mode") for name, _ in attributes
                ],
            )
        case "application/cloudevents-batch+json":
            if not isinstance(body, list):
                raise EventInvalid(errors=[FieldError("", "list_type", "a batch is a JSON array of events")])
            if len(body) > MOST_EVENTS:
                raise TooManyItems(f"A batch holds at most {MOST_EVENTS} events.")
            return body
        case "application/json" if attributes:
            return [_binary(attributes, body)]
        case "application/cloudevents+json" | "application/json":
            return [body]
    raise UnsupportedMediaType(f"Send one of: {', '.join(MEDIA_TYPES)}.")


def _binary(attributes: Iterable[tuple[str, str]], body: object) -> Mapping[str, object]:
    event: dict[str, object] = {}
    for name, value in attributes:
        if name in event or not _EXTENSION.fullmatch(name) or name in {"data", "datacontenttype"}:
            raise EventInvalid(errors=[FieldError(f"header/{_PREFIX}{name[:40]}", "attribute", "misnamed or repeated")])
        event[name] = unquote(value, errors="replace")
    event["data"] = body
    return event
