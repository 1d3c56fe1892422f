"""Another schedule from the one before, where few tasks changed: only what the changes reach is placed again.

The passes are those of `critical_path`, over fewer nodes: forward from the changed tasks along the links as far as
dates move, backward likewise, then floats and summaries of what moved. Where that would not be all (the project's
finish moves, a rule looks further than links do) or not less work, the whole plan is to be computed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import chain, compress
from typing import Final

from services.projects.domain.plan import ConstraintType, Plan, Task
from services.projects.domain.schedule.backward import Late, place_late
from services.projects.domain.schedule.bond import hold_back
from services.projects.domain.schedule.critical_path import NEVER_CRITICAL
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.floats import free_of, hold, total_float
from services.projects.domain.schedule.forward import Early, place_early
from services.projects.domain.schedule.network import NEVER, Network, renumber
from services.projects.domain.schedule.relinking import Relinked, Untied, relink
from services.projects.domain.schedule.result import DependencyCycle, ScheduledTask
from services.projects.domain.schedule.solving import Solved
from services.projects.domain.schedule.spans import span
from services.projects.domain.schedule.ties import Ties, befores, is_revisable, ties_of
from shared.working_calendar import CalendarError
from shared.working_time import moment_of

PART: Final = 4
FEW: Final = 100
"""A change that reaches more than a node in so many, and more than a few, is as quickly computed with all others."""


_NO_LINKS: Final = Relinked()


class _TooFar(Exception):
    """A change reaches too much of a plan."""


@dataclass(frozen=True, slots=True)
class Basis:
    """A plan with its dates, from which another is revised; it is left as it is."""

    plan: Plan
    solved: Solved
    ties: Ties | None = None
    """Known from the first revision on."""


@dataclass(frozen=True, slots=True)
class Revised:
    """A plan with its dates, made of those before."""

    basis: Basis
    tasks: Mapping[int, ScheduledTask]
    """All tasks of which anything may be another than before, and the summaries above those, by place."""


def revise(before: Basis, plan: Plan, changed: Sequence[int], relinked: Relinked = _NO_LINKS) -> Revised | None:
    """The dates of a plan that differs in these tasks and links alone; None where it takes all of it."""
    network, ties = before.solved.network, before.ties
    if ties is None:
        if not is_revisable(before.plan, network):
            return None
        ties = ties_of(before.plan, network)
    if not all(_is_within(network, ties, before.plan.tasks[node], plan.tasks[node], node) for node in changed):
        return None
    try:
        leaves = [node for node in changed if node not in network.children]
        return _Revision(before, ties, plan, leaves, relinked).made(changed)
    except (
        _TooFar,
        Untied,
        DependencyCycle,
        OverflowError,
        CalendarError,
    ):
        return None  # the whole computation tells what is wrong


def _is_within(network: Network, ties: Ties, old: Task, new: Task, node: int) -> bool:
    """Whether a change of a task leaves links, outline, activity and calendars as they are."""
    names = ["source_id", "position", "parent_source_id", "is_active", "activity_type"]
    names += ["calendar_source_id", "is_elapsed_duration"]
    if node in network.children:
        names += ["constraint_type", "constraint_date", "deadline"]
    if ties.has_percent:
        names.append("duration_minutes")
    late = new.constraint_type is ConstraintType.AS_LATE_AS_POSSIBLE or new.expected_finish is not None
    return not late and all(getattr(old, name) == getattr(new, name) for name in names)


class _Revision:
    """A revision under way, on copies of what is left as it was."""

    def __init__(self, before: Basis, ties: Ties, plan: Plan, leaves: Sequence[int], relinked: Relinked) -> None:
        solved, kept = before.solved, before.solved.network
        self.before, self.ties, self.plan, self.changed = before, ties, plan, set(leaves)
        self.most = max(len(kept.order) // PART, FEW)
        self.network = network = replace(
            kept,
            tasks=plan.tasks,
            efforts=list(kept.efforts),
            durations=list(kept.durations),
            states=list(kept.states),
            plain=list(kept.plain),
            closed=list(kept.closed),
            constraints=dict(kept.constraints),
            latest=dict(kept.latest),
            latest_start=dict(kept.latest_start),
            delays=dict(kept.delays),
        )
        self.let_go = set[int]()
        """What was waited for, or is now, by other links than before."""
        if relinked:
            self.ties, waiting, self.let_go = relink(network, ties, plan, relinked)
            self.changed |= waiting
        for node in self.changed:
            renumber(network, node)
        self.reopened = [node for node in self.changed if network.closed[node] is not kept.closed[node]]
        early, late = solved.early, solved.late
        self.early = Early(list(early.start), list(early.finish), dict(early.driven), {})
        self.late = Late(
            list(late.start),
            list(late.finish),
            list(late.begin_until),
            list(late.until),
            list(late.asked),
            list(late.asked_finish),
        )

    def made(self, changed: Sequence[int]) -> Revised | None:
        """All that it comes to; None where the project's finish moves."""
        network, solved, size = self.network, self.before.solved, len(self.plan.tasks)
        forward = _Front(self.changed, lambda node: -self.ties.rank[node], self.most)
        place_early(network, self._forward(forward), self.early)
        finish = max(compress(self.early.finish, solved.counts), default=network.floor)
        if finish != solved.dates.project_finish:
            return None
        backward = _Front(forward.seen, self.ties.rank.__getitem__, self.most)
        backward.reach(self.let_go)
        for node in self.reopened:
            backward.reach(befores(network, node))
        place_late(network, self._backward(backward), self.early, self.late)
        start, end, late = self.early.start, self.early.finish, self.late
        dates = Dates(start, end, late.start, late.finish, start, end, self.early.driven, {}, finish, frozenset())
        reached = {node for node in chain(backward.seen, changed) if node < size}
        summaries = self.ties.ancestors(reached)
        for summary in summaries:
            span(network, dates, summary)
        reached.update(summaries)
        for node in list(reached):  # what goes before has another free float
            reached.update(before for before in befores(network, node) if before < size)
            reached.update(bond[0] for bond in network.summary_bonds.get(node, ()))
        after = replace(solved, network=network, dates=dates, early=self.early, late=late)
        return Revised(Basis(self.plan, after, self.ties), self._scheduled(dates, sorted(reached)))

    def _forward(self, front: "_Front") -> Iterator[int]:
        """Nodes whose early dates may be others, each after all that it waits for."""
        start, finish, driven = self.early.start, self.early.finish, self.early.driven
        for node in front:
            was = start[node], finish[node]
            driven.pop(node, None)
            yield node
            if (start[node], finish[node]) != was:
                front.reach(self.ties.after[node])

    def _backward(self, front: "_Front") -> Iterator[int]:
        """Nodes whose late dates may be others, each after all that wait for it."""
        late = self.late
        for node in front:
            was = late.asked[node], late.asked_finish[node]
            self._allow(node)
            yield node
            if (late.asked[node], late.asked_finish[node]) != was:
                front.reach(befores(self.network, node))

    def _allow(self, node: int) -> None:
        """Note anew what the successors of a node allow it."""
        network, late = self.network, self.late
        late.begin_until[node], late.until[node] = NEVER, self.before.solved.horizon
        for after in self.ties.after[node]:
            if network.closed[after]:
                continue
            if node in network.waits[after]:
                late.until[node] = min(late.until[node], late.asked[after])
            own = [bond for bond in network.bonds[after] if bond[0] == node]
            hold_back(own, late.asked[after], late.asked_finish[after], late.begin_until, late.until)

    def _scheduled(self, dates: Dates, nodes: Sequence[int]) -> Mapping[int, ScheduledTask]:
        network, ties, size = self.network, self.ties, len(self.plan.tasks)
        tasks: dict[int, ScheduledTask] = {}
        begin_until: dict[int, int] = defaultdict(lambda: NEVER)
        until: dict[int, int] = defaultdict(lambda: NEVER)
        followers = {after for node in nodes for after in ties.after[node] if after < size}
        followers.update(chain.from_iterable(ties.after_as_summary.get(node, ()) for node in nodes))
        hold(network, dates, followers, begin_until, until)
        totals = [(node, total_float(network, node, dates)) for node in nodes]
        most = self.plan.conventions.critical_float_minutes
        for (node, total), free in zip(totals, free_of(network, dates, totals, begin_until, until), strict=True):
            start, finish = moment_of(dates.early_start[node]), moment_of(dates.early_finish[node])
            tasks[node] = ScheduledTask(
                self.plan.tasks[node].source_id,
                start,
                finish,
                moment_of(dates.late_start[node]),
                moment_of(dates.late_finish[node]),
                start,
                finish,
                total,
                free,
                total <= most and network.active[node] and network.states[node] not in NEVER_CRITICAL,
            )
        return tasks


class _Front:
    """Nodes that a change reaches, each once, in the order of the network; raises _TooFar where they are too many."""

    def __init__(self, nodes: Iterable[int], rank: Callable[[int], int], most: int) -> None:
        self.seen = set[int]()
        self._rank, self._most = rank, most
        self._heap: list[tuple[int, int]] = []
        self.reach(nodes)

    def __iter__(self) -> Iterator[int]:
        while self._heap:
            yield heappop(self._heap)[1]

    def reach(self, nodes: Iterable[int]) -> None:
        """Take nodes that are yet to come."""
        for node in nodes:
            if node not in self.seen:
                self.seen.add(node)
                heappush(self._heap, (self._rank(node), node))
        if len(self.seen) > self._most:
            raise _TooFar
