"""The 14 points: what each objects to, what it leaves alone, and when it has nothing to say."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import ActivityType, Assignment, Baseline, ConstraintType, Link, LinkType, Plan, Task
from services.projects.domain.quality import Check, Thresholds, assess
from services.projects.domain.quality.assessment import execution_index, length_index
from services.projects.domain.schedule import critical_path
from tests.unit.projects.schedule_support import DAY, at, plan, task
from tests.unit.projects.test_schedule_real_files import CASES, load

POINTS: Final = (
    "logic dangling leads lags relationship_types hard_constraints high_float negative_float high_duration"
    " invalid_dates resources missed_tasks critical_path_test critical_path_length_index baseline_execution_index"
    " hit_tasks"
).split()


def checks(assessed: Plan, status: str | None = "5 08:00", limits: Thresholds | None = None) -> dict[str, Check]:
    """The checks of a plan by code."""
    when = None if status is None else at(status)
    return {each.code: each for each in assess(assessed, critical_path(assessed), when, limits or Thresholds())}


def named(check: Check) -> list[str]:
    """What a check objects to: tasks, or links as `a>b`."""
    return [o.task if o.successor is None else f"{o.task}>{o.successor}" for o in check.offenders]


def chain(*names: str) -> list[Link]:
    return [Link(before, after) for before, after in pairwise(names)]


def test_every_point_is_answered_in_order() -> None:
    assert list(checks(plan([task("a"), task("b")], chain("a", "b")))) == POINTS


def test_a_task_that_hangs_on_nothing_offends_but_not_the_first_and_the_last() -> None:
    found = checks(plan([task("a"), task("b"), task("c"), task("loose")], chain("a", "b", "c")))["logic"]
    assert named(found) == ["loose"]
    assert (found.value, found.is_passed) == (Decimal(25), False)


def test_links_of_a_summary_are_links_of_the_tasks_below_it() -> None:
    summary = replace(task("s", 0), is_summary=True)
    below = [replace(task(name), parent_source_id="s", outline_level=2) for name in ("b", "c")]
    found = checks(plan([task("a"), summary, *below, task("d")], chain("a", "s", "d")))
    assert named(found["logic"]) == []
    assert found["logic"].population == 4


def test_a_start_that_nothing_holds_and_a_finish_that_nothing_waits_for_dangle() -> None:
    links = [Link("a", "b", LinkType.FINISH_TO_FINISH), Link("b", "c"), Link("a", "c", LinkType.START_TO_START)]
    found = checks(plan([task("a"), task("b"), task("c")], links))["dangling"]
    assert named(found) == ["b"]
    assert (found.threshold, found.is_passed) == (None, None)


def test_leads_lags_and_types_are_counted_among_links_whose_successor_is_open() -> None:
    done = replace(task("done"), actual_start=at("5 08:00"), actual_finish=at("5 17:00"), percent_complete=Decimal(100))
    links = [
        Link("a", "done", lag=-DAY),
        Link("a", "b", lag=-DAY),
        Link("b", "c", lag=DAY),
        Link("a", "c", LinkType.START_TO_START),
    ]
    found = checks(plan([task("a"), done, task("b"), task("c")], links))
    assert named(found["leads"]) == ["a>b"]
    assert (found["leads"].value, found["leads"].is_passed) == (Decimal(1), False)
    assert named(found["lags"]) == ["b>c"]
    assert found["lags"].population == 3
    assert named(found["relationship_types"]) == ["a>c"]
    assert found["relationship_types"].value == Decimal("66.6667")
    assert found["relationship_types"].is_passed is False


def test_constraints_that_hold_against_logic_offend() -> None:
    kinds = {
        kind.value: replace(task(kind.value), constraint_type=kind, constraint_date=at("12 08:00"))
        for kind in ConstraintType
    }
    found = checks(plan(kinds.values()))["hard_constraints"]
    assert named(found) == [
        "must_start_on",
        "must_finish_on",
        "start_no_later_than",
        "finish_no_later_than",
        "mandatory_start",
        "mandatory_finish",
    ]


def test_level_of_effort_is_no_part_of_any_population() -> None:
    effort = replace(task("effort", 100), activity_type=ActivityType.LEVEL_OF_EFFORT)
    found = checks(plan([task("a"), effort, task("b")], chain("a", "b")))
    assert found["logic"].population == found["high_duration"].population == 2
    assert named(found["logic"]) == named(found["high_duration"]) == []


def test_more_than_44_days_of_float_or_duration_offend_and_44_do_not() -> None:
    tasks = [task("long", 100), task("just", 56), task("short", 55), task("end")]
    found = checks(plan(tasks, [Link(name, "end") for name in ("long", "just", "short")]))
    assert named(found["high_float"]) == ["short"]
    lengths = [
        task("even", 44),
        task("over", 44.5),
        replace(task("cut", 1), baseline=Baseline(duration_minutes=45 * DAY)),
    ]
    assert named(checks(plan(lengths))["high_duration"]) == ["over", "cut"]


def test_a_task_that_is_due_before_it_can_be_done_has_negative_float() -> None:
    found = checks(plan([replace(task("late", 3), deadline=at("6 17:00"))]))["negative_float"]
    assert named(found) == ["late"]


def test_what_lies_on_the_wrong_side_of_the_status_date_is_invalid() -> None:
    future = replace(task("future"), actual_start=at("12 08:00"))
    stale, done = task("stale"), replace(task("b"), actual_start=at("5 08:00"), actual_finish=at("5 17:00"))
    found = checks(plan([future, stale, done]), "7 08:00")["invalid_dates"]
    assert named(found) == ["future", "stale"]
    assert named(checks(plan([task("today")]), "5 08:00")["invalid_dates"]) == []


def test_a_task_without_cost_and_resource_is_named() -> None:
    paid = replace(task("paid"), cost=Decimal(10))
    staffed = replace(
        plan([task("bare"), paid, task("staffed")]), assignments=(Assignment("1", "staffed", "somebody"),)
    )
    found = checks(staffed)["resources"]
    assert named(found) == ["bare"]
    assert found.is_passed is None


def baselined(name: str, finish: str, done: str | None = None) -> Task:
    each = replace(task(name), baseline=Baseline(start=at("5 08:00"), finish=at(finish), duration_minutes=DAY))
    if done is None:
        return each
    return replace(each, actual_start=at("5 08:00"), actual_finish=at(done), percent_complete=Decimal(100))


def test_missed_and_hit_tasks_and_the_execution_index_look_at_what_was_due() -> None:
    tasks = [
        baselined("hit", "5 17:00", "5 17:00"),
        baselined("slow", "5 17:00", "6 17:00"),
        baselined("missed", "6 17:00"),
        baselined("later", "20 17:00"),
        task("unplanned"),
    ]
    found = checks(plan(tasks), "7 08:00")
    assert named(found["missed_tasks"]) == ["slow", "missed"]
    assert found["missed_tasks"].value == Decimal("66.6667")
    assert found["hit_tasks"].value == Decimal("33.3333")
    assert found["baseline_execution_index"].value == Decimal("0.5000")  # 2 done of 3 due and 1 without a baseline
    assert found["baseline_execution_index"].is_passed is False


def test_the_critical_path_test_passes_where_logic_carries_the_delay() -> None:
    found = checks(plan([task("a"), task("b")], chain("a", "b")))["critical_path_test"]
    assert (found.value, found.is_passed, named(found)) == (Decimal(600), True, [])


def test_a_task_that_is_critical_for_its_date_alone_fails_the_critical_path_test() -> None:
    due = replace(task("due"), deadline=at("5 17:00"))
    found = checks(plan([due, task("long", 10)]))["critical_path_test"]
    assert (found.value, found.is_passed, named(found)) == (Decimal(591), False, ["due"])


def test_the_critical_path_test_takes_no_task_whose_dates_are_set_by_hand() -> None:
    pinned = replace(task("b", 2), is_manual=True, start=at("8 08:00"), finish=at("9 17:00"))
    found = checks(plan([pinned]))["critical_path_test"]
    assert (found.value, found.reason) == (None, "no_critical_task")


def test_without_status_date_or_baseline_there_is_no_figure_but_a_reason() -> None:
    found = checks(plan([task("a")]), None)
    for code in (
        "invalid_dates",
        "missed_tasks",
        "critical_path_length_index",
        "baseline_execution_index",
        "hit_tasks",
    ):
        assert (found[code].value, found[code].reason, found[code].is_passed) == (None, "no_status_date", None)
    found = checks(plan([task("a")]))
    assert found["critical_path_length_index"].reason == "no_baseline"
    assert found["baseline_execution_index"].reason == "no_baseline"


def test_an_empty_population_is_neither_passed_nor_failed() -> None:
    milestone = replace(task("m", 0), is_milestone=True)
    found = checks(plan([milestone]))
    for code in ("logic", "leads", "lags", "relationship_types", "high_float", "negative_float", "resources"):
        assert (found[code].value, found[code].is_passed, found[code].reason) == (None, None, "population_empty")


def test_thresholds_are_the_callers() -> None:
    loose = Thresholds(missing_logic_percent=Decimal(50))
    tasks, links = [task("a"), task("b"), task("c"), task("loose")], chain("a", "b", "c")
    assert checks(plan(tasks, links), limits=loose)["logic"].is_passed is True


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no folder {CASES}")
def test_the_published_indices_come_out() -> None:
    for case in load("evm/published_examples.json")["dcma"]:
        found = length_index(case["CPL"], case["TF"])
        assert found is not None
        assert found == Decimal(str(case["expected"]))
        assert ("pass" if found >= Decimal("0.95") else "fail") == case["verdict"]
    assert execution_index(68, 80) == Decimal("0.85")


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no folder {CASES}")
@pytest.mark.parametrize("name", ["MSP_Commercial_Construction", "MSP_Residential_Construction", "MSP_New_Product"])
def test_the_links_of_real_plans_are_counted_as_others_count_them(name: str) -> None:
    (known,) = (each for each in load("schedules/dcma_counts_own.json") if each["name"] == name)
    real = read_mspdi([(CASES / f"schedules/{name}.mspdi.xml").read_bytes()])
    found = {each.code: each for each in assess(real, critical_path(real), real.status_date, Thresholds())}
    assert found["leads"].count == known["leads"]
    assert found["lags"].count == known["lags"]
    summaries = {task.source_id for task in real.tasks if task.is_summary}
    of_summaries = sum(bool(summaries & {link.predecessor, link.successor}) for link in real.links)  # not counted there
    assert found["relationship_types"].population == known["links"] + of_summaries
    assert found["relationship_types"].count == known["links"] - known["fs"]
    assert found["negative_float"].count == known["negative_float"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20), st.data())
def test_the_figures_of_any_plan_add_up(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    tasks = [task(str(n), data.draw(st.integers(0, 60))) for n in range(10)]
    links = [Link(str(a), str(b), data.draw(st.sampled_from(LinkType))) for a, b in {p for p in pairs if p[0] < p[1]}]
    for check in checks(plan(tasks, links)).values():
        assert 0 <= check.count <= max(check.population, 1)
        assert check.count == len(check.offenders)
        assert (check.value is None) == (check.reason is not None)
        if check.unit == "percent" and check.value is not None:
            assert 0 <= check.value <= 100
