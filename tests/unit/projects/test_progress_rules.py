"""What statements of progress do to a task, by Microsoft Project's rules, and which contradict themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain.progress import Contradiction, PercentCompleteType, Progress, Standing
from services.projects.service.plans import USUAL_CALENDAR
from shared.working_time import WorkingTime, compile_calendars

AT = datetime(2026, 3, 6, 17, tzinfo=UTC)
NOON = datetime(2026, 3, 6, 12)  # noqa: DTZ001 - local wall time
MONDAY = datetime(2026, 3, 2, 8)  # noqa: DTZ001
FRIDAY = datetime(2026, 3, 13, 17)  # noqa: DTZ001


def standing(**more: Any) -> Standing:
    """A task of ten days and 40 hours of work, scheduled for two weeks, of which nothing is done."""
    known: dict[str, Any] = {
        "percent_complete": Decimal(0), "progress_at": None, "actual_start": None, "actual_finish": None,
        "duration_minutes": 4800, "is_scheduled": True, "early_start": MONDAY, "early_finish": FRIDAY,
        "work_minutes": 2400, "remaining_work_minutes": 2400,
    }  # fmt: skip
    return Standing(**{**known, **more})


def said(**figures: Any) -> Progress:
    """A statement as of Friday, 6 March 2026, 17:00."""
    numbers: dict[str, Any] = {k: Decimal(str(v)) if "percent" in k else v for k, v in figures.items()}
    return Progress(AT, local_at=AT.replace(tzinfo=None), **numbers)


def after(standing_: Standing, **figures: Any) -> dict[str, object]:
    """What a statement leaves."""
    return standing_.after(said(**figures)).known()


def parts(found: dict[str, object]) -> tuple[object, ...]:
    """Percent, actual and remaining of the duration, then of the work."""
    names = ("percent_complete", "actual_duration_minutes", "remaining_duration_minutes", "percent_work_complete",
             "actual_work_minutes", "remaining_work_minutes")  # fmt: skip
    return tuple(found[name] for name in names)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"percent_complete": 25}, (25, 1200, 3600, 25, 600, 1800)),
        ({"percent_work_complete": 25}, (25, 1200, 3600, 25, 600, 1800)),
        ({"actual_duration_minutes": 1200}, (25, 1200, 3600, 25, 600, 1800)),
        ({"actual_work_minutes": 600}, (25, 1200, 3600, 25, 600, 1800)),
        # The whole is what is done and what is left: it grows and shrinks with what is stated of them.
        ({"actual_duration_minutes": 1200, "remaining_duration_minutes": 1200}, (50, 1200, 1200, 50, 1200, 1200)),
        ({"percent_complete": 25, "remaining_duration_minutes": 1200}, (25, 400, 1200, 25, 600, 1800)),
        ({"percent_complete": 25, "actual_duration_minutes": 600}, (25, 600, 1800, 25, 600, 1800)),
        ({"actual_work_minutes": 3000}, (100, 4800, 0, 100, 3000, 0)),
        # Both are said: neither follows from the other.
        ({"percent_complete": 50, "percent_work_complete": 25}, (50, 2400, 2400, 25, 600, 1800)),
        ({"percent_complete": 50, "remaining_work_minutes": 3600}, (50, 2400, 2400, 25, 1200, 3600)),
        ({"percent_complete": 100}, (100, 4800, 0, 100, 2400, 0)),
        # Never all done while something is left, nor nothing when something was done.
        ({"actual_duration_minutes": 100_000, "remaining_duration_minutes": 1},
         (Decimal("99.99"), 100_000, 1, Decimal("99.99"), 2399, 1)),
        ({"actual_duration_minutes": 1, "remaining_duration_minutes": 100_000},
         (Decimal("0.01"), 1, 100_000, Decimal("0.01"), 1, 2399)),
    ],
)  # fmt: skip
def test_one_figure_moves_those_that_follow_from_it(figures: dict[str, Any], expected: tuple[object, ...]) -> None:
    assert parts(after(standing(), **figures)) == expected


def test_what_has_begun_began_when_it_was_scheduled_to_and_ended_so() -> None:
    begun = after(standing(), percent_complete=10)
    assert (begun["actual_start"], begun["actual_finish"]) == (MONDAY, None)
    done = after(standing(), percent_complete=100)
    assert (done["actual_start"], done["actual_finish"]) == (MONDAY, FRIDAY)


def test_what_is_not_scheduled_ended_as_of_the_statement_and_nobody_knows_when_it_began() -> None:
    without = standing(is_scheduled=False, early_start=None, early_finish=None)
    assert after(without, percent_complete=60)["actual_start"] is None
    done = after(without, percent_complete=100)
    assert done["actual_start"] == done["actual_finish"] == AT.replace(tzinfo=None)


def test_an_actual_finish_is_all_of_it() -> None:
    done = after(standing(), actual_finish=NOON)
    assert parts(done) == (100, 4800, 0, 100, 2400, 0)
    assert (done["actual_start"], done["actual_finish"]) == (MONDAY, NOON)


def test_an_actual_start_alone_is_begun_at_nothing() -> None:
    begun = after(standing(), actual_start=NOON)
    assert (begun["percent_complete"], begun["actual_start"]) == (0, NOON)


def test_less_than_complete_is_not_finished_and_nothing_is_not_begun() -> None:
    done = standing().after(said(percent_complete=100))
    again = done.after(said(percent_complete=60))
    assert (again.actual_start, again.actual_finish) == (MONDAY, None)
    undone = again.after(said(percent_complete=0))
    assert (undone.actual_start, undone.actual_finish) == (None, None)


def test_a_cost_alone_changes_nothing_else() -> None:
    """Not even where actual and remaining duration do not come to the whole, as in Primavera's late activities."""
    late = standing(actual_duration_minutes=9000, remaining_duration_minutes=480, percent_complete=Decimal(90))
    columns = late.columns(said(actual_cost=Decimal(7)))
    assert columns == {"progress_at": AT, "stop": None, "resume": None, "actual_cost": 7, "actual_start": MONDAY}


