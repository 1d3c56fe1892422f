"""Early, late and planned dates of all tasks together, those of summaries rolled up from their subtasks."""

from services.projects.domain.plan import ActivityType
from services.projects.domain.schedule.backward import Late
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.forward import Early
from services.projects.domain.schedule.hammocks import hang
from services.projects.domain.schedule.network import Network, State


def roll_up(network: Network, early: Early, late: Late, project_finish: int, *, from_finish: bool) -> Dates:
    """Dates of every task; a summary's state is set by its subtasks as well."""
    dates = Dates(
        early_start=early.start,
        early_finish=early.finish,
        late_start=late.start,
        late_finish=late.finish,
        start=list(early.start),
        finish=list(early.finish),
        driven=early.driven,
        held=early.held,
        project_finish=project_finish,
        latest=frozenset() if from_finish or network.minds_data_date else frozenset(network.late),
    )
    for node in () if network.minds_data_date else network.late:
        dates.start[node], dates.finish[node] = late.start[node], late.finish[node]
    hang(network, dates)
    for node in sorted(network.children, reverse=True):  # subtasks come after their summary
        span(network, dates, node)
    return dates


def span(network: Network, dates: Dates, node: int) -> None:
    """Let a summary span its subtasks, whose dates are known, and have its state set by them."""
    children = network.children[node]
    counted = [child for child in children if network.active[child]] or children
    above = {child for child in children if network.tasks[child].activity_type is ActivityType.WBS_SUMMARY}
    counted = [child for child in counted if child not in above] or counted
    for starts in _starts(dates):
        starts[node] = min(starts[child] for child in counted)
    for finishes in _finishes(dates):
        finishes[node] = max(finishes[child] for child in counted)
    for child in above:
        for values in (*_starts(dates), *_finishes(dates)):
            values[child] = values[node]
    network.states[node] = _state(network, counted)
    network.closed[node] = network.states[node] is State.DONE or not network.active[node]


def _starts(dates: Dates) -> tuple[list[int], ...]:
    return dates.early_start, dates.late_start, dates.start


def _finishes(dates: Dates) -> tuple[list[int], ...]:
    return dates.early_finish, dates.late_finish, dates.finish


def _state(network: Network, children: list[int]) -> State:
    states = {network.states[child] for child in children}
    if states == {State.DONE}:
        return State.DONE
    return State.STARTED if states & {State.STARTED, State.DONE} else State.OPEN
