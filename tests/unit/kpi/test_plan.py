"""From what events tell of a plan to its baseline."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.measure import UndefinedReason
from services.kpi.domain.plan import BaselineDates, PlanRows, baseline_of, compiled, minor_units
from shared.working_time import WorkingCalendar, minute_of, to_json
from tests.unit.kpi.plans import OFFICE, at

OWN, PROJECT = uuid4(), uuid4()
MONDAY = datetime.fromisoformat("2000-01-03T08:00")
FRIDAY = datetime.fromisoformat("2000-01-07T17:00")


def calendar(source_id: str, *shifts: tuple[int, int], base: str | None = None) -> dict[str, object]:
    """A calendar that works these shifts from Monday to Friday."""
    day = tuple(shifts)
    return to_json(WorkingCalendar(source_id, source_id, (day, day, day, day, day, (), ()), base_source_id=base))


def rows(**changes: Any) -> PlanRows:
    """One task from Monday 8:00 to Friday 17:00 for 400."""
    given: dict[str, Any] = {
        "cost": [400],
        "start": [at(0, 8)],
        "finish": [at(4, 17)],
        "calendar": [None],
        "is_elapsed": [False],
        "calendars": {},
        "project_calendar": None,
    }
    return PlanRows(**{**given, **changes})


def planned(given: PlanRows, minute: int) -> int:
    found = compiled(given)
    assert isinstance(found, Baseline)
    return found.planned_value(minute)


def test_without_baselined_tasks_there_is_no_baseline() -> None:
    empty: dict[str, Any] = {key: [] for key in ("cost", "start", "finish", "calendar", "is_elapsed")}
    assert compiled(rows(**empty)) is UndefinedReason.NO_BASELINE


def test_where_no_calendar_is_known_the_office_week_is_worked() -> None:
    assert planned(rows(), at(0, 12)) == 40
    assert planned(rows(calendar=[OWN], project_calendar=PROJECT), at(0, 12)) == 40


@pytest.mark.parametrize(
    ("own", "project", "expected"),
    [
        (None, PROJECT, 80),  # the project's mornings: four of its twenty hours
        (OWN, PROJECT, 0),  # the task's own afternoons
        (OWN, None, 0),
        (uuid4(), PROJECT, 80),  # one that is not there
    ],
)
def test_a_task_keeps_its_own_calendar_else_the_projects(own: UUID | None, project: UUID | None, expected: int) -> None:
    calendars = {OWN: calendar("2", (780, 1020)), PROJECT: calendar("1", (480, 720))}
    assert planned(rows(calendar=[own], project_calendar=project, calendars=calendars), at(0, 12)) == expected


def test_a_duration_in_elapsed_time_runs_around_the_clock() -> None:
    given = rows(start=[at(0)], finish=[at(4)], is_elapsed=[True], calendar=[OWN])
    assert planned(given, at(1)) == 100


@pytest.mark.parametrize(
    "calendars",
    [
        {PROJECT: {"week": "none"}},
        {PROJECT: calendar("1", (480, 720), base="9")},
        {PROJECT: to_json(WorkingCalendar("1", "Idle", ((),) * 7))},
    ],
    ids=["malformed", "unknown base", "never works"],
)
def test_a_calendar_that_cannot_be_worked_by_gives_way_to_the_office_week(calendars: dict[UUID, object]) -> None:
    assert planned(rows(calendars=calendars, project_calendar=PROJECT), at(0, 12)) == 40


def test_a_budget_that_cannot_be_added_up_is_told_apart() -> None:
    huge = rows(cost=[2**62] * 2, start=[0, 0], finish=[1, 1], calendar=[None, None], is_elapsed=[False, False])
    assert compiled(huge) is UndefinedReason.BASELINE_TOO_LARGE


@pytest.mark.parametrize(
    ("start", "finish", "expected"),
    [
        (MONDAY, FRIDAY, (minute_of(MONDAY), minute_of(FRIDAY))),
        (MONDAY, None, (minute_of(MONDAY), minute_of(MONDAY))),
        (None, FRIDAY, (minute_of(FRIDAY), minute_of(FRIDAY))),
        (FRIDAY, MONDAY, (minute_of(FRIDAY), minute_of(FRIDAY))),
    ],
)
def test_a_baseline_with_one_date_or_turned_around_still_has_its_place(
    start: datetime | None, finish: datetime | None, expected: tuple[int, int]
) -> None:
    assert baseline_of(start, finish, Decimal("12.50"), 2) == BaselineDates(*expected, 1250)


def test_a_baseline_without_dates_is_none_and_one_without_cost_costs_nothing() -> None:
    assert baseline_of(None, None, Decimal(5), 2) is None
    assert baseline_of(MONDAY, FRIDAY, None, 2) == BaselineDates(minute_of(MONDAY), minute_of(FRIDAY), 0)


@pytest.mark.parametrize(
    ("amount", "digits", "expected"),
    [("12.50", 2, 1250), ("0.125", 2, 12), ("0.135", 2, 14), ("7", 0, 7), ("1.2345", 3, 1234), ("0", 2, 0)],
)
def test_money_is_kept_in_whole_minor_units(amount: str, digits: int, expected: int) -> None:
    assert minor_units(Decimal(amount), digits) == expected


def test_the_office_day_of_tests_and_product_is_the_same() -> None:
    assert planned(rows(project_calendar=PROJECT, calendars={PROJECT: calendar("1", *OFFICE)}), at(2, 15)) == planned(
        rows(), at(2, 15)
    )
