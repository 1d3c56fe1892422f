"""The plan and the event that the product ships: readable, consistent with their own critical path, and telling."""

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from examples import harbour_terminal
from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import LagUnit, LinkType, Plan, ResourceType, Task
from services.projects.domain.schedule import Schedule, critical_path
from shared.working_time import compile_calendars, minute_of

EXAMPLES = Path(__file__).parents[3] / "examples"
FILE = EXAMPLES / "harbour-terminal.mspdi.xml"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return read_mspdi([FILE.read_bytes()])


@pytest.fixture(scope="module")
def schedule(plan: Plan) -> Schedule:
    return critical_path(plan)


def leaves(plan: Plan) -> list[Task]:
    return [task for task in plan.tasks if not task.is_summary]


def planned_share(task: Task, at: datetime, plan: Plan) -> Decimal:
    """How much of a task should be done by then, evenly over working time."""
    assert task.baseline is not None
    assert task.baseline.start is not None
    assert task.baseline.finish is not None
    begin, end = minute_of(task.baseline.start), minute_of(task.baseline.finish)
    now = min(max(minute_of(at), begin), end)
    calendar = compile_calendars(plan.calendars)[task.calendar_source_id or plan.calendar_source_id]
    if total := calendar.working_minutes(begin, end):
        return Decimal(calendar.working_minutes(begin, now)) / total
    return Decimal(now == end)


def test_nothing_of_the_example_is_left_out(plan: Plan) -> None:
    assert plan.skipped == ()
    assert (plan.source_guid, plan.currency) == ("3f6b2c1e-8a47-4d0b-9c55-7e21a4b8d610", "EUR")
    assert plan.name == "Harbour terminal expansion"


def test_the_file_is_what_its_generator_writes() -> None:
    assert FILE.read_text(encoding="utf-8") == harbour_terminal.text()


def test_the_dates_of_the_file_are_those_of_its_critical_path(plan: Plan, schedule: Schedule) -> None:
    found = {task.source_id: (task.start, task.finish) for task in plan.tasks}
    assert found == {task.source_id: (task.start, task.finish) for task in schedule.tasks}
    assert plan.finish == schedule.project_finish
    assert schedule.project_start == plan.start


def test_the_example_has_every_link_type_with_leads_and_lags_of_every_unit(plan: Plan) -> None:
    assert {link.type for link in plan.links} == set(LinkType)
    assert {link.lag_unit for link in plan.links} >= {LagUnit.WORKING, LagUnit.ELAPSED, LagUnit.PERCENT}
    assert min(link.lag for link in plan.links) < 0 < max(link.lag for link in plan.links)


def test_the_example_is_small_and_three_levels_deep(plan: Plan) -> None:
    assert 30 <= len(leaves(plan)) <= 45
    assert max(task.outline_level for task in plan.tasks) == 3
    assert all(task.wbs.count(".") + 1 == task.outline_level for task in plan.tasks if task.outline_level)


def test_the_example_stands_in_the_middle_late_and_over_budget(plan: Plan) -> None:
    assert plan.status_date is not None
    states = Counter(
        "done" if task.actual_finish else "begun" if task.actual_start else "open" for task in leaves(plan)
    )
    assert min(states["done"], states["begun"], states["open"]) >= 5
    budgets = {task.source_id: task.baseline.cost or Decimal(0) for task in leaves(plan) if task.baseline is not None}
    assert len(budgets) == len(leaves(plan))
    planned = sum(budgets[task.source_id] * planned_share(task, plan.status_date, plan) for task in leaves(plan))
    earned = sum(budgets[task.source_id] * task.percent_complete / 100 for task in leaves(plan))
    actual = sum(task.actual_cost for task in leaves(plan))
    assert Decimal("0.85") < earned / planned < Decimal("0.95")
    assert Decimal("0.85") < earned / actual < Decimal("0.95")


def test_a_deadline_of_the_example_is_missed(plan: Plan, schedule: Schedule) -> None:
    dates = {task.source_id: task for task in schedule.tasks}
    missed = [
        task.name for task in plan.tasks if task.deadline is not None and dates[task.source_id].finish > task.deadline
    ]
    assert missed == ["Berth handed over"]
    assert any(task.total_float_minutes < 0 for task in schedule.tasks)


def test_no_progress_of_the_example_lies_after_its_status_date(plan: Plan) -> None:
    for task in leaves(plan):
        for moment in (task.actual_start, task.actual_finish, task.stop):
            assert plan.status_date is not None
            assert moment is None or moment <= plan.status_date, task.name


def test_costs_of_the_example_add_up(plan: Plan) -> None:
    for task in plan.tasks:
        if task.is_summary:
            below = [each for each in plan.tasks if each.parent_source_id == task.source_id]
            assert task.cost == sum(each.cost for each in below)
            assert task.actual_cost == sum(each.actual_cost for each in below)
            assert task.work_minutes == sum(each.work_minutes for each in below)
        else:
            booked = [each for each in plan.assignments if each.task_source_id == task.source_id]
            assert task.cost == task.fixed_cost + sum(each.cost for each in booked)
            assert task.work_minutes == sum(each.work_minutes for each in booked)


def test_one_person_of_the_example_is_over_allocated_and_two_work_part_time(plan: Plan) -> None:
    peaks: dict[str, Decimal] = {}
    for resource in plan.resources:
        booked = [each for each in plan.assignments if each.resource_source_id == resource.source_id]
        if resource.type is ResourceType.WORK:
            peaks[resource.name] = max(
                sum(
                    (each.units for each in booked if each.start and each.finish and each.start <= at < each.finish),
                    Decimal(0),
                )
                - resource.max_units
                for at in (each.start for each in booked)
                if at is not None
            )
    assert [name for name, peak in peaks.items() if peak > 0] == ["Priya Nair, commissioning engineer"]
    calendars = compile_calendars(plan.calendars)
    hours = {
        each.name: calendars[each.calendar_source_id or plan.calendar_source_id].weekly_minutes * each.max_units / 60
        for each in plan.resources
        if each.type is ResourceType.WORK
    }
    assert sum(each < 40 for each in hours.values()) == 2


def test_the_example_event_is_about_a_task_of_the_example_plan(plan: Plan) -> None:
    event = json.loads((EXAMPLES / "task-progressed.cloudevent.json").read_text(encoding="utf-8"))
    assert (event["specversion"], event["type"]) == ("1.0", "pmo.inbound.task.progressed.v1")
    data = event["data"]
    assert data["project"] == {"source_id": plan.source_guid}
    task = next(each for each in plan.tasks if each.source_id == data["task"]["source_id"])
    assert task.percent_complete < data["percent_complete"] < 100
    assert Decimal(data["actual_cost"]["amount"]) > task.actual_cost
    assert data["actual_cost"]["currency"] == plan.currency
    assert data["remaining_work_minutes"] < task.remaining_work_minutes
    assert plan.status_date is not None
    assert datetime.fromisoformat(data["at"]).replace(tzinfo=None) > plan.status_date
