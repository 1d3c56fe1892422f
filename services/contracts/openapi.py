"""Merges the services' OpenAPI documents into one; whatever contradicts itself is an error, nothing is renamed."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.contracts import decorate
from services.contracts.parts import Json, Part
from shared.permissions import SCOPES
from shared.service import openapi

METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")
BY_ID_PREFIX: Final = "by_id_prefix"
DESCRIPTION: Final = """\
The system of a Project Management Office behind one API: plans and schedules, people and load, earned value, events in
and out.

Lists are pages (`cursor`, `limit`); single resources carry an `ETag`, which `If-Match` names when they are changed; a
write answers `PMO-Position`, and a read with `PMO-Wait-For` sees it everywhere. `Idempotency-Key` makes a repeated POST
or PATCH harmless. Every refusal is a problem (RFC 9457) whose `code` is stable and whose `type` leads to its page.
"""
TAGS: Final = {
    "me": "Who is calling.",
    "customers": "Whom projects are done for.",
    "portfolios": "What is decided on together, and how it adds up.",
    "programmes": "Projects that are managed together.",
    "intake": "Requests for projects: submitted, assessed, ranked and decided.",
    "projects": "Projects and their key data.",
    "custom-fields": "Fields that the organization adds to what there is.",
    "tasks": "The work breakdown structure of a project.",
    "progress": "How far tasks are: what was stated as of when, and how that stands to the plan.",
    "calendars": "When work is done: weeks, exceptions, holidays, and reckoning with them.",
    "dependencies": "Which task waits for which.",
    "project-links": "Which task waits for a task of another project.",
    "schedule": "When things happen: dates, float and the critical path.",
    "schedule quality": "The DCMA 14-point assessment: how well a schedule is made.",
    "baselines": "What was approved of a plan, and how the plan stands to it.",
    "imports": "Plans of other tools.",
    "operations": "Long work: its progress and its result.",
    "resources": "People and other resources.",
    "load": "What resources are booked for, day by day, and where that is too much.",
    "kpis": "Figures that tell how projects stand.",
    "overview": "A project at a glance.",
    "ingest": "Events pushed by other systems.",
    "stream": "Changes as they happen.",
    "api-clients": "Other systems that may call.",
    "dead-letters": "Events that a service could not handle.",
}


class Contradiction(Exception):
    """Two services declare the same path, operationId or schema differently."""


def document(parts: Sequence[Part]) -> Json:
    """Return the merged document of all services."""
    paths: Json = {}
    schemas: Json = {}
    for part in parts:
        own = openapi(part.name, part.title, part.routers)
        for name, schema in [*own["components"]["schemas"].items(), *_declared(part)]:
            if schemas.setdefault(name, schema) != schema:
                raise Contradiction(f"schema {name} of {part.name} differs from another service's")
        for path, item in own["paths"].items():
            for method, operation in item.items():
                _add(paths.setdefault(path, {}), path, method, operation)
    merged: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "PMO backend",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This installation."}],
        "security": [{"access_token": []}, {"api_key": []}],
        "tags": [],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "access_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token (RFC 9068) of the OpenID Connect issuer, at most one hour old.",
                },
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "pmo_<id>_<secret>_<checksum>",
                    "description": f"An API key, good for its scopes: {', '.join(sorted(SCOPES))}.",
                },
            },
        },
    }
    _unique_ids(merged)
    used = {tag for _, _, operation in operations(merged) for tag in operation.get("tags", ())}
    if unknown := used - TAGS.keys():
        raise Contradiction(f"tags without a description: {', '.join(sorted(unknown))}")
    merged["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    decorate.decorate(merged)
    return merged


def operations(merged: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation."""
    for path, item in merged["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _declared(part: Part) -> Iterator[tuple[str, Json]]:
    for model in part.schemas:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        yield from schema.pop("$defs", {}).items()
        yield model.__name__, schema


def _add(item: Json, path: str, method: str, operation: Json) -> None:
    """Add an operation; several services may have the same one, told apart by the service in the id."""
    present = item.setdefault(method, operation)
    if present != operation:
        raise Contradiction(f"{method.upper()} {path} is declared by several services, differently")
    if present is not operation and operation["x-pmo-service"] != BY_ID_PREFIX:
        raise Contradiction(f"{method.upper()} {path} is declared by several services; which answers?")


def _unique_ids(merged: Json) -> None:
    seen: dict[str, str] = {}
    for path, method, operation in operations(merged):
        where = f"{method.upper()} {path}"
        first = seen.setdefault(operation["operationId"], where)
        if first != where:
            raise Contradiction(f"{where} and {first} have the same operationId")
