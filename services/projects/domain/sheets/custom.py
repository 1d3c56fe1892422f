"""An organization's own fields in the cells of a table; columns of them are called as filters are: `custom.risk`."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from services.projects.domain.custom_fields import COUNTED, Definition
from services.projects.domain.hierarchy import FieldType
from services.projects.domain.sheets import values
from services.projects.domain.sheets.values import CellError
from services.projects.domain.tables import PREFIX

SEPARATOR: Final = ";"


def given_of(columns: Mapping[str, object], texts: Mapping[str, str]) -> dict[str, object] | None:
    """The texts of the columns of such fields by their keys, None where a cell is empty; None without such columns."""
    given: dict[str, object] = {
        name.removeprefix(PREFIX): texts.get(name) for name in columns if name.startswith(PREFIX)
    }
    return given or None


def value_of(field: Definition, text: str) -> object:
    """What a cell's text means for a field; CellError if it can mean nothing."""
    if field.type is FieldType.BOOLEAN:
        return values.flag(text)
    if field.type in COUNTED:
        number = values.number(text, comma=False)
        return int(number) if number == number.to_integral_value() else float(number)
    if field.type is FieldType.MULTI_CHOICE:
        return _choices(text)
    return text


def _choices(text: str) -> object:
    if not text.startswith("["):
        return [each.strip() for each in text.split(SEPARATOR) if each.strip()]
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        raise CellError("neither choices with semicolons between them nor a JSON array") from None
