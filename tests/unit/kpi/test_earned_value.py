"""Earned value: identities between its figures, and what is undefined and why."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.kpi.domain.earned_value import (
    EarnedValue,
    EstimateMethod,
    InvalidEarnedValue,
    bottom_up_estimate,
    roll_up,
)
from services.kpi.domain.measure import ARITHMETIC, Measure, UndefinedReason

cents = st.integers(min_value=0, max_value=10**15)


@st.composite
def earned_values(draw: st.DrawFn) -> EarnedValue:
    """A project's four amounts, all known, in cents."""
    budget = draw(cents)
    planned, earned = draw(st.integers(0, budget)), draw(st.integers(0, budget))
    return EarnedValue.of(*(Decimal(amount) / 100 for amount in (budget, planned, earned, draw(cents))))


def close(one: Measure, other: Measure) -> bool:
    """Equal up to the last of 60 digits of a quotient."""
    if one.value is None or other.value is None:
        return one == other
    scale = max(abs(one.value), abs(other.value), Decimal(1))
    return abs(ARITHMETIC.subtract(one.value, other.value)) <= ARITHMETIC.scaleb(scale, -45)


def reason_of(figure: Measure) -> UndefinedReason | None:
    assert (figure.value is None) == (figure.reason is not None)
    return figure.reason


@given(earned_values())
def test_the_index_to_complete_the_typical_estimate_is_the_cost_performance_index(value: EarnedValue) -> None:
    index = value.to_complete_performance_index_to(value.estimate_at_completion())
    assume(index.value is not None)
    assert close(index, value.cost_performance_index)


@given(earned_values(), st.sampled_from(EstimateMethod))
def test_what_is_spent_and_what_is_left_make_the_estimate(value: EarnedValue, method: EstimateMethod) -> None:
    estimate = value.estimate_at_completion(method)
    assert close(value.actual + value.estimate_to_complete(estimate), estimate)
    assert close(estimate + value.variance_at_completion(estimate), value.budget_at_completion + estimate - estimate)


@given(earned_values())
def test_the_typical_estimate_is_the_budget_over_the_index(value: EarnedValue) -> None:
    estimate = value.estimate_at_completion()
    assume(estimate.value is not None)
    assert close(
        estimate, value.budget_at_completion.over(value.cost_performance_index, UndefinedReason.NOTHING_EARNED)
    )
    rest = value.work_remaining.over(value.cost_performance_index, UndefinedReason.NOTHING_EARNED)
    assert close(estimate, value.actual + rest)


@given(earned_values())
def test_the_combined_estimate_divides_the_rest_by_both_indices(value: EarnedValue) -> None:
    estimate = value.estimate_at_completion(EstimateMethod.COMBINED)
    assume(estimate.value is not None)
    rest = value.work_remaining.over(value.critical_ratio, UndefinedReason.NOTHING_EARNED)
    assert close(estimate, value.actual + rest)


@given(earned_values())
def test_a_factor_of_one_is_the_atypical_estimate(value: EarnedValue) -> None:
    atypical = value.estimate_at_completion(EstimateMethod.ATYPICAL)
    assert value.estimate_at_completion_by_factor(Decimal(1)) == atypical
    assert value.work_remaining.value is not None
    assert value.estimate_at_completion_bottom_up(value.work_remaining.value) == atypical


@given(earned_values())
def test_variances_have_the_sign_of_their_index(value: EarnedValue) -> None:
    pairs = (
        (value.cost_variance, value.cost_performance_index),
        (value.schedule_variance, value.schedule_performance_index),
    )
    for variance, index in pairs:
        if index.value is not None:
            assert variance.value is not None
            assert (variance.value > 0) == (index.value > 1)
            assert (variance.value < 0) == (index.value < 1)


