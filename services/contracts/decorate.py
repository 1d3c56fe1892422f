"""What every operation of the merged document has in common: headers, credentials, summaries, examples."""

from collections.abc import Iterator
from typing import Final

from services.contracts.examples import complete_examples, example
from services.contracts.parts import Json
from shared.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    HeadersTooLarge,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
    RateLimited,
    RequestTimeout,
    Unauthenticated,
    UnsupportedMediaType,
    UpstreamTimeout,
    UpstreamUnavailable,
    UriTooLong,
    ValidationFailed,
)
from shared.permissions import SCOPES, Permission

PARAMETERS: Final[Json] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Names this request: sent again within 24 hours, it gets the stored answer, byte for byte.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]{1,255}$"},
        "example": "7f0c3a52-3f5b-4f0e-9a43-0b9f3e0c7d11",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag of the version that is to be changed; another version is a 412, none a 428.",
        "schema": {"type": "string", "maxLength": 100},
        "example": '"3"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag that is known already: while it is the present one, the answer is 304.",
        "schema": {"type": "string", "maxLength": 1000},
        "example": '"3"',
    },
    "Reason": {
        "name": "PMO-Reason",
        "in": "header",
        "required": False,
        "description": "Why: kept with the version that this write makes, and told by its history.",
        "schema": {"type": "string", "maxLength": 500},
        "example": "Agreed in the steering board of 12 March.",
    },
    "WaitFor": {
        "name": "PMO-Wait-For",
        "in": "header",
        "required": False,
        "description": "Positions as PMO-Position gave them, comma-separated: the read waits (5 s) until it sees them.",
        "schema": {"type": "string", "maxLength": 2000},
        "example": "projects:01981c79-90a1-7b52-8e04-5a5a52f20d11@17",
    },
}
HEADERS: Final[Json] = {
    "ETag": {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "Position": {
        "description": "The position that this write reached, for PMO-Wait-For; several are comma-separated.",
        "schema": {"type": "string"},
    },
    "Location": {"description": "Where the new resource, or the operation, is.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds after which to ask again.", "schema": {"type": "integer", "minimum": 0}},
    "RequestId": {"description": "Names the request in the logs.", "schema": {"type": "string"}},
    "Replayed": {
        "description": "`true` when this is the stored answer to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
PUBLIC: Final = "x-pmo-public"


_OF_STATUS: Final = {
    problem.status: problem
    for problem in (
        BadRequest,
        Unauthenticated,
        Forbidden,
        NotFound,
        RequestTimeout,
        Conflict,
        PreconditionFailed,
        PayloadTooLarge,
        UriTooLong,
        UnsupportedMediaType,
        ValidationFailed,
        PreconditionRequired,
        RateLimited,
        HeadersTooLarge,
        Problem,
        UpstreamUnavailable,
        Overloaded,
        UpstreamTimeout,
    )
}


def decorate(document: Json) -> None:
    """Complete the merged document in place."""
    components = document["components"]
    for schema in components["schemas"].values():
        _untitle(schema)
        complete_examples(schema)
    for name in _only_asked(document):
        _tell_defaults(components["schemas"][name])
    components["parameters"] = PARAMETERS
    components["headers"] = HEADERS
    for item in document["paths"].values():
        for method, operation in item.items():
            _say(operation)
            _credentials(operation)
            _parameters(document, method, operation)
            _responses(document, method, operation)
            _examples(document, operation)


def _untitle(node: object) -> None:
    """Remove the titles that are but the names again; generators would make types of them."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str) and ("properties" not in node or "type" not in node):
            del node["title"]
        for name, value in node.items():
            if name not in {"examples", "example", "default", "const", "enum"}:
                _untitle(value)
    elif isinstance(node, list):
        for value in node:
            _untitle(value)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _reachable(document: Json, roots: Iterator[str]) -> set[str]:
    found: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name in document["components"]["schemas"] and name not in found:
            found.add(name)
            pending += _references(document["components"]["schemas"][name])
    return found


def _only_asked(document: Json) -> set[str]:
    """Return the schemas that stand in requests and in no answer."""
    every = [operation for item in document["paths"].values() for operation in item.values()]
    asked = (name for operation in every for name in _references(operation.get("requestBody", {})))
    answered = (name for operation in every for name in _references(operation["responses"]))
    return _reachable(document, asked) - _reachable(document, answered)


def _tell_defaults(schema: Json) -> None:
    """Say defaults in words: generators take a field with a default for one that must be there."""
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if default not in (None, ""):
            shown = str(default).lower() if isinstance(default, bool) else default
            field["description"] = f"{field.get('description', '').rstrip('.')}. Default: {shown}."


def _say(operation: Json) -> None:
    text = operation.get("description", "").strip()
    if not text:
        raise ValueError(f"{operation['operationId']} has no docstring")
    first = text.split("\n\n", 1)[0].split(". ", 1)[0]
    operation["summary"] = " ".join(first.split()).rstrip(".")


def _credentials(operation: Json) -> None:
    if operation.get(PUBLIC):
        operation["security"] = []
        return
    permission = Permission(operation["x-pmo-permission"])
    scope = operation.get("x-pmo-scope")
    scopes = [scope] if scope else [name for name, grants in SCOPES.items() if permission in grants]
    operation["security"] = [{"access_token": []}, *([{"api_key": []}] if scopes else [])]
    keys = f"API keys: scope {' or '.join(f'`{name}`' for name in sorted(scopes))}." if scopes else "Not for API keys."
    operation["description"] = f"{operation['description'].strip()}\n\nPermission: `{permission}`. {keys}"


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _versioned(document: Json, operation: Json) -> bool:
    """Tell whether an operation answers with one resource that has a version, or says that its answer has an ETag."""
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            if "ETag" in response.get("headers", {}):
                return True
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            return "version" in resolve(document, schema).get("properties", {})
    return False


def _parameters(document: Json, method: str, operation: Json) -> None:
    parameters: list[Json] = operation.get("parameters", [])
    for parameter in parameters:
        _untitle(parameter.get("schema", {}))
        parameter["schema"] = _never_null(parameter.get("schema", {}))
    names = []
    if method in {"post", "patch"}:
        names.append("IdempotencyKey")
    if "428" in operation["responses"]:
        names.append("IfMatch")
    if method != "get" and operation["x-pmo-service"] != "gateway":
        names.append("Reason")
    if method == "get" and _versioned(document, operation):
        names.append("IfNoneMatch")
    if method == "get" and (operation["x-pmo-service"] != "gateway" or operation.get("x-pmo-composed")):
        names.append("WaitFor")
    parameters += [_reference("parameters", name) for name in names]
    if parameters:
        operation["parameters"] = parameters


def _never_null(schema: Json) -> Json:
    """Return the schema of a parameter without null, which no parameter can be: it is absent instead."""
    said = {name: value for name, value in schema.items() if name not in {"anyOf", "description"}}
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **said}
    return {**said, "anyOf": choices} if choices else said


def _responses(document: Json, method: str, operation: Json) -> None:
    responses = operation["responses"]
    versioned = _versioned(document, operation)
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        if status.startswith("2"):
            if versioned and status != "202":
                headers["ETag"] = _reference("headers", "ETag")
            if status in {"201", "202"}:
                headers["Location"] = _reference("headers", "Location")
            if method in {"post", "patch"}:
                headers["Idempotency-Replayed"] = _reference("headers", "Replayed")
            if method != "get":
                headers["PMO-Position"] = _reference("headers", "Position")
        elif status in {"429", "503"}:
            headers["Retry-After"] = _reference("headers", "RetryAfter")
        headers["X-Request-Id"] = _reference("headers", "RequestId")
    if method == "get" and versioned:
        responses["304"] = {
            "description": "It is as If-None-Match says.",
            "headers": {"ETag": _reference("headers", "ETag"), "X-Request-Id": _reference("headers", "RequestId")},
        }
    if method == "get" and (operation["x-pmo-service"] != "gateway" or operation.get("x-pmo-composed")):
        responses.setdefault("409", {**responses["400"], "description": "The data is behind PMO-Wait-For."})
    for status, response in responses.items():
        if "application/problem+json" in response.get("content", {}):
            responses[status] = _shared_problem(document, status, response)
    operation["responses"] = dict(sorted(responses.items()))


def _contents(operation: Json) -> Iterator[Json]:
    # a request's example stands with its schema where there is one; multi-mode bodies get one for each media type
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for kind, content in body.get("content", {}).items():
            if kind.endswith("json"):
                yield content


def _examples(document: Json, operation: Json) -> None:
    for content in _contents(operation):
        if "example" not in content and "examples" not in content and "schema" in content:
            content["example"] = example(document, content["schema"])


def _shared_problem(document: Json, status: str, response: Json) -> Json:
    """Return a reference to what all operations answer with this status."""
    name = f"Problem{status}"
    content = response["content"]["application/problem+json"]
    kind = _OF_STATUS[int(status)]
    told = {"type": f"/problems/{kind.code.replace('_', '-')}", "title": kind.title, "status": int(status)}
    told |= {"detail": kind.cause, "code": kind.code}
    shown = {**example(document, content["schema"]), **told}
    if kind is not ValidationFailed:
        shown["errors"] = []
    responses: Json = document["components"].setdefault("responses", {})
    responses[name] = {**response, "content": {"application/problem+json": {**content, "example": shown}}}
    return _reference("responses", name)


def resolve(document: Json, schema: Json) -> Json:
    """Return the schema that a reference leads to."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
