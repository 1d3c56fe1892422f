"""Writes a table as an XLSX workbook of one sheet, row by row, so that it need not be in memory as a whole.

Source: ECMA-376 part 1, SpreadsheetML. Texts stand in their cells; nothing is a formula.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape, quoteattr

Cell = str | int | bool | Decimal | datetime | None

MAX_TEXT: Final = 32_767  # characters of a cell
MAX_NAME: Final = 31
ORIGIN: Final = datetime.fromisoformat("1899-12-30")
MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
KINDS: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MOMENT_CODE: Final = r"yyyy\-mm\-dd\ hh:mm"
"""How our cells show a date and time: with this, midnight is a time of day and not a day without one."""
PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{KINDS}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{KINDS}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{KINDS}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">'
    f'<numFmts count="1"><numFmt numFmtId="164" formatCode="{MOMENT_CODE}"/></numFmts>'
    '<fonts count="2"><font/><font><b/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf/><xf numFmtId="164" applyNumberFormat="1"/><xf fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
HEAD: Final = (
    f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
TAIL: Final = "</sheetData></worksheet>"
DATE_STYLE: Final = 1
HEAD_STYLE: Final = 2
_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_NAMES: Final = re.compile(r"[\[\]:*?/\\']")


class _Sink:
    """Takes what an archive writes, and gives it away."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes, /) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is held open."""

    def taken(self) -> bytes:
        data = bytes(self._held)
        self._held.clear()
        return data


def xlsx_pieces(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The workbook's bytes, with a sheet of that name."""
    sink = _Sink()
    sheet = _NOT_IN_NAMES.sub(" ", _NOT_XML.sub("", name)).strip()[:MAX_NAME] or "Plan"
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in PARTS.items():
            archive.writestr(path, XML + text)
        sheets = f'<sheets><sheet name={quoteattr(sheet)} sheetId="1" r:id="r1"/></sheets>'
        archive.writestr("xl/workbook.xml", f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{sheets}</workbook>')
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(HEAD.encode())
            part.write(_row(header, HEAD_STYLE).encode())
            for row in rows:
                part.write(_row(row).encode())
                yield sink.taken()
            part.write(TAIL.encode())
    yield sink.taken()


def _row(cells: Sequence[Cell], style: int = 0) -> str:
    return f"<row>{''.join(_cell(cell, style) for cell in cells)}</row>"


def _cell(value: Cell, style: int) -> str:
    match value:
        case None | "":
            return "<c/>"
        case bool():
            return f'<c t="b"><v>{int(value)}</v></c>'
        case int() | Decimal():
            return f"<c><v>{value}</v></c>"
        case datetime():
            since = value - ORIGIN
            return f'<c s="{DATE_STYLE}"><v>{since.days + since.seconds / 86400:.10f}</v></c>'
        case str():
            text = escape(_NOT_XML.sub("", value[:MAX_TEXT]))
            return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{text}</t></is></c>'
