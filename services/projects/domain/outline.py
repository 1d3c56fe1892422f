"""The outline of a plan: tasks as an ordered tree, with the positions, levels and codes that follow from it."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from services.projects.domain.codes import OUTLINE_NUMBERS, Mask
from services.projects.domain.xml_guard import PlanFileError

Key = TypeVar("Key", bound=Hashable)

STEP: Final = 1024
"""Positions are given so far apart that a few tasks find room between two without moving others."""
MOST_LEVELS: Final = 100
"""Deeper nothing is put, by request or by a file: codes, and the formats of exports, grow with the depth."""
ROOM: Final = 64
"""So far apart they come where some had to move on to make room."""


def check_depth(levels: int, line: int | None) -> None:
    """Raise PlanFileError for what a line of a file puts deeper than that."""
    if levels > MOST_LEVELS:
        raise PlanFileError("outline_too_deep", f"it would stand deeper than {MOST_LEVELS} levels", line, 1)


def outline_order(parents: Mapping[Key, Key | None]) -> list[Key]:
    """Tasks, given in the order of their positions, each right before those below it."""
    below: dict[Key | None, list[Key]] = {}
    for key, parent in parents.items():
        below.setdefault(parent if parent in parents else None, []).append(key)
    ordered: list[Key] = []
    stack = list(reversed(below.get(None, ())))
    while stack:
        ordered.append(stack.pop())
        stack += reversed(below.get(ordered[-1], ()))
    return ordered


@dataclass(slots=True)
class Place(Generic[Key]):
    """Where a task stands."""

    key: Key
    parent: Key | None
    position: int
    level: int
    code: str
    is_summary: bool
    has_fixed_code: bool = False


class NoPlace(ValueError):
    """A task cannot be put there: below itself, too deep, or beside a task that is somewhere else."""


class Outline(Generic[Key]):
    """A plan's outline under change; `settle` tells what changed.

    Tasks that stay keep their positions and codes. Only where there is no room left, those that follow make some.
    """

    def __init__(self, places: Iterable[Place[Key]], mask: Mask = OUTLINE_NUMBERS) -> None:
        ordered = sorted(places, key=lambda place: place.position)
        self._mask = mask
        self._places = {place.key: place for place in ordered}
        self._before = {
            place.key: (place.parent, place.position, place.level, place.code, place.is_summary, place.has_fixed_code)
            for place in ordered
        }
        self._children: dict[Key | None, list[Key]] = {}
        for place in ordered:
            self._children.setdefault(self._known(place.parent), []).append(place.key)
        self._codes = {place.code for place in ordered}
        self._loose: dict[Key, None] = {}
        self._numbers: dict[Key | None, int] = {}  # the last given below each parent

    def _known(self, parent: Key | None) -> Key | None:
        return parent if parent in self._places else None

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[Key]:
        """All tasks in their order: each before those below it."""
        stack = list(reversed(self._children.get(None, ())))
        while stack:
            key = stack.pop()
            yield key
            stack += reversed(self._children.get(key, ()))

    def __getitem__(self, key: Key) -> Place[Key]:
        return self._places[key]

    def children(self, key: Key | None) -> Sequence[Key]:
        """Return the tasks directly below one, in their order."""
        return self._children.get(key, ())

    def branch(self, key: Key) -> list[Key]:
        """Return a task and all below it, in their order."""
        found, stack = [], [key]
        while stack:
            found.append(stack.pop())
            stack += reversed(self._children.get(found[-1], ()))
        return found

    def parents(self) -> dict[Key, Key | None]:
        """Return the parent of every task."""
        return {key: place.parent for key, place in self._places.items()}

    def add(
        self,
        key: Key,
        parent: Key | None = None,
        code: str | None = None,
        *,
        before: Key | None = None,
        after: Key | None = None,
    ) -> None:
        """Put a new task below a parent, before or after a sibling, else last; a code that is given is kept.

        Raises NoPlace.
        """
        self._check_depth(parent, 1)
        at = self._among_siblings(parent, before, after)
        self._places[key] = Place(key, parent, 0, 1, code or "", is_summary=False, has_fixed_code=code is not None)
        self._insert([key], parent, at)

    def _check_depth(self, parent: Key | None, height: int) -> None:
        above = parent
        while above is not None and height <= MOST_LEVELS:
            height += 1
            above = self._places[above].parent if above in self._places else None
        if height > MOST_LEVELS:
            raise NoPlace(f"there are {MOST_LEVELS} levels at most")

    def _height(self, key: Key) -> int:
        """Return how many levels a task and all below it take."""
        levels, found = 0, [key]
        while found:
            levels += 1
            found = [child for each in found for child in self._children.get(each, ())]
        return levels

    def move(
        self, keys: Sequence[Key], parent: Key | None, *, before: Key | None = None, after: Key | None = None
    ) -> None:
        """Put tasks with all below them below a parent, in this order: before or after a sibling, else last.

        Raises NoPlace.
        """
        above = parent
        while above is not None:
            if above in keys:
                raise NoPlace("a task cannot be below itself")
            above = self._places[above].parent if above in self._places else None
        if before in keys or after in keys:
            raise NoPlace("a task cannot stand beside itself")
        self._check_depth(parent, max(map(self._height, keys), default=0))
        self._among_siblings(parent, before, after)
        for key in keys:
            self._take_out(key)
        at = self._among_siblings(parent, before, after)
        for key in keys:
            self._places[key].parent = parent
            for each in self.branch(key):
                self._loose[each] = None
        self._insert(keys, parent, at)

    def _among_siblings(self, parent: Key | None, before: Key | None, after: Key | None) -> int:
        siblings = self._children.get(parent, [])
        beside = before if before is not None else after
        if beside is None:
            return len(siblings)
        if beside not in self._places or self._known(self._places[beside].parent) != parent:
            raise NoPlace("the sibling is not directly below that parent")
        return siblings.index(beside) + (0 if before is not None else 1)

    def remove(self, key: Key) -> None:
        """Take out a task that has none below it."""
        self._take_out(key)
        self._codes.discard(self._places.pop(key).code)
        self._loose.pop(key, None)
        self._children.pop(key, None)

    def fix_code(self, key: Key, code: str | None) -> None:
        """Give a task a code by hand; None: its code is made for it again."""
        place = self._places[key]
        self._codes.discard(place.code)
        place.code, place.has_fixed_code = code or "", code is not None
        if code is None:
            place.code = self._next_code(place)
        self._codes.add(place.code)

    def renumber(self) -> None:
        """Give all codes that were not given by hand anew, in the order of the outline."""
        self._numbers.clear()
        for place in self._places.values():
            if not place.has_fixed_code and place.level > 0:
                self._codes.discard(place.code)
                place.code = ""
        self._codes.discard("")
        for key in self:
            place = self._places[key]
            if not place.code:
                place.code = self._next_code(place)
                self._codes.add(place.code)

    def settle(self) -> dict[Key, dict[str, object]]:
        """Give positions, levels and codes to what was added or moved; returns what differs from the beginning."""
        loose = self._loose
        self._numbers.clear()
        for key in loose:
            if not self._places[key].has_fixed_code:
                self._codes.discard(self._places[key].code)
                self._places[key].code = ""
        order = list(self)
        for key in order:
            if key in loose:
                place = self._places[key]
                place.level = 1 if place.parent is None else self._places[place.parent].level + 1
                if not place.has_fixed_code:
                    place.code = self._next_code(place)
                self._codes.add(place.code)
        if loose:
            self._fit(order)
        loose.clear()
        return {key: changed for key in order if (changed := self._changed(key))}

    def _next_code(self, place: Place[Key]) -> str:
        parent = None if place.parent is None else self._places[place.parent]
        parent_key = self._known(place.parent)
        number = self._numbers.get(parent_key, 0)
        if not number:
            number = sum(1 for key in self._children.get(parent_key, ()) if self._places[key].code)
        prefix = "" if parent is None or parent.level == 0 else parent.code
        depth = 1 if parent is None else parent.level + 1
        number = max(number, 1)
        while (code := self._mask.code(prefix, depth, number)) in self._codes:
            number += 1
        self._numbers[parent_key] = number
        return code

    def _fit(self, order: Sequence[Key]) -> None:
        """Place runs of loose tasks between the settled ones around them; those that leave no room move on.

        If any has to, so many do that each gets some room of its own, and the next to come finds it.
        """
        last, run, room = -1, list[Key](), 1
        for key in order:
            position = self._places[key].position
            if key in self._loose:
                run.append(key)
            elif position - last <= len(run) * room:
                run.append(key)
                room = ROOM
            else:
                self._spread(run, last, (position - last) / (len(run) + 1))
                last, run, room = position, [], 1
        self._spread(run, last, STEP)

    def _spread(self, run: Sequence[Key], start: int, step: float) -> None:
        for number, key in enumerate(run, 1):
            self._places[key].position = start + int(number * step)

    def _changed(self, key: Key) -> dict[str, object]:
        place = self._places[key]
        now = (place.parent, place.position, place.level, place.code, place.is_summary, place.has_fixed_code)
        before = self._before.get(key)
        names = ("parent_id", "position", "outline_level", "work_breakdown_structure", "is_summary", "has_fixed_code")
        if before is None:
            return dict(zip(names, now, strict=True))
        return {name: new for name, new, old in zip(names, now, before, strict=True) if new != old}

    def _insert(self, keys: Sequence[Key], parent: Key | None, at: int) -> None:
        self._children.setdefault(parent, [])[at:at] = keys
        if parent is not None:
            self._places[parent].is_summary = True
        for key in keys:
            self._loose[key] = None

    def _take_out(self, key: Key) -> None:
        parent = self._known(self._places[key].parent)
        siblings = self._children[parent]
        siblings.remove(key)
        if parent is not None and not siblings:
            self._places[parent].is_summary = False
