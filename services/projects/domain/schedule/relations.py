"""Relations between tasks: how much float each has, which of them drive, and the paths that they make.

Sources: Oracle's Primavera P6 for what relation floats, the longest path and multiple float paths are; T. Boyle and
P. Kelly, Interpreting Logic Paths in Multi-Calendar Project Schedules (AACE 2020), for how P6 counts them: on the
predecessor's calendar. Whether a relation drives is told on the successor's instead, on which it is placed: from a
predecessor that ends on a Saturday to a successor that works on Monday there is float, and yet nothing else drives.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.projects.domain.conventions import ProgressMode
from services.projects.domain.plan import Link, Plan
from services.projects.domain.schedule.binding import FROM_FINISH, TO_FINISH, lag_of, rest_of_lag
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.network import Network, State


class Relation(NamedTuple):
    """A link with what its ends leave room for, in working minutes of its predecessor's calendar."""

    link: Link
    free_float_minutes: int  # by how much the predecessor may be later without moving the successor; negative: violated
    total_float_minutes: int  # and without moving the project's finish
    is_driving: bool  # nothing but this, or as much as this, holds the successor where it lies


class Step(NamedTuple):
    """A way back from a task to one that it waits for, which a link of its own or of a summary above it gives."""

    before: int
    relation: Relation


def relations(plan: Plan, network: Network, dates: Dates) -> Iterator[tuple[int, int, Relation]]:
    """All links that are tied, with the nodes of their tasks."""
    index = {task.source_id: node for node, task in enumerate(plan.tasks)}
    for link in plan.links:
        before, after = index.get(link.predecessor), index.get(link.successor)
        if before is not None and after is not None and network.active[before] and network.active[after]:
            yield before, after, _relation(network, dates, link, before, after)


def _relation(network: Network, dates: Dates, link: Link, before: int, after: int) -> Relation:
    is_done = network.states[before] is State.DONE  # its lag is counted from its finish, not from the data date
    lag, clock = (lag_of if is_done else rest_of_lag)(network, link, network.tasks[before], network.tasks[after])
    from_finish, to_finish = link.type in FROM_FINISH, link.type in TO_FINISH
    origin = dates.finish[before] if from_finish else network.begun.get(before, dates.start[before])
    effort, index, delay = network.efforts[after], network.efforts[before].calendar.index, network.delays.get(after, 0)
    reached, latest = dates.start[after] - delay, dates.late_start[after] - delay
    if to_finish:  # one before a break is as good as the work's next start
        reached, latest = (effort.settle(at[after] - delay) for at in (dates.finish, dates.late_finish))
    room = effort.working.working_minutes(clock.add(origin, lag), reached)
    if to_finish and not from_finish and network.minds_data_date:
        lag -= 1  # the minute that the passes add is no float
    return Relation(
        link,
        index[clock.before(reached, lag)] - index[origin],
        index[clock.before(latest, lag)] - index[origin],
        room <= 0 and _can_be_held(network, after),
    )


def _can_be_held(network: Network, node: int) -> bool:
    """Whether links place a task: one that is done, begun or fixed lies where it lies."""
    if node in network.rests:
        return network.conventions.progress is not ProgressMode.PROGRESS_OVERRIDE
    return network.states[node] is State.OPEN or network.is_summary(node)


def steps_back(plan: Plan, network: Network, dates: Dates) -> dict[int, list[Step]]:
    """By task, the open tasks that it waits for; a summary as predecessor is those below it that make its date."""
    found: dict[int, list[Step]] = {}
    for before, after, relation in relations(plan, network, dates):
        sources = _ends(network, dates, before, from_finish=relation.link.type in FROM_FINISH)
        for target in leaves(network, after):
            held = relation if target == after else _relation(network, dates, relation.link, before, target)
            found.setdefault(target, []).extend(Step(source, held) for source in sources)
    return found


def leaves(network: Network, node: int) -> Iterator[int]:
    """The task itself, or the tasks below a summary; those that are inactive or span others aside."""
    if not network.is_summary(node):
        if network.active[node] and network.states[node] is not State.SPAN:
            yield node
        return
    for child in network.children[node]:
        yield from leaves(network, child)


def _ends(network: Network, dates: Dates, node: int, *, from_finish: bool) -> Iterable[int]:
    """The open task itself; of a summary the open ones below it that finish last, or that start first."""
    found = list(leaves(network, node))
    if network.is_summary(node) and found:
        at = dates.finish if from_finish else dates.start
        end = (max if from_finish else min)(at[leaf] for leaf in found)
        found = [leaf for leaf in found if at[leaf] == end]
    return [leaf for leaf in found if network.states[leaf] is not State.DONE]


def longest_path(plan: Plan, network: Network, dates: Dates) -> set[int]:
    """Tasks from which driving links lead to one that finishes last, and the summaries above them."""
    back = steps_back(plan, network, dates)
    last = [node for node in every_leaf(network) if dates.early_finish[node] == dates.project_finish]
    found = set(last)
    while last:
        for step in back.get(last.pop(), ()):
            if step.relation.is_driving and step.before not in found:
                found.add(step.before)
                last.append(step.before)
    for summary in sorted(network.children, reverse=True):  # subtasks come after their summary
        if any(child in found for child in network.children[summary]):
            found.add(summary)
    return found


def every_leaf(network: Network) -> Iterator[int]:
    """All tasks that are worked on by themselves."""
    for node in range(len(network.tasks)):
        if not network.is_summary(node):
            yield from leaves(network, node)
