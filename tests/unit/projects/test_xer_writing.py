"""Writing XER: what is written is read again as the same plan with the same dates, whoever reads it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import ConstraintType, LagUnit, Link, LinkType, Plan, Task
from services.projects.domain.primavera import read_xer
from services.projects.domain.primavera.breakdown import PREFIX
from services.projects.domain.primavera.writing import xer_encoding, xer_lines
from services.projects.domain.schedule import critical_path
from tests.unit.projects import xer_support as xer
from tests.unit.projects.mspdi_support import real_files


def written(plan: Plan, key: str = "P1") -> bytes:
    return "".join(xer_lines(plan, critical_path(plan), key)).encode(xer_encoding(plan))


def again(plan: Plan) -> Plan:
    (found,) = read_xer([written(plan)]).plans.values()
    return found


def settled(plan: Plan, *, planned: bool = True) -> Plan:
    """A plan without what says nothing of its rows: what was skipped, and planned dates where there were none."""
    tasks = plan.tasks if planned else tuple(replace(task, start=None, finish=None) for task in plan.tasks)
    return replace(plan, skipped=(), tasks=tasks)


@pytest.mark.parametrize("path", real_files("*.xer", "mpxj_fixtures/*.xer"))
def test_a_real_plan_is_written_and_read_again_as_the_same(path: Path) -> None:
    for plan in read_xer([path.read_bytes()]).plans.values():
        back = again(plan)
        one, other = settled(plan), settled(back)
        for task, found in zip(one.tasks, other.tasks, strict=True):
            assert found == replace(task, start=found.start, finish=found.finish), task.name
            assert task.start in {None, found.start}
        assert sorted(map(str, other.links)) == sorted(map(str, one.links))
        assert other.calendars == one.calendars
        assert other.resources == one.resources
        assert other.assignments == one.assignments
        assert other.conventions == one.conventions
        assert critical_path(back).tasks == critical_path(plan).tasks


def test_names_with_any_signs_come_back() -> None:
    plan = xer.read([xer.activity(1), xer.activity(2)], [xer.relationship(1, 2)])
    for name in ('Say "hi" & <go>', "Größe – 5 €", "Мост 桥", "Ã©"):
        named = replace(plan, name=name, tasks=tuple(replace(task, name=name) for task in plan.tasks))
        back = again(named)
        assert (back.name, {task.name for task in back.tasks}) == (name, {name})


def test_a_tab_or_line_end_in_a_name_breaks_no_table() -> None:
    plan = xer.read([xer.activity(1)])
    named = replace(plan, tasks=(replace(plan.tasks[0], name="a\tb\r\n%T\tTASK"),))
    assert [task.name for task in again(named).tasks] == ["a b  %T TASK"]


def test_what_primavera_does_not_know_is_written_as_the_nearest_that_it_does() -> None:
    plan = xer.read([xer.activity(1), xer.activity(2), xer.activity(3), xer.activity(4)])
    first, second, third, fourth = plan.tasks
    date = plan.start.replace(day=20)
    changed = replace(
        plan,
        tasks=(
            replace(first, deadline=date),
            replace(second, is_elapsed_duration=True, duration_minutes=2880),
            replace(third, is_manual=True, start=date, finish=date.replace(hour=16)),
            replace(fourth, is_active=False),
        ),
        links=(
            Link("1", "2", lag=50, lag_unit=LagUnit.PERCENT),
            Link("2", "3", LinkType.START_TO_START, 1440, LagUnit.ELAPSED),
        ),
    )
    back = again(changed)
    deadline, elapsed, manual = back.tasks
    assert (deadline.constraint_type, deadline.constraint_date) == (ConstraintType.FINISH_NO_LATER_THAN, date)
    assert (manual.constraint_type, manual.constraint_date) == (ConstraintType.MANDATORY_START, date)
    assert [(link.lag, link.lag_unit) for link in back.links] == [(240, "working"), (480, "working")]
    dates = {each.source_id: each for each in critical_path(back).tasks}
    wanted = {each.source_id: each for each in critical_path(changed).tasks}
    assert (dates["2"].early_start, dates["2"].early_finish) == (wanted["2"].early_start, wanted["2"].early_finish)
    assert dates["1"].total_float_minutes == wanted["1"].total_float_minutes
    assert elapsed.calendar_source_id != deadline.calendar_source_id


def summary(uid: str, level: int, parent: str | None, wbs: str) -> Task:
    return Task(PREFIX + uid, 0, f"S{uid}", parent, level, wbs, is_summary=True)


def test_a_finish_to_start_link_of_a_summary_is_one_of_each_activity_below_it() -> None:
    plan = xer.read([xer.activity(1), xer.activity(2), xer.activity(3)])
    tasks = (
        replace(plan.tasks[0], position=0),
        summary("5", 1, None, "5"),
        *(replace(task, parent_source_id="wbs:5", outline_level=2) for task in plan.tasks[1:]),
    )
    links = (Link("1", "wbs:5", lag=60), Link("1", "wbs:5", LinkType.START_TO_START))
    back = again(replace(plan, tasks=tasks, links=links))
    assert [(link.predecessor, link.successor, link.lag) for link in back.links] == [("1", "2", 60), ("1", "3", 60)]
    assert [task.parent_source_id for task in back.tasks] == [None, None, "wbs:5", "wbs:5"]


@pytest.mark.parametrize("path", real_files("MSP_*.mspdi.xml"))
def test_a_plan_of_microsoft_project_keeps_its_activities_and_relationships(path: Path) -> None:
    plan = read_mspdi([path.read_bytes()])
    parents = {task.parent_source_id for task in plan.tasks}
    ids = {
        task.source_id: PREFIX + task.source_id if task.source_id in parents or task.is_summary else task.source_id
        for task in plan.tasks
    }
    tasks = tuple(
        replace(task, source_id=ids[task.source_id], parent_source_id=ids.get(task.parent_source_id or ""))
        for task in plan.tasks
    )
    links = tuple(
        replace(link, predecessor=ids[link.predecessor], successor=ids[link.successor]) for link in plan.links
    )
    booked = tuple(replace(each, task_source_id=ids[each.task_source_id]) for each in plan.assignments)
    back = again(replace(plan, tasks=tasks, links=links, assignments=booked))
    leaves = {task.source_id: task for task in tasks if not task.source_id.startswith(PREFIX) and task.is_active}
    found = {task.source_id: task for task in back.tasks if not task.is_summary}
    assert found.keys() == leaves.keys()
    for uid, task in leaves.items():
        assert (found[uid].name, found[uid].duration_minutes) == (task.name, task.duration_minutes)
        assert found[uid].remaining_duration_minutes in {task.remaining_duration_minutes, task.duration_minutes}
        assert (found[uid].actual_start, found[uid].actual_finish) == (task.actual_start, task.actual_finish)
        assert found[uid].fixed_cost == task.fixed_cost.quantize(Decimal("0.01"))
    plain = {
        (each.predecessor, each.successor, each.type)
        for each in links
        if {each.predecessor, each.successor} <= leaves.keys()
    }
    assert plain <= {(each.predecessor, each.successor, each.type) for each in back.links}
