"""Real plans against their inputs as plain JSON, and fixtures against what they and their names say."""

import json
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from services.projects.domain.mspdi import MspdiCheck, PlanFileError, read_mspdi
from services.projects.domain.plan import LagUnit, Link, LinkType, Plan, ResourceType, Task
from shared.working_time import WorkingCalendar
from tests.unit.projects.mspdi_support import SCHEDULES, needs_real_files, pieces, real_files

NAMESPACE = "{http://schemas.microsoft.com/project}"
LETTERS = {
    LinkType.FINISH_TO_START: "FS",
    LinkType.START_TO_START: "SS",
    LinkType.FINISH_TO_FINISH: "FF",
    LinkType.START_TO_FINISH: "SF",
}
HUNDREDTH = Decimal("0.01")

plans_with_inputs = pytest.mark.parametrize("path", real_files("MSP_*.mspdi.xml"))
plans_and_fixtures = pytest.mark.parametrize("path", real_files("*.mspdi.xml", "mpxj_fixtures/*.xml"))


def read(path: Path) -> Plan:
    return read_mspdi([path.read_bytes()])


def fixture(name: str) -> Plan:
    return read(SCHEDULES / "mpxj_fixtures" / name)


def inputs(path: Path) -> Any:
    return json.loads(path.with_name(path.name.replace(".mspdi.xml", ".case.json")).read_text())


def whole(minutes: float | None) -> int:
    return int(Decimal(str(minutes or 0)).quantize(Decimal(1), ROUND_HALF_UP))


def minute(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="minutes")


def money(hundredths: object) -> Decimal:
    return (Decimal(str(hundredths or 0)) / 100).quantize(HUNDREDTH)


def of_task(task: Task) -> dict[str, object]:
    baseline = task.baseline
    return {
        "wbs": task.wbs,
        "level": task.outline_level,
        "parent": None if task.parent_source_id == "0" else task.parent_source_id,
        "summary": task.is_summary,
        "milestone": task.is_milestone,
        "active": task.is_active,
        "duration": task.duration_minutes,
        "remaining": task.remaining_duration_minutes or 0,
        "work": task.work_minutes,
        "cost": task.cost,
        "percent": task.percent_complete,
        "actual start": minute(task.actual_start),
        "constraint date": minute(task.constraint_date),
        "calendar": task.calendar_source_id or "-1",
        "baseline": None
        if baseline is None
        else (
            minute(baseline.start),
            minute(baseline.finish),
            baseline.duration_minutes,
            baseline.work_minutes,
            baseline.cost,
        ),
    }


def of_case(case: dict[str, Any]) -> dict[str, object]:
    zero = next((each for each in case.get("baselines", []) if each["number"] == "0"), None)
    return {
        "wbs": case.get("wbs", ""),
        "level": case.get("level", 0),
        "parent": None if case.get("parent") == "0" else case.get("parent"),
        "summary": case.get("summary", False),
        "milestone": case.get("milestone", False),
        "active": case.get("active", True),
        "duration": whole(case.get("duration")),
        "remaining": whole(case.get("remaining")),
        "work": whole(case.get("work")),
        "cost": money(case.get("cost")),
        "percent": Decimal(str(case.get("pct") or 0)),
        "actual start": case.get("actual_start"),
        "constraint date": case.get("constraint_date"),
        "calendar": case.get("calendar") or "-1",
        "baseline": None
        if zero is None
        else (
            zero.get("start"),
            zero.get("finish"),
            whole(zero.get("duration")),
            whole(zero.get("work")),
            money(zero.get("cost")),
        ),
    }


def worked(calendar: WorkingCalendar, calendars: dict[str, WorkingCalendar], weekday: int) -> list[list[int]]:
    shifts = calendar.week[weekday]
    while shifts is None:
        assert calendar.base_source_id is not None
        calendar = calendars[calendar.base_source_id]
        shifts = calendar.week[weekday]
    return [list(shift) for shift in shifts]


@plans_with_inputs
def test_every_task_of_a_real_plan_is_read_as_its_inputs_say(path: Path) -> None:
    found = {task.source_id: of_task(task) for task in read(path).tasks}
    assert found == {uid: of_case(case) for uid, case in inputs(path)["tasks"].items()}


@plans_with_inputs
def test_every_link_of_a_real_plan_is_read_as_its_inputs_say(path: Path) -> None:
    found = sorted(
        (each.predecessor, each.successor, LETTERS[each.type], each.lag, each.lag_unit) for each in read(path).links
    )
    expected = []
    for case in inputs(path)["links"]:
        is_percent, is_elapsed = case["lag_pct"] is not None, case["elapsed"]
        unit = {
            (False, False): LagUnit.WORKING,
            (False, True): LagUnit.ELAPSED,
            (True, False): LagUnit.PERCENT,
            (True, True): LagUnit.ELAPSED_PERCENT,
        }[is_percent, is_elapsed]
        lag = int(case["lag_pct"] if is_percent else case["lag_min"])
        expected.append((case["pred"], case["succ"], case["type"], lag, unit))
    assert found == sorted(expected)


