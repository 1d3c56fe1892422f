"""The fields of a file's rows: texts in, Python values out, FieldError where that cannot be."""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from services.projects.domain.plan import Skipped
from shared.types import FORBIDDEN, TEXT_BYTES

FIRST_YEAR: Final = 1984
LAST_YEAR: Final = 2149
MAX_MINUTES: Final = 100_000_000  # longer than the years a plan can name
MAX_WORK_MINUTES: Final = 2_000_000_000
MAX_MONEY: Final = Decimal(10) ** 15
MAX_NAME: Final = 512
MAX_SKIPPED: Final = 1_000
MAX_CALENDARS: Final = 50_000
MAX_EXCEPTIONS: Final = 400_000  # that all calendars may state, recurrences counted by their days
MAX_TASKS: Final = 250_000
MAX_LINKS: Final = 1_000_000
MAX_RESOURCES: Final = 100_000
MAX_ASSIGNMENTS: Final = 500_000
MAX_UNITS: Final = Decimal(1_000_000)
MAX_RATE: Final = Decimal(10) ** 9
CURRENCY_CODE: Final = re.compile(r"(?!XXX)[A-Z]{3}", re.ASCII)
"""The form of an ISO 4217 code; XXX is that of no currency."""
MAX_ADDRESS: Final = 320

_INTEGER: Final = re.compile(r"[+-]?\d{1,18}(?:\.0{1,6})?", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{0,24}(?:\.\d{0,24})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Row:
    """An element's kept texts, stripped and not empty, and child elements; where known, the line where it begins."""

    __slots__ = ("line", "rows", "texts")

    def __init__(self, line: int | None = None) -> None:
        self.line = line
        self.texts: dict[str, str] = {}
        self.rows: dict[str, list[Row]] = {}

    def each(self, group: str, name: str) -> Iterator["Row"]:
        """The children `name` of the children `group`."""
        for child in self.rows.get(group, ()):
            yield from child.rows.get(name, ())


class FieldError(Exception):
    """A field whose text is not a value of its type."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")


class Report:
    """What could not be taken, in order; of very many the first ones and a count."""

    def __init__(self) -> None:
        self._skipped: list[Skipped] = []
        self._more = 0

    def skip(
        self, kind: str, source_id: str, code: str, detail: str, row: int | None = None, column: str | None = None
    ) -> None:
        """Note a row, or a part of one, that is left out."""
        if len(self._skipped) < MAX_SKIPPED:
            self._skipped.append(Skipped(kind, source_id, code, detail, row, column))
        else:
            self._more += 1

    def finish(self) -> tuple[Skipped, ...]:
        """All notes."""
        if self._more:
            rest = Skipped("file", "", "more_skipped", f"{self._more} more could not be taken and are not listed")
            return (*self._skipped, rest)
        return tuple(self._skipped)


def label(row: Row, field: str, fallback: str = "", limit: int = MAX_NAME) -> str:
    """A text without control characters, in NFC, cut at `limit`; the fallback when nothing is left."""
    text = row.texts.get(field)
    if text is None:
        return fallback
    visible = "".join(
        " " if unicodedata.category(mark) == "Cc" else mark for mark in text[: 4 * limit] if mark not in _BIDI_CONTROLS
    )
    return unicodedata.normalize("NFC", visible).strip()[:limit].rstrip() or fallback


def prose(row: Row, field: str) -> str | None:
    """A text of several lines without control characters, in NFC, cut where descriptions end; None if there is none."""
    text = row.texts.get(field)
    if text is None:
        return None
    visible = unicodedata.normalize("NFC", FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return visible.encode()[:TEXT_BYTES].decode(errors="ignore").strip() or None


def integer(row: Row, field: str, default: int, least: int = -(2**31), most: int = 2**31 - 1) -> int:
    """A whole number between `least` and `most`."""
    text = row.texts.get(field)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        raise FieldError(field, "not a whole number")
    value = int(text.partition(".")[0])
    if not least <= value <= most:
        raise FieldError(field, f"not between {least} and {most}")
    return value


def identifier(row: Row, field: str = "UID") -> str | None:
    """A unique id in its one spelling; None when there is none."""
    if field not in row.texts:
        return None
    return str(integer(row, field, 0, -(2**62), 2**62))


def guid(row: Row, field: str) -> str | None:
    """A GUID; None for what is none, which names nothing."""
    try:
        found = UUID(row.texts.get(field, "").strip("{}"))
    except ValueError:
        return None
    return str(found) if found.int else None


def flag(row: Row, field: str, *, default: bool = False) -> bool:
    """A boolean: 0 or 1, false or true."""
    text = row.texts.get(field)
    if text is None:
        return default
    match text.lower():
        case "1" | "true":
            return True
        case "0" | "false":
            return False
        case _:
            raise FieldError(field, "neither 0 nor 1")


def number(row: Row, field: str, default: Decimal, least: Decimal, most: Decimal) -> Decimal:
    """A decimal number between `least` and `most`."""
    text = row.texts.get(field)
    if text is None:
        return default
    if len(text) > 48 or not _NUMBER.fullmatch(text):
        raise FieldError(field, "not a number")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise FieldError(field, "not a number") from None
    if not least <= value <= most:
        raise FieldError(field, f"not between {least} and {most}")
    return value


def percent(row: Row, field: str) -> Decimal:
    """0 to 100."""
    return number(row, field, Decimal(0), Decimal(0), Decimal(100))
