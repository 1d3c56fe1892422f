"""The order in which a network can be walked, and the loop that prevents one."""

from collections.abc import Callable, Sequence

from services.projects.domain.schedule.bond import Bond
from services.projects.domain.schedule.result import DependencyCycle


def successors_first(
    waits: Sequence[Sequence[int]], bonds: Sequence[Sequence[Bond]], name: Callable[[int], str]
) -> list[int]:
    """Nodes with every successor before its predecessors; DependencyCycle with the names of a loop if there is none."""
    left = [0] * len(waits)  # successors not placed yet
    for befores in waits:
        for before in befores:
            left[before] += 1
    for incoming in bonds:
        for bond in incoming:
            left[bond[0]] += 1
    order = [node for node, count in enumerate(left) if not count]
    for node in order:  # grows while it is walked
        for before in waits[node]:
            count = left[before] = left[before] - 1
            if not count:
                order.append(before)
        for bond in bonds[node]:
            before = bond[0]
            count = left[before] = left[before] - 1
            if not count:
                order.append(before)
    if len(order) < len(waits):
        raise DependencyCycle(_loop(waits, bonds, left, name))
    return order


def _loop(
    waits: Sequence[Sequence[int]], bonds: Sequence[Sequence[Bond]], left: Sequence[int], name: Callable[[int], str]
) -> tuple[str, ...]:
    """Walk on among the nodes left over, each of which has a successor left over, until one comes again."""
    after = {
        before: node
        for node, count in enumerate(left)
        if count
        for before in (*waits[node], *(bond[0] for bond in bonds[node]))
    }
    node = next(node for node, count in enumerate(left) if count)
    walked: list[int] = []
    seen: dict[int, int] = {}
    while node not in seen:
        seen[node] = len(walked)
        walked.append(node)
        node = after[node]
    return tuple(dict.fromkeys(name(node) for node in walked[seen[node] :]))
