"""Calendars: weeks, both generations of exceptions, recurrences, alternative weeks, bases."""

from datetime import date

import pytest

from services.projects.domain.mspdi.recurrence import MAX_OCCURRENCES
from services.projects.domain.plan import Plan
from shared.working_time import CalendarException, Shifts, WorkingCalendar, compile_calendars
from tests.unit.projects.mspdi_support import codes, elements, read

DAY = ((480, 720), (780, 1020))
USUAL = (DAY, DAY, DAY, DAY, DAY, (), ())


def times(*shifts: tuple[str, str]) -> str:
    return elements(WorkingTimes="".join(elements(WorkingTime=elements(FromTime=a, ToTime=b)) for a, b in shifts))


def week_day(kind: int, inner: str = "", working: int = 1) -> str:
    return elements(WeekDay=elements(DayType=kind, DayWorking=working) + inner)


def period(first: str, last: str) -> str:
    return elements(TimePeriod=elements(FromDate=f"{first}T00:00:00", ToDate=f"{last}T23:59:00"))


def exception(first: str, last: str, inner: str = "", **values: object) -> str:
    return elements(Exception=period(first, last) + elements(**{"DayWorking": 0, **values}) + inner)


def calendar(
    uid: int = 1, base: int | None = None, week: str = "", exceptions: str | None = None, inner: str = ""
) -> str:
    based = elements(IsBaseCalendar=1) if base is None else elements(IsBaseCalendar=0, BaseCalendarUID=base)
    added = "" if exceptions is None else elements(Exceptions=exceptions)
    return elements(
        Calendar=elements(UID=uid, Name=f"Calendar {uid}") + based + elements(WeekDays=week) + added + inner
    )


def read_calendar(week: str = "", exceptions: str | None = None, inner: str = "") -> tuple[WorkingCalendar, Plan]:
    plan = read(calendars=calendar(1, week=week, exceptions=exceptions, inner=inner))
    return plan.calendars[0], plan


def dates(found: WorkingCalendar) -> list[str]:
    return [str(each.first) for each in found.exceptions if each.first == each.last]


def test_a_week_is_read_monday_first() -> None:
    week = (
        week_day(1, working=0)
        + week_day(2, times(("08:00:00", "12:00:00"), ("13:00:00", "17:00:00")))
        + week_day(3, times(("09:00:00", "13:00:00")))
        + week_day(7, times(("10:00:00", "14:00:00")))
    )
    found, plan = read_calendar(week=week)
    assert found.week == (DAY, ((540, 780),), DAY, DAY, DAY, ((600, 840),), ())
    assert plan.skipped == ()


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        ([("00:00:00", "00:00:00")], ((0, 1440),)),
        ([("23:00:00", "00:00:00"), ("00:00:00", "03:00:00")], ((0, 180), (1380, 1440))),
        ([("00:00:00", "23:59:59")], ((0, 1440),)),
        ([("08:00:00", "24:00:00")], ((480, 1440),)),
        ([("08:00:00", "12:00:00"), ("11:00:00", "14:00:00")], ((480, 840),)),
        ([("08:00:00", "08:00:00")], ()),
    ],
)
def test_shifts_are_ordered_and_apart_and_midnight_ends_the_day(
    shifts: list[tuple[str, str]], expected: Shifts
) -> None:
    found, plan = read_calendar(week=week_day(2, times(*shifts)))
    assert found.week[0] == expected
    assert plan.skipped == ()


def test_a_shift_that_ends_before_it_begins_is_reported() -> None:
    found, plan = read_calendar(week=week_day(2, times(("20:00:00", "04:00:00"), ("08:00:00", "12:00:00"))))
    assert found.week[0] == ((480, 720),)
    assert codes(plan) == [("calendar", "1", "invalid_working_time")]


def test_a_working_day_that_names_no_times_works_as_usual() -> None:
    assert read_calendar(week=week_day(2) + week_day(7, working=0))[0].week == USUAL


def test_a_resource_calendar_takes_from_its_base_what_it_does_not_state() -> None:
    plan = read(calendars=calendar(1) + calendar(2, base=1, week=week_day(6, working=0)))
    derived = plan.calendars[1]
    assert (derived.base_source_id, derived.week) == ("1", (None, None, None, None, (), None, None))


def test_bases_that_are_unknown_or_circular_are_reported_and_replaced_by_the_usual_week() -> None:
    plan = read(
        calendars=calendar(1)
        + calendar(2, base=99)
        + calendar(3, base=4)
        + calendar(4, base=3)
        + calendar(5, base=5)
        + calendar(6, base=-1)
        + calendar(7, base=0)
    )
    assert [each.base_source_id for each in plan.calendars] == [None] * 7
    assert all(each.week == USUAL for each in plan.calendars)
    assert codes(plan) == [("calendar", uid, "unknown_base") for uid in "2345"]
    compile_calendars(plan.calendars)


