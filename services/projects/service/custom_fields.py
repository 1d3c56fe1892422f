"""Use cases of the fields that an organization adds to what it has."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import asyncpg
import orjson

from services.projects.domain import custom_fields as rules
from services.projects.domain.custom_fields import CHOSEN, COUNTED, Definition, Mistake
from services.projects.domain.hierarchy import FieldStatus, FieldType
from services.projects.entities import CUSTOM_FIELD
from services.projects.errors import InUse, KeyTaken
from services.projects.repository import hierarchy
from shared import entity
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Entity, Written
from shared.errors import FieldError, ValidationFailed

PREFIX: Final = "custom."
"""What the names of filters by these fields begin with."""


def _definition(row: Mapping[str, object]) -> Definition:
    default = row["default_value"]
    return Definition(
        str(row["key"]),
        FieldType(str(row["type"])),
        FieldStatus(str(row["status"])),
        bool(row["is_required"]),
        [str(choice) for choice in row["choices"] or ()],  # type: ignore[attr-defined]
        _decimal(row["minimum"]),
        _decimal(row["maximum"]),
        None if default is None else orjson.loads(str(default)),
    )


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


async def definitions(tx: Transaction, kind: Entity) -> list[Definition]:
    """Return the fields that the organization has added to a kind of thing."""
    return [_definition(dict(row)) for row in await hierarchy.definitions(tx, kind.name)]


def _json(value: object) -> str:
    """Return JSON in which a decimal is a number, as PostgreSQL compares them."""
    return orjson.dumps(value, default=float).decode()


def _refuse(mistakes: Iterable[Mistake]) -> None:
    errors = [FieldError(f"/custom_fields/{each.key}", each.code, each.detail) for each in mistakes]
    if errors:
        raise ValidationFailed(errors=errors)


def settle_new(known: Iterable[Definition], fields: dict[str, object]) -> None:
    """Make the column of what is given for something new, with defaults; raises ValidationFailed with all mistakes."""
    values, mistakes = rules.created(known, _given(fields))
    _refuse(mistakes)
    fields["custom_fields"] = _json(values)


def settle(known: Iterable[Definition], fields: dict[str, object], present: object) -> None:
    """Merge what is given into the column that there is (null clears); raises ValidationFailed with all mistakes."""
    values, mistakes = rules.changed(known, _given(fields))
    _refuse(mistakes)
    merged = {**orjson.loads(str(present)), **values}
    fields["custom_fields"] = _json({key: value for key, value in merged.items() if value is not None})


def _given(fields: Mapping[str, object]) -> Mapping[str, object]:
    given = fields.get("custom_fields")
    return given if isinstance(given, dict) else {}


async def wanted(tx: Transaction, kind: Entity, filters: Sequence[tuple[str, str]]) -> str | None:
    """Return the filter by fields that parameters such as custom.risk=high ask for; None if they ask for nothing."""
    if not filters:
        return None
    known = {field.key: field for field in await definitions(tx, kind)}
    found: dict[str, list[object]] = {}
    errors = []
    for name, text in filters:
        field = known.get(name.removeprefix(PREFIX))
        if field is None:
            allowed = ", ".join(f"{PREFIX}{key}" for key in sorted(known)) or "none"
            errors.append(FieldError("query", "unknown_custom_field", f"no such field here; there are: {allowed}"))
            continue
        value = rules.sought(field, text)
        if value is None:
            errors.append(FieldError(f"query/{PREFIX}{field.key}", "custom_field_type", f"is no {field.type}"))
        else:
            found.setdefault(field.key, []).append({field.key: value})
    if errors:
        raise ValidationFailed(errors=errors)
    return _json(list(found.values()))


async def create_field(tx: Transaction, values: Mapping[str, object]) -> Written:
    """Add a field to a kind of thing; raises KeyTaken, ValidationFailed."""
    columns = _columns(values)
    check({**columns, "status": FieldStatus.ACTIVE})
    try:
        return await entity.create(tx, CUSTOM_FIELD, {**columns, "status": FieldStatus.ACTIVE})
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error


async def update_field(tx: Transaction, reference: str, expected: int, changes: Mapping[str, object]) -> Written:
    """Change a field; values that are there stay as they are."""
    row = await hierarchy.locked(tx, CUSTOM_FIELD, reference)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, CUSTOM_FIELD, row["id"])
    columns = _columns(changes)
    check({**dict(row), **columns})
    return await entity.update(tx, CUSTOM_FIELD, row["id"], columns, expected=expected, changed=list(changes))


async def delete_field(tx: Transaction, reference: str, expected: int) -> Written:
    """Delete a field that nothing has a value for; raises InUse."""
    row = await hierarchy.locked(tx, CUSTOM_FIELD, reference)
    must_be(row["version"], expected)
    if await hierarchy.is_field_used(tx, row["entity"], row["key"]):
        raise InUse("Values of it are stored.")
    return await entity.delete(tx, CUSTOM_FIELD, row["id"], expected=expected)


def _columns(values: Mapping[str, object]) -> dict[str, object]:
    columns = dict(values)
    if "default" in columns:
        default = columns.pop("default")
        try:
            columns["default_value"] = None if default is None else _json(default)
        except TypeError as error:  # half a character, or a number beyond 64 bits
            detail = "holds what no value of a field can be"
            raise ValidationFailed(errors=[FieldError("/default", "invalid", detail)]) from error
    return columns


def check(row: Mapping[str, object]) -> None:
    """Raise ValidationFailed for a definition that contradicts itself."""
    field = _definition({"choices": (), "minimum": None, "maximum": None, "default_value": None, **row})
    errors = []
    if field.type in CHOSEN and not field.choices:
        errors.append(FieldError("/choices", "required", "this type needs choices"))
    if field.type not in CHOSEN and field.choices:
        errors.append(FieldError("/choices", "not_of_this_type", "only choice and multi_choice have choices"))
    if len(set(field.choices)) != len(field.choices):
        errors.append(FieldError("/choices", "repeated", "names a choice twice"))
    for name, bound in (("minimum", field.minimum), ("maximum", field.maximum)):
        if bound is not None and field.type not in COUNTED:
            errors.append(FieldError(f"/{name}", "not_of_this_type", "only number and integer have bounds"))
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        errors.append(FieldError("/minimum", "greater_than_maximum", "is greater than the maximum"))
    if field.default is not None:
        errors += [FieldError("/default", code, detail) for code, detail in rules.wrong(field, field.default)]
    if errors:
        raise ValidationFailed(errors=errors)
