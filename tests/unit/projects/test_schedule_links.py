"""How links, lags, leads and links of summaries place tasks, and what loops and odd plans do."""

from dataclasses import replace

import pytest

from services.projects.domain.plan import ActivityType, LagUnit, Link
from services.projects.domain.schedule import (
    DependencyCycle,
    ScheduleOutOfRange,
    UnusableProjectCalendar,
    critical_path,
)
from shared.working_time import WorkingCalendar
from tests.unit.projects.schedule_support import DAY, FF, FS, SF, SS, at, early, late, plan, scheduled, task


def test_a_chain_runs_through_the_weekend_and_has_no_float() -> None:
    found = scheduled(plan([task("a", 3), task("b", 3)], [Link("a", "b")]))
    assert early(found["a"]) == ("5 08:00", "7 17:00")
    assert early(found["b"]) == ("8 08:00", "12 17:00")
    assert [each.total_float_minutes for each in found.values()] == [0, 0]
    assert all(each.is_critical for each in found.values())


def test_a_task_beside_the_critical_path_has_total_and_free_float() -> None:
    links = [Link("a", "end"), Link("b", "c"), Link("c", "end")]
    found = scheduled(plan([task("a", 5), task("b"), task("c"), task("end")], links))
    assert (found["b"].total_float_minutes, found["b"].free_float_minutes) == (3 * DAY, 0)
    assert (found["c"].total_float_minutes, found["c"].free_float_minutes) == (3 * DAY, 3 * DAY)
    assert late(found["b"]) == ("8 08:00", "8 17:00")
    assert not found["b"].is_critical


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (Link("a", "b", FS, DAY), ("8 08:00", "9 17:00")),
        (Link("a", "b", FS, -DAY), ("6 08:00", "7 17:00")),
        (Link("a", "b", SS, 240), ("5 13:00", "7 12:00")),
        (Link("a", "b", FF, DAY), ("6 08:00", "7 17:00")),
        (Link("a", "b", SF, 3 * DAY), ("6 08:00", "7 17:00")),
        (Link("a", "b", FS, 50, LagUnit.PERCENT), ("8 08:00", "9 17:00")),
        (Link("a", "b", FS, -25, LagUnit.PERCENT), ("6 13:00", "8 12:00")),
        (Link("a", "b", FS, 4 * 1440, LagUnit.ELAPSED), ("12 08:00", "13 17:00")),
        (Link("a", "b", FS, 100, LagUnit.ELAPSED_PERCENT), ("7 09:00", "9 09:00")),
    ],
)
def test_links_of_every_type_and_lag_unit(link: Link, expected: tuple[str, str]) -> None:
    assert early(scheduled(plan([task("a", 2), task("b", 2)], [link]))["b"]) == expected


def test_a_lead_does_not_start_a_task_before_the_project() -> None:
    found = scheduled(plan([task("a"), task("b", 5)], [Link("a", "b", FF), Link("a", "b", FS, -9 * DAY)]))
    assert early(found["b"]) == ("5 08:00", "9 17:00")


def test_late_dates_never_pass_the_projects_finish() -> None:
    found = scheduled(plan([task("a", 5), task("b", 2)], [Link("a", "b", SS)]))
    assert late(found["a"]) == ("5 08:00", "9 17:00")
    assert late(found["b"]) == ("8 08:00", "9 17:00")


def test_a_working_lag_counts_on_the_successors_calendar() -> None:
    successor = replace(task("b"), calendar_source_id="24")
    found = scheduled(plan([task("a", 5), successor], [Link("a", "b", FS, DAY)]))
    assert early(found["b"]) == ("10 01:00", "10 09:00")


def test_a_percent_lag_of_an_elapsed_duration_is_elapsed() -> None:
    cure = replace(task("a"), duration_minutes=2 * 1440, is_elapsed_duration=True)
    assert early(scheduled(plan([cure, task("b")], [Link("a", "b", FS, 50, LagUnit.PERCENT)]))["b"])[0] == "8 08:00"


