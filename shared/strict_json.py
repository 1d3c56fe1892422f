"""A JSON reader that refuses what parsers disagree about: duplicate keys, NaN, infinities, deep nesting."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import orjson

from shared.errors import JsonDuplicateKey, JsonInvalid, JsonTooDeep, TooManyItems

MAX_DEPTH: Final = 32
MAX_MEMBERS: Final = 1000
HUGE_EXPONENT: Final = re.compile(r"[eE][+-]?\d{5,}$")
SHOWN: Final = re.compile(r"[!-~]{1,64}", re.ASCII)


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
    if len(pairs) > MAX_MEMBERS:  # each unknown one is a mistake to be told: tens of thousands would hold the loop
        raise TooManyItems(f"An object may have {MAX_MEMBERS} members at most.")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonDuplicateKey
    return members


def _depth_is_fine(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
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
    """Parse a UTF-8 JSON body; fractions come as Decimal.

    Raises JsonInvalid, JsonTooDeep, JsonDuplicateKey or TooManyItems.
    """
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


def places(body: object, steps: Sequence[int | str], *, is_absent: bool) -> Iterator[int | str]:
    """Return those steps to a mistake that lead through a body; the rest are names of kinds that it may be.

    The last step to what is absent leads nowhere yet.
    """
    for number, step in enumerate(steps, 1):
        match body:
            case dict() if step in body:
                body = body[step]
                yield step
            case list() if isinstance(step, int) and step < len(body):
                body = body[step]
                yield step
            case _ if is_absent and number == len(steps):
                yield step


def pointer(parts: Iterable[int | str]) -> str:
    """Return the JSON pointer (RFC 6901) to a place in a body; it ends before a name that nobody could have meant."""
    text = ""
    for part in parts:
        if isinstance(part, str) and not SHOWN.fullmatch(part):
            break
        text += "/" + str(part).replace("~", "~0").replace("/", "~1")
    return text


def dumps(value: object) -> bytes:
    """Return JSON; UUIDs, decimals and instants of any class as text."""
    return orjson.dumps(value, default=str)
