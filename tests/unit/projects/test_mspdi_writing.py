"""Writing Microsoft Project XML: what is written is read again as the same plan, and carries the schedule."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.mspdi.writing import mspdi_text
from services.projects.domain.plan import ConstraintType
from services.projects.domain.schedule import critical_path
from services.projects.domain.tables import csv_lines, icalendar_lines, safe
from tests.unit.projects.mspdi_support import read, real_files, task

NAMESPACE = "{http://schemas.microsoft.com/project}"


@pytest.mark.parametrize("path", real_files("MSP_*.mspdi.xml"))
def test_a_real_plan_is_written_and_read_again_as_the_same(path: Path) -> None:
    plan = read_mspdi([path.read_bytes()])
    schedule = critical_path(plan)
    again = read_mspdi([mspdi_text(plan, schedule).encode()])
    assert again == replace(plan, skipped=again.skipped)
    root = ElementTree.fromstring(mspdi_text(plan, schedule))
    for element, dates in zip(root.iter(f"{NAMESPACE}Task"), schedule.tasks, strict=True):
        assert element.findtext(f"{NAMESPACE}EarlyStart") == dates.early_start.isoformat()
        assert element.findtext(f"{NAMESPACE}LateFinish") == dates.late_finish.isoformat()
        assert element.findtext(f"{NAMESPACE}TotalSlack") == str(10 * dates.total_float_minutes)


def test_text_of_a_plan_is_no_markup_of_its_file() -> None:
    plan = read(task(1, Duration="PT8H0M0S"))
    evil = replace(plan, tasks=(replace(plan.tasks[0], name="</Name><Evil/>&amp;"),))
    again = read_mspdi([mspdi_text(evil, critical_path(evil)).encode()])
    assert again.tasks[0].name == "</Name><Evil/>&amp;"


def test_a_mandatory_constraint_is_written_as_the_nearest_that_the_format_has() -> None:
    plan = read(task(1, Duration="PT8H0M0S", ConstraintType=2, ConstraintDate="2026-03-04T08:00:00"))
    mandatory = replace(plan, tasks=(replace(plan.tasks[0], constraint_type=ConstraintType.MANDATORY_START),))
    assert read_mspdi([mspdi_text(mandatory, critical_path(plan)).encode()]).tasks == plan.tasks


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"])
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    assert safe(text) == f"'{text}"
    assert safe(f"a{text}") == f"a{text}"


def test_events_are_escaped_and_folded_between_characters() -> None:
    plan = read(task(1, Duration="PT0H0M0S", Milestone=1))
    name = "Über; alles, \\ " + "ß" * 100
    named = replace(plan, tasks=(replace(plan.tasks[0], name=name),))
    schedule = critical_path(named)
    stamp = schedule.project_start.replace(tzinfo=ZoneInfo("UTC"))
    text = "".join(icalendar_lines(named, schedule, ZoneInfo("Europe/Berlin"), stamp, "p"))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    unfolded = text.replace("\r\n ", "")
    assert "SUMMARY:Über\\; alles\\, \\\\ " + "ß" * 100 in unfolded
    assert "DTSTART:20260302T070000Z" in unfolded
    assert "".join(csv_lines(named, schedule)).count("\r\n") == 2
