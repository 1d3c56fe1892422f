"""Which state of a plan an instant is measured against."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """When a plan changed in what metrics depend on, ascending, and since when it has had a baseline."""

    changes: Sequence[datetime]
    baselined: datetime | None

    def state_at(self, as_of: datetime) -> datetime | None:
        """The change that brought the state in force at an instant; None: it is in force still.

        Instants before the first baseline are measured against that: nothing else was there to measure against.
        """
        last = bisect_right(self.changes, as_of if self.baselined is None else max(as_of, self.baselined))
        return None if last == len(self.changes) else self.changes[max(last - 1, 0)]
