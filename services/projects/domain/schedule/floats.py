"""How far tasks can move: total float before the project's finish moves, free float before any successor does.

Microsoft Project's rules: total float is the lesser of start and finish float, that of the finish once a task has
begun, and 0 when it is done; free float is never negative, minds open successors only, and of links those that the
task has itself, not those of a summary above it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from services.projects.domain.conventions import FloatType
from services.projects.domain.plan import ConstraintType
from services.projects.domain.schedule.bond import Bond, Until, hold_back
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.forward import MANDATORY
from services.projects.domain.schedule.network import NEVER, Network, State

_DONE: Final = State.DONE
_WITHOUT: Final = frozenset({State.DONE, State.SPAN})


def total_floats(network: Network, dates: Dates) -> list[int]:
    """By task, the working minutes that it can slip; negative if it lies too late already."""
    early_start, late_start, plain = dates.early_start, dates.late_start, network.plain
    floats = []
    for node, effort in zip(range(len(network.tasks)), network.efforts, strict=False):
        if plain[node] and effort.working is effort.calendar and node not in dates.latest:
            index = effort.calendar.index
            floats.append(index[late_start[node]] - index[early_start[node]])
        else:
            floats.append(total_float(network, node, dates))
    return floats


def total_float(network: Network, node: int, dates: Dates) -> int:
    """The working minutes that a task can slip."""
    state, calendar = network.states[node], network.efforts[node].calendar
    if state is State.DONE or node in dates.latest:
        return 0
    finish = calendar.working_minutes(dates.early_finish[node], dates.late_finish[node])
    kind = network.conventions.float_type
    if kind is FloatType.FINISH or (state is State.STARTED and not network.minds_data_date):
        return finish
    # Where a constraint pulls a task before what its links allow, it is late by as much.
    start = calendar.working_minutes(dates.driven.get(node, dates.early_start[node]), dates.late_start[node])
    return start if kind is FloatType.START else min(start, finish)


def free_floats(network: Network, dates: Dates, totals: list[int]) -> list[int]:
    """By task, the working minutes until its first open successor moves; as many as in total if there is none."""
    begin_until, until = [NEVER] * len(network.waits), [NEVER] * len(network.waits)
    hold(network, dates, range(len(totals)), begin_until, until)
    return list(free_of(network, dates, enumerate(totals), begin_until, until))


def free_of(
    network: Network, dates: Dates, totals: Iterable[tuple[int, int]], begin_until: Until, until: Until
) -> Iterator[int]:
    """Free floats of tasks that are given with their total floats, from what their open successors allow."""
    starts, finishes, states, efforts = dates.start, dates.finish, network.states, network.efforts
    for node, total in totals:
        if states[node] in _WITHOUT:
            yield 0
            continue
        free, index = total, efforts[node].calendar.index
        if network.minds_data_date:  # Primavera's minds successors alone, and without them the project's early finish
            pinned = {kind for kind, _ in network.constraints.get(node, ()) if kind in MANDATORY}
            ends = until[node] == begin_until[node] == NEVER
            free = index[dates.project_finish] - index[finishes[node]] if ends else NEVER
            if pinned and (ends or ConstraintType.MANDATORY_FINISH in pinned):
                free = 0
        if until[node] != NEVER:
            free = min(free, index[until[node]] - index[finishes[node]])
        if begin_until[node] != NEVER:
            free = min(free, index[begin_until[node]] - index[starts[node]])
        yield free if free > 0 else 0


def hold(network: Network, dates: Dates, nodes: Iterable[int], begin_until: Until, until: Until) -> None:
    """Note until when what goes before these tasks may begin and finish without moving them; open ones count."""
    waits, bonds, summary_bonds, delays = network.waits, network.bonds, network.summary_bonds, network.delays
    for node in nodes:
        if network.closed[node] or network.states[node] is _DONE:
            if node in dates.held and network.active[node]:  # to Primavera its place by its links is one to be moved
                place = dates.held[node]
                for before in waits[node]:
                    until[before] = min(until[before], place)
                if bonds[node]:
                    hold_back(_floating(network, bonds[node]), place, place, begin_until, until)
            continue
        delay = delays.get(node, 0) if delays else 0
        held = dates.start[node] - delay
        for before in waits[node]:
            present = until[before]
            until[before] = held if held < present else present
        if bonds[node]:
            hold_back(_floating(network, bonds[node]), held, dates.finish[node] - delay, begin_until, until)
        if node in summary_bonds:
            hold_back(_floating(network, summary_bonds[node]), held, dates.finish[node] - delay, begin_until, until)


def _floating(network: Network, bonds: list[Bond]) -> list[Bond]:
    """Bonds without the minute that Primavera's passes add from start to finish: it is no float."""
    if not network.minds_data_date:
        return bonds
    return [
        (before, from_finish, to_finish, lag - (to_finish and not from_finish), clock)
        for before, from_finish, to_finish, lag, clock in bonds
    ]
