"""Tasks that lie as late as possible by Primavera's rule: they use their free float up, and move no successor.

Source: Oracle's Primavera P6, constraint "as late as possible"; its early dates are those that it moves to.
"""

from services.projects.domain.schedule.bond import hold_back
from services.projects.domain.schedule.forward import Early
from services.projects.domain.schedule.network import NEVER, Network, State


def use_free_float(network: Network, early: Early, project_finish: int) -> None:
    """Move the early dates of open tasks that are to lie late until their first successor, or the project's finish."""
    until, begin_until = [project_finish] * len(network.states), [NEVER] * len(network.states)
    for node in network.order:
        if node in network.late and network.active[node] and network.states[node] is State.OPEN:
            _move(network, node, early, until[node], begin_until[node])
        if network.closed[node]:
            continue
        start = early.held.get(node, early.start[node])
        finish = early.held.get(node, early.finish[node])
        for before in network.waits[node]:
            until[before] = min(until[before], start)
        hold_back(network.bonds[node], start, network.efforts[node].settle(finish), begin_until, until)


def _move(network: Network, node: int, early: Early, until: int, begin_until: int) -> None:
    effort, duration = network.efforts[node], network.durations[node]
    if begin_until != NEVER:
        until = min(until, effort.finish(begin_until, duration, duration))
    start = effort.start(effort.settle_back(until) if duration else until, duration, duration)
    if start > early.start[node]:
        early.start[node], early.finish[node] = start, effort.finish(start, duration, duration)
