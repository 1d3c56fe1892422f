"""The metrics of one project at one instant, as they are published.

Every figure follows from four amounts in whole minor units (PV and EV summed exactly over tasks, then rounded once), so
that a reader can recompute all others from them. Money has the currency's digits; everything else has six decimals;
both are rounded half-even and are always written out in full ("0.936913", "45960.00").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.earned_schedule import EarnedSchedule
from services.kpi.domain.earned_value import EarnedValue
from services.kpi.domain.measure import ARITHMETIC, Measure, Reason

RATIO: Final = "ratio"
PERCENT: Final = "percent"
WORKING_DAY: Final = "working_day"
_SIX_DECIMALS: Final = Decimal("0.000001")


class InvalidProgress(ValueError):
    """Progress or cost that no task can have: outside 0 to 100 percent, negative, or not one per task."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A published figure: value and unit, or no value and why."""

    value: Decimal | None
    unit: str
    reason: str | None

    def as_json(self) -> dict[str, str | None]:
        """The wire form; the value as a plain decimal string."""
        return {
            "value": None if self.value is None else format(self.value, "f"),
            "unit": self.unit,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is known of a project at `as_of`, a local minute of its time zone.

    The last three sequences have one position per leaf task, in any common order. `baseline_cost_minor` is None for a
    task outside the baseline (its actual cost counts, it earns nothing). A task without reported progress has earned
    nothing, one without reported cost has cost nothing, unless no task has any: then EV or AC is undefined.
    `finished_at` is the project's actual finish: once all is earned, time stands still there.
    """

    currency: str
    as_of: int
    baseline: Baseline | None
    baseline_cost_minor: Sequence[int | None]
    percent_complete: Sequence[Decimal | int | None]
    actual_cost_minor: Sequence[int | None]
    minor_digits: int = 2
    finished_at: int | None = None

    def __post_init__(self) -> None:
        """Refuse columns of different length: InvalidProgress."""
        if not len(self.baseline_cost_minor) == len(self.percent_complete) == len(self.actual_cost_minor):
            raise InvalidProgress("not one figure per task")


def metrics(inputs: Inputs) -> Mapping[str, Metric]:
    """All metrics by name; ValueError (InvalidProgress, InvalidEarnedValue) where the inputs contradict themselves."""
    value = _earned_value(inputs)
    schedule = _earned_schedule(inputs, value.earned)
    figures: dict[str, tuple[Measure, str]] = {
        "planned_value": (value.planned, inputs.currency),
        "earned_value": (value.earned, inputs.currency),
        "actual_cost": (value.actual, inputs.currency),
        "budget_at_completion": (value.budget_at_completion, inputs.currency),
        "cost_variance": (value.cost_variance, inputs.currency),
        "schedule_variance": (value.schedule_variance, inputs.currency),
        "cost_performance_index": (value.cost_performance_index, RATIO),
        "schedule_performance_index": (value.schedule_performance_index, RATIO),
        "estimate_at_completion": (value.estimate_at_completion(), inputs.currency),
        "estimate_to_complete": (value.estimate_to_complete(), inputs.currency),
        "variance_at_completion": (value.variance_at_completion(), inputs.currency),
        "to_complete_performance_index": (value.to_complete_performance_index, RATIO),
        "percent_complete": (value.percent_complete, PERCENT),
        "percent_spent": (value.percent_spent, PERCENT),
        "earned_schedule": (schedule.earned, WORKING_DAY),
        "schedule_variance_time": (schedule.schedule_variance_time, WORKING_DAY),
        "schedule_performance_index_time": (schedule.schedule_performance_index_time, RATIO),
    }
    money = Decimal(1).scaleb(-inputs.minor_digits)
    return MappingProxyType(
        {
            name: _published(figure, unit, money if unit == inputs.currency else _SIX_DECIMALS)
            for name, (figure, unit) in figures.items()
        }
    )


def earned_minor(cost_minor: Sequence[int | None], percent_complete: Sequence[Decimal | int | None]) -> Decimal | None:
    """EV in minor units, exact: Σ baseline cost × percent complete (F3, percent complete); None if none is reported."""
    total = Decimal(0)
    reported = False
    for cost, percent in zip(cost_minor, percent_complete, strict=True):
        if percent is None:
            continue
        if not 0 <= percent <= 100:
            raise InvalidProgress("percent complete is outside 0 to 100")
        reported = True
        if cost and percent:
            total = ARITHMETIC.add(total, ARITHMETIC.multiply(Decimal(cost), Decimal(percent)))
    return ARITHMETIC.divide(total, Decimal(100)) if reported else None


def _actual_minor(actual_cost_minor: Sequence[int | None]) -> int | None:
    reported = [cost for cost in actual_cost_minor if cost is not None]
    if any(cost < 0 for cost in reported):
        raise InvalidProgress("an actual cost is negative")
    return sum(reported) if reported else None


def _earned_value(inputs: Inputs) -> EarnedValue:
    baseline = inputs.baseline
    actual = _amount(_actual_minor(inputs.actual_cost_minor), Reason.NO_ACTUAL_COST, inputs.minor_digits)
    if baseline is None:
        unknown = Measure.undefined(Reason.NO_BASELINE)
        return EarnedValue(unknown, unknown, unknown, actual)
    earned = earned_minor(inputs.baseline_cost_minor, inputs.percent_complete)
    return EarnedValue(
        _amount(baseline.budget_at_completion, Reason.NO_BASELINE, inputs.minor_digits),
        _amount(baseline.planned_value(inputs.as_of), Reason.NO_BASELINE, inputs.minor_digits),
        _amount(earned, Reason.NO_PROGRESS_REPORTED, inputs.minor_digits),
        actual,
    )


def _amount(minor: Decimal | int | None, otherwise: Reason, digits: int) -> Measure:
    """Minor units as an amount, rounded to whole ones."""
    if minor is None:
        return Measure.undefined(otherwise)
    return Measure(Decimal(minor).to_integral_value(context=ARITHMETIC).scaleb(-digits, context=ARITHMETIC))


def _earned_schedule(inputs: Inputs, earned: Measure) -> EarnedSchedule:
    baseline = inputs.baseline
    if baseline is None:
        return EarnedSchedule(*(Measure.undefined(Reason.NO_BASELINE),) * 3)
    now = inputs.as_of
    in_minor = earned if earned.value is None else Measure(earned.value.scaleb(inputs.minor_digits, context=ARITHMETIC))
    done = in_minor.value is not None and in_minor.value == baseline.budget_at_completion
    if done and inputs.finished_at is not None:
        now = min(now, inputs.finished_at)
    return EarnedSchedule.on(baseline.curve, in_minor, Measure(baseline.elapsed(now)))


def _published(figure: Measure, unit: str, step: Decimal) -> Metric:
    if figure.value is None:
        return Metric(None, unit, figure.reason)
    # Adding zero turns a rounded-away minus sign (-0.00) into none.
    return Metric(ARITHMETIC.add(figure.value.quantize(step, context=ARITHMETIC), Decimal(0)), unit, None)
