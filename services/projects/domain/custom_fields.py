"""What an organization's own fields may hold, and every mistake in what is given for them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from services.projects.domain.hierarchy import FieldStatus, FieldType
from shared.types import FIRST_YEAR, FORBIDDEN, LAST_YEAR, LINE_BREAKS

LONGEST: Final = {FieldType.TEXT: 2000, FieldType.USER: 200, FieldType.URL: 2000}
EXACT: Final = 2**53
"""Whole numbers up to here are the same in every JSON library."""
CHOSEN: Final = (FieldType.CHOICE, FieldType.MULTI_CHOICE)
COUNTED: Final = (FieldType.NUMBER, FieldType.INTEGER)


@dataclass(frozen=True, slots=True)
class Definition:
    """A field: what it is called in bodies and filters, and what it may hold."""

    key: str
    type: FieldType
    status: FieldStatus = FieldStatus.ACTIVE
    is_required: bool = False
    choices: Sequence[str] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    default: object = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the value of a field."""

    key: str
    code: str
    detail: str


def created(definitions: Iterable[Definition], given: Mapping[str, object]) -> tuple[dict[str, object], list[Mistake]]:
    """Return the values that something new has, defaults filled in, and every mistake in what is given."""
    known = {each.key: each for each in definitions}
    values, mistakes = changed(known.values(), given)
    for each in known.values():
        if each.status is FieldStatus.RETIRED or given.get(each.key) is not None:
            continue
        if each.default is not None and each.key not in given:
            values[each.key] = each.default
        elif each.is_required and each.key not in given:
            mistakes.append(_required(each.key))
    return {key: value for key, value in values.items() if value is not None}, mistakes


def changed(definitions: Iterable[Definition], given: Mapping[str, object]) -> tuple[dict[str, object], list[Mistake]]:
    """Return the values to set (None: to clear), and every mistake in what is given.

    What is not given is not looked at: a stricter definition keeps nobody from changing something else.
    """
    known = {each.key: each for each in definitions}
    allowed = ", ".join(sorted(key for key, each in known.items() if each.status is FieldStatus.ACTIVE)) or "none"
    mistakes = []
    for key, value in given.items():
        field = known.get(key)
        if field is None:
            mistakes.append(Mistake(key, "unknown_custom_field", f"is no field of this kind; there are: {allowed}"))
        elif value is None:
            mistakes += [_required(key)] if field.is_required and field.status is FieldStatus.ACTIVE else []
        elif field.status is FieldStatus.RETIRED:
            mistakes.append(Mistake(key, "custom_field_retired", "is retired: it can only be cleared"))
        else:
            mistakes += (Mistake(key, code, detail) for code, detail in wrong(field, value))
    return dict(given), mistakes


def _required(key: str) -> Mistake:
    return Mistake(key, "required", "needs a value")


def wrong(field: Definition, value: object) -> Iterator[tuple[str, str]]:
    """Yield code and detail of what is wrong with a value that is given for a field."""
    match field.type, value:
        case FieldType.BOOLEAN, bool():
            return
        case FieldType.INTEGER, int() if not isinstance(value, bool):
            yield from _out_of_range(field, value)
        case FieldType.NUMBER, int() | float() | Decimal() if not isinstance(value, bool):
            yield from _out_of_range(field, value)
        case FieldType.CHOICE, str():
            yield from _not_a_choice(field, [value])
        case FieldType.MULTI_CHOICE, list() if all(isinstance(each, str) for each in value):
            if len(set(value)) != len(value):
                yield "repeated", "names a choice twice"
            yield from _not_a_choice(field, value)
        case FieldType.DATE, str():
            if not _is_date(value):
                yield "date", "must be a date such as 2026-03-31, of the years 1900 to 2200"
        case FieldType.TEXT | FieldType.USER | FieldType.URL, str():
            yield from _bad_text(field.type, value)
        case _:
            yield "custom_field_type", f"must be {_KINDS[field.type]}"


_KINDS: Final = {
    FieldType.TEXT: "a string",
    FieldType.NUMBER: "a number",
    FieldType.INTEGER: "a whole number",
    FieldType.BOOLEAN: "true or false",
    FieldType.DATE: "a date as a string",
    FieldType.CHOICE: "a string",
    FieldType.MULTI_CHOICE: "an array of strings",
    FieldType.USER: "a user's subject as a string",
    FieldType.URL: "a URL as a string",
}


def _out_of_range(field: Definition, value: float | Decimal) -> Iterator[tuple[str, str]]:
    if not -EXACT <= value <= EXACT:
        yield "number_range", f"must lie between -{EXACT} and {EXACT}"
        return
    number = Decimal(str(value))
    if field.minimum is not None and number < field.minimum:
        yield "less_than_minimum", f"must be at least {field.minimum}"
    if field.maximum is not None and number > field.maximum:
        yield "greater_than_maximum", f"must be at most {field.maximum}"


def _not_a_choice(field: Definition, values: Iterable[str]) -> Iterator[tuple[str, str]]:
    if not set(values) <= set(field.choices):
        yield "unknown_choice", f"is not one of: {', '.join(field.choices)}"


def _is_date(value: str) -> bool:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return False
    return re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) is not None and FIRST_YEAR <= day.year <= LAST_YEAR


def _bad_text(kind: FieldType, value: str) -> Iterator[tuple[str, str]]:
    if not value.strip():
        yield "blank", "is blank"
    if len(value) > LONGEST[kind]:
        yield "string_too_long", f"may have {LONGEST[kind]} characters"
    if FORBIDDEN.search(value) or (kind is not FieldType.TEXT and LINE_BREAKS.search(value)):
        yield "forbidden_character", "holds a control, surrogate or direction-override character"
    elif kind is FieldType.URL and not _is_url(value):
        yield "url", "must be an absolute http or https URL"


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", value)


def sought(field: Definition, text: str) -> object | None:
    """Return the value that a filter's text means for a field; None if it means none."""
    match field.type:
        case FieldType.BOOLEAN:
            return {"true": True, "false": False}.get(text)
        case FieldType.INTEGER | FieldType.NUMBER:
            if not re.fullmatch(r"-?\d{1,16}(\.\d{1,15})?", text, re.ASCII):
                return None
            return float(text) if "." in text else int(text)
        case FieldType.MULTI_CHOICE:
            return [text]
        case _:
            return text
