"""The schedule against a slow computation of its own, which walks hour by hour through a table of working hours."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from hypothesis import given, settings

from services.projects.domain.plan import LagUnit, Link, Plan, Task
from services.projects.domain.schedule import critical_path
from shared.working_time import EPOCH
from tests.unit.projects.schedule_support import FF, FS, SF, SS
from tests.unit.projects.test_schedule_properties import networks

OFFICE: Final = (8, 9, 10, 11, 13, 14, 15, 16)
WEEKS: Final = 60
"""Hours are told for so many weeks, from some before the project's start."""
BEFORE: Final = 20

Hours = tuple[bool, ...]


def hours(name: str | None) -> Hours:
    """Whether each hour is worked, from Monday 0:00 some weeks before the project's start."""

    def worked(hour: int) -> bool:
        day, at = hour // 24 % 7, hour % 24
        if name == "24":
            return True
        return day < 5 and at in OFFICE and not (name == "no-mondays" and day == 0)

    return tuple(worked(hour) for hour in range(WEEKS * 168))


TABLES: Final = {name: hours(name) for name in (None, "24", "no-mondays")}


def later(table: Hours, at: int, count: int) -> int:
    """The hour at which so many more are worked; backwards for a negative number."""
    while count > 0:
        count -= table[at]
        at += 1
    while count < 0:
        at -= 1
        count += table[at]
    return at


def begin(table: Hours, at: int) -> int:
    """The first hour from here on in which work can begin."""
    while not table[at]:
        at += 1
    return at


def end(table: Hours, at: int) -> int:
    """The last hour up to here at which work can end."""
    while not table[at - 1]:
        at -= 1
    return at


def between(table: Hours, first: int, last: int) -> int:
    return sum(table[first:last]) if first <= last else -sum(table[last:first])


@dataclass
class Placed:
    table: Hours
    length: int
    start: int = 0
    finish: int = 0
    late_start: int = 0
    late_finish: int = 0


def lag_of(link: Link, after: Task) -> tuple[Hours, int]:
    """Working lags count on the calendar that the successor names, also where its duration runs on the clock."""
    return TABLES["24" if link.lag_unit is LagUnit.ELAPSED else after.calendar_source_id], link.lag // 60


def forward(network: Plan, placed: dict[str, Placed], floor: int) -> None:
    for task in network.tasks:
        here, at = placed[task.source_id], floor
        for link in network.links:
            if link.successor == task.source_id:
                before, (table, lag) = placed[link.predecessor], lag_of(link, task)
                bound = later(table, before.finish if link.type in {FS, FF} else before.start, lag)
                at = max(at, bound if link.type in {FS, SS} else later(here.table, bound, -here.length))
        # A task without duration may lie at the end of a shift.
        stays = not here.length and end(here.table, at) == at
        here.start = at if stays else begin(here.table, at)
        here.finish = later(here.table, here.start, here.length)
        for link in network.links:
            if link.successor == task.source_id and link.type is SF and not link.lag and here.length:
                awaited = placed[link.predecessor].start  # a finish may lie in the break before what it waits for
                if awaited > here.finish and not between(here.table, here.finish, awaited):
                    here.finish = awaited


def backward(network: Plan, placed: dict[str, Placed]) -> None:
    horizon = max(each.finish for each in placed.values())
    tasks = {task.source_id: task for task in network.tasks}
    for task in reversed(network.tasks):
        here, at = placed[task.source_id], horizon
        for link in network.links:
            if link.predecessor == task.source_id:
                after, (table, lag) = placed[link.successor], lag_of(link, tasks[link.successor])
                asked = after.late_start if link.type in {FS, SS} else begin(after.table, after.late_finish)
                bound = before_lag(table, asked, lag)
                at = min(at, bound if link.type in {FS, FF} else later(here.table, bound, here.length))
        here.late_finish = end(here.table, at) if here.length else at
        here.late_start = later(here.table, here.late_finish, -here.length)


def before_lag(table: Hours, at: int, lag: int) -> int:
    """The last hour from which the lag takes to this one or before it: where work begins, if there is a lag."""
    if not lag:
        return at
    while lag > 0:
        at -= 1
        lag -= table[at]
    while lag < 0:
        lag += table[at]
        at += 1
    return begin(table, at)


def floats(network: Plan, placed: dict[str, Placed]) -> Iterator[tuple[int, int]]:
    """Total and free float of each task, in hours of its own calendar."""
    tasks = {task.source_id: task for task in network.tasks}
    for task in network.tasks:
        here = placed[task.source_id]
        total = min(
            between(here.table, here.start, here.late_start), between(here.table, here.finish, here.late_finish)
        )
        free = total
        for link in network.links:
            if link.predecessor == task.source_id:
                after, (table, lag) = placed[link.successor], lag_of(link, tasks[link.successor])
                limit = before_lag(table, after.start if link.type in {FS, SS} else after.finish, lag)
                free = min(free, between(here.table, here.finish if link.type in {FS, FF} else here.start, limit))
        yield total, max(free, 0)


def in_hours(network: Plan) -> Plan:
    """Without assignments, and with lags in working or elapsed hours: percentages come to parts of hours."""
    elapsed = {LagUnit.ELAPSED, LagUnit.ELAPSED_PERCENT}
    links = [
        replace(
            link,
            lag_unit=LagUnit.ELAPSED if link.lag_unit in elapsed else LagUnit.WORKING,
            lag=link.lag // 60 * 60,
        )
        for link in network.links
    ]
    return replace(network, links=tuple(links), assignments=())


@settings(deadline=None, max_examples=500)
@given(networks())
def test_all_dates_and_floats_are_those_of_a_walk_through_the_hours(drawn: Plan) -> None:
    network = in_hours(drawn)
    zero = (network.start - EPOCH).days // 7 * 7 * 24 - BEFORE * 168
    floor = (network.start - EPOCH).days * 24 + network.start.hour - zero
    placed = {
        task.source_id: Placed(
            TABLES["24" if task.is_elapsed_duration else task.calendar_source_id], task.duration_minutes // 60
        )
        for task in network.tasks
    }
    forward(network, placed, floor)
    backward(network, placed)
    slow = [
        (each.start, each.finish, each.late_start, each.late_finish, 60 * total, 60 * free)
        for each, (total, free) in zip(placed.values(), floats(network, placed), strict=True)
    ]

    def hour(moment: datetime) -> int:
        since = moment - EPOCH
        return since.days * 24 + since.seconds // 3600 - zero

    fast = [
        (
            *map(hour, (task.early_start, task.early_finish, task.late_start, task.late_finish)),
            task.total_float_minutes,
            task.free_float_minutes,
        )
        for task in critical_path(network).tasks
    ]
    assert fast == slow


def test_the_walk_counts_hours_as_one_would_by_hand() -> None:
    """It would be no oracle if it could not tell Friday's end from Monday's beginning."""
    friday, monday = BEFORE * 168 + 4 * 24 + 17, BEFORE * 168 + 7 * 24 + 8
    table = TABLES[None]
    assert (begin(table, friday), end(table, monday)) == (monday, friday)
    assert later(table, friday, 1) == monday + 1
    assert later(table, monday, -1) == friday - 1
    assert between(table, friday - 2, monday + 3) == 5
    assert before_lag(table, monday, 8) == friday - 9
