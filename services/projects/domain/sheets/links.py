"""The predecessors of a table's rows, as Microsoft Project writes them: `3`, `3FS+2d`, `7SS-50%`, several of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from services.projects.domain.plan import LagUnit, Link, LinkType
from services.projects.domain.sheets.values import CellError, duration, number

TYPES: Final = {
    "FS": LinkType.FINISH_TO_START,
    "SS": LinkType.START_TO_START,
    "FF": LinkType.FINISH_TO_FINISH,
    "SF": LinkType.START_TO_FINISH,
}
MAX_TEXT: Final = 300
_LAG: Final = re.compile(r"(?P<before>.*?)\s*(?P<sign>[+-])\s*(?P<lag>[\d.,]+\s*[A-Za-z]*\s*%?\??)", re.ASCII)
_TYPE: Final = re.compile(r"(?P<id>.+?)\s*:?\s*(?P<type>FS|SS|FF|SF)", re.IGNORECASE)
_COMMA: Final = re.compile(r",(?!\d+\s*(?:e?(?:m|mins?|h|hrs?|d|dys?|days?|w|wks?|mo|mons?)\b|%))", re.IGNORECASE)
"""Between predecessors, not inside of a lag."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the predecessors of one table."""

    known: Mapping[str, str]  # what a row can be called -> its id
    minutes_per_day: int
    decimal_comma: bool

    def links(self, successor: str, text: str) -> Iterator[Link | CellError]:
        """A link, or what is wrong with it, for each predecessor that a cell names."""
        parts = text.split(";") if ";" in text else _COMMA.split(text)
        for part in parts:
            if bare := part.strip():
                try:
                    yield self._link(successor, bare)
                except CellError as error:
                    yield error

    def _link(self, successor: str, text: str) -> Link:
        if len(text) > MAX_TEXT:
            raise CellError("a predecessor longer than any")
        if text in self.known:
            return Link(self.known[text], successor)
        match = _TYPE.fullmatch(text)
        if match and match["id"] in self.known:  # what looks like a lag may be of its name: A-10FS
            return Link(self.known[match["id"]], successor, TYPES[match["type"].upper()])
        kind, lag, unit = LinkType.FINISH_TO_START, 0, LagUnit.WORKING
        if match := _LAG.fullmatch(text):
            text = match["before"]
            lag, unit = self._lag(match["sign"], match["lag"])
        if text not in self.known and (match := _TYPE.fullmatch(text)):
            text, kind = match["id"], TYPES[match["type"].upper()]
        if text not in self.known:
            raise CellError("names a predecessor that is not in the table")
        return Link(self.known[text], successor, kind, lag, unit)

    def _lag(self, sign: str, text: str) -> tuple[int, LagUnit]:
        factor = -1 if sign == "-" else 1
        bare = text.strip().rstrip("?").strip()
        if bare.endswith("%"):
            is_elapsed = bare[:-1].strip().lower().endswith("e")
            amount = number(bare[:-1].strip().rstrip("eE"), comma=self.decimal_comma)
            if amount > 100_000:
                raise CellError("a lag out of all proportion")
            return factor * int(amount), LagUnit.ELAPSED_PERCENT if is_elapsed else LagUnit.PERCENT
        minutes, is_elapsed = duration(bare, self.minutes_per_day, comma=self.decimal_comma)
        return factor * minutes, LagUnit.ELAPSED if is_elapsed else LagUnit.WORKING
