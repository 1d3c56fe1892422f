"""Items of an event in chunks that the broker takes."""

from collections.abc import Iterable
from typing import Final

CHUNK_BYTES: Final = 190 * 1024
"""Events in chunks stay below the broker's limit of a message, envelope included."""


def chunked(items: Iterable[bytes], limit: int = CHUNK_BYTES) -> list[list[bytes]]:
    """Return JSON items in chunks whose bytes stay below a limit; always at least one chunk."""
    chunks: list[list[bytes]] = [[]]
    size = 0
    for item in items:
        if chunks[-1] and size + len(item) > limit:
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += len(item) + 1
    return chunks
