"""Versions over HTTP: the strong ETag is the entity's version (RFC 9110)."""

import re
from typing import Final

from shared.errors import BadRequest, PreconditionFailed, PreconditionRequired

FORM: Final = re.compile(r'(W/)?"([^"\x00-\x20\x7f]*)"', re.ASCII)


def etag(version: int | str) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def expected_version(if_match: str | None) -> int:
    """Return the version that If-Match names; raises PreconditionRequired, PreconditionFailed or BadRequest."""
    if if_match is None or if_match.strip() == "*":  # whatever is there: that says no version
        raise PreconditionRequired
    match = FORM.fullmatch(if_match.strip())
    if match is None:
        raise BadRequest("If-Match must be one ETag in double quotes.")
    weak, tag = match.groups()
    if weak or not re.fullmatch(r"[1-9]\d{0,9}", tag, re.ASCII):
        raise PreconditionFailed
    return int(tag)


def not_modified(if_none_match: str | None, version: int | str) -> bool:
    """Tell whether If-None-Match names the version (weak comparison)."""
    if if_none_match is None:
        return False
    tags = {tag for _, tag in FORM.findall(if_none_match)}
    return if_none_match.strip() == "*" or str(version) in tags


def must_be(version: int, expected: int) -> None:
    """Raise PreconditionFailed unless the version read under lock is the one that the caller changes."""
    if version != expected:
        raise PreconditionFailed