@plans_with_inputs
def test_every_calendar_of_a_real_plan_is_read_as_its_inputs_say(path: Path) -> None:
    plan, cases = read(path), inputs(path)["calendars"]
    calendars = {each.source_id: each for each in plan.calendars}
    found = {
        uid: {str(weekday): worked(each, calendars, weekday) for weekday in range(7)} for uid, each in calendars.items()
    }
    assert found == {uid: case["week"] for uid, case in cases.items()}
    for uid, case in cases.items():
        days = {str(each.first): [list(shift) for shift in each.shifts] for each in calendars[uid].exceptions}
        assert days.keys() >= case["exceptions"].keys()


@plans_with_inputs
def test_resources_and_assignments_of_a_real_plan_are_read_as_its_inputs_say(path: Path) -> None:
    plan, cases = read(path), inputs(path)
    resources = {each.source_id: (each.name, each.max_units, each.standard_rate) for each in plan.resources}
    assert resources == {
        uid: (
            case["name"],
            Decimal(str(1 if case["max_units"] is None else case["max_units"])),
            None if case["rate"] is None else Decimal(case["rate"]),
        )
        for uid, case in cases["resources"].items()
        if case["name"] is not None
    }
    assignments = sorted(
        (each.task_source_id, each.resource_source_id or "", float(each.units), minute(each.start), minute(each.finish))
        for each in plan.assignments
    )
    nobody = {"-65535": "", "0": "" if "0" not in resources else "0"}
    assert assignments == sorted(
        (
            case["task"],
            nobody.get(case["resource"], case["resource"]),
            case["units"],
            case["start"],
            case["finish"],
        )
        for case in cases["assignments"]
    )


@plans_with_inputs
def test_the_header_of_a_real_plan_is_read_as_its_inputs_say(path: Path) -> None:
    plan, case = read(path), inputs(path)["project"]
    assert (minute(plan.start), minute(plan.finish)) == (case["start"], case["finish"])
    assert plan.calendar_source_id == case["default_calendar"]
    assert (plan.minutes_per_day, plan.minutes_per_week) == (case["minutes_per_day"], case["minutes_per_week"])
    assert plan.conventions.schedules_from_finish is not case["from_start"]


@plans_and_fixtures
def test_of_a_real_file_nothing_is_left_out_or_it_is_told_not_to_be_such_a_file(path: Path) -> None:
    data = path.read_bytes()
    if b"schemas.microsoft.com/project" not in data[:2_000]:
        with pytest.raises(PlanFileError, match="not_mspdi"):
            read_mspdi([data])
        return
    check = MspdiCheck()
    check.feed(data)
    check.close()
    plan = read_mspdi(pieces(data, 1_000))
    assert {each.code for each in plan.skipped} <= {"currency_missing"}
    rows = dict.fromkeys(("Task", "Resource", "Assignment", "Calendar", "PredecessorLink"), 0)
    for element in ElementTree.fromstring(data).iter():
        kind = element.tag.removeprefix(NAMESPACE)
        unnamed = kind == "Resource" and element.findtext(f"{NAMESPACE}Name") is None
        if kind in rows and not unnamed and len(element):
            rows[kind] += 1
    found = (plan.tasks, plan.resources, plan.assignments, plan.calendars, plan.links)
    assert [len(each) for each in found] == list(rows.values())


