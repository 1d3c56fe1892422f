"""Tables of tasks: columns recognized, cells read as people write them, rows put together as a plan."""

from datetime import datetime, time
from decimal import Decimal

import pytest

from services.projects.domain.ev_techniques import LEVEL_OF_EFFORT, FiftyFifty, Split
from services.projects.domain.import_options import Options
from services.projects.domain.outline import MOST_LEVELS
from services.projects.domain.plan import Baseline, ConstraintType, LagUnit, Link, LinkType, Plan
from services.projects.domain.schedule import critical_path
from services.projects.domain.sheets import CsvCheck, read_csv, values
from services.projects.domain.sheets.values import CellError
from services.projects.domain.tables import csv_lines
from services.projects.domain.xml_guard import PlanFileError
from tests.unit.projects.mspdi_support import pieces


def read(text: str, options: Options = Options(), encoding: str = "utf-8") -> Plan:  # noqa: B008 - immutable
    (plan,) = read_csv([text.encode(encoding)], options).plans.values()
    return plan


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


MICROSOFT = """ID,Task Name,Duration,Start,Finish,Predecessors,Outline Level,Resource Names,% Complete
1,Phase,8 days,Mon 3/2/26 8:00 AM,Wed 3/11/26 5:00 PM,,1,,0%
2,Dig,5 days,Mon 3/2/26 8:00 AM,Fri 3/6/26 5:00 PM,,2,"Ann[50%],Bob",50%
3,Pour,3 days,Mon 3/9/26 8:00 AM,Wed 3/11/26 5:00 PM,2FS+1 day,2,Bob,0%
4,Inspect,0 days,Wed 3/11/26 5:00 PM,Wed 3/11/26 5:00 PM,"3,2SS-50%",1,,0%
"""


def test_a_table_of_microsoft_project_is_recognized_by_its_headings() -> None:
    plan = read(MICROSOFT, Options(date_format="mdy"))
    assert plan.skipped == ()
    phase, dig, pour, inspect = plan.tasks
    assert (phase.is_summary, dig.parent_source_id, pour.parent_source_id) == (True, "1", "1")
    assert (dig.duration_minutes, dig.start, dig.finish) == (2400, wall("2026-03-02T08:00"), wall("2026-03-06T17:00"))
    assert (int(dig.percent_complete), dig.actual_start, dig.remaining_duration_minutes) == (50, dig.start, 1200)
    assert (inspect.is_milestone, inspect.duration_minutes) == (True, 0)
    assert plan.links == (
        Link("2", "3", lag=480),
        Link("3", "4"),
        Link("2", "4", LinkType.START_TO_START, -50, LagUnit.PERCENT),
    )
    assert [each.name for each in plan.resources] == ["Ann", "Bob"]
    assert [(each.task_source_id, each.units) for each in plan.assignments] == [
        ("2", Decimal("0.5")), ("2", 1), ("3", 1)
    ]  # fmt: skip


def test_a_table_of_primavera_is_recognized_and_its_second_line_of_headings_is_none_of_the_tasks() -> None:
    plan = read(
        "task_code\ttask_name\ttarget_drtn_hr_cnt\tstart_date\tpred_list\n"
        "Activity ID\tActivity Name\tOriginal Duration(h)\t(*)Start\tPredecessors\n"
        "A1000\tDig\t40\t02-Mar-26 08:00 A\t\n"
        "A-1010\tPour\t24\t09-Mar-26 08:00*\tA1000\n"
        "A1020\tCure\t24\t\tA-1010: SS 2d, A1000\n".replace("SS 2d", "SS+2d"),
    )
    assert plan.skipped == ()
    assert [task.duration_minutes for task in plan.tasks] == [2400, 1440, 1440]
    assert plan.tasks[0].start == wall("2026-03-02T08:00")
    assert plan.links[0] == Link("A1000", "A-1010")
    assert set(plan.links[1:]) == {Link("A-1010", "A1020", LinkType.START_TO_START, 960), Link("A1000", "A1020")}


def test_a_mapping_names_columns_of_any_language() -> None:
    text = "Nr.;Vorgang;Dauer;Anfang;Kosten\n7;Aushub;2,5;02.03.2026;1.234,56 €\n8;Guß;P2D;3.3.26 14:30;\n"
    mapping = {"id": "Nr.", "name": "vorgang", "duration": "Dauer", "start": "Anfang", "cost": "Kosten"}
    plan = read(text, Options(mapping=mapping, date_format="dmy"), "cp1252")
    first, second = plan.tasks
    assert (first.source_id, first.name, first.duration_minutes, first.cost) == (
        "7",
        "Aushub",
        1200,
        Decimal("1234.56"),
    )
    assert (second.name, second.duration_minutes, second.start) == ("Guß", 960, wall("2026-03-03T14:30"))
    assert (first.constraint_type, plan.start) == (ConstraintType.AS_SOON_AS_POSSIBLE, wall("2026-03-02T08:00"))
    kind = ConstraintType.START_NO_EARLIER_THAN
    assert (second.constraint_type, second.constraint_date) == (kind, second.start)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_recognized(encoding: str, delimiter: str) -> None:
    text = "id,name,start\n1,Größe – Maß,2026-03-02\n".replace(",", delimiter)
    assert read(text, encoding=encoding).tasks[0].name == "Größe – Maß"


