"""A calendar whose answers are kept while a schedule is computed: its tasks begin and end at the same instants."""

from collections.abc import Callable
from typing import TypeVar

from shared.working_time import WorkingTime

V = TypeVar("V")


class Kept(dict[int, V]):
    """A function of an integer as a table that fills itself: a value known is found ten times faster than computed."""

    __slots__ = ("_of",)

    def __init__(self, of: Callable[[int], V]) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, key: int) -> V:
        value = self[key] = self._of(key)
        return value


class _KeptBothWays(Kept[int]):
    """Minutes by working index; each minute found tells its index as well."""

    __slots__ = ("_back",)

    def __init__(self, of: Callable[[int], int], back: dict[int, int]) -> None:
        super().__init__(of)
        self._back = back

    def __missing__(self, key: int) -> int:
        value = self[key] = self._of(key)
        self._back[value] = key
        return value


class Clock:
    """A compiled calendar with its conversions kept: minutes to working indices, and back to the two ends of a pause.

    What all tasks do reads the tables itself; the rest says what it wants by the calendar's own verbs.
    """

    __slots__ = ("calendar", "finish_at", "index", "start_at")

    def __init__(self, calendar: WorkingTime) -> None:
        self.calendar = calendar
        self.index = Kept(calendar.index)
        self.start_at = _KeptBothWays(calendar.start_at, self.index)
        self.finish_at = _KeptBothWays(calendar.finish_at, self.index)

    def working_minutes(self, begin: int, end: int) -> int:
        """Working minutes from begin to end; negative if end lies before begin."""
        return self.index[end] - self.index[begin]

    def add(self, minute: int, minutes: int) -> int:
        """The minute at which that many more are worked; 0 stays where it is, a negative number subtracts."""
        if minutes > 0:
            return self.finish_at[self.index[minute] + minutes]
        return self.start_at[self.index[minute] + minutes] if minutes else minute

    def subtract(self, minute: int, minutes: int) -> int:
        """The latest minute at which to begin that many to have them worked; 0 stays where it is."""
        return self.add(minute, -minutes)

    def before(self, minute: int, lag: int) -> int:
        """The last minute from which the lag takes to the minute or before it."""
        return self.start_at[self.index[minute] - lag] if lag else minute

    def next_start(self, minute: int) -> int:
        """The minute itself if work follows it, else the start of the next shift."""
        return self.start_at[self.index[minute]]

    def previous_finish(self, minute: int) -> int:
        """The minute itself if work precedes it, else the end of the shift before."""
        return self.finish_at[self.index[minute]]
