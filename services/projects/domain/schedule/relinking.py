"""Links that are other than before, in a network that stays as it is otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from services.projects.domain.plan import Link, LinkType, Plan
from services.projects.domain.schedule.binding import FROM_FINISH, TO_FINISH, rest_of_lag
from services.projects.domain.schedule.bond import Bond
from services.projects.domain.schedule.network import Network
from services.projects.domain.schedule.order import successors_first
from services.projects.domain.schedule.ties import Ties, has_percent, rank_of

T = TypeVar("T")


class Untied(Exception):
    """A link is not tied from task to task."""


@dataclass(frozen=True, slots=True)
class Relinked:
    """Links that are gone, and links that are new; one that was changed is both."""

    gone: Sequence[Link] = ()
    new: Sequence[Link] = ()

    def __len__(self) -> int:
        return len(self.gone) + len(self.new)


def relink(network: Network, ties: Ties, plan: Plan, relinked: Relinked) -> tuple[Ties, set[int], set[int]]:
    """Tie a network's links anew, in lists of its own; returns its ties, and the nodes that wait and are waited for.

    Raises Untied where a link is of a summary, and DependencyCycle.
    """
    network.waits, network.bonds = list(network.waits), list(network.bonds)
    after = list(ties.after)
    index = {task.source_id: node for node, task in enumerate(plan.tasks)}
    waiting, waited = set[int](), set[int]()
    for links, is_new in ((relinked.gone, False), (relinked.new, True)):
        for link in links:
            before, node = index.get(link.predecessor), index.get(link.successor)
            if before is None or node is None or before in network.children or node in network.children:
                raise Untied
            if not network.active[before]:
                continue
            _tie(network, link, before, node, is_new=is_new)
            after[before] = _changed(after[before], node, is_new=is_new)
            waiting.add(node)
            waited.add(before)
    ties = replace(ties, after=after, has_percent=ties.has_percent or has_percent(relinked.new))
    if any(ties.rank[node] >= ties.rank[before] for before in waited for node in after[before]):
        network.order = successors_first(network.waits, network.bonds, str)
        ties = replace(ties, rank=rank_of(network.order))
    return ties, waiting, waited


def _tie(network: Network, link: Link, before: int, node: int, *, is_new: bool) -> None:
    lag, clock = rest_of_lag(network, link, network.tasks[before], network.tasks[node])
    if not lag and link.type is LinkType.FINISH_TO_START:
        network.waits[node] = _changed(network.waits[node], before, is_new=is_new)
        return
    bond: Bond = (before, link.type in FROM_FINISH, link.type in TO_FINISH, lag, clock)
    network.bonds[node] = _changed(network.bonds[node], bond, is_new=is_new)


def _changed(present: Sequence[T], one: T, *, is_new: bool) -> list[T]:
    if is_new:
        return [*present, one]
    if one not in present:
        raise Untied
    changed = list(present)
    changed.remove(one)
    return changed
