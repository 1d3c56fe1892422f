"""Primavera's XML: fixtures beside their XER twins, real files, hostile ones."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.projects.domain.conventions import LagCalendar
from services.projects.domain.plan import Link
from services.projects.domain.primavera import PmxmlCheck, read_pmxml, read_xer
from services.projects.domain.xml_guard import PlanFileError
from tests.unit.projects.mspdi_support import SCHEDULES, needs_real_files, pieces, real_files

FIXTURES = SCHEDULES / "mpxj_fixtures"
NAMESPACE = "http://xmlns.oracle.com/Primavera/P6/V8.4/API/BusinessObjects"


@needs_real_files()
@pytest.mark.parametrize(
    ("xml", "xer"),
    [
        ("generated__task-percentcomplete__percent-complete-8.4.pmxml",
         "generated__task-percentcomplete__percent-complete-8.4.xer"),
        ("assignment__resource-rates-test.xml", "assignment__resource-rates-test.xer"),
    ],
)  # fmt: skip
def test_a_plan_is_the_same_from_either_of_primaveras_formats(xml: str, xer: str) -> None:
    (from_xml,) = read_pmxml([(FIXTURES / xml).read_bytes()]).plans.values()
    (from_xer,) = read_xer([(FIXTURES / xer).read_bytes()]).plans.values()
    for part in ("links", "resources", "assignments", "start", "status_date", "name"):
        assert getattr(from_xml, part) == getattr(from_xer, part), part
    for one, other in zip(from_xml.tasks, from_xer.tasks, strict=True):
        assert one == replace(other, guid=one.guid)  # whose bytes versions of Primavera order differently
    assert [(c.source_id, c.week) for c in from_xml.calendars] == [(c.source_id, c.week) for c in from_xer.calendars]


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
    (plan,) = read_pmxml([(FIXTURES / f"{name}.xml").read_bytes()]).plans.values()
    assert plan.conventions.lag_calendar is expected
    assert plan.calendars[0].week[0] == ((420, 720), (750, 930))


@needs_real_files()
def test_a_project_that_only_lends_an_activity_to_a_link_is_no_plan() -> None:
    data = (SCHEDULES / "aspose_MultiprojectWithExternal.pmxml.xml").read_bytes()
    (plan,) = read_pmxml([data]).plans.values()
    assert (plan.name, len(plan.tasks)) == ("New Project2", 2)
    assert [each.code for each in plan.skipped] == ["missing_uid", "cross_project_link"]


@needs_real_files()
def test_the_projects_of_a_real_file_are_read_with_decimal_commas_and_negative_lags() -> None:
    data = (SCHEDULES / "aspose_PrimaveraProject.pmxml.xml").read_bytes()
    plans = list(read_pmxml([data]).plans.values())
    assert [plan.name for plan in plans] == ["Plasma Product Launch", "Hemaform Program"]
    hemaform = plans[1]
    assert len([task for task in hemaform.tasks if not task.is_summary]) == 13
    assert Link("91942", "91943", lag=-2400) in hemaform.links
    (designed,) = (task for task in hemaform.tasks if task.source_id == "91942")
    assert (designed.duration_minutes, designed.fixed_cost) == (15_059, Decimal(8800))
    assert designed.parent_source_id == "wbs:23577"


@pytest.mark.parametrize("path", real_files("*.pmxml.xml", "mpxj_fixtures/*Calendar.xml", "mpxj_fixtures/*.pmxml"))
def test_every_real_file_passes_the_check_and_reads_alike_in_pieces(path: Path) -> None:
    data = path.read_bytes()
    check = PmxmlCheck()
    check.feed(data)
    check.close()
    assert read_pmxml(pieces(data, 999)) == read_pmxml([data])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_xml"),
        (b"<Project/>", "not_pmxml"),
        (b"ERMHDR\t1", "not_xml"),
        (f'<APIBusinessObjects xmlns="{NAMESPACE}">'.encode(), "xml_truncated"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><APIBusinessObjects>&b;</APIBusinessObjects>', "xml_forbidden"),
        (b"<APIBusinessObjects>" + b"<a>" * 100_000, "xml_too_deep"),
        (b"<APIBusinessObjects/>", "plan_without_project"),
        (b"<APIBusinessObjects><Calendar><StandardWorkWeek>" + b"<StandardWorkHours/>" * 200_001, "xml_too_large"),
    ],
)
def test_each_kind_of_wrong_file_has_its_code(data: bytes, code: str) -> None:
    with pytest.raises(PlanFileError) as refused:
        read_pmxml(pieces(data, 1 << 16))
    assert refused.value.code == code
