"""Early, late and planned dates of all tasks together, those of summaries rolled up from their subtasks."""

from dataclasses import dataclass

from services.projects.domain.schedule.backward import Late
from services.projects.domain.schedule.forward import Early, is_late
from services.projects.domain.schedule.network import Network, State


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates by node; planned ones (`start`, `finish`) are the early ones but for tasks that go as late as possible."""

    early_start: list[int]
    early_finish: list[int]
    late_start: list[int]
    late_finish: list[int]
    start: list[int]
    finish: list[int]
    early_index: list[int]  # working indices of the starts of plain tasks
    late_index: list[int]
    driven: dict[int, int]  # the start that links alone would give where a constraint pulled it earlier
    moved: frozenset[int]  # tasks planned at their late dates
    latest: frozenset[int]  # those of them whose float is used up thereby


def roll_up(network: Network, early: Early, late: Late, *, from_finish: bool) -> Dates:
    """Dates of every task; a summary's state is set by its subtasks as well."""
    moved = frozenset(node for node, task in enumerate(network.tasks) if is_late(task, network.states[node]))
    dates = Dates(
        early_start=early.start,
        early_finish=early.finish,
        late_start=late.start,
        late_finish=late.finish,
        start=list(early.start),
        finish=list(early.finish),
        early_index=early.index,
        late_index=late.index,
        driven=early.driven,
        moved=moved,
        latest=frozenset() if from_finish else moved,
    )
    for node in moved:
        dates.start[node], dates.finish[node] = late.start[node], late.finish[node]
    for node in sorted(network.children, reverse=True):  # subtasks come after their summary
        children = network.children[node]
        counted = [child for child in children if network.active[child]] or children
        for starts in (dates.early_start, dates.late_start, dates.start):
            starts[node] = min(starts[child] for child in counted)
        for finishes in (dates.early_finish, dates.late_finish, dates.finish):
            finishes[node] = max(finishes[child] for child in counted)
        network.states[node] = _state(network, counted)
        network.closed[node] = network.states[node] is State.DONE or not network.active[node]
    return dates


def _state(network: Network, children: list[int]) -> State:
    states = {network.states[child] for child in children}
    if states == {State.DONE}:
        return State.DONE
    return State.STARTED if states & {State.STARTED, State.DONE} else State.OPEN
