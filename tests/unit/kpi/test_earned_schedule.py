"""Earned schedule: where work stands on the planned curve, and the forecasts in time."""

from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.kpi.domain.earned_schedule import Convention, EarnedSchedule, InvalidPlannedCurve, PlannedCurve
from services.kpi.domain.measure import Measure, UndefinedReason

PLATEAU = PlannedCurve.of([1, 2, 2, 3, 5])


@st.composite
def curves(draw: st.DrawFn) -> PlannedCurve:
    """Rising or resting curves, of a budget above zero."""
    steps = draw(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
    assume(any(steps))
    return PlannedCurve.of(list(accumulate(steps)))


def standing(curve: PlannedCurve, earned: Decimal | int, convention: Convention = Convention.PLATEAU_END) -> Decimal:
    figure = curve.earned_schedule(Measure.known(earned), convention)
    assert figure.value is not None
    return figure.value


def planned_at(curve: PlannedCurve, time: Decimal) -> Decimal:
    """The curve itself, linear between its points."""
    points = [Decimal(0), *map(Decimal, curve.values)]
    whole = min(int(time), curve.planned_duration - 1)
    return points[whole] + (points[whole + 1] - points[whole]) * (time - whole)


@given(curves(), st.data())
def test_the_plan_at_the_earned_schedule_is_the_earned_value(curve: PlannedCurve, data: st.DataObject) -> None:
    earned = data.draw(st.decimals(0, curve.budget_at_completion, places=2))
    assert planned_at(curve, standing(curve, earned)) == pytest.approx(earned, abs=Decimal("1e-20"))


@given(curves(), st.data())
def test_more_earned_is_never_less_far(curve: PlannedCurve, data: st.DataObject) -> None:
    one, other = sorted(data.draw(st.lists(st.integers(0, int(curve.budget_at_completion)), min_size=2, max_size=2)))
    for convention in Convention:
        assert standing(curve, one, convention) <= standing(curve, other, convention) <= curve.planned_duration


@given(curves())
def test_a_project_on_plan_stands_at_the_end_of_each_rising_period(curve: PlannedCurve) -> None:
    later = (*curve.values[1:], None)
    for period, (value, following) in enumerate(zip(curve.values, later, strict=True), start=1):
        if value and value != following:
            assert standing(curve, value) == period


@given(curves(), st.data())
def test_the_conventions_differ_on_plateaus_only(curve: PlannedCurve, data: st.DataObject) -> None:
    earned = data.draw(st.integers(0, int(curve.budget_at_completion)))
    end, start = standing(curve, earned), standing(curve, earned, Convention.PLATEAU_START)
    assert end == start or (
        start < end and curve.values[int(start) - 1 : int(end)] == (earned,) * (int(end - start) + 1)
    )


@given(curves(), st.integers(1, 60), st.data())
def test_the_forecast_with_the_time_index_is_the_planned_duration_over_it(
    curve: PlannedCurve, elapsed: int, data: st.DataObject
) -> None:
    earned = data.draw(st.integers(1, int(curve.budget_at_completion)))
    schedule = EarnedSchedule.on(curve, Measure.known(earned), Measure.known(elapsed))
    index = schedule.schedule_performance_index_time
    assert index.value is not None
    simple = schedule.planned_duration.over(index, UndefinedReason.NOTHING_EARNED).value
    for figure in (schedule.estimate_at_completion_time(), schedule.estimate_at_completion_time(index)):
        assert figure.value == pytest.approx(simple, rel=Decimal("1e-40"))
    assert schedule.schedule_variance_time.value is not None
    assert (index.value < 1) == (schedule.schedule_variance_time.value < 0)


def test_a_plateau_counts_to_its_end_unless_asked_otherwise() -> None:
    assert standing(PLATEAU, 2) == 3
    assert standing(PLATEAU, 2, Convention.PLATEAU_START) == 2


def test_below_the_first_point_the_curve_comes_from_zero() -> None:
    assert standing(PLATEAU, Decimal("0.25")) == Decimal("0.25")


@pytest.mark.parametrize("convention", Convention)
def test_nothing_earned_is_zero_and_all_earned_the_planned_duration(convention: Convention) -> None:
    curve = PlannedCurve.of([0, 0, 4, 4, 4])
    assert standing(curve, 0, convention) == 0
    assert standing(curve, 4, convention) == 5


def test_periods_before_the_first_planned_work_count_once_something_is_earned() -> None:
    assert standing(PlannedCurve.of([0, 0, 4]), 1) == Decimal("2.25")


@pytest.mark.parametrize("values", [[3, 2], [0, 5, 4, 6], [-1, 2]])
def test_a_falling_or_negative_curve_is_refused(values: list[int]) -> None:
    with pytest.raises(InvalidPlannedCurve):
        PlannedCurve.of(values)


@pytest.mark.parametrize("earned", [Decimal("5.01"), -1])
def test_earned_value_off_the_curve_is_refused(earned: Decimal | int) -> None:
    with pytest.raises(InvalidPlannedCurve):
        PLATEAU.earned_schedule(Measure.known(earned))


def test_an_undefined_earned_value_keeps_its_reason() -> None:
    unknown = Measure.undefined(UndefinedReason.NO_PROGRESS_REPORTED)
    schedule = EarnedSchedule.on(PLATEAU, unknown, Measure.known(3))
    for figure in (
        schedule.earned,
        schedule.schedule_variance_time,
        schedule.schedule_performance_index_time,
        schedule.estimate_at_completion_time(),
        schedule.to_complete_schedule_performance_index(),
    ):
        assert figure.reason is UndefinedReason.NO_PROGRESS_REPORTED


def test_curves_without_periods_or_cost_give_no_earned_schedule() -> None:
    assert PlannedCurve.of([]).earned_schedule(Measure.known(0)).reason is UndefinedReason.NO_PLANNED_DURATION
    assert PlannedCurve.of([0, 0]).earned_schedule(Measure.known(0)).reason is UndefinedReason.NO_BUDGET


def test_before_any_time_has_passed_there_is_no_index_in_time() -> None:
    schedule = EarnedSchedule.on(PLATEAU, Measure.known(1), Measure.known(0))
    assert schedule.schedule_performance_index_time.reason is UndefinedReason.NO_TIME_ELAPSED
    assert schedule.estimate_at_completion_time().reason is UndefinedReason.NO_TIME_ELAPSED
    assert schedule.schedule_variance_time.value == 1


def test_time_without_anything_earned_is_an_index_of_zero_and_no_forecast() -> None:
    schedule = EarnedSchedule.on(PLATEAU, Measure.known(0), Measure.known(2))
    assert schedule.schedule_performance_index_time.value == 0
    assert schedule.estimate_at_completion_time().reason is UndefinedReason.NOTHING_EARNED
    assert schedule.estimate_at_completion_time(Measure.known(1)).value == 7


def test_the_pace_to_complete_is_what_is_left_of_the_plan_over_what_is_left_of_the_time() -> None:
    schedule = EarnedSchedule.on(PlannedCurve.of([1, 2, 3, 4, 5]), Measure.known(2), Measure.known(3))
    assert schedule.to_complete_schedule_performance_index().value == Decimal("1.5")
    assert schedule.to_complete_schedule_performance_index(Measure.known(6)).value == 1
    late = EarnedSchedule.on(PlannedCurve.of([1, 2, 3, 4, 5]), Measure.known(2), Measure.known(5))
    assert late.to_complete_schedule_performance_index().reason is UndefinedReason.NO_TIME_REMAINING


def test_the_index_in_time_keeps_the_delay_of_a_finished_project() -> None:
    schedule = EarnedSchedule.on(PLATEAU, Measure.known(5), Measure.known(8))
    assert schedule.schedule_performance_index_time.value == Decimal("0.625")
    assert schedule.estimate_at_completion_time().value == 8


def test_negative_times_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        EarnedSchedule.on(PLATEAU, Measure.known(1), Measure.known(-1))