@plans_and_fixtures
def test_a_real_file_cut_anywhere_is_a_plan_file_error(path: Path) -> None:
    data = path.read_bytes()
    for part in range(1, 20):
        with pytest.raises(PlanFileError, match=r"xml_truncated|not_mspdi"):
            read_mspdi([data[: len(data) * part // 20]])


@needs_real_files()
def test_baseline_progress_and_actuals_of_the_tracked_plan_add_up() -> None:
    plan = read(SCHEDULES / "MSP_Software_Development_tracked.mspdi.xml")
    leaves = [task for task in plan.tasks if not task.is_summary]
    budgets = [
        (task.baseline.cost or Decimal(0), task.percent_complete) for task in leaves if task.baseline is not None
    ]
    assert plan.currency == "USD"
    assert sum(cost for cost, _ in budgets) == Decimal("139600.00")
    assert sum(cost * percent / 100 for cost, percent in budgets) == Decimal("41880.00")
    assert sum(task.actual_cost for task in leaves) == Decimal("44700.00")


@needs_real_files()
def test_link_types_and_lag_units_of_the_links_fixture() -> None:
    day = 480
    assert fixture("generated__task-links__task-links-project2019-mspdi.xml").links == (
        Link("1", "2", LinkType.FINISH_TO_START, 0),
        Link("3", "4", LinkType.FINISH_TO_START, day),
        Link("5", "6", LinkType.FINISH_TO_START, 2 * day),
        Link("7", "8", LinkType.FINISH_TO_START, 5 * day),
        Link("9", "10", LinkType.FINISH_TO_START, 10 * day),
        Link("11", "12", LinkType.START_TO_FINISH, 2 * day),
        Link("13", "14", LinkType.START_TO_START, 2 * day),
        Link("15", "16", LinkType.FINISH_TO_FINISH, 2 * day),
    )
    assert fixture("mspdirelations.xml").links == (
        Link("1", "2", LinkType.FINISH_TO_START),
        Link("2", "3", LinkType.START_TO_START, day),
        Link("3", "4", LinkType.FINISH_TO_FINISH),
        Link("4", "5", LinkType.START_TO_FINISH),
    )


@needs_real_files()
def test_every_recurring_exception_of_the_fixture_falls_as_often_and_ends_when_the_file_says() -> None:
    name = "generated__calendar-recurring-exceptions__calendar-recurring-exceptions-project2016-mspdi.xml"
    found = fixture(name).calendars[0].exceptions
    root = ElementTree.parse(SCHEDULES / "mpxj_fixtures" / name)
    stated = list(root.iter(f"{NAMESPACE}Exception"))
    assert len(stated) == 27
    for exception in stated:
        title = exception.findtext(f"{NAMESPACE}Name")
        days = [each for each in found if each.name == title]
        total = sum((each.last - each.first).days + 1 for each in days)
        total += title == "Monthly Absolute 1"  # 2003-03-01 is a day of Monthly Relative 6 already
        last = exception.findtext(f"{NAMESPACE}TimePeriod/{NAMESPACE}ToDate")
        assert total == int(exception.findtext(f"{NAMESPACE}Occurrences") or 0), title
        assert f"{max(each.last for each in days)}T23:59:00" == last, title


@needs_real_files()
def test_both_styles_of_exceptions_in_the_fixture_name_the_same_days() -> None:
    name = "generated__calendar-recurring-exceptions__calendar-recurring-exceptions-project2016-mspdi.xml"
    found = fixture(name).calendars[0].exceptions
    assert all(each.name for each in found)  # one that only the old style states would have no name
    root = ElementTree.parse(SCHEDULES / "mpxj_fixtures" / name)
    old = [
        date.fromisoformat((each.findtext(f"{NAMESPACE}FromDate") or "")[:10])
        for each in root.iterfind(f".//{NAMESPACE}WeekDay/{NAMESPACE}TimePeriod")
    ]
    days = {each.first for each in found}
    assert set(old) == days


@needs_real_files()
def test_a_recurring_working_exception_of_the_fixture_has_its_times() -> None:
    name = "generated__calendar-recurring-exceptions__calendar-recurring-exceptions-project2016-mspdi.xml"
    found = [each for each in fixture(name).calendars[0].exceptions if each.name == "Recurring Working"]
    assert [str(each.first) for each in found] == ["2010-01-02", "2010-02-06", "2010-03-06"]
    assert {each.shifts for each in found} == {((540, 780), (840, 1020))}


@needs_real_files()
def test_rates_of_the_rate_table_fixture_are_those_of_its_day() -> None:
    one, two, three = fixture("mspdicostratetable.xml").resources
    assert [each.standard_rate for each in (one, two, three)] == [Decimal(0), Decimal(5), Decimal(5)]
    assert [each.overtime_rate for each in (one, two, three)] == [Decimal(0), Decimal(10), Decimal(10)]
    assert [each.cost_per_use for each in (one, two, three)] == [Decimal(0), Decimal(15), Decimal(15)]


@needs_real_files()
def test_types_of_the_resource_type_fixture_are_those_of_its_names() -> None:
    found = fixture("generated__resource-type__resource-type-project2016-mspdi.xml").resources
    assert [each.type for each in found] == [
        *[ResourceType.COST] * 5,
        *[ResourceType.MATERIAL] * 5,
        *[ResourceType.WORK] * 5,
    ]
    assert [each.name.split()[0].lower() for each in found] == [str(each.type) for each in found]


@needs_real_files()
def test_baselines_other_than_0_are_not_taken_for_it() -> None:
    assert [task.baseline for task in fixture("baselines.xml").tasks] == [None, None]


@needs_real_files()
def test_calendars_of_the_calendar_fixtures_derive_as_the_files_say() -> None:
    standard, first, second, one, two = fixture(
        "generated__calendar-calendars__calendar-calendars-project2019-mspdi.xml"
    ).calendars
    assert [each.base_source_id for each in (standard, first, second)] == [None] * 3
    assert [each.base_source_id for each in (one, two)] == ["1", "1"]
    assert {each.week for each in (one, two)} == {(None,) * 7}


@needs_real_files()
def test_assignments_of_the_assignment_fixture_are_read() -> None:
    plan = fixture("generated__assignment-assignments__assignment-assignments-project2019-mspdi.xml")
    assert [(each.task_source_id, each.resource_source_id, each.work_minutes) for each in plan.assignments] == [
        ("1", "1", 4800),
        ("2", "2", 4800),
        ("3", "3", 4800),
    ]
    assert [each.remaining_work_minutes for each in plan.assignments] == [4800, 3600, 2400]
