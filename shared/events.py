"""Domain events: the producers' classes, the CloudEvents envelope, and its strict reader.

Sources: CloudEvents 1.0.2 with the extensions distributed tracing, partitioning and sequence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import ClassVar, Final, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema

TYPE: Final = re.compile(
    r"pmo\.(?P<service>[a-z]+)\.(?P<entity>[a-z][a-z_]*)\.(?P<fact>[a-z][a-z_]*)\.v[1-9][0-9]*", re.ASCII
)
SEQUENCE_DIGITS: Final = 20
"""CloudEvents compares sequences as text, so they are padded."""


class Unreadable(Exception):
    """A message that is not one of our events."""


class Event(BaseModel):
    """What a producer says of one kind of event: its type, its data (the fields) and what it means (the docstring)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    bulk: ClassVar[bool] = False
    """True for what is computed in bulk and comes in chunks."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        name = getattr(cls, "type", None)
        if name is not None and TYPE.fullmatch(name) is None:
            raise TypeError(f"{cls.__name__}.type is not of the form pmo.<service>.<entity>.<fact>.v<major>: {name}")


Image = TypeVar("Image", bound=BaseModel)


class EntityEvent(Event, Generic[Image]):
    """A fact about one entity, with its state afterwards."""

    id: UUID = Field(description="The entity.")
    version: int = Field(ge=1, description="The entity's version after this event.")
    changed: list[str] = Field(description="Names of the fields that this event changed; all of them at creation.")
    after: Image | None = Field(description="The entity as it is now; null once it is deleted.")


def schema(event: type[Event]) -> dict[str, object]:
    """Return the JSON Schema (2020-12) of an event's data."""
    body = event.model_json_schema(mode="serialization")
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": data_schema(event.type),
        **body,
        "title": event.type,
    }


@dataclass(frozen=True, slots=True)
class TypeName:
    """The parts of an event type."""

    service: str
    entity: str
    fact: str


@lru_cache(maxsize=1024)
def parse_type(name: str) -> TypeName:
    """Take an event type apart; raises Unreadable."""
    match = TYPE.fullmatch(name)
    if match is None:
        raise Unreadable("the type is not of the form pmo.<service>.<entity>.<fact>.v<major>")
    return TypeName(match["service"], match["entity"], match["fact"])


def data_schema(name: str) -> str:
    """Return where the schema of a type is served."""
    return f"/schemas/{name}.json"


def subject_of(name: str, organization_id: UUID, aggregate_id: UUID) -> str:
    """Return the NATS subject of an event: UUIDs and enumerated words only."""
    parts = parse_type(name)
    return f"pmo.{parts.service}.{organization_id}.{aggregate_id}.{parts.entity}.{parts.fact}"


def organization_of(subject: str) -> UUID | None:
    """Return the organization that a subject names, None if it names none."""
    tokens = subject.split(".")
    try:
        return UUID(tokens[2])
    except (IndexError, ValueError):
        return None


def envelope(
    *,
    id: UUID,  # noqa: A002 - the attribute's name in CloudEvents
    type: str,  # noqa: A002
    organization_id: UUID,
    aggregate_id: UUID,
    version: int,
    entity_id: UUID,
    time: datetime,
    actor: str,
    correlation_id: str,
    causation_id: str,
    traceparent: str,
    data: str,
) -> bytes:
    """Return an event as a CloudEvent in structured JSON; the stored data go in as the text they are."""
    name = parse_type(type)
    document: dict[str, object] = {
        "specversion": "1.0",
        "id": str(id),
        "source": f"/pmo/{name.service}",
        "type": type,
        "subject": f"{name.entity}/{entity_id}",
        "time": time,
        "datacontenttype": "application/json",
        "dataschema": data_schema(type),
        "sequence": f"{version:0{SEQUENCE_DIGITS}}",
        "partitionkey": str(aggregate_id),
        "organization": str(organization_id),
    }
    optional = {
        "actor": actor,
        "correlationid": correlation_id,
        "causationid": causation_id,
        "traceparent": traceparent,
    }
    document.update((key, value) for key, value in optional.items() if value)
    document["data"] = orjson.Fragment(data)
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)


@dataclass(frozen=True, slots=True)
class Received:
    """An event as a consumer gets it; `version` counts the events of its aggregate without gaps."""

    id: UUID
    type: str
    producer: str
    organization_id: UUID
    aggregate_id: UUID
    version: int
    time: datetime
    actor: str
    correlation_id: str
    causation_id: str
    traceparent: str
    data: Mapping[str, object]

    @classmethod
    def parse(cls, subject: str, body: bytes) -> "Received":
        """Read a message; raises Unreadable unless it is exactly what `envelope` writes and its subject agrees."""
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Unreadable("not JSON") from error
        if not isinstance(document, dict) or document.get("specversion") != "1.0":
            raise Unreadable("not a CloudEvent of version 1.0")
        name = _text(document, "type")
        parts = parse_type(name)
        organization_id = _uuid(document, "organization")
        aggregate_id = _uuid(document, "partitionkey")
        if subject != subject_of(name, organization_id, aggregate_id):
            raise Unreadable("the subject is not that of the event")
        data = document.get("data")
        if not isinstance(data, dict):
            raise Unreadable("data is not an object")
        return cls(
            id=_uuid(document, "id"),
            type=name,
            producer=parts.service,
            organization_id=organization_id,
            aggregate_id=aggregate_id,
            version=_sequence(document),
            time=_instant(document),
            actor=_text(document, "actor", ""),
            correlation_id=_text(document, "correlationid", ""),
            causation_id=_text(document, "causationid", ""),
            traceparent=_text(document, "traceparent", ""),
            data=data,
        )


def _text(document: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = document.get(name, default)
    if not isinstance(value, str):
        raise Unreadable(f"{name} is missing or not a string")
    return value


def _uuid(document: Mapping[str, object], name: str) -> UUID:
    try:
        return _canonical_uuid(_text(document, name))
    except ValueError as error:
        raise Unreadable(f"{name} is not a UUID in its usual form") from error


@lru_cache(maxsize=4096)  # organizations and aggregates come again and again
def _canonical_uuid(text: str) -> UUID:
    value = UUID(text)
    if str(value) != text:
        raise ValueError(text)
    return value


def _sequence(document: Mapping[str, object]) -> int:
    text = _text(document, "sequence")
    if not (text.isascii() and text.isdigit() and len(text) == SEQUENCE_DIGITS) or not 1 <= int(text) < 2**63:
        raise Unreadable("sequence is not a positive padded number")
    return int(text)


def _instant(document: Mapping[str, object]) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(document, "time"))
    except ValueError as error:
        raise Unreadable("time is not RFC 3339") from error
    if moment.tzinfo is None:
        raise Unreadable("time has no offset")
    return moment
