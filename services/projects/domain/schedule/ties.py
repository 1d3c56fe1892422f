"""What revising a schedule needs to know of its network: who comes after whom, and what lies above what."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.projects.domain.conventions import CriticalBy
from services.projects.domain.plan import LagUnit, Link, Plan
from services.projects.domain.schedule.network import Network, State

_PERCENT = frozenset({LagUnit.PERCENT, LagUnit.ELAPSED_PERCENT})


@dataclass(frozen=True, slots=True)
class Ties:
    """The same for all plans with the same links, places in the outline and activity."""

    rank: Sequence[int]
    """Of nodes, successors first."""
    after: Sequence[Sequence[int]]
    """The nodes that wait for a node."""
    after_as_summary: Mapping[int, Sequence[int]]
    """The summaries with a link of their own from a task."""
    above: Mapping[int, int]
    """The summary that a task is directly below."""
    has_percent: bool
    """Whether any lag follows from a duration."""

    def ancestors(self, nodes: set[int]) -> list[int]:
        """All summaries above tasks, the lowest first."""
        found = set[int]()
        for node in nodes:
            while (node := self.above.get(node, -1)) >= 0 and node not in found:
                found.add(node)
        return sorted(found, reverse=True)  # subtasks come after their summary


def is_revisable(plan: Plan, network: Network) -> bool:
    """Whether what a change reaches can be told from the links: no rule lets dates depend on others besides."""
    conventions = plan.conventions
    if network.minds_data_date or conventions.schedules_from_finish or conventions.open_ends_critical:
        return False
    if conventions.critical_by is not CriticalBy.TOTAL_FLOAT or network.late or network.spans or plan.awaited:
        return False
    if State.SPAN in network.states or State.EARLIEST in network.states:
        return False
    below = sum(task.parent_source_id is not None for task in plan.tasks)
    if below != sum(map(len, network.children.values())):  # a parent is missing, or comes after its subtasks
        return False
    return not (conventions.uses_expected_finish and any(task.expected_finish is not None for task in plan.tasks))


def ties_of(plan: Plan, network: Network) -> Ties:
    """The ties of a network."""
    after: list[list[int]] = [[] for _ in network.order]
    for node in network.order:
        for before in befores(network, node):
            after[before].append(node)
    as_summary: dict[int, list[int]] = {}
    for summary, bonds in network.summary_bonds.items():
        for bond in bonds:
            as_summary.setdefault(bond[0], []).append(summary)
    return Ties(
        rank_of(network.order),
        after,
        as_summary,
        {child: summary for summary, children in network.children.items() for child in children},
        has_percent(plan.links),
    )


def rank_of(order: Sequence[int]) -> list[int]:
    """The place of each node in an order."""
    rank = [0] * len(order)
    for place, node in enumerate(order):
        rank[node] = place
    return rank


def has_percent(links: Iterable[Link]) -> bool:
    """Whether any lag follows from a duration."""
    return any(link.lag_unit in _PERCENT for link in links)


def befores(network: Network, node: int) -> Iterator[int]:
    """The nodes that a node waits for."""
    yield from network.waits[node]
    for bond in network.bonds[node]:
        yield bond[0]
