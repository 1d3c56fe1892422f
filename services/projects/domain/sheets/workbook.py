"""The rows of a sheet of an XLSX workbook, unpacked piece by piece and read by the guarded parser.

Source: ECMA-376 part 1, SpreadsheetML. Only what stands in cells is looked at: no formulas, links, pictures or macros.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from services.projects.domain.sheets.delimited import Rows
from services.projects.domain.sheets.workbook_parts import Cells, Context, Relations, Sheets, Strings, Styles
from services.projects.domain.xml_guard import PlanFileError, XmlGuard

MAX_PARTS: Final = 10_000
MAX_DIRECTORY: Final = 4 * 1024 * 1024  # bytes of the archive's list of parts, which is read at once
MAX_UNPACKED: Final = 300 * 1024 * 1024  # bytes of all parts read
PIECE: Final = 64 * 1024
ARCHIVE: Final = b"PK\x03\x04"
END: Final = b"PK\x05\x06"
LOCATOR_64: Final = b"PK\x06\x07"
END_BYTES: Final = 22
TAIL: Final = 65_557  # where the end of an archive must begin: its own 22 bytes and the longest comment


class XlsxCheck:
    """Checks bytes while they are received: an archive that is complete."""

    def __init__(self) -> None:
        self._begin = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if len(self._begin) < 4:
            self._begin = (self._begin + chunk[:4])[:4]
            if not ARCHIVE.startswith(self._begin):
                raise PlanFileError("not_xlsx", "the file does not begin as a workbook does")
        self._tail = (self._tail + chunk)[-TAIL:]

    def close(self) -> None:
        """Say that the bytes are complete."""
        if not self._begin:
            raise PlanFileError("not_xlsx", "the file is empty")
        if END not in self._tail:
            raise PlanFileError("xlsx_truncated", "the file ends in the middle")


class Workbook:
    """A workbook; raises PlanFileError where it is none, or more than any honest one."""

    def __init__(self, content: bytes) -> None:
        if _directory_bytes(content) > MAX_DIRECTORY:
            raise PlanFileError("xlsx_too_large", f"a directory of more than {MAX_DIRECTORY} bytes, or of 64 bits")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError):
            raise PlanFileError("not_xlsx", "not readable as a workbook: its archive is broken") from None
        self._unpacked = 0
        self._names = set(self._archive.namelist())
        if len(self._names) > MAX_PARTS:
            raise PlanFileError("xlsx_too_large", f"more than {MAX_PARTS} parts")

    def __enter__(self) -> "Workbook":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def rows(self, sheet: str | None) -> Rows:
        """The rows of a sheet, the first if none is named."""
        sheets, relations = Sheets(), Relations()
        self._read("xl/workbook.xml", sheets)
        self._read("xl/_rels/workbook.xml.rels", relations)
        if sheet is not None and sheet not in sheets.sheets:
            raise PlanFileError("unknown_sheet", "the workbook has no sheet of the name that was asked for")
        relation = sheets.sheets[sheet] if sheet is not None else next(iter(sheets.sheets.values()), "")
        styles, strings = Styles(), Strings()
        for kind, part in (("styles", styles), ("sharedStrings", strings)):
            if (path := relations.kinds.get(kind)) in self._names:
                self._read(str(path), part)
        origin = datetime(1904, 1, 1) if sheets.since_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - wall time
        cells = Cells(Context(strings.strings, styles.dates, styles.moments, styles.percents, origin))
        path = relations.targets.get(relation, "")
        for piece in self._pieces(path):
            cells.feed(piece)
            yield from cells.complete
            cells.complete.clear()
        cells.close()
        yield from cells.complete

    def _read(self, path: str, part: XmlGuard) -> None:
        for piece in self._pieces(path):
            part.feed(piece)
        part.close()

    def _pieces(self, path: str) -> Iterator[bytes]:
        if path not in self._names:
            raise PlanFileError("not_xlsx", "the archive lacks a part that every workbook has")
        try:
            with self._archive.open(path) as part:
                while piece := part.read(PIECE):
                    self._unpacked += len(piece)
                    if self._unpacked > MAX_UNPACKED:
                        raise PlanFileError("xlsx_too_large", f"more than {MAX_UNPACKED} bytes when unpacked")
                    yield piece
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
            raise PlanFileError("not_xlsx", "not readable as a workbook: a part is broken or encrypted") from None


def _directory_bytes(content: bytes) -> int:
    """How long the archive's list of parts says to be, found where the archive's reader finds it."""
    end = len(content) - END_BYTES
    if not (content.startswith(END, end) and content.endswith(b"\0\0")):
        end = content.rfind(END, max(0, len(content) - TAIL))
    if end < 0 or content.startswith(LOCATOR_64, end - 20):
        return 0 if end < 0 else MAX_DIRECTORY + 1
    return int.from_bytes(content[end + 12 : end + 16], "little")