@pytest.mark.parametrize(
    ("figures", "field", "code"),
    [
        ({"actual_start": FRIDAY}, "actual_start", "actual_after_statement"),
        ({"actual_finish": FRIDAY}, "actual_finish", "actual_after_statement"),
        ({"actual_start": NOON, "actual_finish": MONDAY}, "actual_finish", "finish_before_start"),
        ({"actual_finish": NOON, "percent_complete": 99}, "percent_complete", "finished_means_100"),
        ({"actual_finish": NOON, "remaining_duration_minutes": 1}, "remaining_duration_minutes", "finished_means_100"),
        ({"percent_complete": 100, "remaining_duration_minutes": 1}, "remaining_duration_minutes", "parts_disagree"),
        ({"percent_complete": 0, "actual_duration_minutes": 1}, "actual_duration_minutes", "parts_disagree"),
        ({"percent_work_complete": 100, "remaining_work_minutes": 1}, "remaining_work_minutes", "parts_disagree"),
        ({"percent_complete": 40, "actual_duration_minutes": 1, "remaining_duration_minutes": 1},
         "percent_complete", "parts_disagree"),
        ({"percent_complete": 50, "remaining_duration_minutes": 0}, "remaining_duration_minutes", "parts_disagree"),
        ({"percent_complete": 50, "actual_duration_minutes": 0}, "actual_duration_minutes", "parts_disagree"),
        # What the database's integers, or the document's bounds, do not hold.
        ({"actual_work_minutes": 1, "remaining_work_minutes": 2_147_483_647}, "remaining_work_minutes", "too_large"),
        ({"percent_complete": 50, "remaining_work_minutes": 2_147_483_647}, "remaining_work_minutes", "too_large"),
        ({"percent_work_complete": 90, "remaining_work_minutes": 1_000_000_000}, "remaining_work_minutes", "too_large"),
        ({"actual_duration_minutes": 1, "remaining_duration_minutes": 10_000_000},
         "remaining_duration_minutes", "too_large"),
    ],
)  # fmt: skip
def test_what_cannot_be_true_is_refused(figures: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(Contradiction) as refused:
        standing().after(said(**figures))
    assert (refused.value.field, refused.value.code) == (field, code)


WEEK_OF_WORK: Final = compile_calendars([USUAL_CALENDAR])[USUAL_CALENDAR.source_id]
THURSDAY = datetime(2026, 3, 5, 17)  # noqa: DTZ001


def lasted(standing_: Standing, **figures: Any) -> tuple[object, ...]:
    """Start, finish and duration, all of which has passed."""
    found = after(replace(standing_, calendar=WEEK_OF_WORK), **figures)
    assert (found["actual_duration_minutes"], found["remaining_duration_minutes"]) == (found["duration_minutes"], 0)
    return tuple(found[name] for name in ("actual_start", "actual_finish", "duration_minutes"))


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"actual_start": MONDAY, "actual_finish": THURSDAY}, (MONDAY, THURSDAY, 1920)),
        ({"actual_finish": THURSDAY}, (MONDAY, THURSDAY, 1920)),  # it began when it was scheduled to
        ({"actual_start": MONDAY, "actual_finish": MONDAY}, (MONDAY, MONDAY, 0)),
        # Who says how long it took is believed: there may have been pauses.
        ({"actual_finish": THURSDAY, "actual_duration_minutes": 960}, (MONDAY, THURSDAY, 960)),
        # Complete without an end: it lasted what it was to last.
        ({"actual_start": NOON, "percent_complete": 100}, (NOON, datetime(2026, 3, 20, 12), 4800)),  # noqa: DTZ001
        # Done before it was scheduled to begin: it began as long before as it lasts.
        ({"actual_finish": datetime(2026, 2, 27, 17)}, (datetime(2026, 2, 16, 8), datetime(2026, 2, 27, 17), 4800)),  # noqa: DTZ001
        # Nobody works on a Sunday: that tells nothing of how long it took.
        ({"actual_start": datetime(2026, 3, 1, 9), "actual_finish": datetime(2026, 3, 1, 12)},  # noqa: DTZ001
         (datetime(2026, 3, 1, 9), datetime(2026, 3, 1, 12), 4800)),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_what_has_ended_lasted_from_start_to_finish(figures: dict[str, Any], expected: tuple[object, ...]) -> None:
    assert lasted(standing(), **figures) == expected


