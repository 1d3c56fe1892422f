"""The metrics of one project at one instant, as they are published.

Every figure follows from four amounts in whole minor units (PV and EV summed exactly over tasks, then rounded once), so
that a reader can recompute all others from them. Money has the currency's digits; everything else has six decimals;
both are rounded half-even and are always written out in full ("0.936913", "45960.00").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Self

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.earned_schedule import EarnedSchedule
from services.kpi.domain.earned_value import EarnedValue
from services.kpi.domain.measure import ARITHMETIC, HUNDRED, Measure, UndefinedReason

RATIO: Final = "ratio"
PERCENT: Final = "percent"
WORKING_DAY: Final = "working_day"
TASK: Final = "task"
_SIX_DECIMALS: Final = Decimal("0.000001")


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

    `earned_minor` is what leaf tasks have earned by facts, each by its technique, in minor units, exact; level of
    effort comes to it here. A task without reported progress has earned nothing, nor has one outside the baseline. It
    is None if no progress is reported at all, `actual_minor` if no cost is. `reported_minor` is the budget of the tasks
    of which it was stated what they earn by. `finished_at` is the project's actual finish: once all is earned, time
    stands still there. Instead of a baseline stands why there is none.
    """

    currency: str
    as_of: int
    baseline: Baseline | UndefinedReason
    earned_minor: Decimal | int | None
    actual_minor: Decimal | int | None
    minor_digits: int = 2
    finished_at: int | None = None
    reported_minor: Decimal | int = 0


def metrics(inputs: Inputs) -> Mapping[str, Metric]:
    """All metrics by name; InvalidEarnedValue where the inputs contradict themselves."""
    baseline = inputs.baseline
    amounts = _Amounts(0, 0) if isinstance(baseline, UndefinedReason) else _Amounts.of(baseline, inputs.as_of)
    value = _earned_value(inputs, amounts)
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
        "schedule_performance_index_discrete": (_discrete_index(inputs, amounts), RATIO),
        **_coverage(inputs),
    }
    steps = {inputs.currency: Decimal(1).scaleb(-inputs.minor_digits), TASK: Decimal(1)}
    return MappingProxyType(
        {name: _published(figure, unit, steps.get(unit, _SIX_DECIMALS)) for name, (figure, unit) in figures.items()}
    )


@dataclass(frozen=True, slots=True)
class _Amounts:
    """What is planned and earned at the instant, in minor units; `effort`: by the passage of time alone."""

    planned: int
    effort: int

    @classmethod
    def of(cls, baseline: Baseline, minute: int) -> Self:
        effort = baseline.planned_effort(minute) if baseline.level_of_effort.cost.size else 0
        return cls(baseline.planned_value(minute), effort)


def _earned_value(inputs: Inputs, amounts: _Amounts) -> EarnedValue:
    baseline = inputs.baseline
    actual = _amount(inputs.actual_minor, UndefinedReason.NO_ACTUAL_COST, inputs.minor_digits)
    if isinstance(baseline, UndefinedReason):
        unknown = Measure.undefined(baseline)
        return EarnedValue(unknown, unknown, unknown, actual)
    earned = inputs.earned_minor
    if baseline.level_of_effort.cost.size:
        earned = ARITHMETIC.add(Decimal(earned or 0), Decimal(amounts.effort))
    return EarnedValue(
        _amount(baseline.budget_at_completion, UndefinedReason.NO_BASELINE, inputs.minor_digits),
        _amount(amounts.planned, UndefinedReason.NO_BASELINE, inputs.minor_digits),
        _amount(earned, UndefinedReason.NO_PROGRESS_REPORTED, inputs.minor_digits),
        actual,
    )


def _discrete_index(inputs: Inputs, amounts: _Amounts) -> Measure:
    """SPI without level of effort, which is never ahead or behind and hides what is."""
    if isinstance(inputs.baseline, UndefinedReason):
        return Measure.undefined(inputs.baseline)
    earned = _amount(inputs.earned_minor, UndefinedReason.NO_PROGRESS_REPORTED, inputs.minor_digits)
    planned = _amount(amounts.planned - amounts.effort, UndefinedReason.NO_BASELINE, inputs.minor_digits)
    return earned.over(planned, UndefinedReason.NO_PLANNED_VALUE)


def _coverage(inputs: Inputs) -> Mapping[str, tuple[Measure, str]]:
    """Of how much of the budget it is known what was earned, and how many tasks have none or earn by nothing."""
    names = ("earned_value_coverage", "tasks_without_budget", "tasks_without_technique")
    units = (PERCENT, TASK, TASK)
    baseline = inputs.baseline
    if isinstance(baseline, UndefinedReason):
        return {name: (Measure.undefined(baseline), unit) for name, unit in zip(names, units, strict=True)}
    effort = Decimal(baseline.level_of_effort.budget_at_completion)
    known = Measure(ARITHMETIC.add(Decimal(inputs.reported_minor), effort))
    share = (HUNDRED * known).over(Measure(Decimal(baseline.budget_at_completion)), UndefinedReason.NO_BUDGET)
    counts = (baseline.earning.without_budget, baseline.earning.without_technique)
    figures = (share, *(Measure.known(count) for count in counts))
    return {name: (figure, unit) for name, figure, unit in zip(names, figures, units, strict=True)}


def _amount(minor: Decimal | int | None, otherwise: UndefinedReason, digits: int) -> Measure:
    """Minor units as an amount, rounded to whole ones."""
    if minor is None:
        return Measure.undefined(otherwise)
    return Measure(Decimal(minor).to_integral_value(context=ARITHMETIC).scaleb(-digits, context=ARITHMETIC))


def _earned_schedule(inputs: Inputs, earned: Measure) -> EarnedSchedule:
    baseline = inputs.baseline
    if isinstance(baseline, UndefinedReason):
        return EarnedSchedule(*(Measure.undefined(baseline),) * 3)
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
