"""A plan as a network of numbered nodes: its tasks, and helpers that stand for the ends of linked summaries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from services.projects.domain.conventions import Conventions, ProgressMode, Rules
from services.projects.domain.plan import SPANNING, ConstraintType, Plan, Task
from services.projects.domain.schedule.bond import Bond
from services.projects.domain.schedule.effort import Calendars, Effort
from shared.working_time import minute_of

NEVER: Final = 1 << 40
"""Later than any minute: what nothing bounds."""

_WITHOUT_DATE: Final = frozenset({ConstraintType.AS_SOON_AS_POSSIBLE, ConstraintType.AS_LATE_AS_POSSIBLE})


class State(IntEnum):
    """What is still open about a node."""

    OPEN = 0  # not begun
    STARTED = 1
    DONE = 2
    FIXED = 3  # manually scheduled
    PASS = 4  # a helper without duration: hands on the latest instant that comes in
    EARLIEST = 5  # a helper that hands on the earliest
    SPAN = 6  # level of effort, or all else below a summary: lies where others do and holds nobody


@dataclass(slots=True)
class Network:
    """Nodes as parallel lists, the plan's tasks first and in its order; minutes as in `shared.working_time`.

    Links are kept where they come in. What few nodes have is in dictionaries.
    """

    tasks: Sequence[Task]
    floor: int  # where work can start: the project's start, or the data date after it
    conventions: Conventions
    calendars: Calendars
    minds_data_date: bool  # the rest of started tasks goes on at the data date, not where their resumption says
    hands_on: bool  # what holds a finished task back holds its successors too
    efforts: list[Effort] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    plain: list[bool] = field(default_factory=list)  # open, of some duration on one calendar, and bound by links only
    active: list[bool] = field(default_factory=list)  # of tasks
    closed: list[bool] = field(default_factory=list)  # free or inactive: does not hold its predecessors
    owners: list[int] = field(default_factory=list)  # the task a node stands for
    waits: list[list[int]] = field(default_factory=list)  # finish-to-start predecessors without lag
    bonds: list[list[Bond]] = field(default_factory=list)  # incoming links of every other kind
    order: list[int] = field(default_factory=list)  # every successor before its predecessors
    children: dict[int, list[int]] = field(default_factory=dict)  # of summaries
    summary_bonds: dict[int, list[Bond]] = field(
        default_factory=dict
    )  # links of summaries as stated, where they come in
    spans: dict[int, list[tuple[bool, Bond]]] = field(default_factory=dict)  # links of SPANs; True from the other
    constraints: dict[int, tuple[tuple[ConstraintType, int], ...]] = field(default_factory=dict)
    earliest: dict[int, int] = field(default_factory=dict)  # what a summary's constraint says to its helper
    latest: dict[int, int] = field(default_factory=dict)  # deadlines, and what waits for a task in other projects
    latest_start: dict[int, int] = field(default_factory=dict)  # what waits there for its start
    delays: dict[int, int] = field(default_factory=dict)  # leveling delays of open tasks, elapsed
    late: set[int] = field(default_factory=set)  # open tasks that are to lie as late as possible
    rests: dict[int, int] = field(default_factory=dict)  # what remains of started tasks, where the data date holds it
    begun: dict[int, int] = field(default_factory=dict)  # when those began whose start-to-start lags count from there

    def is_summary(self, node: int) -> bool:
        """Whether a task has subtasks."""
        return node in self.children

    def add_helper(self, effort: Effort, state: State, owner: int) -> int:
        """Another node that stands for an end of a summary; returns its number."""
        self.efforts.append(effort)
        self.durations.append(0)
        self.states.append(state)
        self.plain.append(False)
        self.owners.append(owner)
        self.waits.append([])
        self.bonds.append([])
        return len(self.states) - 1

    @property
    def free(self) -> frozenset[State]:
        """States in which a node waits for no predecessor any more, whatever links it has."""
        done = frozenset() if self.hands_on else frozenset({State.DONE})
        overrides = self.conventions.progress is ProgressMode.PROGRESS_OVERRIDE
        return done | {State.STARTED} if overrides else done


def number_tasks(plan: Plan, calendars: Calendars, index: Mapping[str, int]) -> Network:
    """The network of a plan's tasks; links and helpers are still to come."""
    tasks, conventions = plan.tasks, plan.conventions
    minds = conventions.rules is Rules.PRIMAVERA
    network = Network(
        tasks,
        _floor(plan),
        conventions,
        calendars,
        minds,
        minds and conventions.progress is ProgressMode.RETAINED_LOGIC,
    )
    effort_of = calendars.effort
    network.efforts = efforts = [effort_of(task) for task in tasks]
    network.durations = [task.duration_minutes for task in tasks]
    network.owners = list(range(len(tasks)))
    network.waits = [[] for _ in tasks]
    network.bonds = [[] for _ in tasks]
    states, plain, active, children = network.states, network.plain, network.active, network.children
    for at, task in enumerate(tasks):
        works = task.is_active
        if task.parent_source_id is not None:
            parent = index.get(task.parent_source_id, at)
            if parent < at:
                works = works and active[parent]
                if parent in children:
                    children[parent].append(at)
                else:
                    children[parent] = [at]
        active.append(works)
        state = _state(task)
        states.append(state)
        bound = _is_bound(task) and _note_bounds(network, task, at)
        plain.append(state is _OPEN and task.duration_minutes > 0 and not bound and not efforts[at].shares)
    for summary in children:
        states[summary] = State.PASS
        plain[summary] = False
        network.late.discard(summary)
        network.delays.pop(summary, None)
    return network


