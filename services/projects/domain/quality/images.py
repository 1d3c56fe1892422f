"""The images of assessments."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.projects.domain.quality.check import Unit
from shared.types import Count, Schema, Text


class ThresholdsRead(Schema):
    """What the checks were held against."""

    missing_logic_percent: Text
    """Check 1, percent as a decimal."""
    leads: Count
    """Check 2."""
    lags_percent: Text
    """Check 3, percent."""
    finish_to_start_percent: Text
    """Check 4, percent at least."""
    hard_constraints_percent: Text
    """Check 5, percent."""
    high_float_days: Count
    """Check 6: from how many working days total float is high."""
    high_float_percent: Text
    """Check 6, percent."""
    high_duration_days: Count
    """Check 8: from how many working days a duration is high."""
    high_duration_percent: Text
    """Check 8, percent."""
    invalid_dates: Count
    """Check 9."""
    missed_percent: Text
    """Check 11, percent."""
    critical_path_delay_days: Count
    """Check 12: working days put on a critical task."""
    critical_path_length_index: Text
    """Check 13, at least."""
    baseline_execution_index: Text
    """Check 14, at least."""


class CheckRead(Schema):
    """One of the points, as it was found."""

    number: Annotated[int, Field(ge=1, le=14)]
    """Number of the point in PAM 200.1; 1 and 14 have a second check."""
    code: Text
    """Which check; stable."""
    unit: Unit
    """What the value is counted in."""
    value: Text | None
    """Decimal; null where it is undefined."""
    reason: Text | None
    """Why it is undefined; stable."""
    threshold: Text | None
    """Decimal that it is held against; null where none is named."""
    at_least: bool
    """Whether the value has to reach the threshold; else it has to stay within it."""
    is_passed: bool | None
    """Whether it keeps to the threshold; null where it has no value or no threshold."""
    population: Count
    """How many tasks or links were looked at."""
    count: Count
    """How many of them the check objects to."""


class ScheduleAssessmentRead(Schema):
    """What the 14 points said of a schedule."""

    id: UUID
    """Our id."""
    version: Count
    """Counts its changes; the ETag."""
    project_id: UUID
    """Whose schedule it is of."""
    ruleset: Text
    """Which reading of the 14 points; results of different readings cannot be compared."""
    schedule_revision: Count
    """The revision of the schedule."""
    status_date: datetime | None
    """As of when, in the project's time zone."""
    requested_by: Text
    """Who asked for it."""
    passed: Count
    """How many checks passed."""
    failed: Count
    """How many checks failed."""
    thresholds: ThresholdsRead
    """What they were held against."""
    checks: list[CheckRead]
    """In the order of the points."""
    created_at: datetime
    """When it was made, UTC."""
    updated_at: datetime
    """The same."""


class OffenderRead(Schema):
    """A task, or a link with its two tasks, that a check objects to."""

    check: Text
    """Which check."""
    task_id: UUID
    """The task, or the link's predecessor."""
    task_name: Text | None
    """Its name now; null once it is gone."""
    successor_id: UUID | None
    """The link's successor; null where the check is of tasks."""
    successor_name: Text | None
    """Its name now; null once it is gone."""