def test_calendars_that_cannot_be_taken_are_reported() -> None:
    plan = read(calendars=calendar(1) + calendar(1) + "<Calendar/>" + calendar(2, week=week_day(8)))
    assert [each.source_id for each in plan.calendars] == ["1"]
    assert codes(plan) == [
        ("calendar", "1", "duplicate_uid"),
        ("calendar", "", "missing_uid"),
        ("calendar", "2", "invalid_field"),
    ]


def test_an_exception_is_days_off_or_days_with_other_times() -> None:
    found, plan = read_calendar(
        exceptions=exception("2026-12-24", "2026-12-26", Name="Christmas", Type=1)
        + exception("2026-05-02", "2026-05-02", times(("09:00:00", "12:00:00")), DayWorking=1)
    )
    assert found.exceptions == (
        CalendarException(date(2026, 5, 2), date(2026, 5, 2), ((540, 720),)),
        CalendarException(date(2026, 12, 24), date(2026, 12, 26), (), "Christmas"),
    )
    assert plan.skipped == ()


def test_exceptions_of_the_old_style_are_read() -> None:
    found, _ = read_calendar(week=week_day(0, period("2026-12-24", "2026-12-26"), working=0) + week_day(1, working=0))
    assert found.exceptions == (CalendarException(date(2026, 12, 24), date(2026, 12, 26)),)


def test_an_exception_stated_in_both_styles_counts_once() -> None:
    old = week_day(0, period("2026-12-24", "2026-12-25"), working=0) + week_day(
        0, period("2027-01-01", "2027-01-01"), working=0
    )
    found, _ = read_calendar(week=old, exceptions=exception("2026-12-25", "2026-12-26", Name="Christmas"))
    assert found.exceptions == (
        CalendarException(date(2026, 12, 24), date(2026, 12, 24)),
        CalendarException(date(2026, 12, 25), date(2026, 12, 26), (), "Christmas"),
        CalendarException(date(2027, 1, 1), date(2027, 1, 1)),
    )


def test_a_single_exception_wins_over_a_recurring_one() -> None:
    found, _ = read_calendar(
        exceptions=exception("2026-06-01", "2026-06-14", Type=6, DaysOfWeek=2, Name="Mondays off")
        + exception("2026-06-08", "2026-06-08", times(("08:00:00", "10:00:00")), DayWorking=1, Name="Workshop")
    )
    assert [(str(each.first), each.shifts) for each in found.exceptions] == [
        ("2026-06-01", ()),
        ("2026-06-08", ((480, 600),)),
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Type": 7, "Period": 3}, ["2026-01-01", "2026-01-04", "2026-01-07", "2026-01-10"]),
        ({"Type": 8, "Period": 3}, ["2026-01-01", "2026-01-06", "2026-01-09", "2026-01-14"]),
        ({"Type": 6, "Period": 2, "DaysOfWeek": 2 + 16}, ["2026-01-01", "2026-01-12", "2026-01-15", "2026-01-26"]),
        ({"Type": 6, "Period": 1, "DaysOfWeek": 1}, ["2026-01-04", "2026-01-11", "2026-01-18", "2026-01-25"]),
        ({"Type": 4, "Period": 1, "MonthDay": 31}, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        (
            {"Type": 5, "Period": 2, "MonthItem": 4, "MonthPosition": 0},
            ["2026-01-05", "2026-03-02", "2026-05-04", "2026-07-06"],
        ),
        (
            {"Type": 5, "Period": 1, "MonthItem": 1, "MonthPosition": 4},
            ["2026-01-30", "2026-02-27", "2026-03-31", "2026-04-30"],
        ),
        (
            {"Type": 5, "Period": 1, "MonthItem": 2, "MonthPosition": 1},
            ["2026-01-04", "2026-02-07", "2026-03-07", "2026-04-05"],
        ),
        ({"Type": 2, "Month": 11, "MonthDay": 25}, ["2026-12-25", "2027-12-25", "2028-12-25", "2029-12-25"]),
        ({"Type": 2, "Month": 1, "MonthDay": 29}, ["2026-02-28", "2027-02-28", "2028-02-29", "2029-02-28"]),
        (
            {"Type": 3, "Month": 10, "MonthItem": 7, "MonthPosition": 3},
            ["2026-11-26", "2027-11-25", "2028-11-23", "2029-11-22"],
        ),
    ],
)
def test_recurring_exceptions_fall_on_their_days(rule: dict[str, int], expected: list[str]) -> None:
    by_count = exception("2026-01-01", "2149-12-31", EnteredByOccurrences=1, Occurrences=4, inner="", **rule)
    by_date = exception("2026-01-01", expected[-1], EnteredByOccurrences=0, Occurrences=999, inner="", **rule)
    assert dates(read_calendar(exceptions=by_count)[0]) == expected
    assert dates(read_calendar(exceptions=by_date)[0]) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Type": 4, "Period": 3, "MonthDay": 5}, ["2026-02-05", "2026-05-05"]),
        ({"Type": 5, "Period": 3, "MonthItem": 4, "MonthPosition": 0}, ["2026-02-02", "2026-05-04"]),
        ({"Type": 2, "Month": 0, "MonthDay": 5}, ["2027-01-05", "2028-01-05"]),
        ({"Type": 8, "Period": 1}, ["2026-01-12", "2026-01-13"]),
    ],
)
def test_a_recurrence_begins_on_its_first_day_or_after(rule: dict[str, int], expected: list[str]) -> None:
    stated = exception("2026-01-10", "2149-12-31", EnteredByOccurrences=1, Occurrences=2, inner="", **rule)
    assert dates(read_calendar(exceptions=stated)[0]) == expected


