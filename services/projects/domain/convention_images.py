"""The conventions of scheduling as the API and events show them."""

from services.projects.domain.conventions import CriticalBy, FloatType, LagCalendar, ProgressMode, Rules
from shared.types import Schema


class ConventionsRead(Schema):
    """By which rules and options a schedule is computed; lags and floats are working minutes."""

    rules: Rules
    """Whose reading of the critical path method holds where no option says so."""
    progress: ProgressMode
    """What holds back the rest of a task that began before its links allow."""
    lag_calendar: LagCalendar
    """Whose working time the lags of links count in that name none."""
    lags_from_actual_start: bool
    """Whether a start-to-start lag counts from when the predecessor began, not from where it goes on."""
    float_type: FloatType
    """Which difference of late and early dates total float is."""
    critical_by: CriticalBy
    """What makes a task critical."""
    critical_float_minutes: int
    """A task with total float up to this is critical, unless the longest path tells."""
    near_critical_float_minutes: int
    """A task that is not critical, with total float up to this, is nearly so."""
    open_ends_critical: bool
    """Whether a task without open successors is measured against its own finish."""
    honors_constraints: bool
    """Whether constraints may pull a task before what its links allow."""
    uses_expected_finish: bool
    """Whether what remains of a task takes until the finish expected of it."""
    schedules_from_finish: bool
    """Whether tasks lie as late as the project's finish allows."""
