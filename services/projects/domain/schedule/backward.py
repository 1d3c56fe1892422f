"""The backward pass: how late each task may lie without making the project later."""

from dataclasses import dataclass

from services.projects.domain.plan import ConstraintType, LinkType, Task
from services.projects.domain.schedule.forward import Early
from services.projects.domain.schedule.network import Bond, Network, State
from shared.working_time import minute_of

_START_FIXED = frozenset({State.STARTED, State.DONE, State.FIXED})


@dataclass(frozen=True, slots=True)
class Late:
    """Late dates by node; what it asks of its predecessors differs once it has begun, and by its leveling delay."""

    start: list[int]
    finish: list[int]
    asked: list[int]  # instead of the start
    asked_finish: list[int]
    index: list[int]  # the working index of a plain node's start


def late_dates(network: Network, early: Early, horizon: int, *, own_horizon: bool = False) -> Late:
    """Place every node as late as successors, deadlines and constraints allow, and never past the horizon.

    `own_horizon` measures a task without open successors against its own early finish (several critical paths).
    """
    count = len(network.states)
    late = Late([horizon] * count, [horizon] * count, [horizon] * count, [horizon] * count, [0] * count)
    start, finish, asked, asked_finish, indices = late.start, late.finish, late.asked, late.asked_finish, late.index
    states, efforts, durations, tasks = network.states, network.efforts, network.durations, network.tasks
    leads, bonds_out, plain, closed = network.leads, network.bonds_out, network.plain, network.closed
    for node in reversed(network.order):
        at = horizon
        if own_horizon and not _has_open_successor(network, node):
            at = min(at, early.finish[node])
        for after in leads[node]:
            if asked[after] < at and not closed[after]:
                at = asked[after]
        if node in bonds_out:
            at = _bound(network, node, at, early, late)
        if plain[node]:
            working = efforts[node].working
            index = working.index(at)
            finish[node] = asked_finish[node] = working.finish_at(index)
            index -= durations[node]
            indices[node] = index
            start[node] = asked[node] = working.start_at(index)
        elif states[node] in {State.PASS, State.EARLIEST}:
            at = min(at, network.latest.get(node, at))
            start[node] = finish[node] = asked[node] = asked_finish[node] = at
        elif states[node] is State.SPAN:
            start[node] = finish[node] = horizon
        elif states[node] is State.DONE:
            asked[node] = asked_finish[node] = at
            start[node], finish[node] = early.start[node], early.finish[node]
        else:
            _place(network, node, at, early, late)
            delay = network.delays.get(node, 0)
            asked[node], asked_finish[node] = start[node] - delay, finish[node] - delay
            if states[node] is State.STARTED and not network.minds_data_date:
                asked[node] = _resumption(network, node, tasks[node], early, late)
                start[node] = early.start[node]
    return late


def _has_open_successor(network: Network, node: int) -> bool:
    return any(not network.closed[after] for after in network.leads[node]) or any(
        not network.closed[bond.other] for bond in network.bonds_out.get(node, ())
    )


def _bound(network: Network, node: int, at: int, early: Early, late: Late) -> int:
    """The latest finish, not after `at`, that all outgoing bonds allow."""
    for bond in network.bonds_out[node]:
        if network.closed[bond.other]:
            continue
        to_start = bond.type in {LinkType.FINISH_TO_START, LinkType.START_TO_START}
        # A finish before a break is as good as the work's next start: predecessors on other calendars may use it.
        asked = (
            late.asked[bond.other] if to_start else network.efforts[bond.other].settle(late.asked_finish[bond.other])
        )
        bound = bond.advanced(asked)
        if bond.type in {LinkType.START_TO_START, LinkType.START_TO_FINISH}:
            fixed = network.states[node] in _START_FIXED and (node not in network.rests or node in network.begun)
            if fixed or not _drives(network, node, bond, early):
                continue
            duration = network.durations[node]
            bound = network.efforts[node].finish(bound, network.rests.get(node, duration), duration)
        at = min(at, bound)
    return at


def _drives(network: Network, node: int, bond: Bond, early: Early) -> bool:
    """False for all but the earliest subtask under a summary's start: the others do not hold it."""
    if network.states[bond.other] is not State.EARLIEST:
        return True
    rivals = network.bonds_in[bond.other]
    return node == min((rival.other for rival in rivals), key=lambda other: (early.start[other], other))


def _place(network: Network, node: int, at: int, early: Early, late: Late) -> None:
    """Late dates of a task that is open, begun or fixed, under its constraint and deadline."""
    task, effort, duration = network.tasks[node], network.efforts[node], network.durations[node]
    pinned = _pinned_finish(network, node)
    # What lies on a date does so whatever its successors and its deadline ask.
    at = min(_limited(network, node, at), network.latest.get(node, at)) if pinned is None else pinned
    rest = network.rests.get(node, duration)
    stated = task.remaining_duration_minutes
    if stated is not None and network.states[node] is State.STARTED and node not in network.rests:
        rest = min(stated, duration)
    if duration:
        at = effort.settle_back(at)
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
    if task.resume is not None:
        return minute_of(task.resume)
    return network.efforts[node].finish(early.start[node], min(task.actual_duration_minutes, duration), duration)
