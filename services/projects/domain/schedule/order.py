"""Topological order, and the loop that prevents one."""

from collections.abc import Callable, Sequence

from services.projects.domain.schedule.result import DependencyCycle


def topological_order(successors: Sequence[Sequence[int]], name: Callable[[int], str]) -> list[int]:
    """Nodes with every predecessor before its successors; DependencyCycle with the names of a loop if there is none."""
    open_predecessors = [0] * len(successors)
    for targets in successors:
        for target in targets:
            open_predecessors[target] += 1
    order = [node for node, count in enumerate(open_predecessors) if not count]
    for node in order:  # grows while it is walked
        for target in successors[node]:
            open_predecessors[target] -= 1
            if not open_predecessors[target]:
                order.append(target)
    if len(order) < len(successors):
        raise DependencyCycle(_loop(successors, open_predecessors, name))
    return order


def _loop(
    successors: Sequence[Sequence[int]], open_predecessors: Sequence[int], name: Callable[[int], str]
) -> tuple[str, ...]:
    """Walk back among the nodes left over, each of which has a predecessor left over, until one comes again."""
    before = {
        target: node
        for node, targets in enumerate(successors)
        if open_predecessors[node]
        for target in targets
        if open_predecessors[target]
    }
    node = next(node for node, count in enumerate(open_predecessors) if count)
    walked: list[int] = []
    seen: dict[int, int] = {}
    while node not in seen:
        seen[node] = len(walked)
        walked.append(node)
        node = before[node]
    loop = [name(node) for node in reversed(walked[seen[node] :])]
    return tuple(dict.fromkeys(loop))
