"""The records of an XER file: lines of tab-separated fields under named tables, checked as they arrive."""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Never

from services.projects.domain.fields import Row
from services.projects.domain.xml_guard import CHUNK, PlanFileError

MAX_LINE: Final = 4 * 1024 * 1024  # bytes; calendars and notes are one line each
MAX_FIELDS: Final = 1_000
MAX_RECORDS: Final = 5_000_000
HEADER: Final = "ERMHDR"
HEADER_FIELDS: Final = ("version", "date", "kind", "user", "name", "database", "module", "currency")
DEFAULT_ENCODING: Final = "cp1252"
_TABLE: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,63}")
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Wanted = Mapping[str, frozenset[str]]
"""The columns that are kept, by table."""


class XerReader:
    """Takes bytes and gives the records of wanted tables in `complete`; raises PlanFileError.

    Each line is UTF-8 or else in the code page named, or in the one that the file's currency signs betray: nothing in
    an XER file tells its encoding.
    """

    def __init__(self, wanted: Wanted, encoding: str | None = None) -> None:
        self.complete: list[tuple[str, Row]] = []
        self._wanted = wanted
        self._encoding = encoding
        self._fallback = encoding or DEFAULT_ENCODING
        self._held = bytearray()
        self._wide: codecs.IncrementalDecoder | None = None
        self._rest = b""  # of what was UTF-16
        self._begun = False
        self._line = 0
        self._records = 0
        self._record: list[bytes] = []
        self._length = 0  # of the record under way
        self._begins = 0  # the line of the record under way
        self._table = b""
        self._columns: list[str] = []
        self._kept: list[tuple[int, str]] = []
        self._ended = False
        self._error: PlanFileError | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self._error is not None:
            raise self._error
        self._held += chunk
        if len(self._held) >= CHUNK:
            self._take(final=False)

    def close(self) -> None:
        """Say that the bytes are complete."""
        if self._error is not None:
            raise self._error
        self._take(final=True)
        if not self._begun:
            self._refuse("not_xer", "the file is empty")
        self._flush()
        if not self._ended:
            self._refuse("xer_truncated", "the file ends before its end mark %E")

    def _refuse(self, code: str, detail: str, column: int = 1) -> Never:
        self._error = PlanFileError(code, detail, max(1, self._line), column)
        raise self._error

    def _take(self, *, final: bool) -> None:
        data = bytes(self._held)
        self._held.clear()
        if not self._begun and data.startswith(_UTF_16):
            self._wide = codecs.getincrementaldecoder("utf-16")()
        if self._wide is not None:
            try:
                data = self._rest + self._wide.decode(data, final).encode()
            except UnicodeError:
                self._refuse("not_xer", "not readable as UTF-16, which its first bytes announce")
            self._rest = b""
        *lines, rest = data.split(b"\n")
        if final:
            lines.append(rest)
        elif len(rest) > MAX_LINE:
            self._refuse("xer_too_large", f"a line longer than {MAX_LINE} bytes")
        elif self._wide is not None:
            self._rest = rest
        else:
            self._held += rest
        for line in lines:
            self._take_line(line.removesuffix(b"\r"))

    def _take_line(self, line: bytes) -> None:
        self._line += 1
        if len(line) > MAX_LINE:
            self._refuse("xer_too_large", f"a line longer than {MAX_LINE} bytes")
        if (place := line.find(0)) >= 0:
            self._refuse("xer_forbidden", "a NUL character", place + 1)
        if not self._begun:
            self._begin(line.removeprefix(codecs.BOM_UTF8))
            return
        if line.startswith((b"%T\t", b"%F\t", b"%R\t")) or line == b"%R":
            self._take_marked(line[:2], line[3:])
        elif line.rstrip() == b"%E":
            self._flush()
            self._ended = True
        elif self._record:  # a note with line ends in it
            self._length += len(line) + 1
            if self._length > MAX_LINE:
                self._refuse("xer_too_large", f"a record longer than {MAX_LINE} bytes")
            self._record.append(line)
        elif line.strip():
            self._refuse("xer_malformed", "a line that is no table, no field names and no record")

    def _take_marked(self, mark: bytes, rest: bytes) -> None:
        self._flush()
        if self._ended:
            self._refuse("xer_malformed", "something stands behind the end mark %E")
        if mark == b"%R":
            self._start_record(rest)
        elif mark == b"%T":
            self._start_table(rest.strip())
        else:
            self._name_columns(rest)

    def _begin(self, line: bytes) -> None:
        mark, _, rest = line.partition(b"\t")
        if mark != HEADER.encode():
            self._refuse("not_xer", f"the file does not begin with {HEADER}" if line else "the file is empty")
        self._begun = True
        row = Row()
        for name, text in zip(HEADER_FIELDS, rest.split(b"\t"), strict=False):
            if found := self._text(text).strip():
                row.texts[name] = found
        self.complete.append((HEADER, row))

    def _start_table(self, name: bytes) -> None:
        if not _TABLE.fullmatch(name):
            self._refuse("xer_malformed", "a table without a name")
        self._table, self._columns, self._kept = name, [], []

    def _name_columns(self, rest: bytes) -> None:
        if not self._table:
            self._refuse("xer_malformed", "field names without a table")
        names = rest.split(b"\t")
        if len(names) > MAX_FIELDS:
            self._refuse("xer_too_large", f"a table of more than {MAX_FIELDS} fields")
        wanted = self._wanted.get(self._table.decode(), frozenset())
        self._columns = [name.strip().decode(errors="replace") for name in names]
        self._kept = [(place, name) for place, name in enumerate(self._columns) if name in wanted]

    def _start_record(self, rest: bytes) -> None:
        if not self._columns:
            self._refuse("xer_malformed", "a record without field names before it")
        self._records += 1
        if self._records > MAX_RECORDS:
            self._refuse("xer_too_large", f"more than {MAX_RECORDS} records")
        self._record, self._length, self._begins = [rest], len(rest), self._line

    def _flush(self) -> None:
        if not self._record:
            return
        line, self._record = b"\n".join(self._record), []
        if self._table == b"CURRTYPE" and self._encoding is None:
            self._look_at_currency(line)
        if not self._kept:
            return
        texts = line.split(b"\t", self._kept[-1][0] + 1)
        row = Row(self._begins)
        for place, name in self._kept:
            if place < len(texts) and (text := self._text(texts[place]).strip(" \t\r\n\x7f")):
                row.texts[name] = text.replace('""', '"')
        self.complete.append((self._table.decode(), row))

    def _look_at_currency(self, line: bytes) -> None:
        """The euro sign has its own place in Cyrillic code pages."""
        values = dict(zip(self._columns, line.split(b"\t"), strict=False))
        if values.get("curr_short_name") == b"EUR" and values.get("curr_symbol") == b"\x88":
            self._fallback = "cp1251"

    def _text(self, text: bytes) -> str:
        if self._encoding is None or self._wide is not None:
            try:
                return text.decode()
            except UnicodeDecodeError:
                pass
        return text.decode(self._fallback, "replace")


def read_records(chunks: Iterable[bytes], reader: XerReader) -> Iterator[tuple[str, Row]]:
    """The wanted records of a whole file, each as soon as it is complete; raises PlanFileError."""
    for chunk in chunks:
        for begin in range(0, len(chunk), CHUNK):
            reader.feed(chunk[begin : begin + CHUNK])
            yield from reader.complete
            reader.complete.clear()
    reader.close()
    yield from reader.complete
    reader.complete.clear()