@pytest.mark.parametrize(
    "stated",
    [
        exception("2026-01-10", "2026-01-09"),
        exception("1983-12-31", "2026-01-09"),
        exception("2026-01-10", "2026-01-12", Type=10),
        exception("2026-01-10", "2026-01-12", DayWorking=1),
        exception("1984-01-01", "2149-12-31", Type=8),
        elements(Exception=elements(DayWorking=0)),
        exception("2026-01-10", "2026-01-12", times(("8 o'clock", "12:00:00")), DayWorking=1),
    ],
)
def test_an_exception_that_cannot_be_taken_is_reported_and_the_calendar_stays(stated: str) -> None:
    found, plan = read_calendar(exceptions=stated + exception("2026-12-25", "2026-12-25"))
    assert dates(found) == ["2026-12-25"]
    assert codes(plan) == [("calendar", "1", "invalid_exception")]


def test_a_recurrence_without_any_day_is_no_exception() -> None:
    assert read_calendar(exceptions=exception("2026-01-01", "2149-12-31", Type=6, DaysOfWeek=0))[0].exceptions == ()


def test_alternative_weeks_become_exceptions_that_any_stated_exception_beats() -> None:
    weeks = elements(
        WorkWeeks=elements(
            WorkWeek=period("2026-07-06", "2026-07-19")
            + elements(Name="Summer")
            + elements(WeekDays=week_day(2, times(("07:00:00", "12:00:00"))) + week_day(6, working=0))
        )
    )
    found, plan = read_calendar(exceptions=exception("2026-07-13", "2026-07-13", Name="Regatta"), inner=weeks)
    assert [(str(each.first), each.shifts, each.name) for each in found.exceptions] == [
        ("2026-07-06", ((420, 720),), "Summer"),
        ("2026-07-10", (), "Summer"),
        ("2026-07-13", (), "Regatta"),
        ("2026-07-17", (), "Summer"),
    ]
    assert plan.skipped == ()


def test_alternative_weeks_that_cannot_be_taken_are_reported() -> None:
    def week(inner: str) -> str:
        return elements(WorkWeek=inner + elements(WeekDays=week_day(2, working=0)))

    endless = period("1984-01-01", "2149-12-31")
    weeks = elements(WorkWeeks=week(endless) + week(period("2026-07-06", "2026-07-05")) + week(""))
    found, plan = read_calendar(inner=weeks)
    assert found.exceptions == ()
    assert codes(plan) == [("calendar", "1", "invalid_work_week")] * 2
    assert str(MAX_OCCURRENCES) in plan.skipped[0].detail


def test_what_is_read_can_be_computed_with() -> None:
    stated = exception("2026-01-01", "2026-12-31", Type=6, DaysOfWeek=2) + exception("2026-01-05", "2026-02-05")
    plan = read(calendars=calendar(1, exceptions=stated * 3) + calendar(2, base=1, exceptions=stated))
    assert set(compile_calendars(plan.calendars)) == {"1", "2"}


@pytest.mark.parametrize("end", ["23:59:00", "23:59:59", "00:00:00"])
def test_an_exception_ends_on_the_day_that_it_names_whatever_the_second(end: str) -> None:
    stated = exception("2026-04-03", "2026-04-04").replace("2026-04-04T23:59:00", f"2026-04-04T{end}")
    found, _ = read_calendar(exceptions=stated)
    assert [(str(each.first), str(each.last)) for each in found.exceptions] == [("2026-04-03", "2026-04-04")]
