"""What a schedule says of each task, and what can keep it from being computed."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class DependencyCycle(ValueError):
    """Tasks wait for each other; `source_ids` names the loop in order, each once, beginning anywhere."""

    def __init__(self, source_ids: tuple[str, ...]) -> None:
        super().__init__(f"tasks depend on each other: {' > '.join(source_ids)}")
        self.source_ids = source_ids


class UnusableProjectCalendar(ValueError):
    """The project's calendar is missing or has no working time, so nothing can be scheduled."""


class ScheduleOutOfRange(ValueError):
    """Durations and lags push a task beyond the years 1 to 9999."""


class ScheduledTask(NamedTuple):
    """The computed dates of a task, naive local; floats in working minutes of the task's calendar.

    An elapsed duration is counted on the clock, and so are its floats. Late dates never pass the project's finish.
    A summary spans its subtasks and has the least of their floats.
    """

    source_id: str
    early_start: datetime
    early_finish: datetime
    late_start: datetime
    late_finish: datetime
    start: datetime  # as planned: the early dates, or the late ones of a task that goes as late as possible
    finish: datetime
    total_float_minutes: int
    free_float_minutes: int
    is_critical: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """All tasks of a plan in its order, and the span of the project."""

    project_start: datetime
    project_finish: datetime
    tasks: tuple[ScheduledTask, ...]