def test_what_cannot_be_read_is_told_by_row_and_column_and_the_rest_is_taken() -> None:
    plan = read(
        "id,name,duration,start,outline_level,predecessors\n"
        "1,a,5d,2026-03-02,1,\n"
        "2,b,five,2026-13-02,1,\n"
        "3,c,1d,,2,\n"
        "1,again,1d,,1,\n"
        "4,d,1d,3/4/2026,1,\n"
        '5,e,1d,,1,"1,77,=1+1"\n'
    )
    assert [task.source_id for task in plan.tasks] == ["1", "3", "5"]
    assert plan.tasks[1].parent_source_id is None  # its own summary was left out
    told = [(each.code, each.source_id, each.row, each.column) for each in plan.skipped]
    assert told == [
        ("invalid_field", "2", 3, "D"), ("invalid_field", "2", 3, "C"), ("duplicate_uid", "1", 5, "A"),
        ("invalid_field", "4", 6, "D"), ("invalid_field", ">5", 7, "F"), ("invalid_field", ">5", 7, "F"),
    ]  # fmt: skip
    assert "date_format" in plan.skipped[3].detail
    assert all("five" not in each.detail and "77" not in each.detail for each in plan.skipped)


def test_kinds_are_named_as_here_or_as_in_primavera_and_a_wrong_one_is_told_by_row_and_column() -> None:
    plan = read(
        "id,activity type,percent complete type,secondary_constraint_type,secondary_constraint_date,expected_finish,"
        "leveling_delay,ev_technique,duration\n"
        "1,Level of Effort,CP_Units,Finish On or Before,2026-03-20,2026-03-18,2ed,,5d\n"
        "2,TT_FinMile,Physical,,,,90,fifty_fifty,0\n"
        '3,resource_dependent,,,,,,"{""kind"": ""split"", ""start_percent"": 25}",1d\n'
        "4,hammock,,,,,,,\n5,,most,,,,,,\n6,,,finish_maybe,,,,,\n7,,,must_finish_on,,,,,\n8,,,,,never,,,\n"
        "9,,,,,,2d,,\n10,,,,,,,half,\n11,start_milestone,,,,,,,5d\n",
        Options(start=wall("2026-03-02T08:00")),
    )
    effort, gate, work = plan.tasks
    assert (effort.activity_type, effort.is_milestone, effort.uses_units_percent) == ("level_of_effort", False, True)
    assert (effort.secondary_constraint_type, effort.secondary_constraint_date, effort.expected_finish) == (
        ConstraintType.FINISH_NO_LATER_THAN, wall("2026-03-20T17:00"), wall("2026-03-18T17:00")
    )  # fmt: skip
    assert (effort.leveling_delay_minutes, gate.leveling_delay_minutes) == (2880, 90)
    assert effort.ev_technique is None  # its cell says so
    assert (gate.activity_type, gate.is_milestone, gate.uses_physical_percent) == ("finish_milestone", True, True)
    assert (gate.ev_technique, work.ev_technique) == (
        FiftyFifty(kind="fifty_fifty"), Split(kind="split", start_percent=Decimal(25))
    )  # fmt: skip
    assert [(each.row, each.column, each.code) for each in plan.skipped] == [
        (row, column, "invalid_field") for row, column in zip(range(5, 13), "BCDEFGHB", strict=True)
    ]


def test_a_baseline_of_microsoft_project_and_dates_that_are_none() -> None:
    plan = read(
        "ID,Name,Start,Actual Start,Deadline,Constraint Type,Constraint Date,"
        "Baseline Start,Baseline Finish,Baseline Duration,Baseline Work,Baseline Cost\n"
        "1,a,2026-03-02,NA,NA,As Soon As Possible,NA,2026-03-02,2026-03-06,5 days,40 hrs,$1500\n"
        "2,b,2026-03-02,NA,NA,As Soon As Possible,NA,NA,NA,0 days?,0 hrs,\n"
        "3,c,2026-03-02,NA,NA,Must Start On,NA,,,,,\n"
    )
    first, second = plan.tasks
    baseline = Baseline(wall("2026-03-02T08:00"), wall("2026-03-06T17:00"), 2400, 2400, Decimal(1500))
    assert (first.baseline, first.actual_start, first.deadline) == (baseline, None, None)
    assert second.baseline is None
    assert [(each.row, each.column) for each in plan.skipped if each.row] == [(4, "G")]


