"""Level of effort: activities that last as long as others do, from the first of their ends to the last."""

from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.network import Network, State
from shared.working_time import minute_of


def hang(network: Network, dates: Dates) -> None:
    """Place every level of effort between what it is linked to; those that hang on another one come after it."""
    waiting = {node for node in network.spans if network.states[node] is State.SPAN}
    while waiting:
        free = [node for node in sorted(waiting) if not any(bond[0] in waiting for _, bond in network.spans[node])]
        for node in free or sorted(waiting):  # those in a ring take each other as they lie
            _hang(network, node, dates.early_start, dates.early_finish)
            _hang(network, node, dates.late_start, dates.late_finish)
            dates.start[node], dates.finish[node] = dates.early_start[node], dates.early_finish[node]
            waiting.discard(node)


def _hang(network: Network, node: int, start: list[int], finish: list[int]) -> None:
    task, effort, duration = network.tasks[node], network.efforts[node], network.durations[node]
    starts: list[int] = []
    finishes: list[int] = []
    for comes_in, (other, from_finish, to_finish, lag, clock) in network.spans[node]:
        theirs, ours = (from_finish, to_finish) if comes_in else (to_finish, from_finish)
        at = finish[other] if theirs else start[other]
        (finishes if ours else starts).append(clock.add(at, lag) if comes_in else clock.before(at, lag))
    begin = min(starts) if starts else None
    end = max(finishes) if finishes else None
    if begin is None and end is not None:
        begin = effort.start(end, duration, duration)
    begin = effort.settle(network.floor if begin is None else max(begin, network.floor))
    if task.actual_start is not None:
        begin = minute_of(task.actual_start)
    end = effort.finish(begin, duration, duration) if end is None else effort.settle_back(end)
    if task.actual_finish is not None:
        end = minute_of(task.actual_finish)
    start[node], finish[node] = begin, max(begin, end)
