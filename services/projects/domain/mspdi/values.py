"""The values of Microsoft Project XML fields: texts in, Python values out, FieldError where that cannot be."""

import re
import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from services.projects.domain.mspdi.rows import Row
from services.projects.domain.plan import Skipped

FIRST_YEAR: Final = 1984
LAST_YEAR: Final = 2149
MAX_MINUTES: Final = 100_000_000  # longer than the years a plan can name
MAX_WORK_MINUTES: Final = 2_000_000_000
MAX_MONEY: Final = Decimal(10) ** 15
MAX_NAME: Final = 512
MAX_SKIPPED: Final = 1_000

_DURATION: Final = re.compile(
    r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,12}(?:\.\d{1,9})?)H)?(?:(\d{1,12}(?:\.\d{1,9})?)M)?(?:(\d{1,12}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_MOMENT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII
)
_INTEGER: Final = re.compile(r"[+-]?\d{1,18}(?:\.0{1,6})?", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{0,24}(?:\.\d{0,24})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class FieldError(Exception):
    """A field whose text is not a value of its type."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")


class Report:
    """What could not be taken, in order; of very many the first ones and a count."""

    def __init__(self) -> None:
        self._skipped: list[Skipped] = []
        self._more = 0

    def skip(self, kind: str, source_id: str, code: str, detail: str) -> None:
        """Note a row, or a part of one, that is left out."""
        if len(self._skipped) < MAX_SKIPPED:
            self._skipped.append(Skipped(kind, source_id, code, detail))
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


def money(row: Row, field: str) -> Decimal:
    """An amount in major units, to the hundredth; the file counts hundredths."""
    hundredths = number(row, field, Decimal(0), -MAX_MONEY, MAX_MONEY)
    return Decimal(int(hundredths.to_integral_value())).scaleb(-2)


def minutes(row: Row, field: str, most: int = MAX_MINUTES) -> int | None:
    """An ISO 8601 duration rounded to minutes; days in it are days of 24 hours."""
    text = row.texts.get(field)
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise FieldError(field, "not an ISO 8601 duration")
    days, hours, mins, seconds = (Decimal(part or 0) for part in match.groups())
    total = int((days * 1440 + hours * 60 + mins + seconds / 60 + Decimal("0.5")) // 1)
    if total > most:
        raise FieldError(field, f"longer than {most} minutes")
    return total


def moment(row: Row, field: str) -> datetime | None:
    """A local date and time, rounded to minutes, of the years Microsoft Project knows; an offset is not looked at."""
    text = row.texts.get(field)
    if text is None:
        return None
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise FieldError(field, "not a date and time")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise FieldError(field, f"not in the years {FIRST_YEAR} to {LAST_YEAR}")
    try:
        local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - wall time
    except ValueError:
        raise FieldError(field, "not a date and time") from None
    rounded = (local + timedelta(seconds=30)).replace(second=0)
    return rounded if rounded.year <= LAST_YEAR else local.replace(second=0)
