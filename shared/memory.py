"""What a process keeps of what it read from its database: bounded, and the least recently used is dropped first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, TypeVar

T = TypeVar("T")

MOST_ROWS: Final = 350_000
"""So many rows are kept in all: about 1 KiB each where they are tasks, 0.3 where they are links."""


class Memory:
    """Values by key, each with the number of rows that it holds.

    A value is never changed once it is kept, and whoever uses it finds out whether it is still what the database says.
    """

    def __init__(self, most: int = MOST_ROWS) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self.rows = 0

    def get(self, key: Hashable, kind: type[T]) -> T | None:
        """Return what is kept under a key, if anything of this kind is."""
        value, _ = self._kept.get(key, (None, 0))
        if not isinstance(value, kind):
            return None
        self._kept.move_to_end(key)
        return value

    def keep(self, key: Hashable, value: object, rows: int) -> None:
        """Keep a value in the place of the one before; one that is too large for the memory is not kept."""
        self.drop(key)
        if rows > self._most:
            return
        self._kept[key] = (value, rows)
        self.rows += rows
        while self.rows > self._most:
            self.drop(next(iter(self._kept)))

    def drop(self, key: Hashable) -> None:
        """Forget a value."""
        _, rows = self._kept.pop(key, (None, 0))
        self.rows -= rows
