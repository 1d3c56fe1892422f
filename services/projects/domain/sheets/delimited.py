"""The rows of a CSV file, whatever its encoding and delimiter."""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Final

from services.projects.domain.import_options import Options
from services.projects.domain.sheets.headers import columns_of
from services.projects.domain.xml_guard import PlanFileError

Rows = Iterator[tuple[int, list[str]]]
"""Rows of a table with their numbers, from 1, as a spreadsheet shows them; empty ones are left out."""

MAX_LINE: Final = 1_048_576  # characters
MAX_COLUMNS: Final = 1_000
MAX_LINES: Final = 2_000_000
MAX_HEAD: Final = 4 * MAX_LINE  # bytes in which a row of headings is looked for
PIECE: Final = 1_048_576
DEFAULT_ENCODING: Final = "cp1252"
DELIMITERS: Final = (",", ";", "\t", "|")
BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ARCHIVE: Final = b"PK\x03\x04"


class CsvCheck:
    """Checks bytes while they are received: text, not an archive or a program, whose first row names columns."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._head = bytearray()
        self._is_whole = True
        self._wide = self._options.encoding == "utf-16"
        self._lines = 1
        self._column = 1  # bytes; of what comes next

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        room = MAX_HEAD - len(self._head)
        self._is_whole = self._is_whole and len(chunk) <= room
        self._head += chunk[: max(room, 0)]
        if self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._wide = True
        if self._head.startswith(_ARCHIVE):
            raise PlanFileError("not_csv", "this is an archive; if it is a workbook, import it as xlsx", 1, 1)
        if self._wide:
            return
        if (place := chunk.find(0)) >= 0:
            self._move(chunk[:place])
            detail = "a NUL character: this is no text, or UTF-16 without its first mark"
            raise PlanFileError("not_csv", detail, self._lines, self._column)
        self._move(chunk)

    def _move(self, text: bytes) -> None:
        self._lines += text.count(b"\n")
        end = text.rfind(b"\n")
        self._column = len(text) - end if end >= 0 else self._column + len(text)

    def close(self) -> None:
        """Say that the bytes are complete."""
        if not self._head:
            raise PlanFileError("not_csv", "the file is empty", 1, 1)
        head = bytes(self._head)
        if not self._is_whole and not self._wide:
            head = head[: head.rfind(b"\n") + 1]  # no row, nor a character, that is cut
        if not head:
            return
        first = next(Delimited(head, self._options.encoding).rows(), None)
        if first is not None:
            columns_of(first[1], self._options.mapping)


class Delimited:
    """A CSV file with its encoding and its delimiter, both recognized."""

    def __init__(self, content: bytes, encoding: str | None = None) -> None:
        self._content = content
        self._encoding = _encoding(content, encoding)
        self.delimiter = self._recognized()

    def rows(self) -> Rows:
        """The rows; raises PlanFileError."""
        reader = csv.reader(self._lines(), delimiter=self.delimiter, strict=True)
        number = 0
        try:
            for number, cells in enumerate(reader, 1):
                if len(cells) > MAX_COLUMNS:
                    raise PlanFileError("csv_too_large", f"more than {MAX_COLUMNS} columns", number, 1)
                if any(cell.strip() for cell in cells):
                    yield number, cells
        except csv.Error:
            detail = f"a quote that never ends or ends within a cell, or more than {csv.field_size_limit()} characters"
            raise PlanFileError("csv_malformed", detail, number + 1, 1) from None
        except UnicodeError:
            raise PlanFileError("not_csv", "not readable in its encoding", number + 1, 1) from None

    def _lines(self) -> Iterator[str]:
        text = io.TextIOWrapper(io.BytesIO(self._content), self._encoding, newline="")
        number = 0
        while line := text.readline(MAX_LINE):
            number += 1
            if number > MAX_LINES:
                raise PlanFileError("csv_too_large", f"more than {MAX_LINES} lines", number, 1)
            if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
                raise PlanFileError("csv_too_large", f"a line longer than {MAX_LINE} characters", number, 1)
            yield line

    def _recognized(self) -> str:
        """The delimiter that the first line has most of, outside of quotes."""
        first = ""
        try:
            first = next((line for line in self._lines() if line.strip()), "")
        except UnicodeError:
            raise PlanFileError("not_csv", "not readable in its encoding", 1, 1) from None
        bare = "".join(first.split('"')[::2])
        return max(DELIMITERS, key=bare.count)


def _encoding(content: bytes, stated: str | None) -> str:
    for mark, name in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return name
    if stated is not None:
        return stated
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for begin in range(0, len(content), PIECE):
            decoder.decode(content[begin : begin + PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return DEFAULT_ENCODING
    return "utf-8"
