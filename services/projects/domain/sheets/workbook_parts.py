"""The parts of an XLSX workbook that its rows need, each read by the guarded parser as it unpacks."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from services.projects.domain.sheets.delimited import MAX_COLUMNS
from services.projects.domain.workbook_writing import MOMENT_CODE
from services.projects.domain.xml_guard import NAMESPACE_SEPARATOR, XmlGuard

MAX_STRINGS: Final = 1_000_000
MAX_CHARACTERS: Final = 32 * 1024 * 1024  # of all shared strings
MAX_CELL: Final = 32_767  # what a cell of Excel holds
_BUILT_IN_DATES: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_BUILT_IN_PERCENT: Final = frozenset({9, 10})
_NOT_CODE: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_CELL: Final = re.compile(r"([A-Z]{1,3})\d{1,7}", re.ASCII)
_BOOLEANS: Final = {"1": "true", "0": "false"}


class Part(XmlGuard):
    """One part of a workbook; `started` finds the attributes of the element in `attributes`."""

    def _inner(self, name: str) -> str:
        return name.rpartition(NAMESPACE_SEPARATOR)[2]


class Sheets(Part):
    """The sheets of a workbook by name, and where dates are counted from."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: dict[str, str] = {}  # relation by name
        self.since_1904 = False

    def started(self, name: str) -> None:
        match self._inner(name):
            case "sheet":
                relation = next((value for key, value in self.attributes.items() if self._inner(key) == "id"), "")
                self.sheets.setdefault(self.attributes.get("name", ""), relation)
            case "workbookPr":
                self.since_1904 = self.attributes.get("date1904") in {"1", "true"}


class Relations(Part):
    """Which part each relation leads to; those that lead out of the file are not followed."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[str, str] = {}
        self.kinds: dict[str, str] = {}

    def started(self, name: str) -> None:
        if self._inner(name) == "Relationship" and self.attributes.get("TargetMode") != "External":
            target = self.attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            self.targets[self.attributes.get("Id", "")] = path
            self.kinds[self.attributes.get("Type", "").rpartition("/")[2]] = path


class Styles(Part):
    """Which cell styles show numbers as dates, and which as percent."""

    def __init__(self) -> None:
        super().__init__()
        self._codes: dict[str, str] = {}
        self._in_cells = False
        self.dates: set[str] = set()
        self.moments: set[str] = set()  # of the dates those that have a time of day, though it be midnight
        self.percents: set[str] = set()
        self._count = 0

    def started(self, name: str) -> None:
        match self._inner(name):
            case "numFmt":
                self._codes[self.attributes.get("numFmtId", "")] = self.attributes.get("formatCode", "")
            case "cellXfs":
                self._in_cells = True
            case "cellStyles" | "dxfs":
                self._in_cells = False
            case "xf" if self._in_cells:
                self._note(self.attributes.get("numFmtId", "0"))

    def _note(self, number: str) -> None:
        style, self._count = str(self._count), self._count + 1
        code = _NOT_CODE.sub("", self._codes.get(number, "")).casefold()
        known = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0
        if "%" in code or known in _BUILT_IN_PERCENT:
            self.percents.add(style)
        elif known in _BUILT_IN_DATES or re.search(r"[dy]|m{3}|h", code):
            self.dates.add(style)
            if self._codes.get(number) == MOMENT_CODE:
                self.moments.add(style)


class Strings(Part):
    """The texts that cells refer to, each the pieces of one item put together."""

    def __init__(self) -> None:
        super().__init__()
        self.strings: list[str] = []
        self._pieces: list[str] = []
        self._path: list[str] = []
        self._length = 0

    def started(self, name: str) -> None:
        self._path.append(self._inner(name))

    def ended(self) -> None:
        if self._path.pop() == "si":
            self.strings.append("".join(self._pieces)[:MAX_CELL])
            self._pieces.clear()
            if len(self.strings) > MAX_STRINGS:
                self.refuse("xlsx_too_large", f"more than {MAX_STRINGS} texts")

    def text(self, data: str) -> None:
        if self._path and self._path[-1] == "t" and "rPh" not in self._path:  # not the reading of Japanese names
            self._length += len(data)
            if self._length > MAX_CHARACTERS:
                self.refuse("xlsx_too_large", f"texts of more than {MAX_CHARACTERS} characters")
            self._pieces.append(data)


@dataclass(frozen=True, slots=True)
class Context:
    """What the cells of a sheet refer to."""

    strings: list[str]
    dates: set[str]
    moments: set[str]
    percents: set[str]
    origin: datetime


class Cells(Part):
    """The rows of a sheet, in `complete` as soon as each has ended."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.complete: list[tuple[int, list[str]]] = []
        self._context = context
        self._row: dict[int, str] = {}
        self._number = 0
        self._place = -1
        self._kind = self._style = ""
        self._pieces: list[str] = []
        self._path: list[str] = []

    def started(self, name: str) -> None:
        inner = self._inner(name)
        self._path.append(inner)
        if inner == "row":
            stated = self.attributes.get("r", "")
            self._number = (
                int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 9 else self._number + 1
            )
            self._row, self._place = {}, -1
        elif inner == "c":
            self._place = self._placed(self.attributes.get("r", ""))
            self._kind, self._style = self.attributes.get("t", "n"), self.attributes.get("s", "")
            self._pieces.clear()

    def text(self, data: str) -> None:
        if self._path and (self._path[-1] == "v" or (self._path[-1] == "t" and "rPh" not in self._path)):
            self._pieces.append(data)

    def ended(self) -> None:
        match self._path.pop():
            case "c":
                if text := self._value("".join(self._pieces)[:MAX_CELL]):
                    self._row[self._place] = text
            case "row" if self._row:
                cells = [self._row.get(at, "") for at in range(max(self._row) + 1)]
                self.complete.append((self._number, cells))

    def _placed(self, reference: str) -> int:
        match = _CELL.fullmatch(reference)
        place = self._place + 1
        if match is not None:
            place = 0
            for letter in match[1]:
                place = place * 26 + ord(letter) - 64
            place -= 1
        if place >= MAX_COLUMNS:
            self.refuse("xlsx_too_large", f"more than {MAX_COLUMNS} columns")
        return place

    def _value(self, text: str) -> str:
        match self._kind:
            case "s":
                at = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else MAX_STRINGS
                return self._context.strings[at] if at < len(self._context.strings) else ""
            case "b":
                return _BOOLEANS.get(text, "")
            case "e":
                return ""
            case "n":
                return self._number_text(text)
            case _:  # a text in the cell itself, the result of a formula, or an ISO date
                return text

    def _number_text(self, text: str) -> str:
        is_date, is_percent = self._style in self._context.dates, self._style in self._context.percents
        try:
            value = Decimal(text)
        except InvalidOperation:
            return text
        if is_date and 0 <= value < 3_000_000:
            # To the minute: what is stored is a fraction of a day.
            minutes = int((value * 1440).to_integral_value())
            is_day = minutes % 1440 == 0 and self._style not in self._context.moments
            found = self._context.origin + timedelta(minutes=minutes)
            return found.strftime("%Y-%m-%d" if is_day else "%Y-%m-%dT%H:%M")
        if is_percent:
            return f"{value * 100:f}%"
        # Binary fractions have 15 digits that mean something.
        return f"{float(value):.15g}" if value.is_finite() and len(text) > 15 else text
