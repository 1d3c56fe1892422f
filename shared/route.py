"""What every operation goes through: caller, permission, body, one transaction, idempotency, problems."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Annotated, ClassVar, Final, TypedDict
from uuid import UUID

import structlog
from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from shared import idempotency, messaging
from shared.auth import InternalTokenVerifier, Principal
from shared.binding import Query, bind
from shared.body import check_query, read_body, spool_body
from shared.concurrency import etag, expected_version, not_modified
from shared.db import Context, Database, Transaction
from shared.entity import Written
from shared.errors import FieldError, Forbidden, NotFound, ValidationFailed
from shared.failures import correlation, on_error
from shared.permissions import Permission, Reach
from shared.strict_json import loads
from shared.types import Schema, as_uuid

log = structlog.get_logger()

WAIT_SECONDS: Final = 5.0
JSON_LIMIT: Final = 1024 * 1024
REASON_LENGTH: Final = 500
SPOOL_MEMORY: Final = 1024 * 1024
MERGE_PATCH: Final = ("application/merge-patch+json", "application/json")
COMMON_PROBLEMS: Final = (400, 401, 403, 414, 422, 429, 431, 500, 502, 503, 504)
DESCRIPTIONS: Final = {
    400: "The request cannot be understood.",
    401: "No valid credential.",
    403: "The caller may not do this.",
    404: "No such resource, or not for this caller.",
    408: "The request did not arrive in time.",
    409: "The request contradicts the present state.",
    412: "The object has changed since it was read.",
    413: "The body is too large.",
    414: "The path or the query is too long.",
    415: "The media type is not supported.",
    422: "The input is not acceptable.",
    428: "If-Match is required.",
    429: "Too many requests.",
    431: "The headers are too large.",
    500: "An unexpected failure.",
    502: "A service behind the gateway is down.",
    503: "No capacity at the moment.",
    504: "The deadline was exceeded.",
}


class FieldErrorRead(Schema):
    """One mistake in the input."""

    pointer: str
    """Where: a JSON pointer into the body, or `query/<name>`, `path/<name>`, `header/<name>`."""
    code: str
    """Which mistake; stable."""
    detail: str
    """Why, for people."""


class ProblemRead(Schema):
    """A problem as of RFC 9457."""

    type: str
    """A page of the documentation with cause and cure."""
    title: str
    """What happened, the same for all problems of the type."""
    status: int
    """The HTTP status."""
    detail: str
    """What happened this time."""
    instance: str
    """The path of the request."""
    code: str
    """Stable code to program against."""
    errors: list[FieldErrorRead]
    """All mistakes in the input at once."""
    request_id: str
    """Names the request in the logs."""
    trace_id: str | None
    """The W3C trace id."""


class _Declared(TypedDict):
    openapi_extra: dict[str, object]
    responses: dict[int | str, dict[str, object]]


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Return OpenAPI responses for problem statuses."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": DESCRIPTIONS[status], "content": content} for status in sorted(set(statuses))}


def operation(
    permission: Permission,
    *statuses: int,
    scope: str | None = None,
    max_body_bytes: int | None = None,
    deadline_ms: int | None = None,
    media_types: Sequence[str] = ("application/json",),
    spooled: bool = False,
    extra: Mapping[str, object] | None = None,
) -> _Declared:
    """Declare what an operation needs and can answer: every route of a service is made with this."""
    declared: dict[str, object] = {"x-pmo-permission": str(permission), **(extra or {})}
    if scope is not None:
        declared["x-pmo-scope"] = scope
    if max_body_bytes is not None:
        declared["x-pmo-max-body-bytes"] = max_body_bytes
    if deadline_ms is not None:
        declared["x-pmo-deadline-ms"] = deadline_ms
    if spooled:
        declared["x-pmo-stream"] = True
    if tuple(media_types) != ("application/json",):
        declared["x-pmo-media-types"] = list(media_types)
    late = (408,) if 413 in statuses else ()  # where there is a body, it may also stall
    return {"openapi_extra": declared, "responses": problems(*COMMON_PROBLEMS, *statuses, *late)}


@dataclass(slots=True)
class Call:
    """One request inside its transaction."""

    tx: Transaction
    principal: Principal
    reach: Reach
    if_match: str | None
    if_none_match: str | None
    spool: IO[bytes] | None = None
    digest: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def own_only(self) -> str | None:
        """The subject whose projects alone the caller may touch; None: all of the organization."""
        return self.principal.subject if self.reach is Reach.OWN else None

    @property
    def expected(self) -> int:
        """The version that If-Match names; raises PreconditionRequired or PreconditionFailed."""
        return expected_version(self.if_match)

    def one(self, version: int, image: str) -> Response:
        """Answer a single resource with its ETag, or 304."""
        if not_modified(self.if_none_match, version):
            return Response(status_code=304, headers={"ETag": etag(version)})
        return Response(image, media_type="application/json", headers={"ETag": etag(version)})

    def written(self, written: Written, status: int = 200, location: str | None = None) -> Response:
        """Answer a write with the image, its ETag and the position that reads can wait for."""
        headers = {"PMO-Position": written.position}
        if location is not None:
            headers["Location"] = location
        if written.image is None:
            return Response(status_code=204, headers=headers)
        headers["ETag"] = etag(written.version)
        return Response(written.image, status, headers, media_type="application/json")


async def _call(request: Request) -> Call:
    call: Call = request.state.call
    return call


Current = Annotated[Call, Depends(_call)]


def identifier_of(text: str) -> UUID:
    """Return the id that a path names; raises NotFound for what cannot be one."""
    identifier = as_uuid(text)
    if identifier is None:
        raise NotFound
    return identifier


Handle = Callable[[Request], Coroutine[object, object, Response]]


def _answering(handle: Handle) -> Handle:
    """Return a handler whose every refusal is an ordinary answer.

    Left to the framework's last resort, an exception would be raised again behind its answer, and the server would
    close the connection that the gateway reuses.
    """

    async def answered(request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:
            return await on_error(request, error)

    return answered


class Operation(APIRoute):
    """A route that denies by default and wraps each request in one transaction, committed before the answer."""

    answers_failures: ClassVar[bool] = True
    """Whether the handler makes an answer of whatever happens, and needs nothing around it."""

    def caller(self, request: Request) -> Principal:
        """Return who calls, as the internal token says; raises Unauthenticated or TokenInvalid."""
        verifier: InternalTokenVerifier = request.app.state.verifier
        return verifier.verify(request.headers.get("authorization"))

    def get_route_handler(self) -> Handle:
        """Return the handler with everything around it; raises at start if no permission is declared."""
        bound = bind(self)
        extra = self.openapi_extra or {}
        permission = Permission(str(extra["x-pmo-permission"]))
        limit = int(str(extra.get("x-pmo-max-body-bytes", JSON_LIMIT)))
        spooled = bool(extra.get("x-pmo-stream"))
        media_types = [str(m) for m in extra.get("x-pmo-media-types", ["application/json"])]
        needed = self.body_field is not None or "requestBody" in extra
        query = Query.of(self.dependant, extra.get("x-pmo-query-prefix"))

        async def handle(request: Request) -> Response:
            database: Database = request.app.state.database
            headers = request.headers
            principal = self.caller(request)
            reached = principal.reach(permission)
            if reached is None:
                raise Forbidden
            check_query(request, query)
            spool: IO[bytes] | None = None
            body = b""
            if spooled:
                spool, digest = await spool_body(request, limit, media_types)
            else:
                body = await read_body(request, limit, media_types, needed=needed)
                digest = hashlib.sha256(body).digest()
            parsed: object = None
            if body:
                parsed = request.state.json = loads(body)
            context = _context(request, principal)
            if wanted := headers.get("pmo-wait-for"):
                await messaging.wait_for(
                    database,
                    context,
                    messaging.parse_positions(wanted),
                    WAIT_SECONDS,
                    producers=request.app.state.producers,
                )
            key = headers.get("idempotency-key") if request.method in {"POST", "PATCH"} else None
            lock = idempotency.lock_of(context.organization_id, idempotency.checked(key)) if key is not None else None
            is_read = request.method in {"GET", "HEAD"}
            lent = database.reading(context) if is_read else database.transaction(context, lock=lock, by_key=True)
            try:
                async with lent as tx:
                    if key is not None:
                        mark = _mark(request, principal, digest)
                        stored = await idempotency.replay(tx, key, mark)
                        if stored is not None:
                            return stored
                    request.state.call = Call(
                        tx,
                        principal,
                        reached,
                        headers.get("if-match"),
                        headers.get("if-none-match"),
                        spool,
                        digest,
                    )
                    response = await bound.answer(request, parsed)
                    if key is not None:
                        idempotency.keep(tx, key, mark, response)
                return response
            finally:
                if spool is not None:
                    await asyncio.to_thread(spool.close)

        return _answering(handle)


def _context(request: Request, principal: Principal) -> Context:
    ids = correlation(request)
    reason = clean_reason(request.headers.get("pmo-reason"))
    return Context(principal.organization_id, principal.subject, ids.request_id, "", ids.traceparent, reason)


def _mark(request: Request, principal: Principal, digest: bytes) -> bytes:
    """Return what tells two requests with the same Idempotency-Key apart."""
    target = f"{request.scope['path']}?{request.scope['query_string'].decode('latin-1')}"
    headers = request.headers
    parts = (principal.subject, request.method, target, headers.get("if-match", ""), headers.get("content-type", ""))
    return idempotency.fingerprint(parts, digest)


def clean_reason(text: str | None) -> str | None:
    """Return the caller's reason for a change, as history keeps it; raises ValidationFailed if it is too long."""
    if text is not None and len(text) > REASON_LENGTH:
        detail = f"may have {REASON_LENGTH} characters"
        raise ValidationFailed(errors=[FieldError("header/PMO-Reason", "string_too_long", detail)])
    return None if text is None else "".join(c for c in text if c.isprintable()) or None
