"""Errors as named facts with stable codes, and the one renderer that makes RFC 9457 problems of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import orjson

PROBLEM_JSON: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake in the input: where (a JSON pointer, or a parameter's name), which, and why."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """A refusal or failure that the caller is told about; subclasses name the fact."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"
    cause: ClassVar[str] = "An unexpected failure; it is logged under the request id."
    cure: ClassVar[str] = "Try again later; if it persists, report the request id to the operators."

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class BadRequest(Problem):
    """The request cannot be understood."""

    status, code, title = 400, "bad_request", "The request cannot be understood"
    cause = "The request line, a header or the framing is malformed or ambiguous."
    cure = "Send a well-formed HTTP/1.1 request; most client libraries do so by themselves."


class JsonInvalid(BadRequest):
    """The body is not valid JSON."""

    code, title = "json_invalid", "The body is not valid JSON"
    cause = "The body is not RFC 8259 JSON in UTF-8 without a byte order mark, or a number is not finite."
    cure = "Serialise the body with a standard JSON library, numbers finite, encoded in UTF-8."


class JsonTooDeep(BadRequest):
    """The body is nested too deeply."""

    code, title = "json_too_deep", "The body is nested too deeply"
    cause = "More than 32 levels of arrays and objects."
    cure = "Send the documented shape; no request of this API needs more than a few levels."


class JsonDuplicateKey(BadRequest):
    """An object of the body names a key twice."""

    code, title = "json_duplicate_key", "An object names the same key twice"
    cause = "Which of the two values is meant cannot be known."
    cure = "Name every key once."


class CursorInvalid(BadRequest):
    """The cursor is not one that this list gave out."""

    code, title = "cursor_invalid", "The cursor is not valid here"
    cause = "The cursor was changed, has expired (24 h), or belongs to another list, filter, sort or organization."
    cure = "Start again without cursor; pass next_cursor back unchanged with the same filters and sort."


class IdempotencyKeyInvalid(BadRequest):
    """The Idempotency-Key header is malformed."""

    code, title = "idempotency_key_invalid", "The Idempotency-Key is malformed"
    cause = "The key is empty, longer than 255 characters, or has characters other than visible ASCII."
    cure = "Send a UUID or another short visible-ASCII string."


