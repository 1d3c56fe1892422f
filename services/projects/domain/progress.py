"""What a statement of progress does to a task."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Progress:
    """What someone states of a task's progress."""

    at: datetime
    percent_complete: Decimal
    actual_cost: Decimal | None = None
    remaining_work_minutes: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What progress depends on: how far a task is known to be, and when it is scheduled (naive local time)."""

    percent_complete: Decimal
    progress_at: datetime | None
    actual_start: datetime | None
    actual_finish: datetime | None
    duration_minutes: int
    is_scheduled: bool = False
    early_start: datetime | None = None
    early_finish: datetime | None = None

    def takes(self, progress: Progress) -> bool:
        """Tell whether a statement is the newest one; an older one is kept as a fact and changes nothing."""
        return self.progress_at is None or progress.at >= self.progress_at

    def after(self, progress: Progress) -> "Standing":
        """Return where a statement that is the newest leaves the task.

        As in Microsoft Project, a task that has begun without an actual start began when it was scheduled to, and one
        that is complete without an actual finish ended when it was scheduled to.
        """
        percent = progress.percent_complete
        start, finish = self.actual_start, self.actual_finish
        if self.is_scheduled:
            start = (start or self.early_start) if percent > 0 else start
            finish = (finish or self.early_finish) if percent == 100 else None
        return replace(
            self, percent_complete=percent, progress_at=progress.at, actual_start=start, actual_finish=finish
        )

    def columns(self, progress: Progress) -> dict[str, object]:
        """Return the task's columns after a statement that is its newest."""
        after = self.after(progress)
        done = int((self.duration_minutes * progress.percent_complete / 100).to_integral_value())
        columns: dict[str, object] = {
            "percent_complete": after.percent_complete,
            "progress_at": after.progress_at,
            "actual_start": after.actual_start,
            "actual_finish": after.actual_finish,
            "actual_duration_minutes": done,
            "remaining_duration_minutes": self.duration_minutes - done,
            # Where the file said that work stopped and resumes no longer holds: it follows from the actual duration.
            "stop": None,
            "resume": None,
        }
        if progress.actual_cost is not None:
            columns["actual_cost"] = progress.actual_cost
        if progress.remaining_work_minutes is not None:
            columns["remaining_work_minutes"] = progress.remaining_work_minutes
        return columns
