"""Calendar arithmetic agrees with counting minute by minute, everywhere in time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.working_time import (
    DAY,
    WEEK,
    CalendarException,
    CalendarLoop,
    InvalidCalendar,
    NoWorkingTime,
    Shifts,
    UnknownBaseCalendar,
    WorkingCalendar,
    WorkingTime,
    compile_calendars,
    day_of,
    from_json,
    instant_of,
    local_of,
    minute_of,
    moment_of,
    to_json,
)

OFFICE: Shifts = ((480, 720), (780, 1020))
STANDARD = WorkingCalendar("1", "Standard", (OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, (), ()))
ALWAYS = WorkingCalendar("24", "24 hours", (((0, DAY),),) * 7)


def compiled(calendar: WorkingCalendar, *others: WorkingCalendar) -> WorkingTime:
    return compile_calendars([calendar, *others])[calendar.source_id]


def at(text: str) -> int:
    return minute_of(datetime.fromisoformat(text))


@st.composite
def shifts(draw: st.DrawFn, *, least: int = 0) -> Shifts:
    """Up to three shifts on a grid of two hours, possibly touching one another and both ends of the day."""
    edges = sorted(draw(st.sets(st.integers(0, 12), min_size=2 * least, max_size=6)))
    return tuple((low * 120, high * 120) for low, high in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> WorkingTime:
    """A calendar that works at least one shift a week, with exceptions near the epoch."""
    week = tuple(draw(shifts()) for _ in range(6))
    days = draw(st.dictionaries(st.integers(-20, 20), shifts(), max_size=8))
    return WorkingTime((*week, draw(shifts(least=1))), days)


minutes = st.integers(-15 * DAY, 15 * DAY)
anywhere = st.integers(-730_000 * DAY, 2_900_000 * DAY)  # the years 1 to 9939


def works(calendar: WorkingTime, minute: int) -> bool:
    day = moment_of(minute).date()
    return any(begin <= minute % DAY < end for begin, end in calendar.shifts_on(day))


@settings(max_examples=60, deadline=None)
@given(calendars(), minutes, minutes)
def test_working_minutes_are_those_counted_one_by_one(calendar: WorkingTime, begin: int, end: int) -> None:
    low, high = sorted((begin, end))
    counted = sum(works(calendar, minute) for minute in range(low, high))
    assert calendar.working_minutes(low, high) == counted
    assert calendar.working_minutes(high, low) == -counted
    assert sum(b - a for a, b in calendar.intervals(low, high)) == counted


@settings(max_examples=60, deadline=None)
@given(calendars(), minutes)
def test_next_start_and_previous_finish_are_those_found_by_walking(calendar: WorkingTime, minute: int) -> None:
    start = finish = minute
    while not works(calendar, start):
        start += 1
    while not works(calendar, finish - 1):
        finish -= 1
    assert calendar.next_start(minute) == start
    assert calendar.previous_finish(minute) == finish


@settings(deadline=None)
@given(calendars(), anywhere, st.integers(-20_000, 20_000))
def test_adding_moves_by_exactly_that_many_working_minutes(calendar: WorkingTime, minute: int, amount: int) -> None:
    moved = calendar.add(minute, amount)
    assert calendar.working_minutes(minute, moved) == amount
    assert calendar.working_minutes(calendar.subtract(moved, amount), minute) == 0
    if amount > 0:
        assert calendar.previous_finish(moved) == moved
    elif amount < 0:
        assert calendar.next_start(moved) == moved
    else:
        assert moved == minute


@settings(deadline=None)
@given(calendars(), anywhere, anywhere, anywhere)
def test_working_minutes_are_additive_and_monotone(calendar: WorkingTime, a: int, b: int, c: int) -> None:
    parts = calendar.working_minutes(a, b) + calendar.working_minutes(b, c)
    assert parts == calendar.working_minutes(a, c) == calendar.index(c) - calendar.index(a)
    assert (calendar.working_minutes(a, b) >= 0) if a <= b else (calendar.working_minutes(a, b) <= 0)


@settings(deadline=None)
@given(calendars(), minutes, st.integers(-30_000, 30_000))
def test_weeks_without_exceptions_repeat_for_ever(calendar: WorkingTime, minute: int, weeks: int) -> None:
    far = minute + 100 * WEEK * (1 if weeks >= 0 else -1) + weeks * WEEK
    once = calendar.working_minutes(far, far + WEEK)
    assert once == calendar.weekly_minutes
    assert calendar.next_start(far) - far == calendar.next_start(far + WEEK) - far - WEEK


@settings(max_examples=30, deadline=None)
@given(calendars(), anywhere)
def test_the_index_does_not_depend_on_what_was_asked_before(calendar: WorkingTime, minute: int) -> None:
    fresh = WorkingTime(calendar._week, calendar._days)
    calendar.index(-minute)
    calendar.start_at(calendar.weekly_minutes * 5_000)
    assert calendar.index(minute) == fresh.index(minute)


@settings(deadline=None)
@given(calendars(), calendars(), minutes)
def test_an_intersection_works_where_both_work(one: WorkingTime, other: WorkingTime, minute: int) -> None:
    assert works(one.intersection(other), minute) == (works(one, minute) and works(other, minute))


@settings(deadline=None)
@given(calendars(), minutes)
def test_capacity_of_days_adds_up(calendar: WorkingTime, minute: int) -> None:
    first = moment_of(minute).date()
    last = first + timedelta(days=9)
    by_day = calendar.minutes_by_day(first, last)
    assert len(by_day) == 10
    assert by_day[0] == calendar.minutes_on(first)
    assert sum(by_day) == calendar.working_minutes(day_of(first) * DAY, day_of(last) * DAY + DAY)


def test_friday_evening_and_monday_morning_are_the_same_working_instant() -> None:
    office = compiled(STANDARD)
    friday, monday = at("2026-01-02T17:00"), at("2026-01-05T08:00")
    assert office.working_minutes(friday, monday) == 0
    assert office.add(friday, 0) == friday
    assert office.next_start(friday) == monday
    assert office.previous_finish(monday) == friday
    assert office.add(at("2026-01-01T08:00"), 960) == friday
    assert office.subtract(at("2026-01-06T17:00"), 960) == monday


def test_a_night_shift_runs_over_midnight() -> None:
    night = compiled(
        WorkingCalendar("n", "Night", (((1320, 1440),), *(((0, 360), (1320, 1440)),) * 4, ((0, 360),), ()))
    )
    assert night.weekly_minutes == 5 * 480
    assert night.add(at("2026-01-05T22:00"), 480) == at("2026-01-06T06:00")
    assert night.add(at("2026-01-05T22:00"), 481) == at("2026-01-06T22:01")
    assert night.add(at("2026-01-05T22:00"), 120) == at("2026-01-06T00:00")


def test_a_calendar_around_the_clock_is_the_clock() -> None:
    always = compiled(ALWAYS)
    assert always.add(at("2026-01-01T10:00"), 10_000) == at("2026-01-01T10:00") + 10_000
    assert (
        always.next_start(at("2026-01-02T00:00")) == at("2026-01-02T00:00") == always.previous_finish(at("2026-01-02"))
    )


def test_a_calendar_without_working_time_says_so() -> None:
    never = compiled(WorkingCalendar("0", "Never", ((),) * 7))
    assert not never.has_working_time
    assert never.working_minutes(at("1900-01-01"), at("2900-01-01")) == 0
    for operation in (never.next_start, never.previous_finish):
        with pytest.raises(NoWorkingTime):
            operation(at("2026-01-01"))
    with pytest.raises(NoWorkingTime):
        never.add(at("2026-01-01"), 1)


def test_a_calendar_of_exceptions_only_ends_with_the_last() -> None:
    on_call = CalendarException(date(2026, 3, 7), date(2026, 3, 8), ((540, 600),))
    rare = compiled(WorkingCalendar("r", "On call", ((),) * 7, (on_call,)))
    assert rare.has_working_time
    assert rare.add(at("1990-01-01"), 120) == at("2026-03-08T10:00")
    assert rare.subtract(at("2099-01-01"), 120) == at("2026-03-07T09:00")
    with pytest.raises(NoWorkingTime):
        rare.add(at("1990-01-01"), 121)
    with pytest.raises(NoWorkingTime):
        rare.next_start(at("2026-03-08T10:00"))


def test_a_base_gives_what_the_calendar_leaves_open() -> None:
    holiday = CalendarException(date(2026, 5, 1), date(2026, 5, 1), name="Labour day")
    saturday = CalendarException(date(2026, 5, 2), date(2026, 5, 2), ((480, 720),))
    standard = WorkingCalendar("1", "Standard", STANDARD.week, (holiday,))
    part_time = WorkingCalendar("2", "Ann", (None, None, (), None, None, None, None), (saturday,), base_source_id="1")
    nobody = WorkingCalendar("3", "Bo", (None,) * 7, base_source_id="2")
    ann, bo = (compile_calendars([nobody, part_time, standard])[source_id] for source_id in ("2", "3"))
    week = [480, 480, 0, 480, 0, 240, 0]
    assert ann.minutes_by_day(date(2026, 4, 27), date(2026, 5, 3)) == week
    assert bo.minutes_by_day(date(2026, 4, 27), date(2026, 5, 3)) == week


def test_of_overlapping_exceptions_the_first_listed_wins_and_own_ones_win_over_the_base() -> None:
    shutdown = CalendarException(date(2026, 8, 3), date(2026, 8, 14))
    inventory = CalendarException(date(2026, 8, 10), date(2026, 8, 10), ((480, 600),))
    factory = WorkingCalendar("1", "Factory", STANDARD.week, (inventory, shutdown))
    guard = CalendarException(date(2026, 8, 4), date(2026, 8, 4), ((0, 1440),))
    guards = WorkingCalendar("2", "Guards", (None,) * 7, (guard,), base_source_id="1")
    assert compiled(factory).minutes_by_day(date(2026, 8, 3), date(2026, 8, 10)) == [0] * 7 + [120]
    assert compiled(guards, factory).minutes_by_day(date(2026, 8, 3), date(2026, 8, 10)) == [0, 1440, *[0] * 5, 120]


def test_calendars_that_work_at_the_same_times_are_one() -> None:
    ann = WorkingCalendar("2", "Ann", (None,) * 7, base_source_id="1")
    done = compile_calendars([STANDARD, ann, ALWAYS])
    assert done["1"] is done["2"] is not done["24"]


def test_calendars_on_each_others_base_are_refused_with_the_loop() -> None:
    def on(source_id: str, base: str | None) -> WorkingCalendar:
        return WorkingCalendar(source_id, source_id, (None,) * 7, base_source_id=base)

    with pytest.raises(CalendarLoop) as loop:
        compile_calendars([on("a", "b"), on("b", "c"), on("c", "b"), on("d", None)])
    assert loop.value.source_ids == ("b", "c")
    with pytest.raises(CalendarLoop):
        compile_calendars([on("a", "a")])
    with pytest.raises(UnknownBaseCalendar):
        compile_calendars([on("a", "missing")])


@pytest.mark.parametrize(
    "bad",
    [((480, 480),), ((500, 480),), ((-1, 480),), ((480, 1441),), ((480, 720), (700, 900)), ((780, 900), (480, 720))],
)
def test_impossible_shifts_are_refused(bad: Shifts) -> None:
    calendar = WorkingCalendar("1", "Bad", (bad, *((),) * 6))
    with pytest.raises(InvalidCalendar):
        compiled(calendar)
    with pytest.raises(InvalidCalendar):
        from_json(to_json(calendar))


def test_an_exception_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidCalendar):
        compiled(WorkingCalendar("1", "Bad", STANDARD.week, (CalendarException(date(2026, 1, 2), date(2026, 1, 1)),)))


def test_an_exception_over_ages_is_refused_rather_than_stored_day_by_day() -> None:
    ages = CalendarException(date(1, 1, 1), date(9999, 12, 31))
    with pytest.raises(InvalidCalendar):
        compiled(WorkingCalendar("1", "Ages", STANDARD.week, (ages,)))


@st.composite
def calendar_data(draw: st.DrawFn) -> WorkingCalendar:
    days = st.one_of(st.none(), shifts())
    first = draw(st.dates())
    exceptions = draw(st.lists(st.builds(CalendarException, st.just(first), st.just(first), shifts(), st.text())))
    week = (draw(days), draw(days), draw(days), draw(days), draw(days), draw(days), draw(days))
    return WorkingCalendar(draw(st.text()), draw(st.text()), week, tuple(exceptions), draw(st.none() | st.text()))


@settings(deadline=None)
@given(calendar_data())
def test_a_calendar_comes_back_from_json_as_it_was(calendar: WorkingCalendar) -> None:
    assert from_json(to_json(calendar)) == calendar


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"source_id": "1", "week": [None] * 6},
        {"source_id": 1, "week": [None] * 7},
        {"source_id": "1", "week": [[[480]]] + [None] * 6},
        {"source_id": "1", "week": [[[480.5, 720]]] + [None] * 6},
        {"source_id": "1", "week": [[[True, 720]]] + [None] * 6},
        {"source_id": "1", "week": [None] * 7, "base_source_id": 3},
        {"source_id": "1", "week": [None] * 7, "exceptions": [{"first": "2026-02-30", "last": "2026-03-01"}]},
    ],
)
def test_json_that_is_no_calendar_is_refused(value: object) -> None:
    with pytest.raises(InvalidCalendar):
        from_json(value)


def test_minutes_drop_seconds_and_come_back() -> None:
    assert moment_of(minute_of(datetime.fromisoformat("2026-03-01T12:34:56"))).isoformat() == "2026-03-01T12:34:00"
    assert minute_of(datetime.fromisoformat("1999-12-31T23:59:30")) == at("1999-12-31T23:59")
    with pytest.raises(OverflowError):
        moment_of(10**10)


def test_a_wall_time_that_two_instants_have_is_the_first_and_one_that_none_has_moves_on_by_the_gap() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    def utc(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert instant_of(datetime.fromisoformat("2026-10-25T02:30"), berlin) == utc("2026-10-25T00:30")
    gap = instant_of(datetime.fromisoformat("2026-03-29T02:30"), berlin)
    assert gap == utc("2026-03-29T01:30")
    assert local_of(gap, berlin) == datetime.fromisoformat("2026-03-29T03:30")


@settings(deadline=None)
@given(st.datetimes(datetime.fromisoformat("1980-01-01"), datetime.fromisoformat("2060-01-01")))
def test_instants_come_back_as_wall_time_but_for_gaps(local: datetime) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    back = local_of(instant_of(local, berlin), berlin)
    assert back - local in {timedelta(0), timedelta(hours=1)}
