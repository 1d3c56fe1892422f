"""XLSX workbooks: read as another library writes them, and within bounds whatever they hold."""

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import openpyxl
import pytest

from services.projects.domain.import_options import Options
from services.projects.domain.plan import Link, Plan
from services.projects.domain.sheets import XlsxCheck, read_xlsx
from services.projects.domain.sheets.workbook import MAX_UNPACKED
from services.projects.domain.workbook_writing import Cell, xlsx_pieces
from services.projects.domain.xml_guard import PlanFileError

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORKBOOK = (
    f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'
)


def read(content: bytes, options: Options = Options()) -> Plan:  # noqa: B008 - immutable
    (plan,) = read_xlsx([content], options).plans.values()
    return plan


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def made(sheet: str, extra: Mapping[str, bytes] | None = None, strings: str | None = None) -> bytes:
    """A workbook of these parts."""
    relations = f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    parts: dict[str, bytes | str] = {"xl/workbook.xml": WORKBOOK, "xl/worksheets/sheet1.xml": sheet, **(extra or {})}
    if strings is not None:
        relations += f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        parts["xl/sharedStrings.xml"] = strings
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{RELATIONS}">{relations}</Relationships>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def sheet_of(rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def text(reference: str, value: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


def test_a_workbook_of_another_library_is_read_with_its_dates_percents_and_numbers() -> None:
    book = openpyxl.Workbook()
    other = book.active
    assert other is not None
    other.append(["nothing", "here"])
    sheet = book.create_sheet("Plan")
    sheet.append(["ID", "Name", "Duration", "Start", "% Complete", "Cost", "Predecessors", "Active"])
    sheet.append([1, "Größe", 2.5, wall("2026-03-02T08:00"), 0.5, 1234.56, None, True])
    sheet.append([2, "Zweite", "3 days", wall("2026-03-06T00:00"), 0, 0.1 + 0.2, "1FS+1d", False])
    for row in (2, 3):
        sheet.cell(row, 5).number_format = "0%"
        sheet.cell(row, 4).number_format = "dd.mm.yyyy hh:mm"
    plan = read(saved(book), Options(sheet="Plan"))
    assert [each.code for each in plan.skipped] == ["currency_missing"]
    first, second = plan.tasks
    assert (first.name, first.duration_minutes, int(first.percent_complete)) == ("Größe", 1200, 50)
    assert (str(first.cost), str(second.cost)) == ("1234.56", "0.3")
    assert (first.start, second.start) == (wall("2026-03-02T08:00"), wall("2026-03-06T08:00"))
    assert (first.is_active, second.is_active) == (True, False)
    assert plan.links == (Link("1", "2", lag=480),)
    with pytest.raises(PlanFileError, match="unknown_sheet"):
        read(saved(book), Options(sheet="None"))
    with pytest.raises(PlanFileError, match="unknown_columns"):
        read(saved(book))


def test_rows_are_told_by_the_numbers_that_the_spreadsheet_shows() -> None:
    rows = (
        f'<row r="3">{text("B3", "id")}{text("D3", "start")}</row><row r="9">{text("B9", "1")}{text("D9", "x")}</row>'
    )
    rows += f'<row r="10">{text("B10", "2")}{text("D10", "2026-03-02")}</row>'
    plan = read(made(sheet_of(rows)))
    assert [(each.row, each.column) for each in plan.skipped] == [(9, "D")]


def test_texts_of_several_pieces_are_one_and_readings_of_names_are_not_in_them() -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><r><t>i</t></r><r><t>d</t></r><rPh><t>x</t></rPh></si><si><t>start</t></si></sst>'
    )
    row = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>99</v></c></row>'
    rows = f'{row}<row r="2"><c r="A2"><v>7</v></c>{text("B2", "2026-03-02")}</row>'
    assert [task.source_id for task in read(made(sheet_of(rows), strings=strings)).tasks] == ["7"]


ENTITIES = f'<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>{WORKBOOK}'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_xlsx"),
        (b"id,name\n1,a\n", "not_xlsx"),
        (made("")[:-30], "xlsx_truncated"),
        (b"PK\x03\x04" + bytes(100), "xlsx_truncated"),
        (b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + bytes(18), "not_xlsx"),
        (made(""), "not_xml"),
        (made("<worksheet>" + "<a>" * 1000), "xml_too_deep"),
        (made(sheet_of(f'<row r="1">{text("ZZZ1", "id")}</row>')), "xlsx_too_large"),
        (made(sheet_of(""), {"xl/workbook.xml": ENTITIES.encode()}), "xml_forbidden"),
        (made(sheet_of(f'<row r="1">{text("A1", "&x;")}</row>')), "not_xml"),
        (made(sheet_of("")), "table_empty"),
        (made(sheet_of(""), strings="<sst>" + "<si/>" * 1_000_001 + "</sst>"), "xlsx_too_large"),
    ],
    ids=["empty", "csv", "cut", "cut_too", "no_directory", "no_sheet", "deep", "wide", "entities", "entity", "none",
         "texts"],
)  # fmt: skip
def test_what_is_no_honest_workbook_says_why(content: bytes, code: str) -> None:
    def checked_and_read() -> None:
        check = XlsxCheck()
        for begin in range(0, len(content), 100):
            check.feed(content[begin : begin + 100])
        check.close()
        read(content)

    with pytest.raises(PlanFileError) as error:
        checked_and_read()
    assert error.value.code == code


def test_an_archive_that_unpacks_to_very_much_is_refused_as_it_unpacks() -> None:
    head = f'<worksheet xmlns="{MAIN}"><sheetData>'.encode()
    blanks = head + b" " * (MAX_UNPACKED + 1)
    content = made(blanks.decode())
    assert len(content) < 2_000_000
    with pytest.raises(PlanFileError, match="too_large"):
        read(content)


def test_a_directory_of_very_many_parts_is_not_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(60_000):
            archive.writestr(f"{number:060}", b"")
    with pytest.raises(PlanFileError, match="xlsx_too_large"):
        read(out.getvalue())


def test_what_we_write_is_read_by_another_library_and_by_us() -> None:
    moment = wall("2026-03-02T08:30")
    rows: list[list[Cell]] = [
        [1, "=1+1 <&> ü\x00", moment, Decimal("0.10"), True, None],
        [2, "  two  ", None, Decimal(-3), False, ""],
    ]
    content = b"".join(xlsx_pieces("Plan: [a]/b" + "x" * 50, ["id", "name", "start", "cost", "is active", "wbs"], rows))
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    assert sheet.title == "Plan   a  b" + "x" * 20
    assert [list(row) for row in sheet.iter_rows(min_row=2, values_only=True)] == [
        [1, "=1+1 <&> ü", moment, 0.1, True, None],
        [2, "  two  ", None, -3, False, None],
    ]
    assert sheet.cell(2, 2).data_type == "s"  # not a formula
    tasks = read(content).tasks
    assert [(task.source_id, task.start, task.is_active) for task in tasks] == [("1", moment, True), ("2", None, False)]
