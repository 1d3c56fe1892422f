"""Figures that may be undefined: a decimal, or the reason why there is none; undefined figures propagate."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from enum import StrEnum
from typing import Final, Self

# Products of two amounts stay exact, so that a quotient is rounded once; independent of the thread's own context.
ARITHMETIC: Final = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])


class UndefinedReason(StrEnum):
    """Why a figure is undefined; stable codes."""

    NO_BASELINE = "no_baseline"
    """No task has a baseline in force: nothing to measure against."""
    BASELINE_TOO_LARGE = "baseline_too_large"
    """The baseline's budget exceeds what can be added up: 2^63 minor units."""
    NO_BUDGET = "no_budget"
    """There is a baseline, but its cost is zero: nothing can be earned."""
    NO_PROGRESS_REPORTED = "no_progress_reported"
    """No task's progress was reported by the date asked for."""
    NO_ACTUAL_COST = "no_actual_cost"
    """No cost was reported by then, or it is zero (the actual cost itself tells which: null or 0)."""
    NO_PLANNED_VALUE = "no_planned_value"
    """No work was planned by then: the planned value is zero."""
    NOTHING_EARNED = "nothing_earned"
    """The earned value is zero, so that past performance says nothing about the rest."""
    BUDGET_EXHAUSTED = "budget_exhausted"
    """The actual cost has reached the budget: no efficiency can keep to it. Use the index to the estimate."""
    ESTIMATE_EXHAUSTED = "estimate_exhausted"
    """The actual cost has reached the estimate at completion: nothing is left to spend."""
    NO_PLANNED_DURATION = "no_planned_duration"
    """The baseline spans no working time of the project's calendar."""
    NO_TIME_ELAPSED = "no_time_elapsed"
    """No working time has passed since the baseline start."""
    NO_TIME_REMAINING = "no_time_remaining"
    """The duration asked for is used up: no pace can keep to it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure, or the reason for its absence; exactly one of the two.

    In arithmetic the left operand's reason wins. Results are correct to 60 significant digits.
    """

    value: Decimal | None
    reason: UndefinedReason | None = None

    def __post_init__(self) -> None:
        """Refuse a value that is not finite, and both or neither of value and reason."""
        if (self.value is None) == (self.reason is None):
            raise ValueError("a measure has either a value or a reason")
        if self.value is not None and not self.value.is_finite():
            raise ValueError("a measure's value is finite")

    @classmethod
    def of(cls, value: Decimal | int | None, otherwise: UndefinedReason) -> Self:
        """The value, or `otherwise` where it is None."""
        return cls(None, otherwise) if value is None else cls(Decimal(value))

    @classmethod
    def known(cls, value: Decimal | int) -> Self:
        """A defined figure."""
        return cls(Decimal(value))

    @classmethod
    def undefined(cls, reason: UndefinedReason) -> Self:
        """A figure that cannot be given."""
        return cls(None, reason)

    def __add__(self, other: "Measure") -> "Measure":
        """The sum."""
        return self._with(other, ARITHMETIC.add)

    def __sub__(self, other: "Measure") -> "Measure":
        """The difference."""
        return self._with(other, ARITHMETIC.subtract)

    def __mul__(self, other: "Measure") -> "Measure":
        """The product."""
        return self._with(other, ARITHMETIC.multiply)

    def over(self, divisor: "Measure", when_zero: UndefinedReason) -> "Measure":
        """The quotient; `when_zero` where the divisor is zero."""
        return self._with(divisor.unless(divisor.is_zero, when_zero), ARITHMETIC.divide)

    def unless(self, condition: bool, reason: UndefinedReason) -> "Measure":
        """This figure, or undefined for the reason given if the condition holds; an undefined figure keeps its own."""
        return Measure(None, reason) if condition and self.value is not None else self

    @property
    def is_zero(self) -> bool:
        """Whether the figure is known to be zero."""
        return self.value is not None and self.value.is_zero()

    def _with(self, other: "Measure", combine: Callable[[Decimal, Decimal], Decimal]) -> "Measure":
        if self.value is None:
            return self
        if other.value is None:
            return other
        return Measure(combine(self.value, other.value))


HUNDRED: Final = Measure(Decimal(100))
