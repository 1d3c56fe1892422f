"""Multiple float paths: what holds a task most, and what would hold it next."""

from dataclasses import dataclass
from heapq import heappop, heappush

from services.projects.domain.conventions import FloatPathMethod
from services.projects.domain.plan import Plan
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.network import Network, State
from services.projects.domain.schedule.relations import Relation, Step, every_leaf, leaves, relations, steps_back
from services.projects.domain.schedule.solving import solve
from shared.collector import collector_paused


@dataclass(frozen=True, slots=True)
class FloatPath:
    """Tasks that follow each other, by source id; `float_minutes` tells how little it lies behind the first."""

    number: int
    float_minutes: int
    leads_to: str | None  # a task of a path before
    tasks: tuple[str, ...]  # in order of time


def float_paths(plan: Plan, ending_with: str | None, method: FloatPathMethod, most: int) -> list[FloatPath]:
    """The path that holds a task most, then the next ones, each of tasks that are on none before.

    Without a task they end with the one that finishes last, of a summary with the one that finishes last below it;
    nothing leads to what is done. By free float the next path is that whose way to the end
    has the least float on it, summed up; by total float that whose relation has the least. KeyError: no such task.
    Raises what `critical_path` does.
    """
    with collector_paused():
        solved = solve(plan)
        back = steps_back(plan, solved.network, solved.dates)
        end = _end(solved.network, solved.dates, ending_with)
        return [] if end is None else _walk(solved.network, back, end, method, most)


def driving_relations(plan: Plan) -> list[Relation]:
    """All links between active tasks with their floats, and whether they drive; raises what `critical_path` does."""
    with collector_paused():
        solved = solve(plan)
        return [relation for _, _, relation in relations(plan, solved.network, solved.dates)]


def _walk(
    network: Network, back: dict[int, list[Step]], end: int, method: FloatPathMethod, most: int
) -> list[FloatPath]:
    paths, seen, found = list[FloatPath](), {end}, 0
    waiting = [(0, 0, end, -1)]  # float, order found, task, where it leads to
    while waiting and len(paths) < most:
        room, _, node, leads_to = heappop(waiting)
        if leads_to >= 0 and node in seen:
            continue
        walked, along = list[int](), room
        while node >= 0:
            walked.append(node)
            seen.add(node)
            ways = []
            for step in back.get(node, ()):
                if step.before not in seen:
                    found += 1
                    behind = _behind(step.relation, along, method)
                    ways.append((behind, not step.relation.is_driving, found, step.before))
            ways.sort()
            for behind, _, at, before in ways[1:]:
                heappush(waiting, (behind, at, before, node))
            along, _, _, node = ways[0] if ways else (along, False, 0, -1)
        names = tuple(network.tasks[each].source_id for each in reversed(walked))
        target = None if leads_to < 0 else network.tasks[leads_to].source_id
        paths.append(FloatPath(len(paths) + 1, room, target, names))
    return paths


def _behind(relation: Relation, along: int, method: FloatPathMethod) -> int:
    if method is FloatPathMethod.TOTAL_FLOAT:
        return relation.total_float_minutes
    return along + max(relation.free_float_minutes, 0)


def _end(network: Network, dates: Dates, source_id: str | None) -> int | None:
    """The open task that finishes last: of all, or of those that a name stands for."""
    among = every_leaf(network)
    if source_id is not None:
        node = {task.source_id: node for node, task in enumerate(network.tasks)}[source_id]
        among = leaves(network, node)
    open_ones = [node for node in among if network.states[node] is not State.DONE]
    return max(open_ones, key=lambda node: (dates.early_finish[node], -dates.late_finish[node], node), default=None)
