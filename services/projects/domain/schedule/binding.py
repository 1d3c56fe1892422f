"""Ties a plan's links between the nodes of its network."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from services.projects.domain.conventions import LagCalendar
from services.projects.domain.plan import ConstraintType, LagUnit, Link, LinkType, Plan, Task
from services.projects.domain.schedule.bond import Bond
from services.projects.domain.schedule.clock import Clock
from services.projects.domain.schedule.effort import Calendars
from services.projects.domain.schedule.network import Network, State, number_tasks
from services.projects.domain.schedule.order import successors_first
from shared.working_time import minute_of

FROM_FINISH: Final = frozenset({LinkType.FINISH_TO_START, LinkType.FINISH_TO_FINISH})
TO_FINISH: Final = frozenset({LinkType.FINISH_TO_FINISH, LinkType.START_TO_FINISH})

_FINISH_TO_START: Final = LinkType.FINISH_TO_START
_WORKING: Final = LagUnit.WORKING


def build_network(plan: Plan) -> Network:
    """Number the tasks, tie the links; DependencyCycle if they wait for each other."""
    calendars = Calendars(plan)
    index = {task.source_id: at for at, task in enumerate(plan.tasks)}
    network = number_tasks(plan, calendars, index)
    _Binder(network, plan, calendars, index).bind(plan.links)
    if plan.awaited and network.late:
        network.late -= _before(network, {index[each] for each in plan.awaited if each in index})
    states, active, free = network.states, network.active, network.free
    network.closed = [state in free or not active[owner] for state, owner in zip(states, network.owners, strict=True)]
    network.order = successors_first(
        network.waits, network.bonds, lambda node: plan.tasks[network.owners[node]].source_id
    )
    return network


def lag_of(network: Network, link: Link, before: Task, after: Task) -> tuple[int, Clock]:
    """How long a link waits between its ends, and what that is counted on."""
    lag, unit, calendars = link.lag, link.lag_unit, network.calendars
    elapsed = False
    if unit is not _WORKING:
        elapsed = unit in {LagUnit.ELAPSED, LagUnit.ELAPSED_PERCENT}
        if unit is not LagUnit.ELAPSED:
            lag = (before.duration_minutes * link.lag + 50) // 100
            elapsed = elapsed or before.is_elapsed_duration
    if link.type is LinkType.START_TO_FINISH and network.minds_data_date:
        lag += 1  # Primavera's finish takes in the minute in which the predecessor starts
    if not lag or elapsed:
        return lag, calendars.always.working
    match link.lag_calendar or network.conventions.lag_calendar:
        case LagCalendar.PREDECESSOR:
            return lag, calendars.of_task(before)
        case LagCalendar.SUCCESSOR:
            return lag, calendars.of_task(after)
        case LagCalendar.PROJECT:
            return lag, calendars.project
        case LagCalendar.AROUND_THE_CLOCK:
            return lag, calendars.always.working


def rest_of_lag(network: Network, link: Link, before: Task, after: Task) -> tuple[int, Clock]:
    """What of a lag is still to come at the data date where links hold what has begun, and what it is counted on."""
    lag, clock = lag_of(network, link, before, after)
    if lag and network.hands_on and before.actual_start is not None:
        lag = _rest(network, link.type, before, after, lag, clock)
    return lag, clock


def _rest(network: Network, kind: LinkType, before: Task, after: Task, lag: int, clock: Clock) -> int:
    """What is left of a lag from a predecessor that has begun: Primavera's rule.

    It runs since the end of the predecessor that the link leaves from; while that one is under way, a lag from its
    start has run as long as it was worked on. What has begun itself waits for no lag after what is done.
    """
    done = None if before.actual_finish is None else minute_of(before.actual_finish)
    match kind:
        case LinkType.START_TO_START if done is None:
            if network.conventions.lags_from_actual_start:
                return lag
            return 0 if after.actual_finish is not None else max(lag - before.actual_duration_minutes, 0)
        case LinkType.START_TO_START if before.actual_start is not None:
            since = minute_of(before.actual_start)
        case LinkType.FINISH_TO_START | LinkType.FINISH_TO_FINISH if done is not None:
            since = done
        case _:
            return lag
    if kind is LinkType.FINISH_TO_START and after.actual_finish is not None:
        return 0
    return max(lag - max(clock.working_minutes(since, network.floor), 0), 0)


def _before(network: Network, last: set[int]) -> set[int]:
    """Some nodes, what is below them, and all that these wait for."""
    found, waiting = set[int](), list(last)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += network.waits[node]
            waiting += [bond[0] for bond in network.bonds[node]]
            waiting += network.children.get(node, ())
    return found


class Role(IntEnum):
    """Which end of a summary a helper stands for."""

    START = 0  # begins with the earliest subtask
    FINISH = 1  # ends with the last
    HOLDS_START = 2  # what every subtask waits for to start
    HOLDS_FINISH = 3  # what every subtask waits for to finish


class _Binder:
    """Ties links between nodes; a link to or from a summary goes by helpers, so that it costs no product of subtasks.

    A successor summary holds every subtask back. A predecessor summary starts with its earliest subtask and finishes
    with its last.
    """

    def __init__(self, network: Network, plan: Plan, calendars: Calendars, index: dict[str, int]) -> None:
        self._network = network
        self._plan = plan
        self._calendars = calendars
        self._index = index
        self._helpers: dict[tuple[int, Role], int] = {}
        self._unbound: list[tuple[int, Role]] = []

    def bind(self, links: Sequence[Link]) -> None:
        """Tie all links between tasks of the plan; those from inactive tasks hold nobody."""
        network, find, tasks, tie = self._network, self._index.get, self._plan.tasks, self._tie
        waits, active, apart = network.waits, network.active, self._apart()
        for link in links:
            before, after = find(link.predecessor), find(link.successor)
            if before is None or after is None or not active[before]:
                continue
            kind, lag = link.type, link.lag
            if before in apart or after in apart:
                self._tie_apart(link, before, after)
            elif not lag and kind is _FINISH_TO_START:
                waits[after].append(before)
            else:
                lag, clock = rest_of_lag(network, link, tasks[before], tasks[after])
                tie(before, after, kind, lag, clock)
        self._hold_summaries()
        self._bind_helpers()

    def _apart(self) -> set[int]:
        """Tasks whose links are not tied from node to node."""
        spanning = {node for node, state in enumerate(self._network.states) if state is State.SPAN}
        return spanning | self._network.children.keys()

    def _tie_apart(self, link: Link, before: int, after: int) -> None:
        """Tie a link of a level of effort or of a summary."""
        network, kind = self._network, link.type
        lag, clock = rest_of_lag(network, link, self._plan.tasks[before], self._plan.tasks[after])
        bond = (before, kind in FROM_FINISH, kind in TO_FINISH, lag, clock)
        if State.SPAN in {network.states[before], network.states[after]}:
            network.spans.setdefault(after, []).append((True, bond))
            network.spans.setdefault(before, []).append((False, (after, *bond[1:])))
            return
        source, target = before, after
        if network.is_summary(before):
            source = self._helper(before, Role.FINISH if kind in FROM_FINISH else Role.START)
        if network.is_summary(after):
            target = self._helper(after, Role.HOLDS_FINISH if kind in TO_FINISH else Role.HOLDS_START)
        self._tie(source, target, kind, lag, clock)
        network.summary_bonds.setdefault(after, []).append(bond)

    def _hold_summaries(self) -> None:
        """A summary's own dates hold all its subtasks; of the eight constraints it can have but two."""
        network = self._network
        for at in network.children:
            task = self._plan.tasks[at]
            if not network.active[at]:
                continue
            if task.constraint_date is not None:
                date = minute_of(task.constraint_date)
                if task.constraint_type is ConstraintType.START_NO_EARLIER_THAN:
                    network.earliest[self._helper(at, Role.HOLDS_START)] = date
                elif task.constraint_type is ConstraintType.FINISH_NO_LATER_THAN:
                    network.latest[self._helper(at, Role.FINISH)] = date
            if task.deadline is not None:
                end = self._helper(at, Role.FINISH)
                network.latest[end] = min(network.latest.get(end, minute_of(task.deadline)), minute_of(task.deadline))

    def _tie(self, source: int, target: int, kind: LinkType, lag: int, clock: Clock) -> None:
        if not lag and kind is _FINISH_TO_START:
            self._network.waits[target].append(source)
            return
        bond: Bond = (source, kind in FROM_FINISH, kind in TO_FINISH, lag, clock)
        self._network.bonds[target].append(bond)
        if kind is LinkType.START_TO_FINISH:
            self._network.plain[target] = False  # it may finish in a break

    def _helper(self, summary: int, role: Role) -> int:
        node = self._helpers.get((summary, role))
        if node is None:
            state = State.EARLIEST if role is Role.START else State.PASS
            node = self._helpers[summary, role] = self._network.add_helper(self._calendars.always, state, summary)
            self._unbound.append((summary, role))
        return node

    def _bind_helpers(self) -> None:
        """Tie every helper to the subtasks, and to helpers of the summaries, directly below its summary."""
        network, always = self._network, self._calendars.always.working
        while self._unbound:
            summary, role = self._unbound.pop()
            helper = self._helpers[summary, role]
            for child in network.children[summary]:
                if role in {Role.START, Role.FINISH} and not network.active[child]:
                    continue
                leaf = not network.is_summary(child)
                end = child if leaf else self._helper(child, role)
                match role:
                    case Role.START:
                        self._tie(end, helper, LinkType.START_TO_START, 0, always)
                    case Role.FINISH:
                        self._tie(end, helper, LinkType.FINISH_TO_START, 0, always)
                    case Role.HOLDS_START:
                        self._tie(helper, end, LinkType.FINISH_TO_START, 0, always)
                    case Role.HOLDS_FINISH:
                        kind = LinkType.FINISH_TO_FINISH if leaf else LinkType.FINISH_TO_START
                        self._tie(helper, end, kind, 0, always)
