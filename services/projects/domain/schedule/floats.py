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
    if network.plain[node] and effort.working is calendar and not network.children[node]:
        return calendar.working_minutes(dates.early_start[node], dates.late_start[node])
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
    calendar, start, finish = network.efforts[node].calendar, dates.start[node], dates.finish[node]
    free = total
    for after in network.leads[node]:
        if after < len(network.tasks) and not network.closed[after]:
            free = min(free, calendar.working_minutes(finish, dates.start[after] - network.delays.get(after, 0)))
    for bond in (*network.bonds_out[node], *network.summary_bonds.get(node, ())):
        if bond.other >= len(network.tasks) or network.closed[bond.other]:
            continue
        to_start = bond.type in {LinkType.FINISH_TO_START, LinkType.START_TO_START}
        from_finish = bond.type in {LinkType.FINISH_TO_START, LinkType.FINISH_TO_FINISH}
        moved = dates.start[bond.other] if to_start else dates.finish[bond.other]
        limit = bond.advanced(moved - network.delays.get(bond.other, 0))
        free = min(free, calendar.working_minutes(finish if from_finish else start, limit))
    return max(free, 0)
