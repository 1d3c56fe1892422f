"""The backward pass: how late each task may lie without making the project later."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.projects.domain.plan import ActivityType, ConstraintType, Task
from services.projects.domain.schedule.bond import Bond, hold_back
from services.projects.domain.schedule.forward import Early
from services.projects.domain.schedule.network import NEVER, Network, State
from shared.working_time import minute_of

_EARLIEST: Final = State.EARLIEST
_START_FIXED: Final = frozenset({State.STARTED, State.DONE, State.FIXED})


@dataclass(frozen=True, slots=True)
class Late:
    """Late dates by node, what its successors allow, and what it asks of its predecessors."""

    start: list[int]
    finish: list[int]
    begin_until: list[int]
    until: list[int]
    asked: list[int]
    asked_finish: list[int]


def late_dates(network: Network, early: Early, horizon: int, *, own_horizon: bool = False) -> Late:
    """Place every node as late as successors, deadlines and constraints allow, and never past the horizon.

    `own_horizon` measures a task without open successors against its own early finish (several critical paths).
    """
    size = len(network.plain)
    late = Late([horizon] * size, [horizon] * size, [NEVER] * size, [horizon] * size, [NEVER] * size, [NEVER] * size)
    if own_horizon:
        for node in _open_ends(network):
            late.until[node] = min(horizon, early.finish[node])
    place_late(network, network.order, early, late)
    return late


def place_late(network: Network, nodes: Iterable[int], early: Early, late: Late) -> None:
    """Place nodes, each after all that wait for it."""
    efforts, durations, plain, closed = network.efforts, network.durations, network.plain, network.closed
    waits, bonds = network.waits, network.bonds
    start, finish, begin_until, until = late.start, late.finish, late.begin_until, late.until
    asks, asks_finish = late.asked, late.asked_finish
    for node in nodes:
        if plain[node]:
            working = efforts[node].working
            index = working.index[until[node]]
            if begin_until[node] != NEVER:
                index = min(index, working.index[begin_until[node]] + durations[node])
            finish[node] = working.finish_at[index]
            # A finish before a break is as good as the work's next start: predecessors elsewhere may use it.
            asked_finish = working.start_at[index]
            asked = start[node] = working.start_at[index - durations[node]]
        else:
            asked, asked_finish = _lie(network, node, early, late)
        asks[node], asks_finish[node] = asked, asked_finish
        if closed[node]:
            continue
        for before in waits[node]:
            present = until[before]
            until[before] = asked if asked < present else present
        if bonds[node]:
            hold_back(_holding(network, node, early), asked, asked_finish, begin_until, until)


def _open_ends(network: Network) -> set[int]:
    """Nodes without open successors."""
    followed: set[int] = set()
    for node in network.order:
        if not network.closed[node]:
            followed.update(network.waits[node], (bond[0] for bond in network.bonds[node]))
    return set(network.order) - followed


def _holding(network: Network, node: int, early: Early) -> list[Bond]:
    """A node's bonds; under a summary's start that of the earliest subtask alone: the others do not hold it.

    To Primavera what is done asks for no lag after a predecessor that is not.
    """
    bonds = network.bonds[node]
    if network.minds_data_date and network.states[node] is State.DONE:
        return [
            (before, from_finish, to_finish, 0 if from_finish and not to_finish else lag, clock)
            for before, from_finish, to_finish, lag, clock in bonds
        ]
    if network.states[node] is _EARLIEST:
        return [min(bonds, key=lambda bond: (early.start[bond[0]], bond[0]))]
    return bonds


def _lie(network: Network, node: int, early: Early, late: Late) -> tuple[int, int]:
    """Note late dates of a node that more than links binds; returns the start and finish that it asks of others."""
    state, duration, at = network.states[node], network.durations[node], late.until[node]
    held = network.rests.get(node)
    begin = late.begin_until[node]
    if begin != NEVER and state is State.DONE and network.hands_on:
        at = min(at, begin)
    elif begin != NEVER and (state not in _START_FIXED or (held is not None and node not in network.begun)):
        at = min(at, network.efforts[node].finish(begin, duration if held is None else held, duration))
    match state:
        case State.SPAN:  # asks nothing: it lies at the horizon until all others lie
            return late.start[node], network.efforts[node].settle(late.finish[node])
        case State.PASS | State.EARLIEST:
            at = min(at, network.latest.get(node, at))
            late.start[node] = late.finish[node] = at
            return at, at
        case State.DONE:
            late.start[node], late.finish[node] = early.start[node], early.finish[node]
            return at, network.efforts[node].settle(at)
        case _:
            _place(network, node, at, late)
            _not_before_its_break(network, node, early, late)
    delay = network.delays.get(node, 0)
    asked = late.start[node] - delay
    if state is State.STARTED and not network.minds_data_date:
        asked = _resumption(network, node, network.tasks[node], early, late)
        late.start[node] = early.start[node]
    return asked, network.efforts[node].settle(late.finish[node] - delay)


def _not_before_its_break(network: Network, node: int, early: Early, late: Late) -> None:
    """Let a finish milestone that lies after the break before which it could end lie there as late, too."""
    begun = network.states[node] is not State.OPEN
    if begun or network.tasks[node].activity_type is not ActivityType.FINISH_MILESTONE:
        return
    at = early.finish[node]
    if late.finish[node] < at == network.efforts[node].settle(late.finish[node]):
        late.start[node] = late.finish[node] = at


def _place(network: Network, node: int, at: int, late: Late) -> None:
    """Late dates of a task that is open, begun or fixed, under its constraint and deadline."""
    task, effort, duration = network.tasks[node], network.efforts[node], network.durations[node]
    state, pinned = network.states[node], _pinned_finish(network, node)
    # What lies on a date does so whatever its successors and its deadline ask.
    at = min(_limited(network, node, at), network.latest.get(node, at)) if pinned is None else pinned
    if node in network.latest_start and pinned is None:
        at = min(at, _finish_from(network, node, network.latest_start[node]))
    rest = network.rests.get(node, duration)
    stated = task.remaining_duration_minutes
    if stated is not None and state is State.STARTED and node not in network.rests:
        rest = min(stated, duration)
    if (duration and state is not State.FIXED) or task.activity_type is ActivityType.FINISH_MILESTONE:
        at = effort.settle_back(at)  # what is scheduled by hand may finish in a break, as in Microsoft Project
    late.finish[node] = at
    late.start[node] = effort.start(at, rest, duration) if rest <= duration else effort.working.subtract(at, rest)


def _pinned_finish(network: Network, node: int) -> int | None:
    """The late finish of a task that lies on a date whatever its links say."""
    honors = network.conventions.honors_constraints
    for kind, date in _constraints(network, node):
        match kind:
            case ConstraintType.MANDATORY_START:
                return _finish_from(network, node, date)
            case ConstraintType.MANDATORY_FINISH:
                return date
            case ConstraintType.MUST_START_ON if honors:
                return _finish_from(network, node, date)
            case ConstraintType.MUST_FINISH_ON if honors:
                return date
            case _:
                pass
    return None


def _limited(network: Network, node: int, at: int) -> int:
    """The latest finish, not after `at`, that the task's constraints allow."""
    for kind, date in _constraints(network, node):
        match kind:
            case ConstraintType.START_NO_LATER_THAN | ConstraintType.MUST_START_ON:
                at = min(at, _finish_from(network, node, date))
            case ConstraintType.FINISH_NO_LATER_THAN | ConstraintType.MUST_FINISH_ON:
                at = min(at, date)
            case _:
                pass
    return at


def _constraints(network: Network, node: int) -> tuple[tuple[ConstraintType, int], ...]:
    return () if network.states[node] is State.FIXED else network.constraints.get(node, ())


def _finish_from(network: Network, node: int, at: int) -> int:
    effort, duration = network.efforts[node], network.durations[node]
    return effort.finish(effort.settle(at), duration, duration) if duration else at


def _resumption(network: Network, node: int, task: Task, early: Early, late: Late) -> int:
    """What a begun task asks of its predecessors: that they be done when its remaining work goes on.

    A task without duration has nothing that could go on, and asks for its late finish.
    """
    duration = network.durations[node]
    if not duration:
        return late.finish[node]
    effort, rest = network.efforts[node], task.remaining_duration_minutes
    if rest is None:
        return effort.finish(early.start[node], min(task.actual_duration_minutes, duration), duration)
    if task.resume is not None and effort.finish(minute_of(task.resume), rest, duration) >= early.finish[node]:
        return minute_of(task.resume)
    return effort.settle(effort.start(early.finish[node], min(rest, duration), duration))  # put off by what it awaits
