"""The values of a table's cells as people and tools write them: numbers, dates, durations, yes and no."""

import re
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from services.projects.domain.ev_techniques import EvTechnique, technique_read
from services.projects.domain.fields import FIRST_YEAR, LAST_YEAR, MAX_MINUTES
from services.projects.domain.import_options import DateOrder
from services.projects.domain.plan import ActivityType, ConstraintType
from services.projects.domain.progress import PercentCompleteType

Value = TypeVar("Value")


class CellError(ValueError):
    """A cell whose text is no value of its field; the message echoes nothing of it."""


HOUR: Final = 60
DAY: Final = 1440
_ELAPSED: Final = {"m": 1, "h": HOUR, "d": DAY, "w": 7 * DAY, "o": 30 * DAY}
_UNITS: Final = {
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "dy": "d", "dys": "d", "day": "d", "days": "d",
    "w": "w", "wk": "w", "wks": "w", "week": "w", "weeks": "w",
    "mo": "o", "mon": "o", "mons": "o", "month": "o", "months": "o",
}  # fmt: skip
_DURATION: Final = re.compile(r"([+-]?[\d.,'\s]{1,24}?)\s*(e?)([a-z]{1,7})?\s*\??", re.ASCII)
_ISO_DURATION: Final = re.compile(
    r"P(?:(\d{1,6})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9}(?:\.\d{1,9})?)H)?(?:(\d{1,12}(?:\.\d{1,9})?)M)?"
    r"(?:(\d{1,12}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_ISO_MOMENT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?)?\s?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_WEEKDAY: Final = re.compile(r"[A-Za-z]{2,9}\.?,?\s+(?=\d{1,4}[./-]|\d{1,2} [A-Za-z])", re.ASCII)
_MOMENT: Final = re.compile(
    r"(\d{1,4}|[A-Za-z]{3,9})[\s./-]{1,3}(\d{1,2}|[A-Za-z]{3,9})\.?[\s,./-]{1,3}(\d{1,4})"
    r"(?:[\s,T]{1,3}(\d{1,2})[:.](\d\d)(?:[:.]\d\d)?\s?(?:([AaPp])\.?[Mm]\.?)?)?",
    re.ASCII,
)
_MONTHS: Final = {name: at for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_YES: Final = frozenset({"1", "true", "yes", "y", "x", "manually scheduled"})
_NO: Final = frozenset({"0", "false", "no", "n", "", "auto scheduled"})
_CONSTRAINTS: Final = {each.value.replace("_", " "): each for each in ConstraintType} | {
    "start on": ConstraintType.MUST_START_ON,
    "finish on": ConstraintType.MUST_FINISH_ON,
    "start on or after": ConstraintType.START_NO_EARLIER_THAN,
    "start on or before": ConstraintType.START_NO_LATER_THAN,
    "finish on or after": ConstraintType.FINISH_NO_EARLIER_THAN,
    "finish on or before": ConstraintType.FINISH_NO_LATER_THAN,
}
_ACTIVITIES: Final = {each.value.replace("_", " "): each for each in ActivityType} | {
    "task dependent": ActivityType.TASK,
    "tt task": ActivityType.TASK,
    "tt rsrc": ActivityType.RESOURCE_DEPENDENT,
    "tt mile": ActivityType.START_MILESTONE,
    "tt finmile": ActivityType.FINISH_MILESTONE,
    "tt loe": ActivityType.LEVEL_OF_EFFORT,
    "tt wbs": ActivityType.WBS_SUMMARY,
}
_PERCENT_TYPES: Final = {each.value: each for each in PercentCompleteType} | {
    "cp drtn": PercentCompleteType.DURATION,
    "cp units": PercentCompleteType.UNITS,
    "cp phys": PercentCompleteType.PHYSICAL,
}


def number(text: str, *, comma: bool) -> Decimal:
    """A number with or without signs for thousands, percent or money; `comma` decides where one sign is either."""
    bare = re.sub(r"[\s'\u2019]|[^\x00-\x7f]|%|\$|^[A-Z]{3}|[A-Z]{3}$", "", text.strip().replace("\u2212", "-"))
    if "," in bare and "." in bare:
        comma = bare.rindex(",") > bare.rindex(".")
    elif bare.count(",") > 1 or bare.count(".") > 1:
        comma = "." in bare
    elif "," in bare and not re.fullmatch(r"[+-]?\d{1,3},\d{3}", bare, re.ASCII):
        comma = True
    elif "." in bare and not re.fullmatch(r"[+-]?\d{1,3}\.\d{3}", bare, re.ASCII):
        comma = False
    point, thousands = (",", ".") if comma else (".", ",")
    plain = bare.replace(thousands, "").replace(point, ".")
    if len(plain) > 48 or not re.fullmatch(
        r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,2})?", plain, re.ASCII | re.IGNORECASE
    ):
        raise CellError("not a number")
    try:
        return Decimal(plain)
    except InvalidOperation:
        raise CellError("not a number") from None


def between(value: Decimal, least: Decimal, most: Decimal) -> Decimal:
    """The value; CellError beyond the limits."""
    if not least <= value <= most:
        raise CellError(f"not between {least} and {most}")
    return value


