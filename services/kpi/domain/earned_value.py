"""Earned value management: variances, indices and forecasts of cost.

Sources: ANSI/PMI 19-006 and EIA-748 for the method; NASA EVM Implementation Handbook (glossary) for BCWP/BCWS/ACWP,
CPI, SPI and TCPI; SAS/OR `EACFORM` and Primavera P6 for the estimates at completion.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from services.kpi.domain.measure import HUNDRED, Measure, UndefinedReason


class InvalidEarnedValue(ValueError):
    """The figures contradict each other: negative, or more planned or earned than was budgeted."""


class EstimateMethod(StrEnum):
    """How the rest of the work will perform: AC + (BAC − EV) / performance."""

    TYPICAL = "typical"
    """As so far in cost: performance CPI, which makes it BAC / CPI (SAS and MS Project default)."""
    ATYPICAL = "atypical"
    """As budgeted: performance 1 (SAS `OTD`, P6 factor 1)."""
    COMBINED = "combined"
    """As so far in cost and schedule: performance CPI × SPI (P6 factor 1 / (CPI × SPI))."""


@dataclass(frozen=True, slots=True)
class EarnedValue:
    """Cumulative figures to one date, in one currency (or in hours)."""

    budget_at_completion: Measure
    planned: Measure
    earned: Measure
    actual: Measure

    def __post_init__(self) -> None:
        """Refuse what no project can show: InvalidEarnedValue."""
        for name in ("budget_at_completion", "planned", "earned", "actual"):
            value: Decimal | None = getattr(self, name).value
            if value is not None and value < 0:
                raise InvalidEarnedValue(f"{name} is negative")
        budget = self.budget_at_completion.value
        for name, figure in (("planned", self.planned), ("earned", self.earned)):
            if budget is not None and figure.value is not None and figure.value > budget:
                raise InvalidEarnedValue(f"{name} exceeds budget_at_completion")

    @classmethod
    def of(
        cls,
        budget_at_completion: Decimal | int | None,
        planned: Decimal | int | None,
        earned: Decimal | int | None,
        actual: Decimal | int | None,
    ) -> Self:
        """Take plain figures; None is unknown: no baseline, no progress reported, or no actual cost."""
        return cls(
            Measure.of(budget_at_completion, UndefinedReason.NO_BASELINE),
            Measure.of(planned, UndefinedReason.NO_BASELINE),
            Measure.of(earned, UndefinedReason.NO_PROGRESS_REPORTED),
            Measure.of(actual, UndefinedReason.NO_ACTUAL_COST),
        )

    @property
    def cost_variance(self) -> Measure:
        """CV = EV − AC; negative is over cost."""
        return self.earned - self.actual

    @property
    def schedule_variance(self) -> Measure:
        """SV = EV − PV, in money; negative is behind."""
        return self.earned - self.planned

    @property
    def cost_variance_percent(self) -> Measure:
        """CV / EV, in percent."""
        return (HUNDRED * self.cost_variance).over(self.earned, UndefinedReason.NOTHING_EARNED)

    @property
    def schedule_variance_percent(self) -> Measure:
        """SV / PV, in percent."""
        return (HUNDRED * self.schedule_variance).over(self.planned, UndefinedReason.NO_PLANNED_VALUE)

    @property
    def cost_performance_index(self) -> Measure:
        """CPI = EV / AC."""
        return self.earned.over(self.actual, UndefinedReason.NO_ACTUAL_COST)

    @property
    def schedule_performance_index(self) -> Measure:
        """SPI = EV / PV; ends at 1 however late the project is (see the index in time)."""
        return self.earned.over(self.planned, UndefinedReason.NO_PLANNED_VALUE)

    @property
    def critical_ratio(self) -> Measure:
        """CR (also SCI) = CPI × SPI."""
        return self.cost_performance_index * self.schedule_performance_index

    @property
    def work_remaining(self) -> Measure:
        """BAC − EV, at budget."""
        return self.budget_at_completion - self.earned

    def estimate_at_completion(self, method: EstimateMethod = EstimateMethod.TYPICAL) -> Measure:
        """EAC by one of the three formulas on past performance."""
        if method is EstimateMethod.ATYPICAL:
            return self.actual + self.work_remaining
        performance = self.cost_performance_index
        if method is EstimateMethod.COMBINED:
            performance = self.critical_ratio
        undefined = self._extrapolation_refused(performance)
        if undefined is not None:
            return undefined
        # Multiplied out, so that there is one division and one rounding: BAC/CPI is BAC·AC/EV.
        if method is EstimateMethod.TYPICAL:
            return (self.budget_at_completion * self.actual).over(self.earned, UndefinedReason.NOTHING_EARNED)
        rest = (self.work_remaining * self.actual * self.planned).over(
            self.earned * self.earned, UndefinedReason.NOTHING_EARNED
        )
        return self.actual + rest

    def estimate_at_completion_by_factor(self, performance_factor: Decimal) -> Measure:
        """EAC = AC + PF · (BAC − EV), a factor of one's own (P6): 1 as budgeted, above 1 dearer; never negative."""
        if not performance_factor.is_finite() or performance_factor < 0:
            raise InvalidEarnedValue("performance_factor is negative or not finite")
        return self.actual + Measure(performance_factor) * self.work_remaining

    def estimate_at_completion_bottom_up(self, estimate_to_complete: Decimal) -> Measure:
        """EAC = AC + the manager's own estimate of the rest (NASA; P6 `ETC = remaining cost`)."""
        if not estimate_to_complete.is_finite() or estimate_to_complete < 0:
            raise InvalidEarnedValue("estimate_to_complete is negative or not finite")
        return self.actual + Measure(estimate_to_complete)

    def estimate_to_complete(self, estimate_at_completion: Measure | None = None) -> Measure:
        """ETC = EAC − AC; the typical EAC unless another is given."""
        return self._estimate(estimate_at_completion) - self.actual

    def variance_at_completion(self, estimate_at_completion: Measure | None = None) -> Measure:
        """VAC = BAC − EAC; the typical EAC unless another is given."""
        return self.budget_at_completion - self._estimate(estimate_at_completion)

    def variance_at_completion_percent(self, estimate_at_completion: Measure | None = None) -> Measure:
        """VAC / BAC, in percent."""
        variance = self.variance_at_completion(estimate_at_completion)
        return (HUNDRED * variance).over(self.budget_at_completion, UndefinedReason.NO_BUDGET)

    @property
    def to_complete_performance_index(self) -> Measure:
        """TCPI(BAC) = (BAC − EV) / (BAC − AC): the CPI the rest needs to keep the budget; undefined once AC ≥ BAC."""
        left = self.budget_at_completion - self.actual
        return self.work_remaining.over(
            _positive(left, UndefinedReason.BUDGET_EXHAUSTED), UndefinedReason.BUDGET_EXHAUSTED
        )

    def to_complete_performance_index_to(self, estimate_at_completion: Measure) -> Measure:
        """TCPI(EAC) = (BAC − EV) / (EAC − AC); with the typical EAC it equals CPI."""
        left = estimate_at_completion - self.actual
        return self.work_remaining.over(
            _positive(left, UndefinedReason.ESTIMATE_EXHAUSTED), UndefinedReason.ESTIMATE_EXHAUSTED
        )

    @property
    def percent_complete(self) -> Measure:
        """EV / BAC, in percent."""
        return (HUNDRED * self.earned).over(self.budget_at_completion, UndefinedReason.NO_BUDGET)

    @property
    def percent_spent(self) -> Measure:
        """AC / BAC, in percent; above 100 once the budget is overspent."""
        return (HUNDRED * self.actual).over(self.budget_at_completion, UndefinedReason.NO_BUDGET)

    def percent_spent_of(self, estimate_at_completion: Measure) -> Measure:
        """AC / EAC, in percent."""
        return (HUNDRED * self.actual).over(estimate_at_completion, UndefinedReason.NO_ACTUAL_COST)

    @property
    def percent_scheduled(self) -> Measure:
        """PV / BAC, in percent."""
        return (HUNDRED * self.planned).over(self.budget_at_completion, UndefinedReason.NO_BUDGET)

    def _estimate(self, given: Measure | None) -> Measure:
        return self.estimate_at_completion() if given is None else given

    def _extrapolation_refused(self, performance: Measure) -> Measure | None:
        """Why past performance gives no estimate, if so; the most basic lack first."""
        if self.budget_at_completion.value is None:
            return self.budget_at_completion
        if self.budget_at_completion.is_zero:
            return Measure.undefined(UndefinedReason.NO_BUDGET)
        if performance.value is None:
            return performance
        return Measure.undefined(UndefinedReason.NOTHING_EARNED) if performance.is_zero else None


def _positive(figure: Measure, reason: UndefinedReason) -> Measure:
    return figure.unless(figure.value is not None and figure.value <= 0, reason)


def roll_up(parts: Iterable[EarnedValue]) -> EarnedValue:
    """Figures of the whole: each summed over the parts, indices follow from the sums (never averaged).

    A figure that some part lacks is undefined for the whole with that part's reason; of no parts, `no_baseline`.
    """
    whole: EarnedValue | None = None
    for part in parts:
        whole = part if whole is None else _joined(whole, part)
    return whole if whole is not None else EarnedValue(*(Measure.undefined(UndefinedReason.NO_BASELINE),) * 4)


def _joined(one: EarnedValue, other: EarnedValue) -> EarnedValue:
    return EarnedValue(
        one.budget_at_completion + other.budget_at_completion,
        one.planned + other.planned,
        one.earned + other.earned,
        one.actual + other.actual,
    )


def bottom_up_estimate(parts: Iterable[EarnedValue]) -> Measure:
    """ΣEAC of the parts, each by BAC/CPI; differs from the whole's BAC/CPI, so that both are worth showing."""
    total = Measure.known(0)
    for part in parts:
        total = total + part.estimate_at_completion()
    return total
