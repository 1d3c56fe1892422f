"""The conventions of scheduling as the API takes them."""

from typing import Annotated

from pydantic import ConfigDict, Field

from services.projects.domain.conventions import CriticalBy, FloatType, LagCalendar, ProgressMode, Rules
from shared.types import Flag, Patch, absent

Minutes = Annotated[int, Field(strict=True, ge=-10_000_000, le=10_000_000)]
"""Working minutes of float."""


class ConventionsUpdate(Patch):
    """Changes to the conventions of scheduling; absent fields keep their values, whatever the rules are."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"progress": "progress_override", "critical_by": "longest_path"}]}
    )

    rules: Rules = absent()
    """Whose reading of the critical path method holds where no option says so."""
    progress: ProgressMode = absent()
    """What holds back the rest of a task that began before its links allow."""
    lag_calendar: LagCalendar = absent()
    """Whose working time the lags of links count in that name none."""
    lags_from_actual_start: Flag = absent()
    """Whether a start-to-start lag counts from when the predecessor began, not from where it goes on."""
    float_type: FloatType = absent()
    """Which difference of late and early dates total float is."""
    critical_by: CriticalBy = absent()
    """What makes a task critical."""
    critical_float_minutes: Minutes = absent()
    """A task with total float up to this is critical, unless the longest path tells."""
    near_critical_float_minutes: Minutes = absent()
    """A task that is not critical, with total float up to this, is nearly so."""
    open_ends_critical: Flag = absent()
    """Whether a task without open successors is measured against its own finish."""
    honors_constraints: Flag = absent()
    """Whether constraints may pull a task before what its links allow."""
    uses_expected_finish: Flag = absent()
    """Whether what remains of a task takes until the finish expected of it."""
    schedules_from_finish: Flag = absent()
    """Whether tasks lie as late as the project's planned finish allows."""
