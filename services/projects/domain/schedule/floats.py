"""How far tasks can move: total float before the project's finish moves, free float before any successor does.

Microsoft Project's rules: total float is the lesser of start and finish float, that of the finish once a task has
begun, and 0 when it is done; free float is never negative, minds open successors only, and of links those that the
task has itself, not those of a summary above it.
"""

from services.projects.domain.plan import LinkType
from services.projects.domain.schedule.network import Network, State
from services.projects.domain.schedule.spans import Dates


def total_float(network: Network, node: int, dates: Dates) -> int:
    """Working minutes that a task or summary can slip; negative if it lies too late already."""
    state, effort = network.states[node], network.efforts[node]
    if state is State.DONE or node in dates.latest:
        return 0
    calendar = effort.calendar
    if network.plain[node] and effort.working is calendar:
        return dates.late_index[node] - dates.early_index[node]
    finish = calendar.working_minutes(dates.early_finish[node], dates.late_finish[node])
    if state is State.STARTED:
        return finish
    # Where a constraint pulls a task before what its links allow, it is late by as much.
    start = calendar.working_minutes(dates.driven.get(node, dates.early_start[node]), dates.late_start[node])
    return min(start, finish)


def free_float(network: Network, node: int, dates: Dates, total: int) -> int:
    """Working minutes until the first open successor moves; as much as in total if there is none."""
    if network.states[node] is State.DONE:
        return 0
    effort, starts, plain = network.efforts[node], dates.start, network.plain
    # Where both ends are worked on one calendar, indices are at hand; plain tasks have no leveling delay.
    same = plain[node] and effort.working is effort.calendar and node not in dates.moved
    finish_index = dates.early_index[node] + network.durations[node]
    free = total
    for after in network.leads[node]:
        if after >= len(network.tasks) or network.closed[after]:
            continue
        if same and plain[after] and network.efforts[after] is effort and after not in dates.moved:
            gap = dates.early_index[after] - finish_index
        else:
            held = starts[after] - network.delays.get(after, 0)
            gap = effort.calendar.working_minutes(dates.finish[node], held)
        free = gap if gap < free else free
    if node in network.bonds_out or node in network.summary_bonds:
        free = min(free, _bonds_float(network, node, dates, total))
    return max(free, 0)


def _bonds_float(network: Network, node: int, dates: Dates, total: int) -> int:
    calendar, free = network.efforts[node].calendar, total
    for bond in (*network.bonds_out.get(node, ()), *network.summary_bonds.get(node, ())):
        if bond.other >= len(network.tasks) or network.closed[bond.other]:
            continue
        to_start = bond.type in {LinkType.FINISH_TO_START, LinkType.START_TO_START}
        from_finish = bond.type in {LinkType.FINISH_TO_START, LinkType.FINISH_TO_FINISH}
        moved = dates.start[bond.other] if to_start else dates.finish[bond.other]
        limit = bond.advanced(moved - network.delays.get(bond.other, 0))
        free = min(free, calendar.working_minutes(dates.finish[node] if from_finish else dates.start[node], limit))
    return free