def renumber(network: Network, node: int) -> None:
    """Number a task anew that was changed in what it is itself; its links, calendar and place are as they were."""
    task = network.tasks[node]
    network.constraints.pop(node, None)
    for bounds in (network.latest, network.latest_start, network.delays):
        bounds.pop(node, None)
    network.efforts[node] = effort = network.calendars.effort(task)
    network.durations[node] = task.duration_minutes
    network.states[node] = state = _state(task)
    bound = _is_bound(task) and _note_bounds(network, task, node)
    bound = bound or any(to_finish and not from_finish for _, from_finish, to_finish, _, _ in network.bonds[node])
    network.plain[node] = state is _OPEN and task.duration_minutes > 0 and not bound and not effort.shares
    network.closed[node] = state in network.free or not network.active[node]


def _floor(plan: Plan) -> int:
    start = minute_of(plan.start)
    if plan.conventions.rules is Rules.PRIMAVERA and plan.status_date is not None:
        return max(start, minute_of(plan.status_date))
    return start


_OPEN: Final = State.OPEN
_AS_SOON: Final = ConstraintType.AS_SOON_AS_POSSIBLE


def _state(task: Task) -> State:
    if task.activity_type in SPANNING:
        return State.SPAN
    if task.actual_finish is not None:
        return State.DONE
    if task.is_manual and task.start is not None:
        return State.FIXED
    return _OPEN if task.actual_start is None else State.STARTED


def _is_bound(task: Task) -> bool:
    """Whether more than links may bind a task; few have any of it, so that the rest is asked of those alone."""
    return (
        task.constraint_type is not _AS_SOON
        or (task.secondary_constraint_date or task.actual_start) is not None
        or (task.external_early_start or task.external_early_finish) is not None
        or (task.deadline or task.external_late_finish or task.expected_finish) is not None
        or task.external_late_start is not None
        or task.leveling_delay_minutes > 0
    )


def _note_bounds(network: Network, task: Task, node: int) -> bool:
    """Note what binds a task beside its links, and what remains of it; whether its own dates or delay do."""
    state, bound = network.states[node], task.expected_finish is not None
    external = task.external_early_start or task.external_early_finish
    if (task.constraint_date or task.secondary_constraint_date or external) is not None:
        pairs = (
            (task.constraint_type, task.constraint_date),
            (task.secondary_constraint_type, task.secondary_constraint_date),
            (ConstraintType.START_NO_EARLIER_THAN, task.external_early_start),
            (ConstraintType.FINISH_NO_EARLIER_THAN, task.external_early_finish),
        )
        dated = [(kind, minute_of(date)) for kind, date in pairs if date is not None and kind not in _WITHOUT_DATE]
        if dated:
            network.constraints[node] = tuple(dated)
            bound = True
    if (task.deadline or task.external_late_finish) is not None:
        dates = (task.deadline, task.external_late_finish)
        network.latest[node] = min(minute_of(date) for date in dates if date is not None)
        bound = True
    if task.external_late_start is not None and state is _OPEN:
        network.latest_start[node] = minute_of(task.external_late_start)
        bound = True
    if state is _OPEN:
        if task.constraint_type is ConstraintType.AS_LATE_AS_POSSIBLE:
            network.late.add(node)
        elif task.leveling_delay_minutes > 0:
            network.delays[node] = task.leveling_delay_minutes
            bound = True
    elif state is State.STARTED and network.minds_data_date:
        rest = task.remaining_duration_minutes
        network.rests[node] = max(task.duration_minutes - task.actual_duration_minutes, 0) if rest is None else rest
        if network.conventions.lags_from_actual_start and task.actual_start is not None:
            network.begun[node] = minute_of(task.actual_start)
    return bound
