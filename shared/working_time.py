"""Working calendars compiled to exact arithmetic on local minutes.

A *minute* is an `int` of local wall time since Monday 2000-01-03 00:00. A *working index* is an `int` too: the working
minutes of one calendar between that epoch and an instant, so that work between two instants is a subtraction. An index
has two instants where work pauses (Friday 17:00 and Monday 08:00): `start_at` gives the later, `finish_at` the earlier.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.working_calendar import (
    DAY,
    CalendarError,
    CalendarException,
    CalendarLoop,
    InvalidCalendar,
    NoWorkingTime,
    Shifts,
    UnknownBaseCalendar,
    WorkingCalendar,
    check_calendar,
    from_json,
    to_json,
)

__all__ = [
    "DAY",
    "EPOCH",
    "WEEK",
    "CalendarError",
    "CalendarException",
    "CalendarLoop",
    "InvalidCalendar",
    "NoWorkingTime",
    "Shifts",
    "UnknownBaseCalendar",
    "WorkingCalendar",
    "WorkingTime",
    "compile_calendars",
    "day_of",
    "from_json",
    "instant_of",
    "local_of",
    "minute_of",
    "moment_of",
    "to_json",
]

WEEK: Final = 7 * DAY
EPOCH: Final = datetime.combine(date(2000, 1, 3), time())
_EPOCH_ORDINAL: Final = EPOCH.toordinal()
# Minutes are looked up in tables within these days; beyond them, and beyond all exceptions, weeks repeat exactly.
_TABLE_DAYS: Final = 60 * 365
_FIRST_TABLE_DAYS: Final = 730
_MAX_EXCEPTION_DAYS: Final = 200_000


def minute_of(moment: datetime) -> int:
    """The minute of a naive local date-time; seconds are dropped."""
    since = moment - EPOCH
    return since.days * DAY + since.seconds // 60


def moment_of(minute: int) -> datetime:
    """The naive local date-time of a minute; OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(minutes=minute)


def day_of(day: date) -> int:
    """The number of a day: its first minute divided by 1440."""
    return day.toordinal() - _EPOCH_ORDINAL


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a naive local time: the first of two (clocks set back), the gap later if none is."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def local_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """The naive local wall time of an aware instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


