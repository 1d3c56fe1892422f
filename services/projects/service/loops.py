"""Loops of waiting tasks, within a project and through several: how they are told, and how they are kept out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from uuid import UUID

from services.projects.domain.loops import loop_through
from services.projects.errors import DependencyCycle
from services.projects.repository import project_links as rows
from shared.db import Transaction
from shared.errors import FieldError

Pair = tuple[UUID, UUID]
NOTHING_NEW: Final[Mapping[UUID, str]] = MappingProxyType({})
LOOP_SHOWN: Final = 50
IN_WORDS: Final = 10
"""So many tasks of a loop are named in the sentence about it; the entries tell of more."""
NAME_SHOWN: Final = 60


async def cycle(
    tx: Transaction, own_only: str | None, loop: Sequence[UUID], pointer: str, new: Mapping[UUID, str] = NOTHING_NEW
) -> DependencyCycle:
    """Return the problem that names a loop: its tasks, one an entry, in the order in which they would wait.

    Each entry has a task's id and, in brackets, code and name: also of those that are `new` and only have a name, but
    not of those in projects that the caller does not see. In loops through several projects their keys stand before.
    """
    names = await _names(tx, own_only, loop[:LOOP_SHOWN], new)
    entries = [f"{task} ({names[task]})" if task in names else str(task) for task in loop[:LOOP_SHOWN]]
    some = [names.get(task, str(task)) for task in loop[:IN_WORDS]]
    way = " > ".join((*some, *(("…",) if len(loop) > IN_WORDS else ()), *some[:1]))
    return DependencyCycle(f"{way}.", errors=[FieldError(pointer, "dependency_cycle", entry) for entry in entries])


async def _names(
    tx: Transaction, own_only: str | None, tasks: Sequence[UUID], new: Mapping[UUID, str]
) -> Mapping[UUID, str]:
    found = await rows.named(tx, tasks, own_only)
    across = len({row["key"] for row in found}) > 1
    names = {task: _cut(new[task]) for task in tasks if task in new}
    for row in found:
        names[row["id"]] = " ".join(filter(None, (row["key"] if across else "", _cut(row["code"]), _cut(row["name"]))))
    return names


def _cut(name: str) -> str:
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 1]}…"


@dataclass(frozen=True, slots=True)
class Beyond:
    """What of other projects could be part of a loop through one: tasks with their parents, and links."""

    parents: Mapping[UUID, UUID | None] = field(default_factory=dict)
    pairs: Sequence[Pair] = ()


async def beyond(tx: Transaction, project_id: UUID) -> Beyond:
    """Return what loops through a project could pass outside it, and hold off others who could close one.

    Nothing unless other projects both follow it and are followed by it.
    """
    ring = _ring(await rows.edges(tx), project_id)
    if len(ring) == 1:
        return Beyond()
    await rows.lock(tx)
    ring = _ring(await rows.edges(tx), project_id)
    parents = await rows.parents(tx, ring - {project_id})
    own = await rows.parents(tx, [project_id])
    there = own.keys() | parents.keys()  # a link may have lost a task, until it is deleted too
    pairs = [pair for pair in await rows.pairs(tx, ring) if there >= set(pair) and not own.keys() >= set(pair)]
    return Beyond(parents, pairs)


async def refuse_loop(
    tx: Transaction, own_only: str | None, before: tuple[UUID, UUID], after: tuple[UUID, UUID]
) -> None:
    """Raise DependencyCycle if a link from one (project, task) to another would close a loop; holds off others."""
    await rows.lock(tx)
    ring = _ring([*await rows.edges(tx), (before[0], after[0])], before[0])
    loop = await _loop(tx, ring, (before[1], after[1])) if after[0] in ring else None
    if loop is not None:
        raise await cycle(tx, own_only, loop, "/successor_id")


async def loop_of(tx: Transaction, project_id: UUID) -> tuple[UUID, ...] | None:
    """Return a loop through several projects of which this one is part: such cannot be made, but can be imported."""
    ring = _ring(await rows.edges(tx), project_id)
    return None if len(ring) == 1 else await _loop(tx, ring, None)


async def _loop(tx: Transaction, ring: set[UUID], added: Pair | None) -> tuple[UUID, ...] | None:
    parents = await rows.parents(tx, ring)
    pairs = [pair for pair in await rows.pairs(tx, ring) if parents.keys() >= set(pair)]
    return loop_through(parents, [*pairs, added], added=[added]) if added else loop_through(parents, pairs, added=pairs)


def _ring(edges: Iterable[Pair], project: UUID) -> set[UUID]:
    """The projects that follow a project and are followed by it, by whatever way; itself among them."""
    forward: dict[UUID, set[UUID]] = {}
    backward: dict[UUID, set[UUID]] = {}
    for before, after in edges:
        forward.setdefault(before, set()).add(after)
        backward.setdefault(after, set()).add(before)
    return _reached(forward, project) & _reached(backward, project)


def _reached(ways: Mapping[UUID, set[UUID]], start: UUID) -> set[UUID]:
    found, waiting = {start}, [start]
    while waiting:
        new = ways.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
