"""A JSON reader that refuses what parsers disagree about: duplicate keys, NaN, infinities, deep nesting."""

import json
import re
from decimal import Decimal
from typing import Final

import orjson

from shared.errors import JsonDuplicateKey, JsonInvalid, JsonTooDeep

MAX_DEPTH: Final = 32
HUGE_EXPONENT: Final = re.compile(r"[eE][+-]?\d{5,}$")


def _float(text: str) -> object:
    if HUGE_EXPONENT.search(text):
        return Decimal("Infinity")  # well-formed, but no field takes it: validation says where
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise JsonInvalid("A number is outside the range of a double.")
    return Decimal(text)


def _constant(_name: str) -> object:
    raise JsonInvalid("NaN and Infinity are not JSON.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonDuplicateKey
    return members


def _depth_is_fine(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False


def loads(body: bytes) -> object:
    """Parse a UTF-8 JSON body; fractions come as Decimal. Raises JsonInvalid, JsonTooDeep or JsonDuplicateKey."""
    if body[:3] == b"\xef\xbb\xbf":
        raise JsonInvalid("The body starts with a byte order mark.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonInvalid(f"The body is not UTF-8 at byte {error.start}.") from None
    try:
        value: object = json.loads(
            text, parse_float=_float, parse_constant=_constant, object_pairs_hook=_object, strict=True
        )
    except RecursionError:
        raise JsonTooDeep from None
    except json.JSONDecodeError as error:
        raise JsonInvalid(f"{error.msg} at line {error.lineno} column {error.colno}.") from None
    except ValueError:
        raise JsonInvalid("A number has too many digits.") from None
    if not _depth_is_fine(value):
        raise JsonTooDeep
    return value


def dumps(value: object) -> bytes:
    """Return JSON; UUIDs, decimals and instants of any class as text."""
    return orjson.dumps(value, default=str)
