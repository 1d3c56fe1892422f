"""A plan as a network of numbered nodes: its tasks, and helpers that stand for the ends of linked summaries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from services.projects.domain.conventions import Conventions, LagCalendar, ProgressMode, Rules
from services.projects.domain.plan import ActivityType, ConstraintType, LagUnit, Link, LinkType, Plan, Task
from services.projects.domain.schedule.effort import ALWAYS, Calendars, Effort
from services.projects.domain.schedule.order import topological_order
from shared.working_time import WorkingTime, minute_of

WITHOUT_DATE: Final = frozenset({ConstraintType.AS_SOON_AS_POSSIBLE, ConstraintType.AS_LATE_AS_POSSIBLE})


class State(IntEnum):
    """What is still open about a node."""

    OPEN = 0  # not begun
    STARTED = 1
    DONE = 2
    FIXED = 3  # manually scheduled
    PASS = 4  # a helper without duration: hands on the latest instant that comes in
    EARLIEST = 5  # a helper that hands on the earliest
    SPAN = 6  # level of effort, or all else below a summary: lies where others do and holds nobody


@dataclass(frozen=True, slots=True)
class Bond:
    """One end of a link that is more than finish-to-start without lag; `calendar` is what the lag is counted on."""

    other: int
    type: LinkType
    lag: int
    calendar: WorkingTime

    def delayed(self, minute: int) -> int:
        """The instant after the lag."""
        return self.calendar.add(minute, self.lag)

    def advanced(self, minute: int) -> int:
        """The last instant that the lag takes to the minute or before it."""
        return self.calendar.start_at(self.calendar.index(minute) - self.lag) if self.lag else minute


@dataclass(slots=True)
class Network:
    """Nodes as parallel lists, the plan's tasks first and in its order; minutes as in `shared.working_time`."""

    tasks: Sequence[Task]
    floor: int  # where work can start: the project's start, or the data date after it
    conventions: Conventions
    efforts: list[Effort] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    waits: list[list[int]] = field(default_factory=list)  # finish-to-start predecessors without lag
    leads: list[list[int]] = field(default_factory=list)  # successors of the same kind
    bonds_in: dict[int, list[Bond]] = field(default_factory=dict)  # links of every other kind
    bonds_out: dict[int, list[Bond]] = field(default_factory=dict)
    summary_bonds: dict[int, list[Bond]] = field(default_factory=dict)  # links of which an end is a summary, as stated
    earliest: dict[int, int] = field(default_factory=dict)  # what a summary's constraint says to its helper
    latest: dict[int, int] = field(default_factory=dict)  # deadlines, and what waits for a task in other projects
    constraints: dict[int, tuple[tuple[ConstraintType, int], ...]] = field(default_factory=dict)
    rests: dict[int, int] = field(default_factory=dict)  # what remains of started tasks, where the data date holds it
    begun: dict[int, int] = field(default_factory=dict)  # when they began
    spans: dict[int, list[tuple[bool, "Bond"]]] = field(default_factory=dict)  # links of SPANs; True from the other
    delays: dict[int, int] = field(default_factory=dict)  # leveling delays of open tasks, elapsed
    owners: list[int] = field(default_factory=list)  # the task a node stands for
    children: dict[int, list[int]] = field(default_factory=dict)  # of summaries
    active: list[bool] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)  # open, of some duration on one calendar, and bound by links only
    closed: list[bool] = field(default_factory=list)  # done or inactive: does not hold its predecessors
    order: list[int] = field(default_factory=list)

    @property
    def minds_data_date(self) -> bool:
        """Whether what remains of started tasks goes on at the data date, not where their resumption says."""
        return self.conventions.rules is Rules.PRIMAVERA

    @property
    def hands_on(self) -> bool:
        """Whether what holds a finished task back holds its successors too."""
        return self.minds_data_date and self.conventions.progress is not ProgressMode.PROGRESS_OVERRIDE

    def is_summary(self, node: int) -> bool:
        """Whether a task has subtasks."""
        return node in self.children


