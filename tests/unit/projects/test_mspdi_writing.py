"""Writing Microsoft Project XML: what is written is read again as the same plan, and carries the schedule."""

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.mspdi.writing import mspdi_text
from services.projects.domain.plan import ActivityType, ConstraintType
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


def test_a_mandatory_constraint_is_written_as_the_nearest_that_the_format_has_until_that_is_changed() -> None:
    plan = read(task(1, Duration="PT8H0M0S", ConstraintType=2, ConstraintDate="2026-03-04T08:00:00"))
    mandatory = replace(plan, tasks=(replace(plan.tasks[0], constraint_type=ConstraintType.MANDATORY_START),))
    text = mspdi_text(mandatory, critical_path(plan))
    assert "<ConstraintType>2</ConstraintType>" in text
    (found,) = read_mspdi([text.encode()]).tasks
    assert (found.constraint_type, found.constraint_date) == (ConstraintType.MANDATORY_START, found.start)
    changed = text.replace("<ConstraintType>2</ConstraintType>", "<ConstraintType>4</ConstraintType>")
    assert read_mspdi([changed.encode()]).tasks[0].constraint_type is ConstraintType.START_NO_EARLIER_THAN


def attribute(number: int, value: str) -> str:
    return f"<ExtendedAttribute><FieldID>{number}</FieldID><Value>{value}</Value></ExtendedAttribute>"


def written_with(*values: str) -> str:
    """A file of a finish milestone, with other values of its custom fields."""
    plan = read(task(1, Duration="PT0H0M0S", Milestone=1))
    (one,) = plan.tasks
    gate = replace(one, activity_type=ActivityType.FINISH_MILESTONE, expected_finish=plan.start)
    text = mspdi_text(replace(plan, tasks=(gate,)), critical_path(plan)).replace(">\n", ">")
    text = re.sub(r">\s+<", "><", text)
    head, tail = text.split("<Tasks>")
    bare = re.sub(r"<ExtendedAttribute>.*?</ExtendedAttribute>", "", tail)
    return f"{head}<Tasks>{bare.replace('</Task>', ''.join(values) + '</Task>')}"


def test_custom_fields_are_known_by_their_aliases_and_a_bad_value_is_reported_and_left_out() -> None:
    kind, date = attribute(188744016, "finish_milestone"), attribute(188743953, "2026-03-05T17:00:00")
    good = read_mspdi([written_with(kind, date).encode()])
    assert (good.tasks[0].activity_type, good.skipped) == (ActivityType.FINISH_MILESTONE, ())
    assert good.tasks[0].expected_finish == datetime.fromisoformat("2026-03-05T17:00")
    bad = read_mspdi([written_with(attribute(188744016, "hammock"), attribute(188743953, "soon")).encode()])
    assert (bad.tasks[0].activity_type, bad.tasks[0].expected_finish) == (ActivityType.TASK, None)
    assert [(each.source_id, each.code) for each in bad.skipped] == [("1", "invalid_field")] * 2
    of_others = written_with(kind, date).replace("PMO activity type", "Phase")
    assert read_mspdi([of_others.encode()]).tasks[0].activity_type is ActivityType.TASK
    moved = written_with(attribute(7, "finish_milestone")).replace("<FieldID>188744016<", "<FieldID>7<")
    assert read_mspdi([moved.encode()]).tasks[0].activity_type is ActivityType.FINISH_MILESTONE


def test_work_that_was_a_milestone_is_none_any_more() -> None:
    file = written_with(attribute(188744016, "finish_milestone")).replace("PT0H0M0S", "PT8H0M0S")
    assert read_mspdi([file.encode()]).tasks[0].activity_type is ActivityType.TASK


def test_a_plan_of_microsoft_project_has_no_custom_fields_of_ours() -> None:
    plan = read(task(1, Duration="PT8H0M0S"))
    assert "ExtendedAttribute" not in mspdi_text(plan, critical_path(plan))


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
