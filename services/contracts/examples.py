"""Examples made from schemas, so that every request and answer of the document shows one that is valid."""

from typing import Any, Final

from services.contracts.parts import Json

BY_FORMAT: Final = {
    "uuid": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10",
    "date-time": "2026-03-31T16:00:00Z",
    "date": "2026-03-31",
    "uri": "https://jira.example.com",
    "binary": "…",
}
BY_NAME: Final[dict[str, object]] = {
    "key": "PRJ-1",
    "currency": "EUR",
    "amount": "1250.00",
    "time_zone": "Europe/Amsterdam",
    "position": "projects:01981c79-90a1-7b52-8e04-5a5a52f20d11@17",
    "next_cursor": None,
    "next": None,
    "self": "/v1/projects",
    "owner": "paula.manager",
    "name": "Harbour Terminal Expansion",
    "type": "/problems/validation",
    "title": "The input is not acceptable",
    "detail": "The input is not acceptable",
    "instance": "/v1/projects",
    "code": "validation",
    "request_id": "01981c7a5d107cc39f5b3c1f0f6f7f10",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "pointer": "/name",
}
"""Where a name says more than the type; used when the schema admits it."""


def example(document: Json, schema: Json, name: str = "", depth: int = 0) -> Any:
    """Return a value that is valid for a schema."""
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return example(document, {**target, **{k: v for k, v in schema.items() if k != "$ref"}}, name, depth)
    given = [*schema.get("examples", []), *(schema[name] for name in ("example", "const") if name in schema)]
    given += schema.get("enum", [])
    if given:
        return given[0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return _of_choice(document, schema[choice], name, depth)
    return _of_type(document, schema, name, depth)


def complete_examples(schema: Json) -> None:
    """Put back the nulls that FastAPI drops from a schema's own examples."""
    for given in schema.get("examples", []):
        for name in schema.get("required", []):
            inner = schema["properties"][name]
            if isinstance(given, dict) and name not in given and {"type": "null"} in inner.get("anyOf", []):
                given[name] = None


def _of_choice(document: Json, choices: list[Json], name: str, depth: int) -> Any:
    if name in BY_NAME and BY_NAME[name] is None and {"type": "null"} in choices:
        return None
    present = [choice for choice in choices if choice.get("type") != "null"]
    return example(document, present[0], name, depth)


def _of_type(document: Json, schema: Json, name: str, depth: int) -> Any:
    simple: dict[str, object] = {"boolean": False, "null": None}
    match schema.get("type"):
        case "object":
            return _of_object(document, schema, depth)
        case "array":
            return [] if depth > 6 else [example(document, schema.get("items", {}), name, depth + 1)]
        case "string":
            known = BY_NAME.get(name)
            text = known if isinstance(known, str) else "text"
            return BY_FORMAT.get(schema["format"], "text") if "format" in schema else text
        case "integer" | "number":
            return max(1, schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        case kind:
            return simple.get(str(kind), {})


def _of_object(document: Json, schema: Json, depth: int) -> Any:
    properties: Json = schema.get("properties", {})
    if schema.get("maxProperties") == 1:
        properties = dict(list(properties.items())[:1])
    if depth > 6:
        properties = {key: value for key, value in properties.items() if key in schema.get("required", ())}
    return {key: example(document, value, key, depth + 1) for key, value in properties.items()}
