"""Spreading work over days, and which days are over-allocated."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.resources.domain.spreading import MAX_DAYS, Assigned, Load, capacities, date_of, load_of, spread, weights
from shared.working_time import WorkingTime, day_of

OFFICE = ((480, 720), (780, 1020))
WEEKDAYS = WorkingTime((OFFICE, OFFICE, OFFICE, OFFICE, OFFICE, (), ()), {})
NEVER = WorkingTime(((),) * 7, {})
MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - local wall time
ONE = Decimal(1)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of the week that begins with MONDAY."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def work(minutes: int, start: datetime | None, finish: datetime | None) -> Assigned:
    """An assignment."""
    return Assigned(uuid4(), uuid4(), minutes, start, finish)


def days(load: Load) -> list[tuple[date, int, int]]:
    """Date, booked and capacity of each day."""
    return [
        (date_of(load.first_day + n), booked, capacity)
        for n, (booked, capacity) in enumerate(zip(load.booked, load.capacity, strict=True))
    ]


def test_work_goes_to_working_days_in_proportion_to_their_minutes() -> None:
    load = load_of([work(1200, at(3, 13), at(7, 17))], WEEKDAYS, ONE)
    assert days(load) == [
        (date(2026, 3, 5), 240, 480),
        (date(2026, 3, 6), 480, 480),
        (date(2026, 3, 7), 0, 0),
        (date(2026, 3, 8), 0, 0),
        (date(2026, 3, 9), 480, 480),
    ]
    assert load.overloads == []


def test_half_units_book_half_of_each_day() -> None:
    load = load_of([work(480, at(0, 8), at(1, 17))], WEEKDAYS, ONE)
    assert [booked for _, booked, _ in days(load)] == [240, 240]


def test_work_without_any_working_time_goes_evenly_to_the_tasks_days() -> None:
    load = load_of([work(100, at(5, 0), at(7, 0))], WEEKDAYS, ONE)
    assert days(load) == [(date(2026, 3, 7), 50, 0), (date(2026, 3, 8), 50, 0)]
    assert [(o.days, o.over_allocated_minutes) for o in load.overloads] == [(2, 100)]
    assert sum(load_of([work(7, at(0, 8), at(2, 17))], NEVER, ONE).booked) == 7


def test_work_of_a_milestone_goes_to_its_day() -> None:
    assert days(load_of([work(60, at(0, 17), at(0, 17))], WEEKDAYS, ONE)) == [(date(2026, 3, 2), 60, 480)]
    assert days(load_of([work(60, at(1, 0), at(1, 0))], WEEKDAYS, ONE)) == [(date(2026, 3, 3), 60, 480)]


def test_a_task_that_ends_at_midnight_does_not_touch_the_next_day() -> None:
    always = WorkingTime((((0, 1440),),) * 7, {})
    assert [day for day, _, _ in days(load_of([work(10, at(0, 0), at(1, 0))], always, ONE))] == [date(2026, 3, 2)]


def test_work_without_dates_or_of_an_endless_task_is_unbooked() -> None:
    endless = work(5, at(0, 8), at(MAX_DAYS, 9))
    load = load_of([work(30, None, None), work(7, at(0, 8), None), endless], WEEKDAYS, ONE)
    assert (load.unbooked_minutes, load.bookings, load.booked) == (42, (), ())


def test_tasks_one_after_the_other_within_a_day_are_no_over_allocation() -> None:
    load = load_of([work(240, at(0, 8), at(0, 12)), work(240, at(0, 13), at(0, 17))], WEEKDAYS, ONE)
    assert days(load) == [(date(2026, 3, 2), 480, 480)]
    assert load.overloads == []


def test_what_is_booked_beyond_a_days_capacity_is_over_allocated() -> None:
    load = load_of([work(480, at(0, 8), at(0, 17)), work(240, at(0, 8), at(0, 17))], WEEKDAYS, ONE)
    (overload,) = load.overloads
    assert (overload.capacity_minutes, overload.booked_minutes, overload.over_allocated_minutes) == (480, 720, 240)


def test_a_weekend_does_not_end_a_stretch_but_a_day_within_capacity_does() -> None:
    load = load_of(
        [
            work(960, at(4, 8), at(4, 17)),
            work(960, at(7, 8), at(7, 17)),
            work(480, at(8, 8), at(8, 17)),
            work(500, at(9, 8), at(9, 17)),
        ],
        WEEKDAYS,
        ONE,
    )
    assert [(date_of(o.first_day), date_of(o.last_day), o.days, o.over_allocated_minutes) for o in load.overloads] == [
        (date(2026, 3, 6), date(2026, 3, 9), 2, 960),
        (date(2026, 3, 11), date(2026, 3, 11), 1, 20),
    ]


def test_an_idle_working_day_ends_a_stretch() -> None:
    load = load_of([work(500, at(0, 8), at(0, 17)), work(500, at(2, 8), at(2, 17))], WEEKDAYS, ONE)
    assert [o.days for o in load.overloads] == [1, 1]


def test_capacity_is_working_time_times_units() -> None:
    first, last = date(2026, 3, 6), date(2026, 3, 7)
    assert capacities(WEEKDAYS, ONE, first, last) == [480, 0]
    assert capacities(WEEKDAYS, Decimal(3), first, last) == [1440, 0]
    assert capacities(WEEKDAYS, Decimal("0.33"), first, last) == [158, 0]
    assert capacities(WEEKDAYS, Decimal("0.0015625"), first, last) == [1, 0]
    assert capacities(WEEKDAYS, Decimal(0), first, last) == [0, 0]


def test_shares_that_rounding_would_push_over_capacity_stay_within_it() -> None:
    # Three tasks over the same three days, 481 + 479 + 480 minutes: 480 a day exactly.
    span = at(0, 8), at(2, 17)
    load = load_of([work(481, *span), work(479, *span), work(480, *span)], WEEKDAYS, ONE)
    assert load.booked == [480, 480, 480]
    assert load.overloads == []


@given(
    st.integers(min_value=0, max_value=10**7),
    st.lists(st.integers(min_value=0, max_value=1440), min_size=1, max_size=60).filter(any),
)
def test_parts_add_up_to_the_whole_and_are_their_share_rounded(minutes: int, shares: list[int]) -> None:
    parts = spread(minutes, shares)
    assert sum(parts) == minutes
    total = sum(shares)
    for part, share in zip(parts, shares, strict=True):
        assert abs(part * total - minutes * share) < total
        assert share or not part


MINUTE = st.integers(min_value=0, max_value=60 * 1440)
WEEKS = st.lists(
    st.sampled_from(((), OFFICE, ((0, 1440),), ((1320, 1440),), ((0, 360), (1380, 1440)))), min_size=7, max_size=7
)


@given(
    st.lists(st.tuples(st.integers(0, 20_000), MINUTE, MINUTE), max_size=12),
    WEEKS,
    st.sampled_from((Decimal(0), Decimal("0.5"), ONE, Decimal(3))),
)
def test_every_booking_adds_up_to_its_work_within_the_tasks_days(
    given_works: list[tuple[int, int, int]], week: list[tuple[tuple[int, int], ...]], units: Decimal
) -> None:
    works: dict[UUID, Assigned] = {}
    for minutes, a, b in given_works:
        start, finish = (MONDAY + timedelta(minutes=m) for m in sorted((a, b)))
        each = work(minutes, start, finish)
        works[each.assignment_id] = each
    load = load_of(works.values(), WorkingTime(tuple(week), {}), units)
    assert {b.assignment_id for b in load.bookings} == {key for key, each in works.items() if each.minutes}
    for booking in load.bookings:
        of = works[booking.assignment_id]
        assert of.start is not None
        assert of.finish is not None
        assert sum(booking.minutes) == of.minutes
        assert booking.first_day >= day_of(of.start.date())
        assert booking.first_day + len(booking.minutes) - 1 <= day_of(of.finish.date())
    assert sum(load.booked) == sum(each.minutes for each in works.values())
    over = sum(max(0, booked - capacity) for booked, capacity in zip(load.booked, load.capacity, strict=True))
    assert sum(o.over_allocated_minutes for o in load.overloads) == over


@given(MINUTE, MINUTE, WEEKS)
def test_a_spans_shares_are_its_working_minutes(a: int, b: int, week: list[tuple[tuple[int, int], ...]]) -> None:
    begin, end = sorted((a, b))
    calendar = WorkingTime(tuple(week), {})
    start, finish = MONDAY + timedelta(minutes=begin), MONDAY + timedelta(minutes=end)
    first, shares = weights(calendar, start, finish)
    origin = day_of(MONDAY.date()) * 1440
    worked = calendar.working_minutes(origin + begin, origin + end)
    if worked:
        assert sum(shares) == worked
        assert shares[0]
        assert shares[-1]
    else:
        assert set(shares) == {1}
    assert first >= day_of(start.date())