def flag(text: str) -> bool:
    """Yes or no."""
    bare = text.strip().casefold()
    if bare in _YES:
        return True
    if bare in _NO:
        return False
    raise CellError("neither yes nor no")


def constraint(text: str) -> ConstraintType:
    """A constraint by its name here, in Microsoft Project or in Primavera."""
    return _named(text, _CONSTRAINTS, "no known constraint")


def activity_type(text: str) -> ActivityType:
    """What a task is to scheduling, by its name here or in Primavera."""
    return _named(text, _ACTIVITIES, "no known type of activity")


def percent_type(text: str) -> PercentCompleteType:
    """Which percent counts, by its name here or in Primavera."""
    return _named(text, _PERCENT_TYPES, "no known kind of percent")


def technique(text: str) -> EvTechnique:
    """How a task earns: a kind that says all, or JSON."""
    try:
        return technique_read(text)
    except ValueError:
        raise CellError("no known earned-value technique") from None


def _named(text: str, names: Mapping[str, Value], otherwise: str) -> Value:
    found = names.get(text.strip().casefold().replace("_", " "))
    if found is None:
        raise CellError(otherwise)
    return found


def delay(text: str, *, comma: bool) -> int:
    """Minutes of the clock: a plain number of them, or with a unit, as `2ed`."""
    minutes, is_elapsed = duration(text, DAY, comma=comma, unit="m")
    if not is_elapsed and not text.strip().lstrip("+-").isdigit():
        raise CellError("neither minutes nor an elapsed duration, such as 2ed")
    return minutes


def duration(text: str, per_day: int, *, comma: bool, unit: str = "d", most: int = MAX_MINUTES) -> tuple[int, bool]:
    """Minutes, and whether they are of the clock: `5d`, `3 days`, `40h`, ISO 8601; `unit` of plain numbers."""
    lengths = {"m": 1, "h": HOUR, "d": per_day, "w": 5 * per_day, "o": 20 * per_day}
    bare = text.strip()
    if match := _ISO_DURATION.fullmatch(bare.upper()):
        if bare[-1] in "PpTt":
            raise CellError("not a duration")
        weeks, days, hours, minutes, seconds = (Decimal(part or 0) for part in match.groups())
        total = weeks * lengths["w"] + days * per_day + hours * HOUR + minutes + seconds / 60
        return _minutes(total, most), False
    match = _DURATION.fullmatch(bare.casefold())
    name = None if match is None else match[3]
    if match is None or (name is not None and name not in _UNITS):
        raise CellError("not a duration")
    is_elapsed = bool(match[2])
    if is_elapsed and name is None:
        raise CellError("not a duration")
    length = (_ELAPSED if is_elapsed else lengths)[unit if name is None else _UNITS[name]]
    return _minutes(number(match[1], comma=comma) * length, most), is_elapsed


def _minutes(total: Decimal, most: int) -> int:
    if abs(total) > most:
        raise CellError(f"longer than {most} minutes")
    return int(total.to_integral_value())


def moment(text: str, order: DateOrder | None, default: time) -> datetime:
    """A local date and time; a date alone is at the default time of day. Dates that are not ISO need their order."""
    bare = re.sub(r"\s?(?:\*|A)$", "", text.strip())  # Primavera marks constrained and actual dates
    if match := _ISO_MOMENT.fullmatch(bare):
        year, month, day = (int(part) for part in match.groups()[:3])
        clock = default if match[4] is None else _clock(int(match[4]), int(match[5]))
        return _moment(year, month, day, clock)
    match = _MOMENT.fullmatch(_WEEKDAY.sub("", bare, count=1))
    if match is None:
        raise CellError("not a date")
    parts = [match[1], match[2], match[3]]
    if parts[1].isalpha():
        order = order if order == "ymd" else "dmy"
    elif parts[0].isalpha():
        order = "mdy"
    elif len(parts[0]) == 4:
        order = "ymd"
    if order is None:
        raise CellError("a date whose order of day and month is not declared; send date_format")
    year, month, day = (_part(parts[order.index(letter)]) for letter in "ymd")
    year += 0 if year >= 100 else 2000 if year < 50 else 1900
    clock = default
    if match[4] is not None:
        hour = int(match[4])
        if match[6] is not None:
            hour = hour % 12 + (12 if match[6] in "Pp" else 0)
        clock = _clock(hour, int(match[5]))
    return _moment(year, month, day, clock)


def _part(text: str) -> int:
    if text.isdigit():
        return int(text)
    found = _MONTHS.get(text[:3].casefold())
    if found is None:
        raise CellError("not a date")
    return found


def _clock(hour: int, minute: int) -> time:
    try:
        return time(hour, minute)
    except ValueError:
        raise CellError("not a time of day") from None


def _moment(year: int, month: int, day: int, clock: time) -> datetime:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CellError(f"not in the years {FIRST_YEAR} to {LAST_YEAR}")
    try:
        return datetime(year, month, day, clock.hour, clock.minute)  # noqa: DTZ001 - wall time
    except ValueError:
        raise CellError("not a date") from None
