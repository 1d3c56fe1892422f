"""Codes of a work breakdown structure, made by a mask."""

import re
from dataclasses import dataclass
from typing import Final

_MASK: Final = re.compile(r"(?:(?P<prefix>[^|]*)\|)?(?P<levels>(?:0*1|A|a)(?:[-._/](?:0*1|A|a))*)")
_LEVEL: Final = re.compile(r"([-._/]?)(0*1|A|a)")


class InvalidMask(ValueError):
    """A text that is no mask."""


@dataclass(frozen=True, slots=True)
class Mask:
    """How each level is counted and what stands before it; levels below the last are as the last.

    Written as an example of a code: `1.1` counts in numbers, `A-01` in letters and then in numbers of two digits,
    `HT|1.1` puts HT before all of them.
    """

    prefix: str
    levels: tuple[tuple[str, str], ...]
    """What separates a level from the one above, and its first number."""

    @classmethod
    def parse(cls, text: str) -> "Mask":
        """Read a mask; raises InvalidMask."""
        match = _MASK.fullmatch(text)
        if match is None:
            raise InvalidMask(text)
        levels = tuple((found[1] or ".", found[2]) for found in _LEVEL.finditer(match["levels"]))
        return cls(match["prefix"] or "", levels)

    def code(self, above: str, level: int, number: int) -> str:
        """Return the code of the so-many-th task of a level, below a task with the code `above`."""
        separator, first = self.levels[min(level, len(self.levels)) - 1]
        own = str(number).rjust(len(first), "0") if first[-1] == "1" else _letters(number, first)
        return f"{above}{separator}{own}" if above else f"{self.prefix}{own}"


def _letters(number: int, first: str) -> str:
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord(first) + rest) + text
    return text


OUTLINE_NUMBERS: Final = Mask.parse("1.1")
