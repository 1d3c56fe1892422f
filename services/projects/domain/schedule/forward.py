"""The forward pass: how early each task can lie."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.projects.domain.conventions import ProgressMode
from services.projects.domain.plan import ActivityType, ConstraintType, Task
from services.projects.domain.schedule.network import Network, State
from shared.working_time import minute_of

_OF_START: Final = frozenset(
    {
        ConstraintType.START_NO_EARLIER_THAN,
        ConstraintType.START_NO_LATER_THAN,
        ConstraintType.MUST_START_ON,
        ConstraintType.MANDATORY_START,
    }
)
MANDATORY: Final = frozenset({ConstraintType.MANDATORY_START, ConstraintType.MANDATORY_FINISH})
_EXACT: Final = frozenset({ConstraintType.MUST_START_ON, ConstraintType.MUST_FINISH_ON})
_LATE: Final = frozenset({ConstraintType.START_NO_LATER_THAN, ConstraintType.FINISH_NO_LATER_THAN})


class Handed(NamedTuple):
    """The instants by node that successors wait for; they may differ from where the node lies."""

    start: list[int]
    finish: list[int]
    begin: list[int]  # the start from which the lags of its links count
    end: list[int]  # the finish that finishes wait for


@dataclass(frozen=True, slots=True)
class Early:
    """Early dates by node."""

    start: list[int]
    finish: list[int]
    driven: dict[int, int]  # the start that links alone would give where a constraint pulled it earlier
    held: dict[int, int]  # where what is done would lie by its links, and so holds its successors back


def early_dates(network: Network, late: tuple[list[int], list[int]] | None = None) -> Early:
    """Place every node as early as its links, constraints and progress allow.

    With late starts and finishes given, successors of a task that goes as late as possible wait for its late dates.
    """
    early = Early([network.floor] * len(network.plain), [network.floor] * len(network.plain), {}, {})
    place_early(network, reversed(network.order), early, late)
    return early


def place_early(
    network: Network, nodes: Iterable[int], early: Early, late: tuple[list[int], list[int]] | None = None
) -> None:
    """Place nodes, each after all that it waits for."""
    floor, efforts, durations, plain = network.floor, network.efforts, network.durations, network.plain
    waits, bonds = network.waits, network.bonds
    start, finish = early.start, early.finish
    apart = late is not None or network.hands_on or bool(network.begun)
    handed = Handed(start, finish, start, finish)
    if apart:
        handed = Handed(list(start), list(finish), list(start), list(finish))
    handed_finish, begin, end = handed.finish, handed.begin, handed.end
    for node in nodes:
        at = floor
        for before in waits[node]:
            done = handed_finish[before]
            at = done if done > at else at
        if plain[node]:
            duration, working = durations[node], efforts[node].working
            index_of = working.index
            index = index_of[at]
            for before, from_finish, to_finish, lag, clock in bonds[node]:
                origin = (end if to_finish else handed_finish)[before] if from_finish else begin[before]
                same = clock is working or not lag
                bound = index_of[origin] + lag if same else index_of[clock.add(origin, lag)]
                if to_finish:
                    bound -= duration
                index = bound if bound > index else index
            start[node] = working.start_at[index]
            finish[node] = working.finish_at[index + duration]
        else:
            start[node], finish[node] = _lie(network, node, at, handed, early)
        if apart:
            _hand_on(network, node, at, handed, early, late)


def _hand_on(
    network: Network, node: int, at: int, handed: Handed, early: Early, late: tuple[list[int], list[int]] | None
) -> None:
    start, finish = early.start[node], early.finish[node]
    end = finish
    if late is not None and node in network.late:
        start = late[0][node]
        finish = end = late[1][node]
    elif network.hands_on and network.states[node] is State.DONE:
        start = early.held[node] = _bound(network, node, at, handed, 0)
        finish, end = max(finish, start), max(end, network.floor)
    handed.start[node], handed.finish[node], handed.end[node] = start, finish, end
    handed.begin[node] = network.begun.get(node, start)


def _lie(network: Network, node: int, at: int, handed: Handed, early: Early) -> tuple[int, int]:
    """Start and finish of a node that more than links binds, from the instant that its plain links allow."""
    match network.states[node]:
        case State.SPAN:
            return network.floor, network.floor  # until all others lie
        case State.PASS:
            at = _bound(network, node, max(at, network.earliest.get(node, at)), handed, network.durations[node])
            return at, at
        case State.EARLIEST:
            at = min((handed.start[bond[0]] for bond in network.bonds[node]), default=network.floor)
            return at, at
        case State.OPEN:
            at = _bound(network, node, at, handed, network.durations[node])
            start, finish = _place(network, node, at, early)
            return start, _awaited(network, node, finish, handed)
        case state:
            begin, end = _progressed(network, node, network.tasks[node])
            if node in network.rests:
                return _going_on(network, node, at, begin, handed)
            return begin, _rest_done(network, node, at, begin, handed) if state is State.STARTED else end


def _bound(network: Network, node: int, at: int, handed: Handed, minutes: int) -> int:
    """The earliest start of so many minutes, not before `at`, that all incoming bonds allow."""
    for before, from_finish, to_finish, lag, clock in network.bonds[node]:
        finish = handed.end if to_finish else handed.finish
        bound = clock.add(finish[before] if from_finish else handed.begin[before], lag)
        if to_finish:
            bound = network.efforts[node].start(bound, minutes, network.durations[node])
        at = max(at, bound)
    return at


def _awaited(network: Network, node: int, finish: int, handed: Handed) -> int:
    """The finish of a task, or the start that it waits for if but a break lies between, as in Microsoft Project."""
    if network.durations[node] and not network.minds_data_date:
        for before, from_finish, to_finish, lag, _ in network.bonds[node]:
            awaited = handed.begin[before]
            waits = to_finish and not from_finish and not lag
            if waits and awaited > finish and network.efforts[node].settle_back(awaited) == finish:
                finish = awaited
    return finish


def _place(network: Network, node: int, at: int, early: Early) -> tuple[int, int]:
    """Start and finish of a task not begun, from what its links allow and what its constraint and delay demand."""
    task, effort, duration = network.tasks[node], network.efforts[node], network.durations[node]
    at = _settled(network, node, at)
    delay = network.delays.get(node)
    if delay is not None:
        at = _settled(network, node, at + delay)
    placed = at
    for kind, date in network.constraints.get(node, ()):
        placed = _constrained(network, node, placed, kind, date)
    if placed < at:
        early.driven[node] = at
    if task.expected_finish is not None and network.conventions.uses_expected_finish:
        duration = max(effort.working.working_minutes(placed, minute_of(task.expected_finish)), 0)
        network.durations[node] = duration
    return placed, effort.finish(placed, duration, duration)


def _constrained(network: Network, node: int, at: int, kind: ConstraintType, date: int) -> int:
    """The start under the task's constraint; late constraints give way to links only where the plan says so."""
    effort, duration, honors = network.efforts[node], network.durations[node], network.conventions.honors_constraints

    def starting() -> int:
        return _settled(network, node, date)

    def finishing() -> int:
        return effort.start(date, duration, duration) if duration else effort_end(network, node, date)

    if kind in _LATE and not honors:
        return at
    wanted = starting() if kind in _OF_START else finishing()
    if kind in _LATE:
        return min(at, wanted)
    exact = kind in MANDATORY or (kind in _EXACT and honors)
    return wanted if exact else max(at, wanted)