def build_network(plan: Plan) -> Network:
    """Number the tasks, tie the links; DependencyCycle if they wait for each other."""
    network = Network(plan.tasks, _floor(plan), plan.conventions)
    calendars = Calendars(plan)
    index = {task.source_id: at for at, task in enumerate(plan.tasks)}
    for at, task in enumerate(plan.tasks):
        parent = index.get(task.parent_source_id, -1) if task.parent_source_id is not None else -1
        parent = -1 if parent >= at else parent
        network.active.append(task.is_active and (parent < 0 or network.active[parent]))
        if parent >= 0:
            network.children.setdefault(parent, []).append(at)
        _add_node(network, calendars.effort(task), task.duration_minutes, _state(task), at)
        _note_bounds(network, task, at)
        if task.leveling_delay_minutes > 0 and network.states[at] is State.OPEN and not goes_late(task):
            network.delays[at] = task.leveling_delay_minutes
    for summary in network.children:
        network.states[summary] = State.PASS
    _Binder(network, plan, calendars, index).bind(plan.links)
    network.plain += [_is_plain(network, at) for at in range(len(network.states))]
    free = {State.DONE} - ({State.DONE} if network.hands_on else set())
    if network.minds_data_date and not network.hands_on:
        free.add(State.STARTED)
    network.closed += [
        state in free or not network.active[owner] for state, owner in zip(network.states, network.owners, strict=True)
    ]
    successors = list(network.leads)
    for node, bonds in network.bonds_out.items():
        successors[node] = [*successors[node], *(bond.other for bond in bonds)]
    network.order = topological_order(successors, lambda node: plan.tasks[network.owners[node]].source_id)
    return network


def _floor(plan: Plan) -> int:
    start = minute_of(plan.start)
    if plan.conventions.rules is Rules.PRIMAVERA and plan.status_date is not None:
        return max(start, minute_of(plan.status_date))
    return start


def _note_bounds(network: Network, task: Task, node: int) -> None:
    """Note the dates that bind a task beside its links, and what remains of it."""
    pairs = (
        (task.constraint_type, task.constraint_date),
        (task.secondary_constraint_type, task.secondary_constraint_date),
        (ConstraintType.START_NO_EARLIER_THAN, task.external_early_start),
    )
    bounds = tuple((kind, minute_of(date)) for kind, date in pairs if date is not None and kind not in WITHOUT_DATE)
    if bounds:
        network.constraints[node] = bounds
    limits = [minute_of(date) for date in (task.deadline, task.external_late_finish) if date is not None]
    if limits:
        network.latest[node] = min(limits)
    if network.states[node] is State.STARTED and network.minds_data_date:
        rest = task.remaining_duration_minutes
        network.rests[node] = max(task.duration_minutes - task.actual_duration_minutes, 0) if rest is None else rest


def _state(task: Task) -> State:
    if task.activity_type in {ActivityType.LEVEL_OF_EFFORT, ActivityType.WBS_SUMMARY}:
        return State.SPAN
    if task.actual_finish is not None:
        return State.DONE
    if task.is_manual and task.start is not None:
        return State.FIXED
    return State.OPEN if task.actual_start is None else State.STARTED


def _is_plain(network: Network, node: int) -> bool:
    if network.states[node] is not State.OPEN or not network.durations[node] or network.efforts[node].shares:
        return False
    task = network.tasks[node]
    bound = node in network.constraints or node in network.latest or node in network.delays
    return not bound and task.expected_finish is None


def goes_late(task: Task) -> bool:
    """Whether a task is to lie as late as possible."""
    return task.constraint_type is ConstraintType.AS_LATE_AS_POSSIBLE