@given(earned_values())
def test_every_figure_has_a_value_or_a_reason_and_none_is_infinite(value: EarnedValue) -> None:
    typical = value.estimate_at_completion()
    for figure in (
        value.cost_variance_percent,
        value.schedule_variance_percent,
        value.critical_ratio,
        typical,
        value.variance_at_completion_percent(),
        value.to_complete_performance_index,
        value.to_complete_performance_index_to(typical),
        value.percent_complete,
        value.percent_spent,
        value.percent_spent_of(typical),
        value.percent_scheduled,
    ):
        assert (figure.value is None) == (figure.reason is not None)
        assert figure.value is None or figure.value.is_finite()


@given(st.lists(earned_values(), min_size=1, max_size=8))
def test_a_roll_up_sums_first_and_divides_then(parts: list[EarnedValue]) -> None:
    whole = roll_up(parts)
    total = [sum((getattr(p, n).value for p in parts), Decimal(0)) for n in ("earned", "actual", "planned")]
    assert [whole.earned.value, whole.actual.value, whole.planned.value] == total
    if total[1]:
        assert whole.cost_performance_index.value == ARITHMETIC.divide(total[0], total[1])
    if total[2]:
        assert whole.schedule_performance_index.value == ARITHMETIC.divide(total[0], total[2])


@given(st.permutations([1, 2, 3, 4, 5]))
def test_a_roll_up_does_not_depend_on_order(order: list[int]) -> None:
    assert roll_up(EarnedValue.of(10 * i, 5 * i, 3 * i, 4 * i) for i in order) == EarnedValue.of(150, 75, 45, 60)


def test_an_average_of_indices_would_be_another_figure() -> None:
    small, large = EarnedValue.of(100, 50, 10, 20), EarnedValue.of(1000, 900, 900, 450)
    assert roll_up([small, large]).cost_performance_index.value == ARITHMETIC.divide(Decimal(910), Decimal(470))


def test_top_down_and_bottom_up_estimates_of_a_whole_differ() -> None:
    parts = [EarnedValue.of(100, 50, 10, 20), EarnedValue.of(1000, 900, 900, 450)]
    assert bottom_up_estimate(parts).value == Decimal(700)
    assert close(roll_up(parts).estimate_at_completion(), Measure(ARITHMETIC.divide(Decimal(1100 * 470), Decimal(910))))


def test_a_part_without_progress_leaves_the_whole_without_earned_value() -> None:
    whole = roll_up([EarnedValue.of(100, 50, 10, 20), EarnedValue.of(100, 50, None, 20)])
    assert reason_of(whole.earned) is UndefinedReason.NO_PROGRESS_REPORTED
    assert whole.budget_at_completion.value == 200


def test_no_parts_have_no_baseline() -> None:
    assert reason_of(roll_up([]).cost_performance_index) is UndefinedReason.NO_BASELINE


def test_without_a_baseline_only_the_actual_cost_is_known() -> None:
    value = EarnedValue.of(None, None, None, 40)
    assert value.actual.value == 40
    assert reason_of(value.planned) is UndefinedReason.NO_BASELINE
    assert reason_of(value.percent_spent) is UndefinedReason.NO_BASELINE
    assert reason_of(value.estimate_at_completion()) is UndefinedReason.NO_BASELINE


def test_before_any_progress_the_earned_value_and_what_follows_are_undefined() -> None:
    value = EarnedValue.of(100, 50, None, 40)
    for figure in (
        value.earned,
        value.cost_variance,
        value.schedule_variance,
        value.cost_performance_index,
        value.estimate_at_completion(),
        value.estimate_at_completion(EstimateMethod.ATYPICAL),
        value.to_complete_performance_index,
    ):
        assert reason_of(figure) is UndefinedReason.NO_PROGRESS_REPORTED
    assert value.percent_spent.value == 40


@pytest.mark.parametrize("actual", [None, 0])
def test_without_actual_cost_there_is_no_cost_index(actual: int | None) -> None:
    value = EarnedValue.of(100, 50, 10, actual)
    assert reason_of(value.cost_performance_index) is UndefinedReason.NO_ACTUAL_COST
    assert reason_of(value.estimate_at_completion()) is UndefinedReason.NO_ACTUAL_COST
    assert value.cost_variance.value == (None if actual is None else 10)
    assert value.schedule_performance_index.value == Decimal("0.2")


