"""Where a progress line passes a bar, on the office week: worked examples, and what holds of all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain.progress_line import Bar, Deviation, peak
from shared.working_time import WorkingTime

OFFICE = WorkingTime((((480, 720), (780, 1020)),) * 5 + ((), ()), {})


def at(day: int, hour: int = 0) -> int:
    """The local minute of an hour of a day; day 0 is a Monday."""
    return day * 1440 + hour * 60


WEEK = Bar(at(0, 8), at(4, 17))  # Monday to Friday


@pytest.mark.parametrize(
    ("percent", "date", "reached", "days"),
    [
        (0, at(-3, 12), at(-3, 12), 0),  # has not begun and need not have
        (0, at(2, 17), at(0, 8), -3),  # should have begun on Monday
        (20, at(2, 17), at(0, 17), -2),
        (60, at(2, 17), at(2, 17), 0),
        (80, at(2, 17), at(3, 17), 1),
        (50, at(2, 17), at(2, 12), -0.5),
        (40, at(7, 8), at(1, 17), -3),  # the weekend between does not count
        (100, at(2, 17), at(4, 17), 2),  # finished before its time
        (100, at(8, 12), at(8, 12), 0),  # finished
        (99, at(8, 12), at(4, 16) + 36, -1 - 0.5 - 0.05),
    ],
)
def test_the_point_that_progress_has_reached(percent: int, date: int, reached: int, days: float) -> None:
    found = peak(WEEK, Decimal(percent), date, OFFICE)
    assert (found.at, found.minutes) == (reached, days * 480)
    sides = {True: Deviation.BEHIND, False: Deviation.AHEAD}
    assert found.deviation is (Deviation.ON_DATE if not days else sides[days < 0])


def test_a_milestone_is_behind_once_its_date_is_over() -> None:
    milestone = Bar(at(4, 17), at(4, 17))
    assert peak(milestone, Decimal(0), at(4, 12), OFFICE).minutes == 0
    assert peak(milestone, Decimal(0), at(7, 17), OFFICE).minutes == -480
    assert peak(milestone, Decimal(100), at(3, 17), OFFICE).minutes == 480


@given(
    st.integers(at(-10), at(10)), st.integers(0, 20_000), st.integers(0, 10_000), st.integers(at(-10), at(30)),
)  # fmt: skip
def test_more_progress_is_never_further_behind(start: int, length: int, hundredths: int, date: int) -> None:
    begin = OFFICE.next_start(start)
    bar = Bar(begin, OFFICE.add(begin, length))
    percent = Decimal(hundredths) / 100
    found = peak(bar, percent, date, OFFICE)
    assert min(bar.start, date) <= found.at <= max(bar.finish, date)
    if percent < 99:
        assert peak(bar, percent + 1, date, OFFICE).minutes >= found.minutes or percent == 0
