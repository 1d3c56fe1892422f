"""AsyncAPI of the events: who publishes what where, and who listens; from the event classes and subscriptions."""

from collections.abc import Mapping, Sequence
from typing import Final

import yaml

from services import topology
from services.contracts.parts import Json, Part
from shared.events import Event, parse_type, schema

ENVELOPE: Final[Json] = {
    "type": "object",
    "description": "CloudEvents 1.0 in structured JSON, with the attributes that every event carries.",
    "required": ["specversion", "id", "source", "type", "subject", "time", "sequence", "partitionkey", "organization"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid", "description": "The event, for ever."},
        "source": {"type": "string", "description": "The service that publishes it."},
        "type": {"type": "string", "description": "What kind of event, with its major version."},
        "subject": {"type": "string", "description": "The entity and its id."},
        "time": {"type": "string", "format": "date-time", "description": "When it was recorded."},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "string", "description": "Where the schema of the data is served."},
        "sequence": {"type": "string", "description": "Counts the aggregate's events without gaps, zero-padded."},
        "partitionkey": {"type": "string", "format": "uuid", "description": "The aggregate; order is kept in it."},
        "organization": {"type": "string", "format": "uuid", "description": "Whose event it is."},
        "actor": {"type": "string", "description": "Who caused it."},
        "correlationid": {"type": "string", "description": "The request that it goes back to."},
        "causationid": {"type": "string", "description": "The event that it follows from."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
    },
}


def document(parts: Sequence[Part]) -> Json:
    """Return the AsyncAPI 3 document of all services' events."""
    channels: Json = {}
    messages: Json = {}
    schemas: Json = {"Envelope": ENVELOPE}
    operations: Json = {}
    for part in parts:
        for event in part.events:
            name = parse_type(event.type)
            channels[event.type] = {
                "address": f"pmo.{name.service}.{{organization}}.{{aggregate}}.{name.entity}.{name.fact}",
                "description": f"JetStream stream {topology.stream(part.name)}.",
                "parameters": {
                    "organization": {"description": "UUID of the organization."},
                    "aggregate": {"description": "UUID of the aggregate; order is kept in it."},
                },
                "messages": {"event": {"$ref": f"#/components/messages/{event.type}"}},
            }
            messages[event.type] = {
                "name": event.type,
                "title": event.__name__,
                "summary": " ".join((event.__doc__ or "").split()),
                "contentType": "application/cloudevents+json",
                "payload": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Envelope"},
                        {
                            "type": "object",
                            "required": ["data"],
                            "properties": {
                                "type": {"const": event.type},
                                "data": {"$ref": f"#/components/schemas/{event.type}"},
                            },
                        },
                    ]
                },
            }
            schemas[event.type] = _data(event)
            operations[f"{part.name}.publishes.{event.type}"] = _operation("send", event.type, f"{part.name} publishes")
        for producer, subscriptions in part.subscriptions.items():
            for subscription in subscriptions:
                known = channels if producer == part.name else _types(parts, producer)
                if subscription.type not in known:
                    raise ValueError(
                        f"{part.name} subscribes to {subscription.type}, which {producer} does not publish"
                    )
                durable = topology.durable(part.name, producer)
                text = f"{part.name} listens, through the durable {durable}"
                operations[f"{part.name}.reads.{subscription.type}"] = _operation("receive", subscription.type, text)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "PMO backend events",
            "version": "1",
            "description": "Domain events on NATS JetStream. Within a major version only optional fields are added.",
            "license": {"name": "Apache-2.0"},
        },
        "servers": {
            "nats": {"host": "nats:4222", "protocol": "nats", "description": "JetStream, one stream for each service."}
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas, "messages": messages},
    }


def _data(event: type[Event]) -> Json:
    """Return the schema of an event's data with its references made good for their place in this document."""
    own = {name: value for name, value in schema(event).items() if name not in {"$schema", "$id"}}

    def moved(node: object) -> object:
        if isinstance(node, dict):
            return {key: moved(value) for key, value in node.items()}
        if isinstance(node, list):
            return [moved(value) for value in node]
        if isinstance(node, str) and node.startswith("#/$defs/"):
            return f"#/components/schemas/{event.type}/{node.removeprefix('#/')}"
        return node

    return {key: moved(value) for key, value in own.items()}


def _types(parts: Sequence[Part], producer: str) -> set[str]:
    return {event.type for part in parts if part.name == producer for event in part.events}


def _operation(action: str, name: str, summary: str) -> Mapping[str, object]:
    channel = f"#/channels/{name}"
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/event"}],
    }


def text(parts: Sequence[Part]) -> str:
    """Return the document as YAML."""

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    return yaml.dump(document(parts), Dumper=Plain, sort_keys=False, allow_unicode=True, width=120)