def test_dates_that_are_corrected_correct_the_duration_but_not_what_was_stated_of_it() -> None:
    done = standing(calendar=WEEK_OF_WORK).after(said(actual_finish=THURSDAY, actual_duration_minutes=960))
    assert done.after(said(actual_finish=THURSDAY)).duration_minutes == 960
    assert done.after(said(actual_start=datetime(2026, 3, 3, 8))).duration_minutes == 1440  # noqa: DTZ001
    fact = done.fact(replace(said(actual_start=datetime(2026, 3, 3, 8)), at=AT + timedelta(days=1)))  # noqa: DTZ001
    assert fact["actual_duration_minutes"] == 1440


def test_a_milestone_takes_no_time() -> None:
    milestone = standing(is_milestone=True, duration_minutes=0, early_finish=MONDAY)
    assert lasted(milestone, actual_finish=THURSDAY)[2] == 0


def test_nothing_left_of_what_was_not_begun_is_all_of_it() -> None:
    assert parts(after(standing(), remaining_duration_minutes=0)) == (100, 4800, 0, 100, 2400, 0)
    assert parts(after(standing(), percent_complete=100, remaining_duration_minutes=0)) == (100, 4800, 0, 100, 2400, 0)
    assert parts(after(standing(), percent_complete=0, actual_duration_minutes=0)) == (0, 0, 4800, 0, 0, 2400)
    assert parts(after(standing(), remaining_work_minutes=0)) == (100, 4800, 0, 100, 2400, 0)


def test_a_start_after_the_known_finish_is_refused() -> None:
    done = standing().after(said(actual_finish=MONDAY, actual_start=MONDAY))
    with pytest.raises(Contradiction, match="after the actual finish"):
        done.after(said(actual_start=NOON))


def test_a_percent_counts_for_the_physical_one_where_that_is_the_tasks() -> None:
    physical = standing(percent_type=PercentCompleteType.PHYSICAL)
    assert physical.physical(said(percent_complete=30)) == 30
    assert physical.physical(said(percent_complete=30, physical_percent_complete=10)) == 10
    assert physical.physical(said(actual_finish=NOON)) == 100
    assert standing().physical(said(percent_complete=30)) is None


figures = st.fixed_dictionaries(
    {},
    optional={
        "percent_complete": st.integers(0, 100),
        "percent_work_complete": st.integers(0, 100),
        "actual_duration_minutes": st.integers(0, 10_000),
        "remaining_duration_minutes": st.integers(0, 10_000),
        "actual_work_minutes": st.integers(0, 10_000),
        "remaining_work_minutes": st.integers(0, 10_000),
        "actual_start": st.just(MONDAY),
        "actual_finish": st.just(NOON),
    },
)


@given(st.lists(figures, max_size=4), st.sampled_from([None, WEEK_OF_WORK]))
def test_whatever_is_taken_adds_up(statements: list[dict[str, Any]], calendar: WorkingTime | None) -> None:
    found = standing(calendar=calendar)
    for each in statements:
        try:
            found = found.after(said(**each))
        except Contradiction:
            continue
        assert 0 <= found.percent_complete <= 100
        assert 0 <= found.percent_work_complete <= 100
        if "actual_finish" in each or found.percent_complete == 100:
            assert found.actual_finish is not None
            assert found.remaining_duration_minutes == 0
        if found.percent_complete < 100:
            assert found.actual_finish is None
        if found.percent_complete > 0:
            assert found.actual_start is not None
        assert found.work_minutes == found.actual_work_minutes + found.remaining_work_minutes
        if found.remaining_duration_minutes is not None:
            assert found.duration_minutes == found.actual_duration_minutes + found.remaining_duration_minutes