def test_what_spans_others_earns_by_time_where_a_table_cannot_say_else() -> None:
    (task,) = read("id,activity_type,start\n1,wbs_summary,2026-03-02\n").tasks
    assert (task.activity_type, task.ev_technique) == ("wbs_summary", LEVEL_OF_EFFORT)


def test_rows_without_identifiers_are_known_by_their_number_and_that_is_told() -> None:
    plan = read("name,start,predecessors\na,2026-03-02,\nb,,1\n")
    assert [task.source_id for task in plan.tasks] == ["1", "2"]
    assert plan.links == (Link("1", "2"),)
    assert [each.code for each in plan.skipped] == ["no_identifiers"]


def test_the_outline_follows_from_codes_of_the_work_breakdown() -> None:
    plan = read("wbs,name,start\n1,A,2026-03-02\n1.1,B,\n2,C,\n1.2,D,\n1.2.1,E,\n")
    assert [(task.source_id, task.parent_source_id, task.outline_level) for task in plan.tasks] == [
        ("1", None, 1), ("1.1", "1", 2), ("1.2", "1", 2), ("1.2.1", "1.2", 3), ("2", None, 1)
    ]  # fmt: skip
    assert [task.is_summary for task in plan.tasks] == [True, False, True, False, False]


@pytest.mark.parametrize(
    ("text", "minutes", "is_elapsed"),
    [
        ("5d", 2400, False), ("3 days", 1440, False), ("3 days?", 1440, False), ("40h", 2400, False),
        ("1.5 wks", 3600, False), ("2 mons", 19200, False), ("90 mins", 90, False), ("2ed", 2880, True),
        ("1 ewk", 10080, True), ("PT40H", 2400, False), ("P1DT4H30M", 750, False), ("7", 3360, False),
        ("0", 0, False), ("0,5d", 240, False),
    ],
)  # fmt: skip
def test_durations_as_people_write_them(text: str, minutes: int, is_elapsed: bool) -> None:
    assert values.duration(text, 480, comma=False) == (minutes, is_elapsed)


