"""Turning whatever fails into a problem: ours, validation, routing, the database, and what nobody foresaw."""

import asyncpg
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.correlation import Correlation, identify
from shared.errors import (
    Busy,
    Conflict,
    DeadlineExceeded,
    FieldError,
    MethodNotAllowed,
    NotFound,
    Problem,
    RequestTimeout,
    Unavailable,
    ValidationFailed,
    render,
)
from shared.strict_json import places, pointer

log = structlog.get_logger(__name__)


def from_database(error: Exception) -> Problem | None:
    """Return the problem that a database error means for the caller; None for our own bugs."""
    match error:
        case asyncpg.UniqueViolationError():
            return Conflict("Something with the same unique value exists already.")
        case asyncpg.ForeignKeyViolationError():
            return Conflict("It refers to, or is referred to by, something else.")
        case asyncpg.LockNotAvailableError() | asyncpg.SerializationError() | asyncpg.DeadlockDetectedError():
            return Busy()
        case asyncpg.QueryCanceledError():
            return DeadlineExceeded()
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.CannotConnectNowError()
            | asyncpg.AdminShutdownError()
            | asyncpg.CrashShutdownError()
            | asyncpg.TooManyConnectionsError()
            | asyncpg.DiskFullError()
            | asyncpg.InterfaceError()
            | asyncpg.InternalClientError()
            | OSError()
        ):
            return Unavailable()
    return None


def from_validation(error: RequestValidationError) -> ValidationFailed:
    """Return all mistakes of a request as field errors; the input itself is not repeated."""
    errors = []
    for item in error.errors():
        place, *rest = item["loc"]
        inside = pointer(places(error.body, rest, is_absent=item["type"] == "missing") if place == "body" else rest)
        where = inside if place == "body" else f"{place}{inside}"
        message = str(item["msg"]).removeprefix("Value error, ").partition(", invalid")[0]  # what is invalid is input
        errors.append(FieldError(where, str(item["type"]), message[:300]))
    return ValidationFailed(errors=errors[:100])


def correlation(request: Request) -> Correlation:
    """Return the request's ids, as the guard made them."""
    known: Correlation | None = request.scope.get("state", {}).get("correlation")
    return known or identify(dict(request.scope["headers"]))


def to_response(request: Request, problem: Problem) -> Response:
    """Render a problem for a request."""
    ids = correlation(request)
    status, headers, body = render(problem, instance=request.url.path, request_id=ids.request_id, trace_id=ids.trace_id)
    response = Response(body, status)
    response.raw_headers[:] = headers
    return response


async def on_error(request: Request, error: Exception) -> Response:
    """Turn any exception into a problem; what is not foreseen is logged and answered as 500 without its text."""
    known: Problem | None = None
    match error:
        case Problem():
            known = error
        case RequestValidationError():
            known = from_validation(error)
        case ClientDisconnect():  # nobody is there to read it: it is for the log
            known = RequestTimeout("The client left before its request was complete.")
        case HTTPException(status_code=404):
            known = NotFound()
        case HTTPException(status_code=405, headers=headers):
            known = MethodNotAllowed(headers=headers)
        case asyncpg.PostgresError() | asyncpg.InterfaceError() | asyncpg.InternalClientError() | OSError():
            known = from_database(error)
            if known is not None:
                log.warning("database_refused", error=repr(error), path=request.url.path)
    if known is None:
        log.error("unexpected_error", error=repr(error), path=request.url.path, exc_info=error)
    return to_response(request, known or Problem())
