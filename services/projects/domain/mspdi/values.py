"""The values that Microsoft Project XML spells in its own way: money, durations, moments."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from services.projects.domain.fields import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_MINUTES,
    MAX_MONEY,
    FieldError,
    Row,
    number,
)

_DURATION: Final = re.compile(
    r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,12}(?:\.\d{1,9})?)H)?(?:(\d{1,12}(?:\.\d{1,9})?)M)?(?:(\d{1,12}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_MOMENT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII
)


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


def moment(row: Row, field: str, half: int = 30) -> datetime | None:
    """A local date and time, of the years Microsoft Project knows; an offset is not looked at.

    It is rounded to minutes, from `half` seconds on to the next one.
    """
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
    rounded = (local + timedelta(seconds=60 - half)).replace(second=0)
    return rounded if rounded.year <= LAST_YEAR else local.replace(second=0)
