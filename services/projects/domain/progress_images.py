"""The images of progress: what a task tells of how far it is, and what someone stated of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from services.projects.domain.ev_techniques import AnyTechnique
from services.projects.domain.progress import PercentCompleteType
from services.projects.domain.progress_line import Deviation
from shared.types import Count, Money, Schema, Text


class TaskProgressRead(Schema):
    """How far a task is beside its percent complete, and how it earns."""

    percent_work_complete: float
    """Progress of work, 0 to 100: the actual part of actual and remaining work."""
    percent_complete_type: PercentCompleteType
    """Which percent its progress is told by: of duration, of units (work), or physical."""
    units_done: float
    """Pieces done, for the technique `units`."""
    ev_technique: AnyTechnique | None
    """How its progress earns its budget; null: as the project's default says."""
    actual_duration_minutes: Count
    """Duration that has passed, in working minutes."""
    remaining_duration_minutes: Count
    """Duration that is left, in working minutes."""


class ProgressRead(Schema):
    """What someone stated of a task's progress, and as of when; null: nothing of that."""

    id: UUID
    """Our id."""
    version: Count
    """Always 1: facts are not changed."""
    project_id: UUID
    """The project."""
    task_id: UUID
    """The task."""
    at: datetime
    """As of when, UTC."""
    percent_complete: float
    """Of the duration, 0 to 100; where nothing was said of it, what it was as of then."""
    actual_cost: Money | None
    """Cost incurred so far, cumulative."""
    remaining_work_minutes: Count | None
    """Effort still to spend."""
    source: Text
    """Who stated it."""
    percent_work_complete: float | None
    """Of the work, 0 to 100."""
    physical_percent_complete: float | None
    """Of the physical result, 0 to 100."""
    units_done: float | None
    """Pieces done."""
    actual_start: datetime | None
    """When it began, in the project's time zone; null: it had not."""
    actual_finish: datetime | None
    """When it ended, in the project's time zone; null: it had not."""
    actual_duration_minutes: Count | None
    """Duration that has passed, in working minutes."""
    remaining_duration_minutes: Count | None
    """Duration that is left, in working minutes."""
    actual_work_minutes: Count | None
    """Effort spent."""


class StatedProgress(Schema):
    """What someone stated of a task's progress, among much that was stated at once."""

    kind: Literal["progress"]
    id: UUID
    version: Count
    action: Literal["created"]
    after: ProgressRead


class ProgressPeak(Schema):
    """Where a progress line passes a task. Date-times are local to the project's time zone."""

    task_id: UUID
    """The task."""
    source_id: Text | None
    """What the file calls it."""
    name: Text
    """What it is called."""
    work_breakdown_structure: Text
    """Its WBS code."""
    percent_complete: float
    """Of its duration, as it was known as of the line's instant."""
    start: datetime
    """Where its bar begins."""
    finish: datetime
    """Where its bar ends."""
    at: datetime
    """The point that progress has reached on the bar; where it is where it should be, the line's own instant."""
    deviation: Deviation
    """On which side of the line's instant the point lies."""
    deviation_minutes: int
    """By how much working time of the task's calendar; negative: behind."""
    deviation_days: float
    """The same in the project's days."""


class ProgressLineRead(Schema):
    """A progress line of a plan."""

    as_of: datetime
    """The instant that it runs down, in the project's time zone."""
    bars: Literal["schedule", "baseline"]
    """Whose bars progress is shown on."""
    time_zone: Text
    """IANA time zone of the date-times."""
    minutes_per_day: Count
    """What a day of deviation means."""
    items: list[ProgressPeak]
    """Tasks that are no summaries, in the order of the plan; those without a bar are left out."""
    next_cursor: Text | None
    """Pass it as `cursor` for the next page; null on the last one."""
