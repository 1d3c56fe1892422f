"""The passes over a plan's network, one after the other."""

from dataclasses import dataclass
from itertools import compress
from typing import Final

from services.projects.domain.plan import Plan
from services.projects.domain.schedule.backward import Late, late_dates
from services.projects.domain.schedule.binding import build_network
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.forward import Early, early_dates
from services.projects.domain.schedule.free_float import use_free_float
from services.projects.domain.schedule.network import Network, State
from services.projects.domain.schedule.spans import roll_up
from shared.working_time import minute_of

_BESIDE: Final = frozenset({State.PASS, State.SPAN})
"""Summaries and level of effort: they have no place of their own."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A plan's network with the dates of its nodes; late ones are measured against the horizon."""

    network: Network
    dates: Dates
    horizon: int
    early: Early
    late: Late
    counts: list[bool]
    """Whether a task's early finish counts for the project's."""


def solve(plan: Plan) -> Solved:
    """Place all tasks; raises DependencyCycle, UnusableProjectCalendar or a CalendarError."""
    network, conventions = build_network(plan), plan.conventions
    counts = [each and state not in _BESIDE for each, state in zip(network.active, network.states, strict=False)]
    early = early_dates(network)
    project_finish = horizon = max(compress(early.finish, counts), default=network.floor)
    if plan.must_finish is not None:
        horizon = minute_of(plan.must_finish)
    if conventions.schedules_from_finish and plan.finish is not None:
        horizon = minute_of(plan.finish)
    latest = max([horizon, *early.held.values()]) if plan.must_finish is None else horizon
    late = late_dates(network, early, latest, own_horizon=conventions.open_ends_critical)
    if conventions.schedules_from_finish:
        network.floor = min(compress(late.start, counts), default=horizon)
        early = early_dates(network)
    elif network.minds_data_date:
        if network.late:
            use_free_float(network, early, project_finish)
    elif any(network.active[node] for node in network.late):
        early = early_dates(network, (late.start, late.finish))
    dates = roll_up(network, early, late, project_finish, from_finish=conventions.schedules_from_finish)
    return Solved(network, dates, horizon, early, late, counts)
