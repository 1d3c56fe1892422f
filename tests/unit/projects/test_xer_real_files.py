"""Real XER files against their inputs as plain JSON, and fixtures against what they and their names say."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from services.projects.domain.conventions import LagCalendar
from services.projects.domain.plan import LinkType, Plan
from services.projects.domain.primavera import read_xer, xer_check
from tests.unit.projects.mspdi_support import SCHEDULES, needs_real_files, pieces, real_files

LETTERS = {
    LinkType.FINISH_TO_START: "FS",
    LinkType.START_TO_START: "SS",
    LinkType.FINISH_TO_FINISH: "FF",
    LinkType.START_TO_FINISH: "SF",
}


def read(path: Path) -> Plan:
    (plan,) = read_xer([path.read_bytes()]).plans.values()
    return plan


def fixture(name: str) -> Plan:
    return read(SCHEDULES / "mpxj_fixtures" / name)


@pytest.mark.parametrize("path", real_files("*.xer"))
def test_a_real_plan_equals_its_inputs(path: Path) -> None:
    plan, case = read(path), json.loads(path.with_suffix(".case.json").read_text())
    calendars = {each.source_id: each for each in plan.calendars}
    assert calendars.keys() == case["calendars"].keys()
    for uid, wanted in case["calendars"].items():
        week = {str(day): [list(shift) for shift in shifts or ()] for day, shifts in enumerate(calendars[uid].week)}
        assert week == wanted["week"]
        exceptions = {each.first.isoformat(): [list(s) for s in each.shifts] for each in calendars[uid].exceptions}
        assert exceptions == wanted["exceptions"]
    tasks = {each.source_id: each for each in plan.tasks if not each.is_summary}
    assert tasks.keys() == case["tasks"].keys()
    for uid, wanted in case["tasks"].items():
        task = tasks[uid]
        assert task.name == wanted["name"].replace('""', '"').strip()
        assert (task.wbs, task.calendar_source_id) == (wanted["code"], wanted["calendar"])
        assert task.duration_minutes == wanted.get("duration", 0)
        assert task.remaining_duration_minutes == wanted.get("remaining", 0)
        assert task.is_milestone == (wanted["type"] in {"TT_Mile", "TT_FinMile"})
        assert (task.parent_source_id or "").removeprefix("wbs:") in {wanted["wbs"], ""}
        assert task.actual_start is None
        date = None if task.constraint_date is None else task.constraint_date.isoformat(timespec="minutes")
        assert date == wanted.get("constraint_date")
    links = sorted((each.predecessor, each.successor, LETTERS[each.type], each.lag) for each in plan.links)
    assert links == sorted((each["pred"], each["succ"], each["type"], each["lag_min"]) for each in case["links"])
    assert plan.start.isoformat(timespec="minutes") == case["project"]["start"]
    assert plan.status_date is not None
    assert plan.status_date.isoformat(timespec="minutes") == case["project"]["data_date"]
    assert {each.code for each in plan.skipped} <= {"empty_summary"}


@pytest.mark.parametrize("path", real_files("*.xer", "mpxj_fixtures/*.xer"))
def test_every_real_file_passes_the_check_and_reads_alike_in_pieces(path: Path) -> None:
    data = path.read_bytes()
    check = xer_check()
    check.feed(data)
    check.close()
    assert read_xer(pieces(data, 999)) == read_xer([data])


@needs_real_files()
def test_percents_of_the_percent_fixture_are_what_the_activities_are_called() -> None:
    for task in fixture("generated__task-percentcomplete__percent-complete-8.4.xer").tasks:
        kind, percent = task.name.rstrip("%").split()
        found = task.physical_percent_complete if kind == "Physical" else task.percent_complete
        assert found == Decimal(percent), task.name
        assert task.uses_physical_percent == (kind == "Physical")


@needs_real_files()
def test_the_broken_calendar_of_a_fixture_is_told() -> None:
    plan = fixture("calendar__invalid__invalid-8.4.xer")
    assert [(each.kind, each.source_id, each.code) for each in plan.skipped] == [
        ("calendar", "180", "invalid_calendar")
    ]
    assert len(plan.tasks) == 12


@needs_real_files()
def test_rates_of_the_rates_fixture_are_those_in_force_at_the_data_date() -> None:
    plan = fixture("assignment__resource-rates-test.xer")
    assert [each.standard_rate for each in plan.resources] == [1]
    assert {each.work_minutes for each in plan.assignments} == {14_400}
    assert [each.cost for each in plan.assignments] == [240, 480, 1440, 1680, 23_760]


@needs_real_files()
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PredecessorCalendar", LagCalendar.PREDECESSOR),
        ("SuccessorCalendar", LagCalendar.SUCCESSOR),
        ("ProjectDefaultCalendar", LagCalendar.PROJECT),
        ("TwentyFourHourCalendar", LagCalendar.AROUND_THE_CLOCK),
    ],
)
def test_the_lag_calendar_is_what_the_fixture_is_called(name: str, expected: LagCalendar) -> None:
    assert fixture(f"{name}.xer").conventions.lag_calendar is expected
