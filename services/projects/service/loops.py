"""Loops of waiting tasks, within a project and through several: how they are told, and how they are kept out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.projects.domain.loops import loop_through
from services.projects.errors import DependencyCycle
from services.projects.repository import project_links as rows
from shared.db import Transaction
from shared.errors import FieldError

Pair = tuple[UUID, UUID]
LOOP_SHOWN: Final = 50


def cycle(loop: Sequence[object], pointer: str) -> DependencyCycle:
    """Return the problem that names a loop: its tasks, one an entry, in the order in which they would wait."""
    way = " > ".join(map(str, (*loop[:LOOP_SHOWN], *(("…",) if len(loop) > LOOP_SHOWN else ()), loop[0])))
    named = [FieldError(pointer, "dependency_cycle", str(task)) for task in loop[:LOOP_SHOWN]]
    return DependencyCycle(f"{way}.", errors=named)


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


async def refuse_loop(tx: Transaction, before: tuple[UUID, UUID], after: tuple[UUID, UUID]) -> None:
    """Raise DependencyCycle if a link from one (project, task) to another would close a loop; holds off others."""
    await rows.lock(tx)
    ring = _ring([*await rows.edges(tx), (before[0], after[0])], before[0])
    loop = await _loop(tx, ring, (before[1], after[1])) if after[0] in ring else None
    if loop is not None:
        raise cycle(loop, "/successor_id")


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
