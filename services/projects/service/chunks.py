"""Items of an event in chunks that the broker takes."""

from collections.abc import Iterable
from typing import Final

from shared.errors import FieldError, ValidationFailed

CHUNK_BYTES: Final = 190 * 1024
"""Events in chunks stay below the broker's limit of a message, envelope included."""


def chunked(items: Iterable[bytes], limit: int = CHUNK_BYTES) -> list[list[bytes]]:
    """Return JSON items in chunks whose bytes stay below a limit; always at least one chunk.

    Raises ValidationFailed for an item that no event could carry: it would keep back all that follows it.
    """
    chunks: list[list[bytes]] = [[]]
    size = 0
    for item in items:
        if len(item) > limit:
            detail = f"something in it comes to {len(item)} bytes; an event carries {limit} of one thing"
            raise ValidationFailed(errors=[FieldError("", "too_large", detail)])
        if chunks[-1] and size + len(item) > limit:
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += len(item) + 1
    return chunks
