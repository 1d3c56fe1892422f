"""What this service answers: the metrics of a project, at one instant or over time."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.kpi.domain.measure import UndefinedReason
from shared.types import Schema, Text

Number = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", examples=["0.936913"])]


class MetricRead(Schema):
    """A figure: its value, or null and why."""

    value: Number | None
    """A decimal number: money with its currency's digits, counts with none, all else with six; null: undefined."""
    unit: Text
    """A currency code, `ratio`, `percent`, `working_day` or `task`."""
    reason: UndefinedReason | None
    """Why there is no value."""


class MetricsRead(Schema):
    """Earned value and earned schedule of a project (ANSI/PMI 19-006, EIA-748; Lipke), cumulative to `as_of`."""

    planned_value: MetricRead
    """PV (BCWS): the budget of the work that should be done by then, spread evenly over each task's working time."""
    earned_value: MetricRead
    """EV (BCWP): the budget of the work that is done, by each task's earned-value technique."""
    actual_cost: MetricRead
    """AC (ACWP): what was spent."""
    budget_at_completion: MetricRead
    """BAC: the baseline cost of all tasks."""
    cost_variance: MetricRead
    """CV = EV − AC; negative is over cost."""
    schedule_variance: MetricRead
    """SV = EV − PV; negative is behind."""
    cost_performance_index: MetricRead
    """CPI = EV / AC; below 1 is over cost."""
    schedule_performance_index: MetricRead
    """SPI = EV / PV; below 1 is behind. It ends at 1 however late the project is."""
    estimate_at_completion: MetricRead
    """EAC = BAC / CPI: what the whole will cost if it goes on as so far."""
    estimate_to_complete: MetricRead
    """ETC = EAC − AC."""
    variance_at_completion: MetricRead
    """VAC = BAC − EAC."""
    to_complete_performance_index: MetricRead
    """TCPI = (BAC − EV) / (BAC − AC): the CPI that the rest needs to keep the budget."""
    percent_complete: MetricRead
    """EV / BAC."""
    percent_spent: MetricRead
    """AC / BAC."""
    earned_schedule: MetricRead
    """ES: how many working days of the plan are earned; linear within a day."""
    schedule_variance_time: MetricRead
    """SV(t) = ES − AT, in working days since the baseline start; negative is behind."""
    schedule_performance_index_time: MetricRead
    """SPI(t) = ES / AT; unlike SPI it keeps telling the delay to the end."""
    schedule_performance_index_discrete: MetricRead
    """SPI without level of effort, whose EV is its PV and hides what is ahead or behind."""
    earned_value_coverage: MetricRead
    """Percent of BAC of which it is known what was earned: what the task earns by was stated, or time tells."""
    tasks_without_budget: MetricRead
    """Tasks with a duration that the baseline gives no budget: they cost and earn nothing."""
    tasks_without_technique: MetricRead
    """Tasks that earn by nothing: without a technique, or apportioned to one that is none."""


class KpisRead(Schema):
    """The metrics of a project at an instant."""

    project_id: UUID
    """The project."""
    as_of: datetime
    """The instant, in the project's time zone; the end of a day if a day was asked for."""
    metrics: MetricsRead


class KpiPointRead(Schema):
    """The metrics of a project at one instant of a series."""

    as_of: datetime
    """The end of a day of the project's time zone."""
    metrics: MetricsRead
