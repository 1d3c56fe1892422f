"""Relations that drive, the longest path, and multiple float paths."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings

from services.projects.domain.conventions import Conventions, CriticalBy, FloatPathMethod
from services.projects.domain.plan import LagUnit, Link, LinkType, Plan
from services.projects.domain.schedule import FloatPath, critical_path, driving_relations, float_paths
from services.projects.domain.schedule.effort import Calendars
from shared.working_time import minute_of
from tests.unit.projects.schedule_support import DAY, FF, FS, at, plan, scheduled, task
from tests.unit.projects.test_schedule_properties import networks

BY_PATH = Conventions(critical_by=CriticalBy.LONGEST_PATH)
TOTAL, FREE = FloatPathMethod.TOTAL_FLOAT, FloatPathMethod.FREE_FLOAT


def chain(*names: str) -> list[Link]:
    return [Link(before, after) for before, after in pairwise(names)]


def branched() -> Plan:
    """The network of T. Boyle's example of float paths: c3 is driven from b although a chain from a leads there too."""
    tasks = [task(name, 10) for name in "abcde"] + [task("finish", 0), task("a1", 2), task("b1", 2)]
    tasks += [task(name) for name in ("c1", "c2", "c3")]
    links = [*chain("a", "b", "c", "d", "e", "finish"), Link("a", "a1"), Link("b", "b1"), Link("a1", "c1")]
    return plan(tasks, [*links, *chain("b1", "c1", "c2", "c3")])


def told(network: Plan, end: str | None, method: FloatPathMethod = FREE, most: int = 9) -> list[tuple[object, ...]]:
    def said(path: FloatPath) -> tuple[object, ...]:
        return path.float_minutes / DAY, path.leads_to, " ".join(path.tasks)

    return [said(path) for path in float_paths(network, end, method, most)]


def critical(network: Plan) -> str:
    return " ".join(each.source_id for each in critical_path(network).tasks if each.is_critical)


def test_the_first_path_is_what_drives_a_task_and_the_next_lie_behind_by_the_float_on_their_way() -> None:
    assert told(branched(), "c3") == [(0, None, "a b b1 c1 c2 c3"), (10, "c1", "a1")]
    assert told(branched(), "c3", most=1) == [(0, None, "a b b1 c1 c2 c3")]


def test_without_a_task_paths_end_with_the_one_that_finishes_last() -> None:
    assert told(branched(), None) == [(0, None, "a b c d e finish")]


def test_by_total_float_the_most_urgent_way_comes_first() -> None:
    """Both drive y; w, on a calendar without Mondays, has a day less to the end of all."""
    tasks = [task("x", 2), replace(task("w", 1), calendar_source_id="no-mondays"), task("y", 1), task("z", 10)]
    network = plan(tasks, [Link("x", "y"), Link("w", "y")])
    assert told(network, "y") == [(0, None, "x y"), (0, "y", "w")]
    assert told(network, "y", TOTAL) == [(0, None, "w y"), (7, "y", "x")]


def test_a_summary_stands_for_what_makes_its_dates() -> None:
    tasks = [
        task("s", 0),
        replace(task("long", 3), parent_source_id="s"),
        replace(task("short", 1), parent_source_id="s"),
        task("t", 0),
        replace(task("below", 1), parent_source_id="t"),
    ]
    network = plan(tasks, [Link("s", "t")])
    assert told(network, "below") == [(0, None, "long below")]
    assert told(network, "t") == [(0, None, "long below")]
    assert critical(replace(network, conventions=BY_PATH)) == "s long t below"


def test_a_relation_drives_though_its_predecessor_ends_on_a_day_that_its_successor_does_not_work() -> None:
    network = plan([replace(task("a", 5 * 3 + 1), calendar_source_id="24"), task("b", 1)], [Link("a", "b")])
    only = driving_relations(network)[0]
    assert only.is_driving
    assert only.free_float_minutes == 40 * 60  # from Saturday 16:00 to Monday 8:00 on the predecessor's calendar


def test_what_is_done_is_held_by_nobody() -> None:
    done = replace(task("b"), actual_start=at("6 08:00"), actual_finish=at("6 17:00"))
    assert not driving_relations(plan([task("a"), done], [Link("a", "b")]))[0].is_driving
    assert told(plan([done, task("c")], [Link("b", "c")]), "c") == [(0, None, "c")]


def test_the_longest_path_is_critical_however_much_float_there_is() -> None:
    network = plan([task("a", 3), task("b", 1), task("c", 2)], [Link("a", "c"), Link("b", "c")])
    late = replace(network, must_finish=at("23 17:00"))
    assert critical(network) == "a c"
    assert critical(late) == ""
    assert critical(replace(late, conventions=BY_PATH)) == "a c"
    assert critical(replace(network, must_finish=at("6 17:00"))) == "a b c"
    assert critical(replace(network, must_finish=at("6 17:00"), conventions=BY_PATH)) == "a c"


@settings(deadline=None)
@given(networks(calendars=False, units=False))
def test_on_one_calendar_the_longest_path_is_what_has_no_float(network: Plan) -> None:
    links = tuple(replace(link, type=FS if link.type is FS else FF, lag=abs(link.lag)) for link in network.links)
    working = tuple(each for each in network.tasks if each.duration_minutes)
    plain = replace(network, tasks=working, links=links, assignments=())
    found = {each.source_id for each in critical_path(plain).tasks if each.total_float_minutes == 0}
    assert {
        each.source_id for each in critical_path(replace(plain, conventions=BY_PATH)).tasks if each.is_critical
    } == found


@settings(deadline=None)
@given(networks(crew=1))
def test_a_task_that_starts_after_the_project_is_driven(network: Plan) -> None:
    driven = {each.link.successor for each in driving_relations(network) if each.is_driving}
    calendars = Calendars(network)
    for given_, found in zip(network.tasks, critical_path(network).tasks, strict=True):
        working = calendars.effort(given_).working
        waited = working.working_minutes(minute_of(network.start), minute_of(found.early_start))
        assert waited == 0 or given_.source_id in driven


@settings(deadline=None)
@given(networks(crew=1))
def test_paths_share_no_task_and_lie_further_behind_the_later_they_come(network: Plan) -> None:
    paths = float_paths(network, None, FREE, 99)
    tasks = [name for path in paths for name in path.tasks]
    assert len(tasks) == len(set(tasks))
    assert [path.float_minutes for path in paths] == sorted(path.float_minutes for path in paths)
    assert paths[0].leads_to is None
    earlier = set(paths[0].tasks)
    for path in paths[1:]:
        assert path.leads_to in earlier
        earlier.update(path.tasks)
    assert scheduled(network)[paths[0].tasks[-1]].early_finish == critical_path(network).project_finish


@pytest.mark.parametrize("kind", LinkType)
@pytest.mark.parametrize("unit", [LagUnit.WORKING, LagUnit.ELAPSED])
def test_the_only_relation_of_a_task_drives_whatever_its_type_and_the_unit_of_its_lag(
    kind: LinkType, unit: LagUnit
) -> None:
    network = plan([task("a", 2), task("b", 1)], [Link("a", "b", kind, 4 * DAY, unit)])
    only = driving_relations(network)[0]
    assert only.is_driving
    assert only.free_float_minutes == 0
    assert only.total_float_minutes >= 0