@pytest.mark.parametrize("text", ["", "P", "PT", "x", "5 parsecs", "5e", "1d2h", "99999999999d", "--5d", "1,2,3.4,5d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(CellError):
        values.duration(text, 480, comma=False)


@pytest.mark.parametrize(
    ("text", "comma", "value"),
    [
        ("1234.5", False, "1234.5"), ("1234,5", False, "1234.5"), ("1,234", False, "1234"), ("1,234", True, "1.234"),
        ("1.234", False, "1.234"), ("1.234", True, "1234"), ("1,234.50", True, "1234.5"), ("1.234,50", False, "1234.5"),
        ("1.234.567", False, "1234567"), ("€ 12", False, "12"), ("12 EUR", False, "12"), ("-3%", False, "-3"),
        ("1\u00a0234,5", False, "1234.5"), ("\u22125", False, "-5"), ("1e3", False, "1000"),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, comma: bool, value: str) -> None:
    assert values.number(text, comma=comma) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "order", "moment"),
    [
        ("2026-03-02", None, "2026-03-02T08:00"), ("2026-03-02 14:30:59", None, "2026-03-02T14:30"),
        ("2026-03-02T14:30Z", None, "2026-03-02T14:30"), ("02-Mar-26", None, "2026-03-02T08:00"),
        ("02-Mar-26 09:15 A", None, "2026-03-02T09:15"), ("March 2, 2026", None, "2026-03-02T08:00"),
        ("2.3.26", "dmy", "2026-03-02T08:00"), ("3/2/2026 1:05 PM", "mdy", "2026-03-02T13:05"),
        ("Mon 3/2/26 12:00 AM", "mdy", "2026-03-02T00:00"), ("2026/3/2", None, "2026-03-02T08:00"),
    ],
)  # fmt: skip
def test_dates_as_people_write_them(text: str, order: str | None, moment: str) -> None:
    found = values.moment(text, order, time(8))  # type: ignore[arg-type]
    assert found == wall(moment)


@pytest.mark.parametrize("text", ["3/2/2026", "2026-02-30", "yesterday", "1900-01-01", "2026-03-02 25:00", "45000"])
def test_what_is_no_date_or_one_that_could_be_two(text: str) -> None:
    with pytest.raises(CellError):
        values.moment(text, None, time(8))


def test_our_own_table_is_read_again_as_the_same_tasks_and_links() -> None:
    evil = MICROSOFT.replace("Dig", "=cmd|'/c calc'!A1").replace('"Ann[50%],Bob"', '"Ann[50%];""Smith, [Bob]"""')
    plan = read(evil, Options(date_format="mdy"))
    again = read("".join(csv_lines(plan, critical_path(plan))))
    assert [task.name for task in again.tasks][1] == "=cmd|'/c calc'!A1"
    assert again.tasks == plan.tasks
    assert again.links == plan.links
    assert critical_path(again).tasks == critical_path(plan).tasks


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_csv"), (b"PK\x03\x04", "not_csv"), (b"id,name\n\x00\n", "not_csv"), (b"\n\n", "table_empty"),
        (b"colour,size\nred,5\n", "unknown_columns"), (b"id,name\n", "table_empty"), (b"id\n1\n", "plan_without_start"),
        (b"id,name\n1," + b"x" * 2_000_000, "csv_too_large"), (b'id,name\n1,"' + b"x\n" * 200_000, "csv_malformed"),
        (b'id,name\n1,"abc\n2,b\n', "csv_malformed"), (b'id,name\n1,"a, fir,1d\n2,"b, second"\n', "csv_malformed"),
        (b"id,name" + b"," * 2000, "csv_too_large"), (b"\xff\xfei\x00d", "not_csv"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_tasks_says_why(content: bytes, code: str) -> None:
    def checked_and_read() -> None:
        check = CsvCheck()
        check.feed(content)
        check.close()
        read_csv([content], Options())

    with pytest.raises(PlanFileError) as error:
        checked_and_read()
    assert error.value.code == code


def test_work_goes_along_with_the_duration_unless_it_is_stated() -> None:
    head = "id,name,start,duration,work,percent complete,percent work complete"
    rows = f"{head}\n1,a,2026-01-05,10d,80h,40%,\n2,b,,5d,,100%,\n3,c,,5d,40h,40%,10%\n"
    found = [(int(each.percent_complete), int(each.percent_work_complete)) for each in read(rows).tasks]
    assert found == [(40, 40), (100, 100), (40, 10)]


def checked(content: bytes, options: Options, size: int) -> None:
    check = CsvCheck(options)
    for piece in pieces(content, size):
        check.feed(piece)
    check.close()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("size", [7, 100_000])
def test_the_row_of_headings_is_looked_at_as_a_file_arrives_however_long_it_is(encoding: str, size: int) -> None:
    content = ("\nNr.;Größe\n" + "1;Maß – ä\n" * 10).encode(encoding)
    content += ("2;Maß – ä\n" * 400_000).encode(encoding.replace("16", "16-le")) if size > 7 else b""
    stated = encoding if encoding == "utf-16" else None
    checked(content, Options(mapping={"id": "Nr.", "name": "Größe"}, encoding=stated), size)
    with pytest.raises(PlanFileError, match="unknown_column:"):
        checked(content, Options(mapping={"id": "Nr.", "name": "Maß"}, encoding=stated), size)
    with pytest.raises(PlanFileError, match="unknown_columns:"):
        checked(content.replace("Nr.".encode(encoding.replace("16", "16-le")), b"", 1), Options(encoding=stated), size)


@pytest.mark.parametrize("size", [1, 1000])
def test_a_nul_is_told_by_its_place(size: int) -> None:
    with pytest.raises(PlanFileError) as error:
        checked(b"id,name\n1,a\n2,b\x00c\n", Options(), size)
    assert (error.value.line, error.value.column) == (3, 4)


def test_a_column_that_the_mapping_names_must_be_there() -> None:
    with pytest.raises(PlanFileError, match="mapping names for duration"):
        read("id,name\n1,a\n", Options(mapping={"id": "id", "duration": "Dauer"}))


def test_an_outline_of_more_levels_than_there_are_is_refused_at_its_row() -> None:
    rows = [f"{level},{level}" for level in range(1, MOST_LEVELS + 2)]
    options = Options(start=wall("2026-03-02T08:00"))
    assert len(read("\n".join(["id,outline_level", *rows[:-1]]), options).tasks) == MOST_LEVELS
    with pytest.raises(PlanFileError) as error:
        read("\n".join(["id,outline_level", *rows]), options)
    assert (error.value.code, error.value.line) == ("outline_too_deep", MOST_LEVELS + 2)


def test_where_nothing_can_be_taken_the_first_mistake_is_told() -> None:
    with pytest.raises(PlanFileError, match=r"plan_without_start.*; row 2, column C: duration: not a duration"):
        read("id,name,duration,start\n1,a,five,2026-03-02\n2,b,1d,\n")
    with pytest.raises(PlanFileError, match=r"table_empty.*; row 2, column D: start: not a date"):
        read("id,name,duration,start\n1,a,1d,never\n")
