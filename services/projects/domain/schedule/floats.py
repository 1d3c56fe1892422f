"""How far tasks can move: total float before the project's finish moves, free float before any successor does.

Microsoft Project's rules: total float is the lesser of start and finish float, that of the finish once a task has
begun, and 0 when it is done; free float is never negative, minds open successors only, and of links those that the
task has itself, not those of a summary above it.
"""

from services.projects.domain.conventions import FloatType
from services.projects.domain.plan import LinkType
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.network import Network, State


def total_float(network: Network, node: int, dates: Dates) -> int:
    """Working minutes that a task or summary can slip; negative if it lies too late already."""
    state, effort = network.states[node], network.efforts[node]
    if state is State.DONE or node in dates.latest:
        return 0
    calendar = effort.calendar
    if network.plain[node] and effort.working is calendar:
        return dates.late_index[node] - dates.early_index[node]
    finish = calendar.working_minutes(dates.early_finish[node], dates.late_finish[node])
    kind = network.conventions.float_type
    if kind is FloatType.FINISH or (state is State.STARTED and not network.minds_data_date):
        return finish
    # Where a constraint pulls a task before what its links allow, it is late by as much.
    start = calendar.working_minutes(dates.driven.get(node, dates.early_start[node]), dates.late_start[node])
    return start if kind is FloatType.START else min(start, finish)


def free_float(network: Network, node: int, dates: Dates, total: int) -> int:
    """Working minutes until the first open successor moves; as much as in total if there is none."""
    if network.states[node] in {State.DONE, State.SPAN}:
        return 0
    effort, starts, plain = network.efforts[node], dates.start, network.plain
    # Where both ends are worked on one calendar, indices are at hand; plain tasks have no leveling delay.
    same = plain[node] and effort.working is effort.calendar and node not in dates.moved
    finish_index = dates.early_index[node] + network.durations[node]
    free = total
    if network.minds_data_date:  # Primavera's is that until the project's early finish, whatever must be
        free = effort.calendar.working_minutes(dates.finish[node], dates.project_finish)
    for after in network.leads[node]:
        if after >= len(network.tasks) or network.closed[after] or network.states[after] is State.DONE:
            continue
        if same and plain[after] and network.efforts[after] is effort and after not in dates.moved:
            gap = dates.early_index[after] - finish_index
        else:
            held = starts[after] - network.delays.get(after, 0)
            gap = effort.calendar.working_minutes(dates.finish[node], held)
        free = gap if gap < free else free
    if node in network.bonds_out or node in network.summary_bonds:
        free = min(free, _bonds_float(network, node, dates, free))
    return max(free, 0)


def _bonds_float(network: Network, node: int, dates: Dates, free: int) -> int:
    calendar = network.efforts[node].calendar
    for bond in (*network.bonds_out.get(node, ()), *network.summary_bonds.get(node, ())):
        other = bond.other
        if other >= len(network.tasks) or network.closed[other] or network.states[other] is State.DONE:
            continue
        to_start = bond.type in {LinkType.FINISH_TO_START, LinkType.START_TO_START}
        from_finish = bond.type in {LinkType.FINISH_TO_START, LinkType.FINISH_TO_FINISH}
        moved = dates.start[bond.other] if to_start else dates.finish[bond.other]
        limit = bond.advanced(moved - network.delays.get(bond.other, 0))
        gap = calendar.working_minutes(dates.finish[node] if from_finish else dates.start[node], limit)
        if network.minds_data_date and bond.type is LinkType.START_TO_FINISH:
            gap += 1  # the minute that the passes add is no float
        free = min(free, gap)
    return free
