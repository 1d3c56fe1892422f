"""Instants in a project's time zone, and the points of a series."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain.moments import (
    HistoryInterval,
    day_of_minute,
    default_moment,
    end_of_day,
    local_minute,
    moment,
    points,
    rfc3339,
)
from shared.working_time import minute_of
from tests.unit.kpi.plans import at

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HAVANA = ZoneInfo("America/Havana")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_date_is_the_end_of_that_day() -> None:
    end = moment(date(2026, 3, 31), AMSTERDAM)
    assert rfc3339(end) == "2026-03-31T23:59:59.999999+02:00"
    assert local_minute(end, AMSTERDAM) == minute_of(datetime.fromisoformat("2026-04-01T00:00"))


def test_a_day_on_which_clocks_are_set_back_at_midnight_ends_the_second_time() -> None:
    # Havana: 1 November 2026, 01:00 becomes 00:00 again; 31 October ends once.
    day = date(2026, 11, 1)
    assert end_of_day(day, HAVANA) - end_of_day(day - timedelta(days=1), HAVANA) == timedelta(hours=24)
    assert (end_of_day(day, HAVANA).astimezone(UTC) - end_of_day(day - timedelta(days=1), HAVANA).astimezone(UTC)) == (
        timedelta(hours=25)
    )


def test_an_instant_keeps_its_place_and_takes_the_zones_offset() -> None:
    assert rfc3339(moment(utc("2026-03-31T10:00"), AMSTERDAM)) == "2026-03-31T12:00:00+02:00"
    assert rfc3339(utc("1900-01-01T00:00").astimezone(AMSTERDAM)) == "1900-01-01T00:19:00+00:19"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2000-01-03T10:00:00", at(0, 9 + 1)),
        ("2000-01-03T10:00:00.000001", at(0, 10, 1)),
        ("2000-01-03T10:00:59", at(0, 10, 1)),
    ],
)
def test_a_minute_that_has_begun_counts_as_over(text: str, expected: int) -> None:
    assert local_minute(utc(text), ZoneInfo("UTC")) == expected


@pytest.mark.parametrize(
    ("status", "newest", "expected"),
    [
        ("2026-03-06T17:00", None, "2026-03-06T16:00"),
        ("2026-03-06T17:00", "2026-03-06T15:59", "2026-03-06T16:00"),
        ("2026-03-06T17:00", "2026-03-06T16:01", "2026-03-06T16:01"),
        (None, None, "2026-05-01T00:00"),
        (None, "2026-04-01T00:00", "2026-05-01T00:00"),
        (None, "2026-05-01T00:05", "2026-05-01T00:05"),
    ],
)
def test_the_later_of_status_date_and_newest_progress_is_meant(
    status: str | None, newest: str | None, expected: str
) -> None:
    given = None if status is None else datetime.fromisoformat(status)
    found = default_moment(given, None if newest is None else utc(newest), utc("2026-05-01T00:00"), AMSTERDAM)
    assert found == utc(expected)
    assert found.tzinfo is AMSTERDAM


def test_midnight_belongs_to_the_day_before() -> None:
    assert day_of_minute(at(1)) == date(2000, 1, 3)
    assert day_of_minute(at(1, 0, 1)) == date(2000, 1, 4)


DAYS = st.dates(date(1990, 1, 1), date(2040, 1, 1))


@given(DAYS, st.integers(0, 400), st.sampled_from(HistoryInterval), st.integers(1, 50))
def test_pages_of_a_series_join_to_the_whole_of_it(
    first: date, length: int, interval: HistoryInterval, size: int
) -> None:
    last = first + timedelta(days=length)
    whole = points(first, last, interval, None, 10_000)
    assert (whole[0], whole[-1]) == (first, last)
    assert whole == sorted(set(whole))
    paged: list[date] = []
    while not paged or paged[-1] != last:
        page = points(first, last, interval, paged[-1] if paged else None, size)
        assert 1 <= len(page) <= size
        paged += page
    assert paged == whole
    assert points(first, last, interval, last, size) == []
    for day in whole[1:-1]:
        assert interval is not HistoryInterval.WEEK or day.isoweekday() == 7
        assert interval is not HistoryInterval.MONTH or (day + timedelta(days=1)).day == 1
    between = {first + timedelta(days=n) for n in range(length + 1)} - set(whole)
    assert not [day for day in between if interval is HistoryInterval.DAY or _ends(day, interval)]


def _ends(day: date, interval: HistoryInterval) -> bool:
    return day.isoweekday() == 7 if interval is HistoryInterval.WEEK else (day + timedelta(days=1)).day == 1