def test_before_any_planned_work_there_is_no_schedule_index() -> None:
    value = EarnedValue.of(100, 0, 10, 5)
    assert reason_of(value.schedule_performance_index) is UndefinedReason.NO_PLANNED_VALUE
    assert reason_of(value.schedule_variance_percent) is UndefinedReason.NO_PLANNED_VALUE
    assert reason_of(value.estimate_at_completion(EstimateMethod.COMBINED)) is UndefinedReason.NO_PLANNED_VALUE
    assert value.cost_performance_index.value == 2


def test_cost_without_anything_earned_is_an_index_of_zero_and_no_forecast() -> None:
    value = EarnedValue.of(100, 50, 0, 40)
    assert value.cost_performance_index.value == 0
    assert reason_of(value.estimate_at_completion()) is UndefinedReason.NOTHING_EARNED
    assert reason_of(value.estimate_at_completion(EstimateMethod.COMBINED)) is UndefinedReason.NOTHING_EARNED
    assert reason_of(value.cost_variance_percent) is UndefinedReason.NOTHING_EARNED
    assert value.estimate_at_completion(EstimateMethod.ATYPICAL).value == 140


@pytest.mark.parametrize("actual", [100, 120])
def test_a_spent_budget_leaves_no_index_to_complete_it(actual: int) -> None:
    value = EarnedValue.of(100, 50, 60, actual)
    assert reason_of(value.to_complete_performance_index) is UndefinedReason.BUDGET_EXHAUSTED
    assert close(value.to_complete_performance_index_to(value.estimate_at_completion()), value.cost_performance_index)


def test_a_finished_project_has_nothing_left_to_estimate() -> None:
    value = EarnedValue.of(100, 100, 100, 120)
    assert value.estimate_at_completion().value == 120
    assert value.estimate_to_complete().value == 0
    index = value.to_complete_performance_index_to(value.estimate_at_completion())
    assert reason_of(index) is UndefinedReason.ESTIMATE_EXHAUSTED


def test_a_baseline_without_cost_has_no_percentages() -> None:
    value = EarnedValue.of(0, 0, 0, 40)
    assert reason_of(value.percent_complete) is UndefinedReason.NO_BUDGET
    assert reason_of(value.estimate_at_completion()) is UndefinedReason.NO_BUDGET


def test_more_earned_than_budgeted_is_refused() -> None:
    with pytest.raises(InvalidEarnedValue, match="earned"):
        EarnedValue.of(100, 50, Decimal("100.01"), 40)


def test_more_planned_than_budgeted_is_refused() -> None:
    with pytest.raises(InvalidEarnedValue, match="planned"):
        EarnedValue.of(100, 101, 50, 40)


def test_negative_and_unreal_figures_are_refused() -> None:
    with pytest.raises(InvalidEarnedValue, match="actual"):
        EarnedValue.of(100, 50, 50, -1)
    with pytest.raises(ValueError, match="finite"):
        EarnedValue.of(Decimal("NaN"), 50, 50, 1)
    with pytest.raises(InvalidEarnedValue):
        EarnedValue.of(100, 50, 50, 1).estimate_at_completion_by_factor(Decimal("Infinity"))
    with pytest.raises(InvalidEarnedValue):
        EarnedValue.of(100, 50, 50, 1).estimate_at_completion_bottom_up(Decimal(-1))


def test_figures_do_not_depend_on_the_decimal_context_of_the_thread() -> None:
    value = EarnedValue.of(3, 2, 1, 7)
    expected = value.cost_performance_index
    with localcontext() as context:
        context.prec = 3
        assert value.cost_performance_index == expected


def test_a_measure_has_either_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either"):
        Measure(None)
    with pytest.raises(ValueError, match="either"):
        Measure(Decimal(1), UndefinedReason.NO_BASELINE)
