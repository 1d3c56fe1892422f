"""Pauses Python's cycle collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

_LOCK: Final = Lock()
_paused = 0


@contextmanager
def collector_paused() -> Iterator[None]:
    """Make very many objects that form no cycles: going through them all again and again costs as much as making them.

    The pause is the whole process's, and lasts until the last of those who asked for one at the same time is done.
    """
    global _paused  # noqa: PLW0603 - the collector is the process's as well
    with _LOCK:
        _paused += 1
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            _paused -= 1
            if not _paused:
                gc.enable()
