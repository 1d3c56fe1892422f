"""The text in which XER keeps a calendar: nodes `(0||name(key|value|…)(nodes))`, days from Sunday = 1."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from services.projects.domain.calendars import apart
from services.projects.domain.fields import FIRST_YEAR, LAST_YEAR
from shared.working_time import DAY, CalendarException, Shifts

MAX_DEPTH: Final = 8
ORIGIN: Final = date(1899, 12, 30)  # day 0 of exceptions
FIRST_DAY: Final = (date(FIRST_YEAR, 1, 1) - ORIGIN).days
LAST_DAY: Final = (date(LAST_YEAR, 12, 31) - ORIGIN).days
BLANKS: Final = re.compile(r"[\s\x7f]+")
_TOKEN: Final = re.compile(r"[()]|[^()]+")
_TIME: Final = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d)?", re.ASCII)
_WEEKDAY: Final = re.compile(r"[1-7]", re.ASCII)
_DAY_NUMBER: Final = re.compile(r"\d{1,7}", re.ASCII)


class CalendarDataError(ValueError):
    """A calendar's text that is broken."""


@dataclass(slots=True)
class Node:
    """A node: its name without the number before it, its values, the nodes below it."""

    name: str
    values: dict[str, str] = field(default_factory=dict)
    nodes: list["Node"] = field(default_factory=list)

    def below(self, name: str) -> "Node | None":
        """The first node of that name."""
        return next((node for node in self.nodes if node.name == name), None)


def read_calendar_data(text: str) -> tuple[tuple[Shifts, ...], tuple[CalendarException, ...]]:
    """The week, Monday first, and the exceptions by date; CalendarDataError where that cannot be."""
    root = parse(text)
    week: list[Shifts] = [()] * 7
    days = root.below("DaysOfWeek")
    if days is None:
        raise CalendarDataError("it states no working week")
    for day in days.nodes:
        if _WEEKDAY.fullmatch(day.name):
            week[(int(day.name) + 5) % 7] = _shifts(day)
    exceptions: dict[int, Shifts] = {}
    stated = root.below("Exceptions")
    for node in stated.nodes if stated is not None else ():
        number = node.values.get("d", "")
        if not _DAY_NUMBER.fullmatch(number) or not FIRST_DAY <= int(number) <= LAST_DAY:
            raise CalendarDataError("an exception on no day of the years that plans can name")
        exceptions[int(number)] = _shifts(node)
    return tuple(week), tuple(
        CalendarException(day, day, shifts)
        for day, shifts in ((ORIGIN + timedelta(days=number), exceptions[number]) for number in sorted(exceptions))
    )


def parse(text: str) -> Node:
    """The tree of a calendar's text."""
    tokens = _TOKEN.findall(BLANKS.sub(" ", text))
    stream = iter([token for token in tokens if token.strip()])
    if next(stream, "") != "(":
        raise CalendarDataError("it does not begin with a bracket")
    return _node(stream, 1)


def _node(stream: Iterator[str], depth: int) -> Node:
    """What follows an opening bracket, up to its closing one."""
    if depth > MAX_DEPTH:
        raise CalendarDataError(f"nested deeper than {MAX_DEPTH}")
    head = next(stream, "")
    _, _, name = head.partition("||")
    _expect(stream, "(")
    values = next(stream, "")
    node = Node(name.strip())
    if values != ")":
        parts = values.split("|")
        node.values.update(zip((key.strip() for key in parts[::2]), parts[1::2], strict=False))
        _expect(stream, ")")
    _expect(stream, "(")
    while (bracket := next(stream, "")) == "(":
        node.nodes.append(_node(stream, depth + 1))
    if bracket != ")":
        raise CalendarDataError("it ends in the middle")
    _expect(stream, ")")
    return node


def _expect(stream: Iterator[str], bracket: str) -> None:
    if next(stream, "") != bracket:
        raise CalendarDataError("its brackets do not match")


def _shifts(day: Node) -> Shifts:
    found: list[tuple[int, int]] = []
    for node in day.nodes:
        if "s" in node.values and "f" in node.values:
            begin, end = _minute(node.values["s"]), _minute(node.values["f"]) or DAY
            if begin < end:
                found.append((begin, end))
    return apart(found)


def _minute(text: str) -> int:
    match = _TIME.fullmatch(text.strip())
    minute = int(match[1]) * 60 + int(match[2]) if match is not None else DAY + 1
    if minute > DAY:
        raise CalendarDataError("a time that no day has")
    return DAY if minute == DAY - 1 else minute
