"""The values that Primavera spells in its own way: hours, moments, GUIDs."""

import base64
import binascii
import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

from services.projects.domain.fields import FIRST_YEAR, LAST_YEAR, MAX_MINUTES, MAX_MONEY, FieldError, Row, number

_MOMENT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII
)
_COMMA: Final = re.compile(r"[+-]?\d*,\d*", re.ASCII)
_CENT: Final = Decimal("0.01")


def hours(row: Row, field: str, most: int = MAX_MINUTES, least: int = 0) -> int:
    """Minutes of a number of hours; none are zero."""
    if field not in row.texts:
        return 0
    found = number(_pointed(row, field), field, Decimal(0), Decimal(least) / 60, Decimal(most) / 60)
    return int((found * 60).to_integral_value(ROUND_HALF_EVEN))


def amount(row: Row, *fields: str) -> Decimal:
    """The sum of amounts of money, to the hundredth."""
    found = sum((number(_pointed(row, each), each, Decimal(0), -MAX_MONEY, MAX_MONEY) for each in fields), Decimal(0))
    return found.quantize(_CENT, ROUND_HALF_EVEN)


def quantity(row: Row, field: str, default: Decimal, most: Decimal) -> Decimal:
    """A number from zero on."""
    return number(_pointed(row, field), field, default, Decimal(0), most)


def moment(row: Row, field: str) -> datetime | None:
    """A local date and time, to the minute."""
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


def guid(row: Row, field: str) -> str | None:
    """A GUID, in braces or as the 22 letters of base 64 that XER has; None if it is none."""
    text = row.texts.get(field, "")
    try:
        if len(text) == 22:
            return str(UUID(bytes=base64.b64decode(text + "==", validate=True)))
        found = UUID(text.strip("{}"))
    except (ValueError, binascii.Error):
        return None
    return str(found) if found.int else None


def spelled(found: UUID) -> str:
    """A GUID as XER spells it."""
    return base64.b64encode(found.bytes).decode().rstrip("=")


def _pointed(row: Row, field: str) -> Row:
    """The row with a decimal comma of that field made a point: Primavera writes what its machine was set to."""
    text = row.texts.get(field, "")
    if not _COMMA.fullmatch(text):
        return row
    pointed = Row()
    pointed.texts[field] = text.replace(",", ".")
    return pointed
