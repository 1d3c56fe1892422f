"""What is stated of a task's progress, as the API takes it."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from shared.types import Count, Instant, Money, Patch, Percent, absent, decimal_of

Duration = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]
"""Minutes; the most is some eighty years of working days."""
Units = Annotated[
    Decimal,
    BeforeValidator(decimal_of),
    Field(ge=0, le=1_000_000_000, max_digits=13, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000_000}),
]
"""A number from 0, at most four decimals."""


class StatedFields(Patch):
    """What can be stated of progress. Each figure moves those that follow from it, as in Microsoft Project."""

    percent_complete: Percent = absent()
    """Of the duration, 0 to 100; work goes along unless it is stated too."""
    percent_work_complete: Percent = absent()
    """Of the work, 0 to 100; duration goes along unless it is stated too."""
    physical_percent_complete: Percent = absent()
    """Of the physical result, 0 to 100; nothing follows from it."""
    units_done: Units = absent()
    """Pieces done, for the technique `units`."""
    actual_start: Instant = absent()
    """When it began; when it was scheduled to, if it has begun and nobody says."""
    actual_finish: Instant = absent()
    """When it ended: it is complete then."""
    actual_duration_minutes: Duration = absent()
    """Duration that has passed; with what is left it is the whole."""
    remaining_duration_minutes: Duration = absent()
    """Duration that is left; the whole follows."""
    actual_work_minutes: Count = absent()
    """Effort spent; with what is left it is the whole."""
    remaining_work_minutes: Count = absent()
    """Effort still to spend; the whole follows."""
    actual_cost: Money = absent()
    """Cost incurred so far, cumulative."""
