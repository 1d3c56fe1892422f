"""Spreading work over days, and what that makes of a resource's days.

The day is the unit of allocation: tasks that follow one another within a day share its capacity, and so may two that
are planned for the same hours as long as the day holds both. A day is over-allocated by what is booked beyond capacity.
Source: the even contour of Microsoft Project; the largest remainder method (Hamilton) for whole minutes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

from shared.working_time import DAY, EPOCH, WorkingTime, minute_of

MAX_DAYS: Final = 20 * 366
"""Work of a task that takes more days than these (twenty years) is not spread; it is reported as unbooked."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment's work, in minutes, and the local dates of its task; None where none is known."""

    assignment_id: UUID
    task_id: UUID
    minutes: int
    start: datetime | None
    finish: datetime | None


@dataclass(frozen=True, slots=True)
class Booking:
    """An assignment's minutes on each day from the first on; they add up to its work."""

    assignment_id: UUID
    task_id: UUID
    first_day: int
    minutes: Sequence[int]

    @property
    def content(self) -> tuple[UUID, UUID, int, Sequence[int]]:
        """Everything in it, to compare by."""
        return self.assignment_id, self.task_id, self.first_day, self.minutes


@dataclass(frozen=True, slots=True)
class Overload:
    """Days, first to last, on each of which more is booked than there is capacity; days off between them count in."""

    first_day: int
    last_day: int
    days: int
    capacity_minutes: int
    booked_minutes: int

    @property
    def over_allocated_minutes(self) -> int:
        """What is booked beyond capacity."""
        return self.booked_minutes - self.capacity_minutes


@dataclass(frozen=True, slots=True)
class Load:
    """A resource's bookings and what its days look like with them. `booked` and `capacity` begin at `first_day`."""

    bookings: Sequence[Booking]
    unbooked_minutes: int
    first_day: int
    booked: Sequence[int]
    capacity: Sequence[int]
    overloads: Sequence[Overload]


def date_of(day: int) -> date:
    """The date of a day's number."""
    return EPOCH.date() + timedelta(days=day)


def capacities(calendar: WorkingTime, max_units: Decimal, first: date, last: date) -> list[int]:
    """Minutes that a resource can work on each day: its calendar's working minutes times its units, half up."""
    minutes = calendar.minutes_by_day(first, last)
    if max_units == 1:
        return minutes
    by_length = {m: int((m * max_units).to_integral_value(ROUND_HALF_UP)) for m in set(minutes)}
    return [by_length[m] for m in minutes]


def weights(calendar: WorkingTime, start: datetime, finish: datetime) -> tuple[int, list[int]]:
    """The first day of a span and each day's share in it: its working minutes, or evenly where nobody ever works.

    Days without a share at either end are left out, so that the first and the last have one.
    """
    begin = minute_of(start)
    end = max(minute_of(finish), begin)
    first, last = begin // DAY, max(end - 1, begin) // DAY
    shares = calendar.minutes_by_day(date_of(first), date_of(last))
    shares[0] = calendar.working_minutes(begin, min(end, (first + 1) * DAY))
    if last > first:
        shares[-1] = calendar.working_minutes(last * DAY, end)
    if not any(shares):
        return first, [1] * len(shares)
    while not shares[-1]:
        shares.pop()
    skipped = next(n for n, share in enumerate(shares) if share)
    return first + skipped, shares[skipped:]


def spread(minutes: int, shares: Sequence[int], owed: Sequence[float] = ()) -> list[int]:
    """Split minutes by shares: each part is its exact share rounded down or up, and the parts add up exactly.

    Minutes left over go where the remainder is largest, with what earlier splits still owe a day counted in; the
    earlier day wins a tie.
    """
    total = sum(shares)
    parts = [minutes * share // total for share in shares]
    left = minutes - sum(parts)
    if left:
        debts = owed or [0.0] * len(shares)
        # Rounded, so that equal remainders are equal whatever was added up before them.
        due = [
            (-round(minutes * share % total / total + debts[n], 9), n)
            for n, share in enumerate(shares)
            if minutes * share % total
        ]
        due.sort()
        for _, n in due[:left]:
            parts[n] += 1
    return parts


def load_of(works: Iterable[Assigned], calendar: WorkingTime, max_units: Decimal) -> Load:
    """Book a resource's assignments over its own working time and compare each day with its capacity."""
    unbooked = 0
    spans: list[tuple[Assigned, int, list[int]]] = []
    known: dict[tuple[datetime, datetime], tuple[int, list[int]]] = {}
    for work in works:
        if not work.minutes:
            continue
        if work.start is None or work.finish is None or (work.finish - work.start).days >= MAX_DAYS:
            unbooked += work.minutes
            continue
        span = (work.start, work.finish)
        first, shares = known.get(span) or known.setdefault(span, weights(calendar, *span))
        spans.append((work, first, shares))
    if not spans:
        return Load((), unbooked, 0, (), (), ())
    origin = min(first for _, first, _ in spans)
    end = max(first + len(shares) for _, first, shares in spans)
    booked = [0] * (end - origin)
    owed = [0.0] * (end - origin)
    bookings = []
    for work, first, shares in spans:
        at = first - origin
        parts = spread(work.minutes, shares, owed[at : at + len(shares)])
        rate = work.minutes / sum(shares)
        for n, part in enumerate(parts, at):
            if part:
                booked[n] += part
            owed[n] += shares[n - at] * rate - part
        bookings.append(Booking(work.assignment_id, work.task_id, first, parts))
    capacity = capacities(calendar, max_units, date_of(origin), date_of(end - 1))
    return Load(bookings, unbooked, origin, booked, capacity, overloads(origin, booked, capacity))


def overloads(first_day: int, booked: Sequence[int], capacity: Sequence[int]) -> list[Overload]:
    """Return the stretches of over-allocated days; days without capacity and bookings do not end a stretch."""
    found: list[Overload] = []
    stretch: list[int] = []

    def close() -> None:
        if stretch:
            held, taken = sum(capacity[n] for n in stretch), sum(booked[n] for n in stretch)
            found.append(Overload(first_day + stretch[0], first_day + stretch[-1], len(stretch), held, taken))
            stretch.clear()

    for n, (minutes, held) in enumerate(zip(booked, capacity, strict=True)):
        if minutes > held:
            stretch.append(n)
        elif minutes or held:
            close()
    close()
    return found


def span_of(load: Load) -> tuple[date, date] | None:
    """The first and the last day with a booking; None if there are none."""
    if not load.booked:
        return None
    return date_of(load.first_day), date_of(load.first_day + len(load.booked) - 1)
