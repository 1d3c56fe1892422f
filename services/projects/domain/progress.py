"""What a statement of progress does to a task, by Microsoft Project's rules: each figure follows from those stated.

Duration and work each are a whole of actual and remaining, of which percent complete is the actual share. Who states
one of them moves the other along, as Microsoft Project does, unless the statement says both. A task that has begun
without an actual start began when it was scheduled to, and one that is complete without an actual finish ended when it
was scheduled to; less than complete is not finished, and back to nothing is not begun. What has ended lasted from its
start to its finish, in the working time of its calendar, unless the statement says how long.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from services.projects.domain.shares import HUNDRED, Contradiction, Measure, Share, at_percent, check_whole, share
from shared.working_time import NoWorkingTime, WorkingTime, minute_of, moment_of

__all__ = [
    "DURATION",
    "MOST_DURATION",
    "MOST_WORK",
    "WORK",
    "Contradiction",
    "PercentCompleteType",
    "Progress",
    "Standing",
]

MOST_DURATION: Final = 10_000_000
"""Minutes; some eighty years of working days."""
MOST_WORK: Final = 2_147_483_647
"""Minutes; what the database's integer holds."""
DURATION: Final[Measure] = ("percent_complete", "actual_duration_minutes", "remaining_duration_minutes")
WORK: Final[Measure] = ("percent_work_complete", "actual_work_minutes", "remaining_work_minutes")


class PercentCompleteType(StrEnum):
    """Which percent a task's progress is told by, as Primavera has it."""

    DURATION = "duration"
    UNITS = "units"  # of work
    PHYSICAL = "physical"


