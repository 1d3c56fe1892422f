"""Tasks as they are read: with what the schedule says of them, where that is asked for."""

from datetime import datetime

from pydantic import ConfigDict
from pydantic.config import JsonDict

from services.projects.domain.baseline_images import Total, VarianceRead
from services.projects.domain.images import TaskRead
from shared.types import Count, MoneySum, Schema


class ScheduleProjection(Schema):
    """The dates of a task by the critical path method, local to the project's time zone."""

    revision: Count
    """The revision of the schedule that this is of."""
    early_start: datetime
    """The earliest it can start."""
    early_finish: datetime
    """The earliest it can finish."""
    late_start: datetime
    """The latest it can start without delaying the project or a deadline."""
    late_finish: datetime
    """The latest it can finish without delaying the project or a deadline."""
    total_float_minutes: int
    """Working minutes it can slip without delaying the project; negative: it is late already."""
    free_float_minutes: int
    """Working minutes it can slip without delaying another task."""
    is_critical: bool
    """On the critical path."""


class RollupProjection(Schema):
    """What a task comes to with all below it. Date-times are local to the project's time zone."""

    revision: Count
    """The revision of the schedule that this is of."""
    start: datetime
    """When it is planned to start; of a summary the earliest below it."""
    finish: datetime
    """When it is planned to finish; of a summary the latest below it."""
    duration_minutes: Total
    """Working minutes; of a summary from start to finish on the project's calendar."""
    tasks: Count
    """How many tasks are below it, summaries and inactive ones aside."""
    work_minutes: Total
    """Effort, in working minutes."""
    actual_work_minutes: Total
    """Effort spent."""
    remaining_work_minutes: Total
    """Effort still to spend."""
    cost: MoneySum
    """Planned cost; of a summary with its own fixed cost and assignments."""
    actual_cost: MoneySum
    """Cost incurred."""


class ProgressProjection(Schema):
    """How far a task is with all below it."""

    revision: Count
    """The revision of the schedule that this is of."""
    percent_complete: float | None
    """0 to 100, weighted by duration as Microsoft Project does; null where nothing below a summary takes time."""
    percent_work_complete: float | None
    """0 to 100, weighted by work; null without work."""


class VarianceProjection(VarianceRead):
    """How a task stands to the baseline in force: present less baseline, so positive is later, longer, more."""

    revision: Count
    """The revision of the schedule that this is of."""


def _only_when_asked(schema: JsonDict) -> None:
    required = schema.get("required")
    if isinstance(required, list):
        schema["required"] = [name for name in required if name not in PROJECTED]


class TaskView(TaskRead):
    """A task of a project's work breakdown structure, with the projections that were asked for by `expand`."""

    model_config = ConfigDict(json_schema_extra=_only_when_asked)

    schedule: ScheduleProjection | None = None
    """Its dates; null while it is not scheduled. Only with `expand=schedule`."""
    rollup: RollupProjection | None = None
    """What it comes to with all below it; null while it is not scheduled. Only with `expand=rollup`."""
    progress: ProgressProjection | None = None
    """How far it is with all below it; null while it is not scheduled. Only with `expand=progress`."""
    baseline_variance: VarianceProjection | None = None
    """How it stands to the baseline in force; null without one. Only with `expand=baseline_variance`."""


PROJECTED = ("schedule", "rollup", "progress", "baseline_variance")
