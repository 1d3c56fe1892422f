"""Planned value: spread over working minutes, exact to the minor unit."""

from fractions import Fraction
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain.planned_value import InvalidBaseline, PlannedWork, indexes_at
from tests.unit.kpi.plans import ALWAYS, WEEKDAYS, at

Task = tuple[int, int, int, int]

tasks = st.tuples(st.integers(0, 10**14), st.integers(-(10**6), 10**6), st.integers(0, 500_000), st.integers(0, 2)).map(
    lambda drawn: (drawn[0], drawn[1], drawn[1] + drawn[2], drawn[3])
)


def work(rows: list[Task]) -> PlannedWork:
    return PlannedWork.of(*([row[column] for row in rows] for column in range(4)))


def planned(rows: list[Task], now: tuple[int, ...]) -> Fraction:
    """The definition, in exact fractions."""
    total = Fraction(0)
    for cost, start, finish, calendar in rows:
        if now[calendar] >= finish:
            total += cost
        elif now[calendar] > start:
            total += Fraction(cost * (now[calendar] - start), finish - start)
    return total


@given(st.lists(tasks, max_size=40), st.tuples(*(st.integers(-(10**6), 2 * 10**6),) * 3))
def test_the_sum_is_exact_and_rounded_once(rows: list[Task], now: tuple[int, int, int]) -> None:
    exact = planned(rows, now)
    value = work(rows).value_at(now)
    # A fraction within a ten-thousandth of a half may go either way.
    assert value == round(exact) or abs(abs(exact - round(exact)) - Fraction(1, 2)) < Fraction(1, 5_000)


@given(st.lists(tasks, max_size=40))
def test_all_is_planned_to_the_unit_at_the_last_finish_and_nothing_before_the_first_start(rows: list[Task]) -> None:
    plan = work(rows)
    last = max((row[2] for row in rows), default=0)
    first = min((row[1] for row in rows), default=0)
    assert plan.value_at([last] * 3) == plan.budget_at_completion == sum(row[0] for row in rows)
    assert plan.value_at([first - 1] * 3) == 0


@given(st.lists(tasks, max_size=20), st.lists(st.integers(-(10**6), 2 * 10**6), max_size=20))
def test_the_curve_never_falls_and_equals_the_single_values(rows: list[Task], instants: list[int]) -> None:
    instants.sort()
    plan = work(rows)
    curve = plan.curve(np.array([[instant] * 3 for instant in instants], dtype=np.int64).reshape(-1, 3))
    assert curve == sorted(curve)
    assert curve == [plan.value_at([instant] * 3) for instant in instants]


def test_a_tie_goes_to_the_even_unit() -> None:
    assert work([(101, 0, 2, 0)]).value_at([1]) == 50
    assert work([(103, 0, 2, 0)]).value_at([1]) == 52
    # A third and a sixth make exactly a half.
    assert work([(1, 0, 3, 0), (1, 0, 6, 0)]).value_at([1]) == 0
    assert work([(1, 0, 3, 0), (1, 0, 6, 0), (1, 0, 1, 0)]).value_at([1]) == 2


def test_a_task_without_duration_counts_in_full_from_its_finish() -> None:
    plan = work([(500, 100, 100, 0)])
    assert [plan.value_at([now]) for now in (99, 100, 101)] == [0, 500, 500]


def test_each_task_keeps_its_own_calendar() -> None:
    calendars = [WEEKDAYS, ALWAYS]
    start, finish = at(4, 8), at(7, 17)
    plan = PlannedWork.between([960, 5_000], [start] * 2, [finish] * 2, [0, 1], calendars)
    sunday_noon = indexes_at(calendars, [at(6, 12)])[0]
    # Friday of two office days; 52 of 81 hours around the clock.
    assert plan.value_at(sunday_noon) == 480 + round(5_000 * 52 / 81)


def test_nights_and_weekends_plan_nothing() -> None:
    plan = PlannedWork.between([960], [at(4, 8)], [at(7, 17)], [0], [WEEKDAYS])
    assert {plan.value_at([WEEKDAYS.index(minute)]) for minute in (at(4, 17), at(5, 9), at(6, 23), at(7, 8))} == {480}


def test_a_plan_without_tasks_is_worth_nothing() -> None:
    assert work([]).value_at([5]) == work([]).budget_at_completion == 0


@pytest.mark.parametrize(
    "row", [(-1, 0, 1, 0), (1, 2, 1, 0), (1, 0, 1, -1), (2**63, 0, 1, 0)], ids=["cost", "finish", "calendar", "size"]
)
def test_rows_that_no_baseline_has_are_refused(row: Task) -> None:
    with pytest.raises(InvalidBaseline):
        work([row])


def test_a_budget_beyond_64_bits_is_refused() -> None:
    with pytest.raises(InvalidBaseline, match="budget"):
        work([(2**62, 0, 1, 0), (2**62, 0, 1, 0)])


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(InvalidBaseline, match="length"):
        PlannedWork.of([1, 2], [0], [1], [0])


def test_a_curve_of_ten_thousand_tasks_over_five_hundred_days_takes_at_most_a_tenth_of_a_second() -> None:
    rng = np.random.default_rng(7)
    start = rng.integers(0, 200_000, 10_000)
    plan = PlannedWork.of(
        rng.integers(0, 10**9, 10_000), start, start + rng.integers(0, 40_000, 10_000), rng.integers(0, 5, 10_000)
    )
    instants = np.repeat(np.linspace(0, 240_000, 500, dtype=np.int64)[:, None], 5, axis=1)
    took = []
    for _ in range(5):
        begin = perf_counter()
        curve = plan.curve(instants)
        took.append(perf_counter() - begin)
    assert curve[-1] == plan.budget_at_completion
    assert min(took) <= 2.0  # no measure of speed: only that nothing grows with the square