def test_a_milestone_keeps_the_instant_that_its_predecessor_hands_it() -> None:
    found = scheduled(plan([task("a", 5), task("done", 0), task("b")], [Link("a", "done"), Link("done", "b")]))
    assert early(found["done"]) == ("9 17:00", "9 17:00")
    assert late(found["done"]) == ("12 08:00", "12 08:00")
    assert found["done"].total_float_minutes == 0
    assert early(found["b"]) == ("12 08:00", "12 17:00")


def test_a_last_milestone_lies_at_the_end_of_the_day() -> None:
    found = scheduled(plan([task("a"), task("done", 0)], [Link("a", "done")]))
    assert late(found["done"]) == ("5 17:00", "5 17:00")


def test_a_link_to_a_summary_holds_every_task_below_it() -> None:
    tasks = [task("a", 2), task("phase"), *(replace(task(name), parent_source_id="phase") for name in ("x", "y"))]
    found = scheduled(plan(tasks, [Link("a", "phase")]))
    assert {early(found[name])[0] for name in ("x", "y", "phase")} == {"7 08:00"}
    assert late(found["a"]) == ("5 08:00", "6 17:00")


def test_a_link_from_a_summary_waits_for_its_last_task() -> None:
    inner = [replace(task(name, days), parent_source_id="phase") for name, days in (("x", 1), ("y", 3))]
    found = scheduled(plan([task("phase"), *inner, task("b")], [Link("phase", "b")]))
    assert early(found["b"])[0] == "8 08:00"
    assert late(found["x"]) == ("7 08:00", "7 17:00")
    assert found["x"].total_float_minutes == 2 * DAY
    assert found["y"].total_float_minutes == 0


def test_a_summary_starts_with_its_earliest_task() -> None:
    inner = [replace(task("x", 2), parent_source_id="phase"), replace(task("y", 2), parent_source_id="phase")]
    found = scheduled(plan([task("phase"), *inner, task("b")], [Link("x", "y"), Link("phase", "b", SS, DAY)]))
    assert early(found["b"]) == ("6 08:00", "6 17:00")
    assert early(found["phase"]) == ("5 08:00", "8 17:00")


def test_links_between_nested_summaries_reach_the_innermost_tasks() -> None:
    tasks = [
        task("one"),
        replace(task("one.1"), parent_source_id="one"),
        replace(task("a", 2), parent_source_id="one.1"),
        task("two"),
        replace(task("two.1"), parent_source_id="two"),
        replace(task("b"), parent_source_id="two.1"),
    ]
    found = scheduled(plan(tasks, [Link("one", "two", FS, DAY)]))
    assert early(found["b"]) == early(found["two"]) == ("8 08:00", "8 17:00")
    assert found["a"].is_critical


def test_finish_links_of_a_summary_hold_the_finishes_below_it() -> None:
    tasks = [task("a", 5), task("phase"), replace(task("x"), parent_source_id="phase")]
    assert early(scheduled(plan(tasks, [Link("a", "phase", FF)]))["x"]) == ("9 08:00", "9 17:00")


def test_a_summary_spans_its_tasks_and_has_the_lesser_of_its_start_and_finish_floats() -> None:
    inner = [replace(task("x"), parent_source_id="phase"), replace(task("y", 2), parent_source_id="phase")]
    found = scheduled(plan([task("phase"), *inner, task("long", 5)], [Link("x", "y")]))
    assert early(found["phase"]) == ("5 08:00", "7 17:00")
    assert late(found["phase"]) == ("7 08:00", "9 17:00")
    assert found["phase"].total_float_minutes == 2 * DAY


def test_inactive_tasks_have_dates_but_hold_nobody() -> None:
    idle = replace(task("idle", 9), is_active=False)
    found = scheduled(plan([task("a"), idle, task("b")], [Link("a", "idle"), Link("idle", "b")]))
    assert early(found["b"]) == ("5 08:00", "5 17:00")
    assert early(found["idle"])[0] == "6 08:00"
    assert late(found["a"]) == ("5 08:00", "5 17:00")
    assert {name: each.is_critical for name, each in found.items()} == {"a": True, "idle": False, "b": True}