class Unauthenticated(Problem):
    """No valid credential came with the request."""

    status, code, title = 401, "unauthenticated", "A valid credential is needed"
    cause = "The Authorization header is missing, or the API key is unknown, revoked or expired."
    cure = "Send Authorization: Bearer with an access token or an API key."

    def __init__(self, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer", **(headers or {})})


class TokenInvalid(Unauthenticated):
    """The access token is not acceptable."""

    code, title = "token_invalid", "The access token is not valid"
    cause = "The token is expired, forged, malformed, not an access token, or meant for another audience or issuer."
    cure = "Fetch a fresh access token from the issuer; check the clock, the audience and the typ header (at+jwt)."


class Forbidden(Problem):
    """The caller may not do this."""

    status, code, title = 403, "forbidden", "You may not do this"
    cause = "None of the caller's roles or scopes grants the permission, or the object is not the caller's own."
    cure = "Ask a PMO director for the role, or use a credential with the scope that the operation names."


class NotFound(Problem):
    """There is no such thing, or not for this caller."""

    status, code, title = 404, "not_found", "There is no such resource"
    cause = "The path or the id is wrong, the object was deleted, or it belongs to another organization."
    cure = "Check the path against the OpenAPI document and the id against the list."


class MethodNotAllowed(Problem):
    """The path exists, but not with this method."""

    status, code, title = 405, "method_not_allowed", "This path does not take this method"
    cause = "The method is not among those that the Allow header lists."
    cure = "Use one of the methods in Allow."


class NotAcceptable(Problem):
    """The caller accepts none of the media types on offer."""

    status, code, title = 406, "not_acceptable", "No acceptable media type"
    cause = "The Accept header excludes what this operation answers with."
    cure = "Accept application/json (and application/problem+json)."


class RequestTimeout(Problem):
    """The request did not arrive in time."""

    status, code, title = 408, "request_timeout", "The request did not arrive in time"
    cause = "The body stalled or came too slowly."
    cure = "Send the whole body without long pauses."


class Conflict(Problem):
    """The request contradicts the present state."""

    status, code, title = 409, "conflict", "The request contradicts the present state"
    cause = "Something that must be unique exists already, or the object's state does not allow this."
    cure = "Read the present state and decide anew."


class IdempotencyInProgress(Conflict):
    """A request with this Idempotency-Key is still running."""

    code, title = "idempotency_in_progress", "The same request is still running"
    cause = "Another request with the same Idempotency-Key has not finished."
    cure = "Wait as Retry-After says, then send the same request again."


class ProjectionBehind(Conflict):
    """The read model has not yet caught up with the position asked for."""

    code, title = "projection_behind", "The data has not caught up yet"
    cause = "The position in PMO-Wait-For was not reached within the time a read waits."
    cure = "Try again shortly; if it stays so, look at the consumer lag of the service."


class PreconditionFailed(Problem):
    """The object has changed since it was read."""

    status, code, title = 412, "precondition_failed", "The object has changed since you read it"
    cause = "If-Match does not name the present version."
    cure = "Read it again, merge your change, and send the new ETag."


class PayloadTooLarge(Problem):
    """The body is larger than this operation takes."""

    status, code, title = 413, "payload_too_large", "The body is too large"
    cause = "The body exceeds the operation's limit (1 MiB unless it declares another)."
    cure = "Send less at once, or use the batch or import operation."


class TooManyItems(PayloadTooLarge):
    """The array holds more items than this operation takes."""

    code, title = "too_many_items", "Too many items at once"
    cause = "The array exceeds the number of items that the operation declares."
    cure = "Send the items in several requests."


class UriTooLong(Problem):
    """The path or the query is too long."""

    status, code, title = 414, "uri_too_long", "The URL is too long"
    cause = "The path exceeds 2 KiB or the query 4 KiB."
    cure = "Use fewer filters; page with the cursor."


class UnsupportedMediaType(Problem):
    """The body's media type is not one that this operation takes."""

    status, code, title = 415, "unsupported_media_type", "The media type is not supported here"
    cause = "Content-Type is missing or not one that the operation documents."
    cure = "Send the Content-Type that the OpenAPI document names, mostly application/json."


class UnsupportedEncoding(UnsupportedMediaType):
    """The body is compressed."""

    code, title = "unsupported_encoding", "Compressed bodies are not taken"
    cause = "Content-Encoding is present; a compressed body could hide its size."
    cure = "Send the body uncompressed."


class Misdirected(Problem):
    """The Host is not ours."""

    status, code, title = 421, "misdirected", "This host is not served here"
    cause = "The Host header names none of the hosts that this gateway serves."
    cure = "Use the public base URL, or add the host to PMO_ALLOWED_HOSTS."


class ValidationFailed(Problem):
    """The input is well-formed, but some of it is not acceptable."""

    status, code, title = 422, "validation", "The input is not acceptable"
    cause = "One or more fields or parameters are unknown, missing, of the wrong type, or out of range."
    cure = "Mend every entry of errors[]; each has a pointer to its place."


class IdempotencyKeyReused(ValidationFailed):
    """The Idempotency-Key was used for another request."""

    code, title = "idempotency_key_reused", "The Idempotency-Key was used for another request"
    cause = "The same key came with another body, method or path."
    cure = "Use a new key for a new request."


class PreconditionRequired(Problem):
    """The request must say which version it changes."""

    status, code, title = 428, "precondition_required", "If-Match is required"
    cause = "PATCH, PUT and DELETE need the version they apply to; `*` names none."
    cure = "Read the object and send its ETag in If-Match."


class RateLimited(Problem):
    """The caller asks too much in too short a time."""

    status, code, title = 429, "rate_limited", "Too many requests"
    cause = "The caller's or the organization's rate was exceeded."
    cure = "Wait as Retry-After says; spread the requests."


class HeadersTooLarge(Problem):
    """The headers are too many or too large."""

    status, code, title = 431, "headers_too_large", "The headers are too large"
    cause = "More than 100 headers, or more than 32 KiB of them."
    cure = "Send fewer or smaller headers."


class UpstreamUnavailable(Problem):
    """The service behind the gateway cannot be reached."""

    status, code, title = 502, "upstream_unavailable", "A service behind the gateway is down"
    cause = "The service refused the connection or closed it."
    cure = "Try again as Retry-After says; operators: look at the service's log and readyz."


class UpstreamInvalid(UpstreamUnavailable):
    """The service behind the gateway answered garbage."""

    code, title = "upstream_invalid", "A service behind the gateway answered wrongly"
    cause = "The answer was not valid HTTP or exceeded the limits."
    cure = "Operators: look at the service's log under the request id."


class Overloaded(Problem):
    """There is no capacity for the request now."""

    status, code, title = 503, "overloaded", "No capacity at the moment"
    cause = "All connections or workers were busy."
    cure = "Try again as Retry-After says."

    def __init__(self, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "1", **(headers or {})})


class Busy(Overloaded):
    """The object is locked by another request."""

    code, title = "busy", "The object is being changed by another request"
    cause = "A lock was not free in time."
    cure = "Try again as Retry-After says."


class Unavailable(Overloaded):
    """A part that this service needs is down."""

    code, title = "unavailable", "A part of the system is down"
    cause = "The database or the broker cannot be reached."
    cure = "Try again as Retry-After says; operators: look at readyz."


class UpstreamTimeout(Problem):
    """The service behind the gateway did not answer in time."""

    status, code, title = 504, "upstream_timeout", "A service behind the gateway was too slow"
    cause = "No answer within the operation's deadline."
    cure = "Try again; narrow the request if it asks for much."


class DeadlineExceeded(UpstreamTimeout):
    """The work did not end within the request's deadline."""

    code, title = "deadline", "The request took too long"
    cause = "A statement or computation exceeded the deadline."
    cure = "Narrow the request, or try again when the system is less loaded."


def all_problems(base: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Yield every problem class that is loaded, the base included."""
    yield base
    for child in base.__subclasses__():
        yield from all_problems(child)


def render(
    problem: Problem, *, instance: str, request_id: str, trace_id: str | None
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, raw headers and body of a problem; no part of the input is echoed but the path."""
    document: dict[str, object] = {
        "type": "/problems/" + problem.code.replace("_", "-"),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in problem.errors],
        "request_id": request_id,
        "trace_id": trace_id,
    }
    body = orjson.dumps(document)
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode("latin-1", "replace")) for name, value in problem.headers.items()),
    ]
    return problem.status, headers, body