class WorkingTime:
    """A compiled calendar. Every operation costs two bisections, anywhere in time; tables grow where they are used.

    Safe to share between threads: a grown table replaces the old one in one assignment.
    """

    __slots__ = ("_days", "_high_limit", "_low_limit", "_table", "_week", "_weekly")

    def __init__(self, week: tuple[Shifts, ...], exceptions: Mapping[int, Shifts]) -> None:
        """Take seven days' shifts, Monday first, and the shifts of exceptional days by day number."""
        self._week = week
        self._days = exceptions
        self._weekly = sum(_length(shifts) for shifts in week)
        # Two whole regular weeks at either end let any instant beyond be folded back by weeks.
        self._low_limit = min((*exceptions, -_TABLE_DAYS)) // 7 * 7 - 14
        self._high_limit = max((*exceptions, _TABLE_DAYS)) // 7 * 7 + 21
        self._table: _Table | None = None

    @property
    def weekly_minutes(self) -> int:
        """Working minutes of a regular week."""
        return self._weekly

    @property
    def has_working_time(self) -> bool:
        """Whether work can ever be done; False only if neither the week nor any exception has shifts."""
        return self._weekly > 0 or any(self._days.values())

    def shifts_on(self, day: date) -> Shifts:
        """The shifts of a day."""
        return self._shifts(day_of(day))

    def minutes_on(self, day: date) -> int:
        """Working minutes of a day."""
        return _length(self._shifts(day_of(day)))

    def minutes_by_day(self, first: date, last: date) -> list[int]:
        """Working minutes of each day from first to last inclusive."""
        return [_length(self._shifts(day)) for day in range(day_of(first), day_of(last) + 1)]

    def intervals(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Working intervals within [begin, end), ascending, cut at both ends; one that spans midnight comes in two."""
        for day in range(begin // DAY, -(-end // DAY)):
            for shift_begin, shift_end in self._shifts(day):
                low, high = max(begin, day * DAY + shift_begin), min(end, day * DAY + shift_end)
                if low < high:
                    yield low, high

    def index(self, minute: int) -> int:
        """Working minutes from the epoch to a minute; negative before the epoch."""
        table = self._table
        if table is None or not table.low <= minute < table.high:
            table, weeks = self._reach(minute)
            if weeks:
                return self.index(minute - weeks * WEEK) + weeks * self._weekly
        at = bisect_right(table.starts, minute) - 1
        worked = minute - table.starts[at]
        length = table.lengths[at]
        return table.sums[at] + (worked if worked < length else length)

    def start_at(self, index: int) -> int:
        """The minute at which work goes on after `index` working minutes; NoWorkingTime if it never does."""
        table = self._table
        if table is None or not table.first <= index < table.last:
            table, weeks = self._reach_index(index, after=True)
            if weeks:
                return self.start_at(index - weeks * self._weekly) + weeks * WEEK
        at = bisect_right(table.sums, index) - 1
        return table.starts[at] + index - table.sums[at]

    def finish_at(self, index: int) -> int:
        """The minute at which `index` working minutes are done; NoWorkingTime if none was ever worked before."""
        table = self._table
        if table is None or not table.first < index <= table.last:
            table, weeks = self._reach_index(index, after=False)
            if weeks:
                return self.finish_at(index - weeks * self._weekly) + weeks * WEEK
        at = bisect_left(table.sums, index) - 1
        return table.starts[at] + index - table.sums[at]

    def working_minutes(self, begin: int, end: int) -> int:
        """Working minutes from begin to end; negative if end lies before begin."""
        return self.index(end) - self.index(begin)

    def add(self, minute: int, minutes: int) -> int:
        """The minute at which that many more are worked; 0 stays where it is, a negative number subtracts."""
        if minutes > 0:
            return self.finish_at(self.index(minute) + minutes)
        return self.start_at(self.index(minute) + minutes) if minutes else minute

    def subtract(self, minute: int, minutes: int) -> int:
        """The latest minute at which to begin that many to have them worked; 0 stays where it is."""
        return self.add(minute, -minutes)

    def next_start(self, minute: int) -> int:
        """The minute itself if work follows it, else the start of the next shift."""
        return self.start_at(self.index(minute))

    def previous_finish(self, minute: int) -> int:
        """The minute itself if work precedes it, else the end of the shift before."""
        return self.finish_at(self.index(minute))

    def intersection(self, other: "WorkingTime") -> "WorkingTime":
        """The time that both calendars work."""
        if other is self:
            return self
        week = tuple(_common(mine, theirs) for mine, theirs in zip(self._week, other._week, strict=True))
        days = {day: _common(self._shifts(day), other._shifts(day)) for day in {*self._days, *other._days}}
        return WorkingTime(week, days)

    def _shifts(self, day: int) -> Shifts:
        shifts = self._days.get(day)
        return self._week[day % 7] if shifts is None else shifts

    def _reach(self, minute: int) -> tuple["_Table", int]:
        """A table with the minute and 0, or any table and the weeks by which to fold the minute back into it."""
        day = minute // DAY
        if day < self._low_limit:
            return self._grown(self._low_limit), (day - self._low_limit) // 7
        if day >= self._high_limit:
            return self._grown(self._high_limit - 1), (day - self._high_limit) // 7 + 1
        return self._grown(day), 0

    def _reach_index(self, index: int, *, after: bool) -> tuple["_Table", int]:
        """A table with the index and 0, or the widest table and the weeks by which to fold the index back into it."""
        if not self.has_working_time:
            raise NoWorkingTime("the calendar has no working time")
        table = self._table or self._reach(index // self._weekly * WEEK if self._weekly else 0)[0]
        while not (table.first <= index < table.last if after else table.first < index <= table.last):
            upwards = index >= table.last if after else index > table.last
            if upwards and table.high < self._high_limit * DAY:
                table = self._grown(table.high // DAY)
            elif not upwards and table.low > self._low_limit * DAY:
                table = self._grown(table.low // DAY - 1)
            elif not self._weekly:
                raise NoWorkingTime("the calendar has no working time there")
            elif upwards:
                return table, (index - table.last) // self._weekly + 1
            else:
                return table, -((table.first - index) // self._weekly + 1)
        return table, 0

    def _grown(self, day: int) -> "_Table":
        """The table, stretched in whole weeks to hold the day and at least doubled, and kept."""
        table = self._table
        if table is None:
            low, high = day - _FIRST_TABLE_DAYS // 2, day + _FIRST_TABLE_DAYS
        else:
            low, high = table.low // DAY, table.high // DAY
            if low <= day < high:
                return table
            size = high - low
            low, high = (min(low - size, day - 7), high) if day < low else (low, max(high + size, day + 7))
        low = max(low // 7 * 7, self._low_limit)
        high = min(-(-high // 7) * 7, self._high_limit)
        self._table = table = self._tabulate(low, high)
        return table

    def _tabulate(self, low: int, high: int) -> "_Table":
        starts, lengths, sums = [low * DAY], [0], [0]
        total = first = self._minutes_before(low)
        sums[0] = total
        exceptions, week = self._days, self._week
        for day in range(low, high):
            for begin, end in exceptions[day] if day in exceptions else week[day % 7]:
                starts.append(day * DAY + begin)
                lengths.append(end - begin)
                sums.append(total)
                total += end - begin
        return _Table(low * DAY, high * DAY, first, total, starts, lengths, sums)

    def _minutes_before(self, day: int) -> int:
        """Working minutes from the epoch to the beginning of a Monday."""
        low, high, sign = (0, day, 1) if day >= 0 else (day, 0, -1)
        changed = sum(
            _length(shifts) - _length(self._week[at % 7]) for at, shifts in self._days.items() if low <= at < high
        )
        return day // 7 * self._weekly + sign * changed


@dataclass(frozen=True, slots=True)
class _Table:
    """Working intervals of the days [low, high), in minutes, behind one empty interval at the beginning."""

    low: int
    high: int
    first: int  # index at low
    last: int  # index at high
    starts: list[int]
    lengths: list[int]
    sums: list[int]  # index at each start


def compile_calendars(calendars: Iterable[WorkingCalendar]) -> dict[str, WorkingTime]:
    """Calendars with their bases, by source id; CalendarLoop, UnknownBaseCalendar or InvalidCalendar if unfit.

    Calendars that work at the same times are one object, so that identity tells whether times can differ.
    """
    by_id = {calendar.source_id: calendar for calendar in calendars}
    done: dict[str, WorkingTime] = {}
    unique: dict[tuple[tuple[Shifts, ...], frozenset[tuple[int, Shifts]]], WorkingTime] = {}
    for calendar in by_id.values():
        line: list[WorkingCalendar] = []
        link: WorkingCalendar | None = calendar
        while link is not None and link.source_id not in done:
            if link in line:
                loop = line[line.index(link) :]
                raise CalendarLoop(tuple(each.source_id for each in loop))
            line.append(link)
            base_id = link.base_source_id
            if base_id is not None and base_id not in by_id:
                raise UnknownBaseCalendar(f"calendar {link.source_id} has the unknown base {base_id}")
            link = None if base_id is None else by_id[base_id]
        for each in reversed(line):
            week, days = _merged(each, None if each.base_source_id is None else done[each.base_source_id])
            done[each.source_id] = unique.setdefault((week, frozenset(days.items())), WorkingTime(week, days))
    return done


def _merged(calendar: WorkingCalendar, base: WorkingTime | None) -> tuple[tuple[Shifts, ...], dict[int, Shifts]]:
    """The week and the days that differ from it, with the base's where the calendar is silent."""
    check_calendar(calendar)
    own: dict[int, Shifts] = {}
    for exception in calendar.exceptions:
        first, last = day_of(exception.first), day_of(exception.last)
        if last - first + len(own) > _MAX_EXCEPTION_DAYS:
            raise InvalidCalendar(f"calendar {calendar.source_id} has more than {_MAX_EXCEPTION_DAYS} exceptional days")
        for day in range(first, last + 1):
            own.setdefault(day, exception.shifts)
    base_week, base_days = (((),) * 7, {}) if base is None else (base._week, base._days)
    week = tuple(theirs if mine is None else mine for mine, theirs in zip(calendar.week, base_week, strict=True))
    return week, {**base_days, **own}


def _length(shifts: Shifts) -> int:
    return sum(end - begin for begin, end in shifts)


def _common(mine: Shifts, theirs: Shifts) -> Shifts:
    pairs = ((max(a, c), min(b, d)) for a, b in mine for c, d in theirs)
    return tuple((begin, end) for begin, end in pairs if begin < end)