def test_a_level_of_effort_does_not_begin_before_the_project() -> None:
    effort = replace(task("effort"), activity_type=ActivityType.LEVEL_OF_EFFORT)
    links = [Link("a", "effort", SS), Link("b", "effort", FF), Link("effort", "q", SS, 5 * DAY)]
    found = scheduled(plan([task("a"), task("b", 3), effort, task("q")], links))
    assert early(found["effort"]) == ("5 08:00", "7 17:00")


@pytest.mark.parametrize(
    ("links", "loop"),
    [
        ([Link("a", "b"), Link("b", "c"), Link("c", "a")], {"a", "b", "c"}),
        ([Link("d", "a"), Link("b", "c"), Link("c", "b"), Link("c", "d")], {"b", "c"}),
        ([Link("a", "a")], {"a"}),
        ([Link("phase", "x")], {"phase", "x"}),
        ([Link("x", "phase")], {"phase", "x"}),
    ],
)
def test_tasks_that_wait_for_each_other_are_named(links: list[Link], loop: set[str]) -> None:
    tasks = [*(task(name) for name in "abcd"), task("phase"), replace(task("x"), parent_source_id="phase")]
    with pytest.raises(DependencyCycle) as cycle:
        critical_path(plan(tasks, links))
    assert set(cycle.value.source_ids) == loop
    assert len(cycle.value.source_ids) == len(loop)


def test_the_loop_is_named_in_the_order_of_its_links() -> None:
    tasks = [task(name) for name in "cab"]
    with pytest.raises(DependencyCycle) as cycle:
        critical_path(plan(tasks, [Link("a", "b"), Link("b", "c"), Link("c", "a")]))
    assert "".join(cycle.value.source_ids) in {"abc", "bca", "cab"}


def test_links_to_tasks_outside_the_plan_bind_nothing() -> None:
    assert early(scheduled(plan([task("a")], [Link("elsewhere", "a")]))["a"])[0] == "5 08:00"


def test_an_empty_plan_spans_nothing() -> None:
    schedule = critical_path(plan([]))
    assert schedule.project_start == schedule.project_finish == at("5 08:00")
    assert schedule.tasks == ()


def test_a_project_calendar_without_working_time_is_refused() -> None:
    never = WorkingCalendar("1", "Never", ((),) * 7)
    with pytest.raises(UnusableProjectCalendar):
        critical_path(replace(plan([task("a")]), calendars=(never,)))
    with pytest.raises(UnusableProjectCalendar):
        critical_path(replace(plan([task("a")]), calendar_source_id="missing"))


def test_durations_beyond_the_calendar_of_mankind_are_refused() -> None:
    with pytest.raises(ScheduleOutOfRange):
        critical_path(plan([task("a", 10**9)]))


def test_ten_thousand_links_of_summaries_stay_linear() -> None:
    phases = []
    for phase in range(100):
        phases.append(task(f"p{phase}"))
        phases += [replace(task(f"p{phase}.{at}"), parent_source_id=f"p{phase}") for at in range(100)]
    links = [Link(f"p{phase}", f"p{phase + 1}", kind) for phase in range(99) for kind in (FS, SS, FF)]
    schedule = critical_path(plan(phases, links))
    assert sum(each.is_critical for each in schedule.tasks) == len(phases)


def test_summaries_may_be_nested_a_thousand_deep() -> None:
    names = [str(depth) for depth in range(1000)]
    nested = [
        replace(task(name), parent_source_id=str(depth - 1) if depth else None) for depth, name in enumerate(names)
    ]
    found = scheduled(plan([task("a"), *nested, task("b")], [Link("a", "0"), Link("0", "b")]))
    assert (early(found["999"])[0], early(found["b"])[0]) == ("6 08:00", "7 08:00")
