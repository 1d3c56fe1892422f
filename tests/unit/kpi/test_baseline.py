"""The working days of a baseline: the periods of its curve, and the time elapsed in them."""

from decimal import Decimal
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.measure import Measure
from services.kpi.domain.planned_value import InvalidBaseline, PlannedWork
from tests.unit.kpi.plans import ALWAYS, WEEKDAYS, at, baseline

minutes = st.integers(at(0), at(60))


@st.composite
def baselines(draw: st.DrawFn) -> Baseline:
    """Baselines of a few office tasks within two months."""
    rows = draw(st.lists(st.tuples(st.integers(0, 10**6), minutes, minutes), min_size=1, max_size=6))
    return baseline(*((cost, min(one, other), max(one, other)) for cost, one, other in rows))


def test_the_curve_has_one_point_per_working_day() -> None:
    # Thursday 08:00 to Tuesday 12:00, over a weekend: 3½ days of work.
    plan = baseline((3_500, at(3, 8), at(8, 12)))
    assert plan.period_ends == (at(4), at(5), at(8), at(8, 12))
    assert tuple(plan.curve.values) == (1_000, 2_000, 3_000, 3_500)


def test_time_elapsed_counts_working_days_and_the_share_of_the_current_one() -> None:
    plan = baseline((3_500, at(3, 8), at(8, 12)))
    elapsed = {minute: plan.elapsed(minute) for minute in (at(2, 12), at(3, 8), at(3, 12), at(4), at(6, 9), at(7, 15))}
    assert list(elapsed.values()) == [0, 0, Decimal("0.5"), 1, 2, Decimal("2.75")]


def test_the_first_day_runs_from_the_start_and_the_last_to_the_finish() -> None:
    plan = baseline((900, at(0, 13), at(1, 10)))
    assert plan.period_ends == (at(1), at(1, 10))
    assert plan.elapsed(at(0, 15)) == Decimal("0.5")
    assert plan.elapsed(at(1, 9)) == Decimal("1.5")
    assert plan.elapsed(at(1, 10)) == 2


def test_time_goes_on_past_the_baseline_finish_from_the_next_day() -> None:
    plan = baseline((900, at(3, 8), at(4, 15)))
    assert [plan.elapsed(minute) for minute in (at(4, 15), at(4, 17), at(6, 12), at(7, 12), at(8))] == [
        2,
        2,
        2,
        Decimal("2.5"),
        3,
    ]


def test_a_finish_on_a_day_off_belongs_to_the_last_working_day() -> None:
    plan = baseline((4_800, at(4, 12), at(6, 12)), calendar=ALWAYS)
    assert plan.period_ends == (at(6, 12),)
    assert tuple(plan.curve.values) == (4_800,)
    assert plan.elapsed(at(6, 12)) == 1


def test_a_start_in_the_evening_does_not_count_that_day() -> None:
    plan = baseline((480, at(0, 17), at(1, 17)))
    assert plan.curve.planned_duration == 1


def test_a_baseline_without_working_time_has_no_periods() -> None:
    plan = baseline((480, at(0, 17), at(0, 17)))
    assert plan.curve.planned_duration == 0
    assert plan.elapsed(at(9)) == 0
    assert plan.planned_value(at(0, 17)) == 480


@given(baselines())
def test_the_curve_ends_at_the_budget(plan: Baseline) -> None:
    assert plan.planned_value(plan.finish) == plan.budget_at_completion
    assert not plan.curve.values or plan.curve.values[-1] == plan.budget_at_completion


@given(baselines(), st.lists(st.integers(at(0), at(90)), max_size=10))
def test_time_never_runs_back_and_is_whole_at_each_period_end(plan: Baseline, instants: list[int]) -> None:
    elapsed = [plan.elapsed(minute) for minute in sorted(instants)]
    assert elapsed == sorted(elapsed)
    assert [plan.elapsed(end) for end in plan.period_ends] == list(range(1, len(plan.period_ends) + 1))


@given(baselines())
def test_the_curve_is_the_planned_value_at_the_end_of_each_day(plan: Baseline) -> None:
    assert list(plan.curve.values) == [plan.planned_value(end) for end in plan.period_ends]


def test_a_baseline_that_does_not_hold_its_tasks_is_refused() -> None:
    work = PlannedWork.between([480], [at(0, 8)], [at(1, 17)], [0], [WEEKDAYS])
    with pytest.raises(InvalidBaseline, match="beyond the baseline finish"):
        Baseline.compiled(work, [WEEKDAYS], WEEKDAYS, at(0, 8), at(0, 17))
    with pytest.raises(InvalidBaseline, match="before its start"):
        Baseline.compiled(work, [WEEKDAYS], WEEKDAYS, at(1, 17), at(0, 8))
    with pytest.raises(InvalidBaseline, match="beyond the calendars"):
        Baseline.compiled(work, [], WEEKDAYS, at(0, 8), at(1, 17))


def test_nothing_is_planned_before_the_start_and_nothing_more_after_the_finish() -> None:
    plan = baseline((900, at(3, 8), at(4, 15)), (100, at(3, 8), at(3, 8)))
    assert [plan.planned_value(minute) for minute in (-(10**9), at(3, 7), at(3, 8))] == [0, 0, 100]
    assert [plan.planned_value(minute) for minute in (at(4, 15), at(5), 10**9)] == [1000, 1000, 1000]


@given(baselines(), st.lists(st.integers(at(0), at(4000)), min_size=1, max_size=8))
def test_time_elapsed_does_not_depend_on_what_was_asked_before(given: Baseline, asked: list[int]) -> None:
    answers = {minute: given.elapsed(minute) for minute in asked}
    for minute, answer in answers.items():
        fresh = Baseline.compiled(given.work, given.calendars, given.project_calendar, given.start, given.finish)
        assert fresh.elapsed(minute) == answer


def test_a_plan_of_centuries_is_ready_at_once() -> None:
    began = perf_counter()
    plan = baseline(*((100, at(0, 8), at(50_000, 17)) for _ in range(2_000)))
    plan.curve.earned_schedule(Measure.known(100_000))
    assert perf_counter() - began < 20  # seconds, where walking the centuries day by day takes hours