@dataclass(frozen=True, slots=True)
class Progress:
    """What someone states of a task's progress as of an instant; None: nothing of that. Dates are local wall time."""

    at: datetime
    percent_complete: Decimal | None = None
    actual_cost: Decimal | None = None
    remaining_work_minutes: int | None = None
    source: str = ""
    percent_work_complete: Decimal | None = None
    physical_percent_complete: Decimal | None = None
    units_done: Decimal | None = None
    actual_start: datetime | None = None
    actual_finish: datetime | None = None
    actual_duration_minutes: int | None = None
    remaining_duration_minutes: int | None = None
    actual_work_minutes: int | None = None
    local_at: datetime | None = None
    """The same instant as `at`: no stated date may lie after it."""

    @property
    def is_of_dates(self) -> bool:
        """Whether it says when the task began or ended."""
        return self.actual_start is not None or self.actual_finish is not None

    @property
    def is_of_duration(self) -> bool:
        """Whether it says how much of the duration is done."""
        stated = (self.percent_complete, self.actual_duration_minutes, self.remaining_duration_minutes)
        return self.actual_finish is not None or any(each is not None for each in stated)

    @property
    def is_of_work(self) -> bool:
        """Whether it says how much of the work is done."""
        stated = (self.percent_work_complete, self.actual_work_minutes, self.remaining_work_minutes)
        return any(each is not None for each in stated)


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
    percent_type: PercentCompleteType = PercentCompleteType.DURATION
    percent_work_complete: Decimal = Decimal(0)
    actual_duration_minutes: int = 0
    remaining_duration_minutes: int | None = None
    work_minutes: int = 0
    actual_work_minutes: int = 0
    remaining_work_minutes: int = 0
    physical_percent_complete: Decimal | None = None
    units_done: Decimal | None = None
    is_milestone: bool = False
    calendar: WorkingTime | None = None
    """What the task is worked by; needed where a statement says when it began or ended."""

    def takes(self, progress: Progress) -> bool:
        """Tell whether a statement is the newest one; an older one is kept as a fact and changes nothing."""
        return self.progress_at is None or progress.at >= self.progress_at

    def after(self, said: Progress) -> "Standing":
        """Return where a statement leaves the task; raises Contradiction."""
        self._check_dates(said)
        duration = self._duration(said) if said.is_of_duration else None
        work = self._work(said) if said.is_of_work else None
        if duration is not None and work is None:
            work = at_percent(duration.percent, self.work_minutes)
        elif duration is not None and said.percent_work_complete is None and said.actual_work_minutes is None:
            # What is left of the work was stated; what is done of it follows from the duration.
            done = at_percent(duration.percent, self.work_minutes).actual
            work = self._work(replace(said, actual_work_minutes=done))
        elif duration is None and work is not None:
            duration = at_percent(work.percent, self.duration_minutes)
        physical = self.physical(said)
        after = replace(
            self,
            progress_at=said.at,
            physical_percent_complete=self.physical_percent_complete if physical is None else physical,
            units_done=self.units_done if said.units_done is None else said.units_done,
        )
        if duration is not None:
            after = replace(
                after,
                percent_complete=duration.percent,
                duration_minutes=duration.whole,
                actual_duration_minutes=duration.actual,
                remaining_duration_minutes=duration.rest,
            )
        if work is not None:
            after = replace(
                after,
                percent_work_complete=work.percent,
                work_minutes=work.whole,
                actual_work_minutes=work.actual,
                remaining_work_minutes=work.rest,
            )
        start, finish = self._dates(said, after)
        return self._lasting(said, replace(after, actual_start=start, actual_finish=finish))

    def physical(self, said: Progress) -> Decimal | None:
        """Return what a statement says of the physical result.

        Where that is what the task's percent means, the percent stated, as in Primavera.
        """
        if said.physical_percent_complete is not None or self.percent_type is not PercentCompleteType.PHYSICAL:
            return said.physical_percent_complete
        return HUNDRED if said.actual_finish is not None else said.percent_complete

    def columns(self, said: Progress) -> dict[str, object]:
        """Return the task's columns after a statement that is its newest; raises Contradiction."""
        known = self.known()
        columns = {name: value for name, value in self.after(said).known().items() if value != known[name]}
        columns["progress_at"] = said.at
        # Where the file said that work stopped and resumes no longer holds: it follows from the actual duration.
        columns |= {"stop": None, "resume": None}
        told = {
            "actual_cost": said.actual_cost,
            "units_done": said.units_done,
            "physical_percent_complete": self.physical(said),
        }
        return columns | {name: value for name, value in told.items() if value is not None}

    def fact(self, said: Progress) -> dict[str, object]:
        """Return the columns of the fact: what was stated, and what follows of it; raises Contradiction.

        Of the same instant stated again, what was said before holds where it is not said anew.
        """
        after = self.after(said)
        again = self.progress_at == said.at
        physical, units = self.physical(said), said.units_done
        fact: dict[str, object] = {
            "at": said.at,
            "percent_complete": after.percent_complete,
            "actual_cost": said.actual_cost,
            "source": said.source,
            "physical_percent_complete": self.physical_percent_complete if again and physical is None else physical,
            "units_done": self.units_done if again and units is None else units,
            "actual_start": after.actual_start,
            "actual_finish": after.actual_finish,
        }
        lasts = after.actual_duration_minutes != self.actual_duration_minutes
        measured = again or said.is_of_duration or said.is_of_work or lasts
        return fact | {name: getattr(after, name) if measured else None for name in _MEASURED}

    def known(self) -> dict[str, object]:
        """Return what statements change of a task."""
        return {
            "percent_complete": self.percent_complete,
            "actual_start": self.actual_start,
            "actual_finish": self.actual_finish,
            "duration_minutes": self.duration_minutes,
            "actual_duration_minutes": self.actual_duration_minutes,
            "remaining_duration_minutes": self.remaining_duration_minutes,
            "percent_work_complete": self.percent_work_complete,
            "work_minutes": self.work_minutes,
            "actual_work_minutes": self.actual_work_minutes,
            "remaining_work_minutes": self.remaining_work_minutes,
        }

    def _check_dates(self, said: Progress) -> None:
        for name, date in (("actual_start", said.actual_start), ("actual_finish", said.actual_finish)):
            if date is not None and said.local_at is not None and date > said.local_at:
                raise Contradiction(name, "actual_after_statement", "lies after the instant that the statement is of")
        begun = said.actual_start or self.actual_start
        if said.actual_finish is not None and begun is not None and said.actual_finish < begun:
            raise Contradiction("actual_finish", "finish_before_start", "lies before the actual start")
        if said.actual_finish is not None and said.percent_complete not in {None, HUNDRED}:
            raise Contradiction("percent_complete", "finished_means_100", "is not 100, but an actual finish is stated")
        if said.actual_finish is not None and said.percent_work_complete not in {None, HUNDRED}:
            raise Contradiction("percent_work_complete", "finished_means_100", "is not 100, but it is finished")
        if said.actual_finish is not None and said.remaining_work_minutes:
            raise Contradiction("remaining_work_minutes", "finished_means_100", "is left, but it is finished")

    def _duration(self, said: Progress) -> Share:
        if said.actual_finish is not None:
            if said.remaining_duration_minutes:
                raise Contradiction("remaining_duration_minutes", "finished_means_100", "is left, but it is finished")
            actual = said.actual_duration_minutes
            return Share(HUNDRED, self.duration_minutes if actual is None else actual, 0)
        stated = (said.percent_complete, said.actual_duration_minutes, said.remaining_duration_minutes)
        found = share(self.duration_minutes, self.actual_duration_minutes, stated, DURATION)
        check_whole(found, max(MOST_DURATION, self.duration_minutes), stated, DURATION)
        return found

    def _work(self, said: Progress) -> Share:
        stated = (said.percent_work_complete, said.actual_work_minutes, said.remaining_work_minutes)
        found = share(self.work_minutes, self.actual_work_minutes, stated, WORK)
        check_whole(found, MOST_WORK, stated, WORK)
        return found

    def _dates(self, said: Progress, after: "Standing") -> tuple[datetime | None, datetime | None]:
        percent = after.percent_complete
        start, finish = said.actual_start or self.actual_start, said.actual_finish or self.actual_finish
        if percent == 0 and self.percent_complete > 0 and said.actual_start is None:
            return None, None
        if start is None and said.actual_finish is not None and not after.duration_minutes:
            start = said.actual_finish  # what takes no time began when it ended
        if percent > 0 and start is None:
            done = said.local_at if percent == HUNDRED else None  # of what has no dates that much is known
            start = self.early_start if self.is_scheduled else done
            if said.actual_finish is not None and start is not None and said.actual_finish <= start:
                start = self._moved(said.actual_finish, -after.duration_minutes) or said.actual_finish
        if percent < HUNDRED:
            return start, None
        if finish is None:
            finish = self.early_finish if self.is_scheduled else said.local_at
            if said.actual_start is not None:
                finish = self._moved(said.actual_start, after.duration_minutes) or finish
            if finish is not None and start is not None:
                finish = max(start, finish)
        elif start is not None and start > finish:
            raise Contradiction("actual_start", "finish_before_start", "lies after the actual finish")
        return start, finish

    def _moved(self, date: datetime, minutes: int) -> datetime | None:
        """So much of the task's working time later, or earlier; None if that is not known."""
        try:
            return moment_of(self.calendar.add(minute_of(date), minutes)) if self.calendar is not None else None
        except NoWorkingTime:
            return None

    def _lasting(self, said: Progress, after: "Standing") -> "Standing":
        """Return how it is with the duration that follows from when it began and ended, if these were stated.

        A milestone takes no time, and dates with no working time between them do not tell how long it took.
        """
        start, finish = after.actual_start, after.actual_finish
        if not said.is_of_dates or said.actual_duration_minutes is not None or start is None or finish is None:
            return after
        if (start, finish) == (self.actual_start, self.actual_finish) or self.calendar is None or self.is_milestone:
            return after
        lasted = self.calendar.working_minutes(minute_of(start), minute_of(finish))
        if (lasted <= 0 and start < finish) or lasted > MOST_DURATION:
            return after
        return replace(after, duration_minutes=lasted, actual_duration_minutes=lasted, remaining_duration_minutes=0)


_MEASURED: Final = (
    "actual_duration_minutes",
    "remaining_duration_minutes",
    "percent_work_complete",
    "actual_work_minutes",
    "remaining_work_minutes",
)