def _add_node(network: Network, effort: Effort, duration: int, state: State, owner: int) -> int:
    network.efforts.append(effort)
    network.durations.append(duration)
    network.states.append(state)
    network.owners.append(owner)
    network.waits.append([])
    network.leads.append([])
    return len(network.states) - 1


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
        network, index = self._network, self._index
        for link in links:
            before, after = index.get(link.predecessor), index.get(link.successor)
            if before is None or after is None or not network.active[before]:
                continue
            lag, calendar = self._lag(link, self._plan.tasks[before], self._plan.tasks[after])
            if State.SPAN in {network.states[before], network.states[after]}:
                network.spans.setdefault(after, []).append((True, Bond(before, link.type, lag, calendar)))
                network.spans.setdefault(before, []).append((False, Bond(after, link.type, lag, calendar)))
                continue
            source, target, kind = before, after, link.type
            if network.is_summary(before):
                starts = kind in {LinkType.START_TO_START, LinkType.START_TO_FINISH}
                source = self._helper(before, Role.START if starts else Role.FINISH)
            if network.is_summary(after):
                ends = kind in {LinkType.FINISH_TO_FINISH, LinkType.START_TO_FINISH}
                target = self._helper(after, Role.HOLDS_FINISH if ends else Role.HOLDS_START)
            self._tie(source, target, kind, lag, calendar)
            if (source, target) != (before, after):
                network.summary_bonds.setdefault(before, []).append(Bond(after, kind, lag, calendar))
        self._hold_summaries()
        self._bind_helpers()

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

    def _lag(self, link: Link, before: Task, after: Task) -> tuple[int, WorkingTime]:
        lag, elapsed = link.lag, link.lag_unit in {LagUnit.ELAPSED, LagUnit.ELAPSED_PERCENT}
        if link.lag_unit in {LagUnit.PERCENT, LagUnit.ELAPSED_PERCENT}:
            lag = (before.duration_minutes * link.lag + 50) // 100
            elapsed = elapsed or before.is_elapsed_duration
        if self._network.minds_data_date and link.type is LinkType.START_TO_FINISH:
            lag += 1  # Primavera's finish takes in the minute in which the predecessor starts
        if not lag:
            return 0, ALWAYS
        if elapsed:
            return lag, ALWAYS
        match link.lag_calendar or self._plan.conventions.lag_calendar:
            case LagCalendar.PREDECESSOR:
                return lag, self._calendars.of_task(before)
            case LagCalendar.SUCCESSOR:
                return lag, self._calendars.of_task(after)
            case LagCalendar.PROJECT:
                return lag, self._calendars.project
            case LagCalendar.AROUND_THE_CLOCK:
                return lag, ALWAYS

    def _tie(self, source: int, target: int, kind: LinkType, lag: int, calendar: WorkingTime) -> None:
        network = self._network
        if kind is LinkType.FINISH_TO_START and not lag:
            network.waits[target].append(source)
            network.leads[source].append(target)
        else:
            network.bonds_in.setdefault(target, []).append(Bond(source, kind, lag, calendar))
            network.bonds_out.setdefault(source, []).append(Bond(target, kind, lag, calendar))

    def _helper(self, summary: int, role: Role) -> int:
        node = self._helpers.get((summary, role))
        if node is None:
            state = State.EARLIEST if role is Role.START else State.PASS
            node = self._helpers[summary, role] = _add_node(self._network, Effort(ALWAYS, ALWAYS), 0, state, summary)
            self._unbound.append((summary, role))
        return node

    def _bind_helpers(self) -> None:
        """Tie every helper to the subtasks, and to helpers of the summaries, directly below its summary."""
        network = self._network
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
                        self._tie(end, helper, LinkType.START_TO_START, 0, ALWAYS)
                    case Role.FINISH:
                        self._tie(end, helper, LinkType.FINISH_TO_START, 0, ALWAYS)
                    case Role.HOLDS_START:
                        self._tie(helper, end, LinkType.FINISH_TO_START, 0, ALWAYS)
                    case Role.HOLDS_FINISH:
                        kind = LinkType.FINISH_TO_FINISH if leaf else LinkType.FINISH_TO_START
                        self._tie(helper, end, kind, 0, ALWAYS)
