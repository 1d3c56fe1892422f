"""Reading a request's parameters and body within the operation's limits, before any transaction begins."""

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from typing import IO, Final

from fastapi import Request

from shared.binding import Query
from shared.errors import FieldError, PayloadTooLarge, UnsupportedEncoding, UnsupportedMediaType, ValidationFailed
from shared.types import FORBIDDEN

SPOOL_MEMORY: Final = 1024 * 1024


def check_query(request: Request, query: Query) -> None:
    """Refuse unknown query parameters, repeated ones that are not lists, and characters that no text has."""
    if not request.scope["query_string"]:
        return
    seen: set[str] = set()
    errors = []
    for name, value in request.query_params.multi_items():
        is_open = query.is_open(name)
        if name not in query.known and not is_open:
            allowed = ", ".join(sorted({*query.known, *([f"{query.prefix}…"] if query.prefix else [])})) or "none"
            errors.append(FieldError("query", "unknown_parameter", f"unknown parameter; allowed: {allowed}"))
        elif name in seen and not (is_open or name in query.repeatable):
            errors.append(FieldError(f"query/{name}", "repeated_parameter", "may be given once"))
        elif FORBIDDEN.search(value):  # a NUL is no text for PostgreSQL, and no stored text has any of the others
            detail = "holds a control, surrogate or direction-override character"
            errors.append(FieldError("query" if is_open else f"query/{name}", "forbidden_character", detail))
        seen.add(name)
    if errors:
        raise ValidationFailed(errors=errors[:20])


def _check_media_type(request: Request, media_types: Sequence[str]) -> None:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedEncoding
    given, _, parameters = request.headers.get("content-type", "").partition(";")
    if given.strip().lower() not in media_types:
        raise UnsupportedMediaType(f"Send one of: {', '.join(media_types)}.")
    charset = parameters.strip().lower()
    if charset.startswith("charset=") and charset[8:].strip('"') not in {"utf-8", "utf8"} and "json" in given:
        raise UnsupportedMediaType("JSON is UTF-8.")


async def read_body(request: Request, limit: int, media_types: Sequence[str], *, needed: bool) -> bytes:
    """Return the whole body; raises before reading when it is too large or of the wrong type."""
    length = request.headers.get("content-length")
    if length is not None and int(length) > limit:
        raise PayloadTooLarge
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge
        parts.append(chunk)
    body = b"".join(parts)
    if needed and (body or request.headers.get("content-type")):
        _check_media_type(request, media_types)
    if needed and not body:
        if not request.headers.get("content-type"):
            raise UnsupportedMediaType("A body is needed.")
        raise ValidationFailed(errors=[FieldError("", "missing", "a body is needed")])
    return body


async def spool_body(request: Request, limit: int, media_types: Sequence[str]) -> tuple[IO[bytes], bytes]:
    """Write the body to a temporary file while it arrives and return the file and its SHA-256."""
    _check_media_type(request, media_types)
    length = request.headers.get("content-length")
    if length is not None and int(length) > limit:
        raise PayloadTooLarge
    digest = hashlib.sha256()
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY)  # noqa: SIM115 - closed by the route
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise PayloadTooLarge
            digest.update(chunk)
            if size > SPOOL_MEMORY:
                await asyncio.to_thread(spool.write, chunk)
            else:
                spool.write(chunk)
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    return spool, digest.digest()
