"""What a check of a schedule finds, and what it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

RULESET: Final = "dcma-14/pam-200.1-2012"
"""Which reading of the 14 points: results of different readings are not comparable."""

HUNDRED: Final = Decimal(100)
_PLACES: Final = Decimal("0.0001")


class Unit(StrEnum):
    """What a check's value is counted in."""

    PERCENT = "percent"  # of the population
    COUNT = "count"
    RATIO = "ratio"
    WORKING_DAY = "working_day"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the checks are held against; the defaults are PAM 200.1's."""

    missing_logic_percent: Decimal = Decimal(5)
    leads: int = 0
    lags_percent: Decimal = Decimal(5)
    finish_to_start_percent: Decimal = Decimal(90)
    hard_constraints_percent: Decimal = Decimal(5)
    high_float_days: int = 44
    high_float_percent: Decimal = Decimal(5)
    high_duration_days: int = 44
    high_duration_percent: Decimal = Decimal(5)
    invalid_dates: int = 0
    missed_percent: Decimal = Decimal(5)
    critical_path_delay_days: int = 600
    critical_path_length_index: Decimal = Decimal("0.95")
    baseline_execution_index: Decimal = Decimal("0.95")


@dataclass(frozen=True, slots=True)
class Offender:
    """A task, or the two tasks of a link, that a check objects to (source ids of the plan)."""

    task: str
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One of the points.

    `value` is None, with a `reason`, where it is undefined; then the check is neither passed nor failed. `threshold` is
    None where PAM 200.1 names none. `count` of the `population` are the offenders.
    """

    code: str
    number: int
    unit: Unit
    value: Decimal | None
    population: int
    count: int
    threshold: Decimal | None
    at_least: bool = False  # the value has to reach the threshold, not to stay within it
    reason: str | None = None
    offenders: Sequence[Offender] = ()

    @property
    def is_passed(self) -> bool | None:
        """Whether the value keeps to the threshold; None where there is no value, or none is asked for."""
        if self.value is None or self.threshold is None:
            return None
        return self.value >= self.threshold if self.at_least else self.value <= self.threshold


def share(
    number: int,
    code: str,
    offenders: Sequence[Offender],
    population: int,
    threshold: Decimal | None,
    *,
    nobody: str = "population_empty",
) -> Check:
    """A check of how many percent of a population offend; undefined while there is nobody."""
    value = (HUNDRED * len(offenders) / population).quantize(_PLACES) if population else None
    reason = None if population else nobody
    return Check(
        code, number, Unit.PERCENT, value, population, len(offenders), threshold, reason=reason, offenders=offenders
    )


def tally(number: int, code: str, offenders: Sequence[Offender], population: int, most: int) -> Check:
    """A check of how many of a population offend; undefined while there is nobody."""
    value = Decimal(len(offenders)) if population else None
    reason = None if population else "population_empty"
    return Check(
        code, number, Unit.COUNT, value, population, len(offenders), Decimal(most), reason=reason, offenders=offenders
    )


def undefined(number: int, code: str, unit: Unit, threshold: Decimal | None, reason: str) -> Check:
    """A check that has no value, and why."""
    return Check(code, number, unit, None, 0, 0, threshold, reason=reason)


def index(number: int, code: str, value: Decimal | None, least: Decimal, reason: str, *, population: int) -> Check:
    """A check of an index that has to reach its threshold; undefined for the reason given."""
    rounded = None if value is None else value.quantize(_PLACES)
    why = reason if value is None else None
    return Check(code, number, Unit.RATIO, rounded, population, 0, least, at_least=True, reason=why)
