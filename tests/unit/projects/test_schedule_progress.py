"""Work that went on out of sequence, under Primavera's three options.

The first network is that of Oracle's article on the three options, the second that of Trauner Consulting's; durations
and dates are ours, computed by hand on the calendar of January 2026, whose 5th is a Monday.
"""

from dataclasses import replace

import pytest

from services.projects.domain.conventions import PRIMAVERA, ProgressMode
from services.projects.domain.plan import Link, Plan, Task
from tests.unit.projects.schedule_support import DAY, FF, SS, at, early, late, plan, scheduled, task

RETAINED, OVERRIDE, ACTUAL = ProgressMode.RETAINED_LOGIC, ProgressMode.PROGRESS_OVERRIDE, ProgressMode.ACTUAL_DATES


def under(mode: ProgressMode, network: Plan, data_date: str) -> Plan:
    return replace(network, status_date=at(data_date), conventions=replace(PRIMAVERA, progress=mode))


def finished_first(finish: str) -> Plan:
    """Of three tasks in a row the second is done before the first has begun."""
    second = replace(task("a2", 4), actual_start=at("5 08:00"), actual_finish=at(finish), remaining_duration_minutes=0)
    return plan([task("a1", 3), second, task("a3", 2)], [Link("a1", "a2"), Link("a2", "a3")])


@pytest.mark.parametrize(
    ("mode", "finish", "third"),
    [
        (RETAINED, "8 17:00", ("14 08:00", "15 17:00")),  # after the first task, which takes until the 13th
        (OVERRIDE, "8 17:00", ("9 08:00", "12 17:00")),  # from the data date
        (ACTUAL, "8 17:00", ("9 08:00", "12 17:00")),
        (ACTUAL, "12 17:00", ("13 08:00", "14 17:00")),  # after the actual finish, which lies after the data date
    ],
)
def test_what_follows_a_task_done_out_of_sequence(mode: ProgressMode, finish: str, third: tuple[str, str]) -> None:
    found = scheduled(under(mode, finished_first(finish), "9 08:00"))
    assert early(found["a1"]) == ("9 08:00", "13 17:00")
    assert early(found["a3"]) == third


def begun(name: str, days: float, start: str, remaining: float) -> Task:
    return replace(task(name, days), actual_start=at(start), remaining_duration_minutes=round(remaining * DAY))


def begun_early() -> Plan:
    """Of four tasks in a row the first is done, the second half done, and the third has begun too soon."""
    first = replace(task("a", 3), actual_start=at("5 08:00"), actual_finish=at("7 17:00"), remaining_duration_minutes=0)
    tasks = [first, begun("b", 5, "8 08:00", 3), begun("c", 5, "9 08:00", 4), task("d", 5)]
    return plan(tasks, [Link("a", "b"), Link("b", "c"), Link("c", "d")])


def test_retained_logic_holds_the_rest_until_the_predecessor_is_done() -> None:
    found = scheduled(under(RETAINED, begun_early(), "12 08:00"))
    assert early(found["b"]) == ("12 08:00", "14 17:00")
    assert early(found["c"]) == ("15 08:00", "20 17:00")
    assert early(found["d"]) == ("21 08:00", "27 17:00")
    assert [found[name].total_float_minutes for name in "bcd"] == [0, 0, 0]


def test_progress_override_goes_on_at_the_data_date_and_the_predecessor_holds_nobody() -> None:
    found = scheduled(under(OVERRIDE, begun_early(), "12 08:00"))
    assert early(found["b"]) == ("12 08:00", "14 17:00")
    assert early(found["c"]) == ("12 08:00", "15 17:00")
    assert early(found["d"]) == ("16 08:00", "22 17:00")
    assert late(found["b"])[1] == "22 17:00"
    assert found["b"].total_float_minutes == 6 * DAY
    assert [found[name].total_float_minutes for name in "cd"] == [0, 0]


def test_with_actual_dates_what_has_begun_is_still_held_by_its_links() -> None:
    retained, actual = (scheduled(under(mode, begun_early(), "12 08:00")) for mode in (RETAINED, ACTUAL))
    assert actual == retained


def done(name: str, days: float, start: str, finish: str) -> Task:
    return replace(
        task(name, days), actual_start=at(start), actual_finish=at(finish), remaining_duration_minutes=0,
        actual_duration_minutes=round(days * DAY),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data_date", "start"),
    [
        ("7 08:00", "9 08:00"),  # nothing of the two days is over
        ("8 08:00", "9 08:00"),  # one is
        ("12 08:00", "12 08:00"),  # both are
    ],
)
def test_a_lag_runs_on_from_the_actual_finish_of_what_is_done(data_date: str, start: str) -> None:
    network = plan([done("pour", 2, "5 08:00", "6 17:00"), task("strip", 1)], [Link("pour", "strip", lag=2 * DAY)])
    assert early(scheduled(under(RETAINED, network, data_date))["strip"])[0] == start


def test_a_lag_from_a_start_has_run_as_long_as_the_predecessor_was_worked_on() -> None:
    lay = replace(begun("lay", 5, "5 08:00", 3), actual_duration_minutes=2 * DAY)
    network = plan([lay, task("weld", 2)], [Link("lay", "weld", SS, lag=3 * DAY)])
    assert early(scheduled(under(RETAINED, network, "7 08:00"))["weld"])[0] == "8 08:00"


def test_a_finish_waits_for_the_actual_finish_of_what_is_done_out_of_sequence() -> None:
    tasks = [task("a", 5), done("b", 1, "5 08:00", "5 17:00"), task("c", 1)]
    network = plan(tasks, [Link("a", "b", FF), Link("b", "c", FF)])
    found = scheduled(under(RETAINED, network, "8 08:00"))
    assert (early(found["c"]), found["c"].total_float_minutes) == (("8 08:00", "8 17:00"), 4 * DAY)


def test_what_is_done_out_of_sequence_takes_free_float_away() -> None:
    """Of MPXJ's Primavera scheduler: the third task is done, and yet held until the second is."""
    tasks = [task("a", 1), task("b", 5), done("c", 1, "5 08:00", "5 17:00"), task("d", 3)]
    network = plan(tasks, [Link("a", "b"), Link("a", "c"), Link("b", "c"), Link("c", "d")])
    found = scheduled(under(RETAINED, network, "8 08:00"))
    assert early(found["b"]) == ("9 08:00", "15 17:00")
    assert early(found["d"]) == ("16 08:00", "20 17:00")
    assert [found[name].free_float_minutes for name in "abd"] == [0, 0, 0]
