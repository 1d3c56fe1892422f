"""What batches have in common: their bounds, and why an item of one was not done."""

from typing import Final

from shared.errors import Problem
from shared.route import FieldErrorRead
from shared.types import Count, Schema, Text

MOST_ITEMS: Final = 5000
MAX_BYTES: Final = 16 * 1024 * 1024


class BatchProblem(Schema):
    """Why an item was not done."""

    type: Text
    """A page of the documentation with cause and cure."""
    title: Text
    """What happened."""
    status: Count
    """The HTTP status that it would have alone."""
    detail: Text
    """What happened this time."""
    code: Text
    """Stable code."""
    errors: list[FieldErrorRead]
    """All mistakes at once; pointers begin at the item."""


def told(problem: Problem | None) -> dict[str, object] | None:
    """Return a problem as the answer about an item tells it."""
    if problem is None:
        return None
    return {
        "type": "/problems/" + problem.code.replace("_", "-"),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in problem.errors],
    }
