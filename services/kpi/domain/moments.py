"""Instants that metrics are asked for: what they mean in a project's time zone, and the points of a series."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.working_time import instant_of, local_of, minute_of


class HistoryInterval(StrEnum):
    """How far the points of a series are apart."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last microsecond of a local day, the later one where clocks are set back at midnight; in the zone."""
    return datetime.combine(day, time.max, tzinfo=zone).replace(fold=1)


def moment(asked: datetime | date, zone: ZoneInfo) -> datetime:
    """An instant as asked for (a date is the end of that day) in the zone."""
    return asked.astimezone(zone) if isinstance(asked, datetime) else end_of_day(asked, zone)


def default_moment(status_date: datetime | None, newest: datetime | None, now: datetime, zone: ZoneInfo) -> datetime:
    """The instant meant when none is asked for: the later of the status date (else now) and the newest progress."""
    status = now if status_date is None else instant_of(status_date, zone)
    return (status if newest is None else max(status, newest)).astimezone(zone)


def local_minute(moment: datetime, zone: ZoneInfo) -> int:
    """The local minute that has come at an instant, one that has begun counting as over: 23:59:59 is midnight."""
    local = local_of(moment, zone)
    return minute_of(local) + (local.second > 0 or local.microsecond > 0)


def day_of_minute(minute: int) -> date:
    """The day on which a local minute ends; midnight belongs to the day before."""
    return (datetime(2000, 1, 3) + timedelta(minutes=minute - 1)).date()  # noqa: DTZ001 - local wall time


def points(first: date, last: date, interval: HistoryInterval, after: date | None, most: int) -> list[date]:
    """Up to `most` days of a series after a day: the first, the last, and each end of a week or month between."""
    found: list[date] = []
    day = first if after is None else _next(after, interval)
    while day <= last and len(found) < most:
        found.append(day)
        day = _next(day, interval)
    if len(found) < most and (found[-1] if found else after) != last:
        found.append(last)
    return found


def _next(day: date, interval: HistoryInterval) -> date:
    """The end of the interval that follows a day: the next day, the next Sunday, or the next last of a month."""
    following = day + timedelta(days=1)
    if interval is HistoryInterval.WEEK:
        return following + timedelta(days=6 - following.weekday())
    if interval is HistoryInterval.MONTH:
        return (following.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return following


def rfc3339(moment: datetime) -> str:
    """An aware instant as RFC 3339, whose offsets are in whole minutes: local mean times of old are near enough."""
    offset = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    return moment.astimezone(timezone(timedelta(minutes=offset))).isoformat()


def as_utc(moment: datetime) -> datetime:
    """The same instant in UTC, as the database takes it."""
    return moment.astimezone(UTC)
