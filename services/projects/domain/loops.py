"""Loops of waiting tasks, found before they are written: through links, and through the summaries that links hold."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")


class _Waiting(Generic[Key]):
    """Who waits for whom, as numbered nodes.

    A task is one node. A summary is two: one that its subtasks lead to, which its links leave from, and one that leads
    to its subtasks, which its links arrive at; so links of summaries cost no product of subtasks.
    """

    def __init__(self, parents: Mapping[Key, Key | None], links: Collection[tuple[Key, Key]]) -> None:
        numbers = {key: number for number, key in enumerate(parents)}
        summaries = {parent for parent in parents.values() if parent is not None}
        count = len(numbers)
        self.names: list[int] = [*range(count), *range(count)]
        self.leaves_from = numbers
        self.arrives_at: dict[Key, int] = {
            key: number + count if key in summaries else number for key, number in numbers.items()
        }
        self.successors: list[list[int]] = [[] for _ in self.names]
        for key, parent in parents.items():
            if parent is not None and parent in numbers:
                self.successors[self.leaves_from[key]].append(self.leaves_from[parent])
                self.successors[self.arrives_at[parent]].append(self.arrives_at[key])
        for before, after in links:
            self.successors[self.leaves_from[before]].append(self.arrives_at[after])

    def in_doubt(self) -> set[int]:
        """Return the nodes that are left when those without predecessors are taken away, again and again."""
        waiting = [0] * len(self.successors)
        for targets in self.successors:
            for target in targets:
                waiting[target] += 1
        free = [node for node, number in enumerate(waiting) if not number]
        for node in free:  # grows while it is walked
            for target in self.successors[node]:
                waiting[target] -= 1
                if not waiting[target]:
                    free.append(target)
        return {node for node, number in enumerate(waiting) if number}

    def way(self, start: int, end: int, among: Collection[int]) -> list[int] | None:
        """Return the nodes of a shortest way from one node to another, both included."""
        came: dict[int, int] = {start: start}
        frontier = [start]
        for node in frontier:  # grows while it is walked
            if node == end:
                return list(_back(came, start, end))[::-1]
            for target in self.successors[node]:
                if target in among and target not in came:
                    came[target] = node
                    frontier.append(target)
        return None


def any_loop(parents: Mapping[Key, Key | None], links: Collection[tuple[Key, Key]]) -> tuple[Key, ...]:
    """Return some loop, each of its tasks once, in the order of waiting; nothing where there is none.

    As long as the tasks and links are many, however they loop.
    """
    waiting = _Waiting(parents, links)
    doubted = waiting.in_doubt()
    if not doubted:
        return ()
    # Of what is in doubt everything has somebody before it that is in doubt, too: the way back comes round.
    before = {target: node for node in doubted for target in waiting.successors[node] if target in doubted}
    node = next(iter(before))
    passed: dict[int, None] = {}
    while node not in passed:
        passed[node] = None
        node = before[node]
    way = list(passed)
    keys = list(parents)
    return tuple(dict.fromkeys(keys[waiting.names[each]] for each in reversed(way[way.index(node) :])))


def _back(came: Mapping[int, int], start: int, end: int) -> Iterator[int]:
    while end != start:
        yield end
        end = came[end]
    yield start


def loop_through(
    parents: Mapping[Key, Key | None],
    links: Collection[tuple[Key, Key]],
    *,
    added: Sequence[tuple[Key, Key]] = (),
    moved: Sequence[Key] = (),
) -> tuple[Key, ...] | None:
    """Return a loop that goes through links that are added (they are among `links`) or through tasks that are moved.

    `parents` names every task with its parent. The loop names each task once, in the order of waiting; None: there is
    none. Loops that were there before, and that nothing new is part of, are left alone.
    """
    waiting = _Waiting(parents, links)
    doubted = waiting.in_doubt()
    if not doubted:
        return None
    edges = [(waiting.leaves_from[before], waiting.arrives_at[after]) for before, after in added]
    for key in moved:
        parent = parents[key]
        if parent is not None:
            edges.append((waiting.leaves_from[key], waiting.leaves_from[parent]))
            edges.append((waiting.arrives_at[parent], waiting.arrives_at[key]))
    keys = list(parents)
    for before, after in edges:
        if before in doubted and after in doubted:
            way = waiting.way(after, before, doubted)
            if way is not None:
                return tuple(dict.fromkeys(keys[waiting.names[node]] for node in way))
    return None