def effort_end(network: Network, node: int, date: int) -> int:
    """The instant of a task without duration that is to lie at a date: itself, or the end of work before it."""
    effort = network.efforts[node]
    return date if effort.settle(date) == date else effort.settle_back(date)


def _settled(network: Network, node: int, at: int) -> int:
    """Where work can start; a task without duration may also lie at the end of a shift.

    A finish milestone lies at the end of work, but not before what it awaits in the midst of a break.
    """
    effort = network.efforts[node]
    if not network.durations[node]:
        kind = network.tasks[node].activity_type
        back = effort.settle_back(at)
        if kind is ActivityType.FINISH_MILESTONE and at > network.floor and at in {back, effort.settle(at)}:
            return back
        if kind is not ActivityType.START_MILESTONE and back == at:
            return at
    return effort.settle(at)


def _progressed(network: Network, node: int, task: Task) -> tuple[int, int]:
    """Dates of a task that is done, begun or manually scheduled: what was stated, and the duration after a start."""
    effort, duration = network.efforts[node], network.durations[node]
    fixed = network.states[node] is State.FIXED
    start, finish = (task.start, task.finish) if fixed else (task.actual_start, task.actual_finish)
    if fixed and task.actual_start not in {None, task.start}:
        start, finish = task.actual_start, None  # it began at another time than by hand it was put at
    end = None if finish is None else minute_of(finish)
    if start is None:  # what is done began as long before as it lasts
        end = network.floor if end is None else end
        return effort.start(end, duration, duration), end
    begin = minute_of(start)
    return begin, effort.finish(begin, duration, duration) if end is None else max(begin, end)


def _going_on(network: Network, node: int, at: int, start: int, handed: Handed) -> tuple[int, int]:
    """When what remains of a started task goes on after the data date, and when it is done."""
    task, effort, mode = network.tasks[node], network.efforts[node], network.conventions.progress
    duration, rest = network.durations[node], network.rests[node]
    resumed = max(network.floor, start)  # a start that lies after the data date is taken as it is
    if task.resume is not None:
        resumed = max(resumed, minute_of(task.resume))
    if mode is not ProgressMode.PROGRESS_OVERRIDE:
        resumed = max(resumed, _bound(network, node, at, handed, rest))
    resumed = effort.settle(resumed)
    if task.expected_finish is not None and network.conventions.uses_expected_finish:
        rest = network.rests[node] = max(effort.working.working_minutes(resumed, minute_of(task.expected_finish)), 0)
    return resumed, effort.working.add(resumed, rest) if rest > duration else effort.finish(resumed, rest, duration)


def _rest_done(network: Network, node: int, at: int, start: int, handed: Handed) -> int:
    """When what remains of a task that has begun is done: from where it resumes, held back by links if it may split.

    Without a stated remainder its whole duration runs on from its start.
    """
    task, effort, duration = network.tasks[node], network.efforts[node], network.durations[node]
    rest = task.remaining_duration_minutes
    if not duration or rest is None:
        return effort.finish(start, duration, duration)
    rest = min(rest, duration)
    resumed = effort.finish(start, duration - rest, duration) if task.resume is None else minute_of(task.resume)
    if network.conventions.progress is not ProgressMode.PROGRESS_OVERRIDE:
        resumed = max(resumed, _bound(network, node, at, handed, rest))
    return max(start, effort.finish(resumed, rest, duration))
