"""From a plan to its schedule."""

from itertools import compress, islice
from typing import Final

from services.projects.domain.plan import Plan
from services.projects.domain.schedule.backward import late_dates
from services.projects.domain.schedule.binding import build_network
from services.projects.domain.schedule.clock import Kept
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.floats import free_floats, total_floats
from services.projects.domain.schedule.forward import early_dates
from services.projects.domain.schedule.network import Network, State
from services.projects.domain.schedule.result import Schedule, ScheduledTask, ScheduleOutOfRange
from services.projects.domain.schedule.spans import roll_up
from shared.collector import collector_paused
from shared.working_time import minute_of, moment_of

_BESIDE: Final = frozenset({State.PASS, State.SPAN})
"""Summaries and level of effort: they have no place of their own."""

_NEVER_CRITICAL: Final = frozenset({State.DONE, State.SPAN})


def critical_path(plan: Plan) -> Schedule:
    """The schedule of a plan.

    Raises DependencyCycle, UnusableProjectCalendar, ScheduleOutOfRange, or a CalendarError of `shared.working_time`.
    """
    with collector_paused():
        return _computed(plan)


def _computed(plan: Plan) -> Schedule:
    network, conventions = build_network(plan), plan.conventions
    counts = [each and state not in _BESIDE for each, state in zip(network.active, network.states, strict=False)]
    early = early_dates(network)
    project_finish = horizon = max(compress(early.finish, counts), default=network.floor)
    if plan.must_finish is not None:
        horizon = minute_of(plan.must_finish)
    if conventions.schedules_from_finish and plan.finish is not None:
        horizon = minute_of(plan.finish)
    late = late_dates(network, early, horizon, own_horizon=conventions.open_ends_critical)
    if conventions.schedules_from_finish:
        network.floor = min(compress(late.start, counts), default=horizon)
        early = early_dates(network)
    elif any(network.active[node] for node in network.late):
        early = early_dates(network, (late.start, late.finish))
    dates = roll_up(network, early, late, project_finish, from_finish=conventions.schedules_from_finish)
    try:
        return Schedule(moment_of(network.floor), moment_of(horizon), _scheduled(plan, network, dates))
    except OverflowError as beyond:
        raise ScheduleOutOfRange("a task lies beyond the years 1 to 9999") from beyond


def _scheduled(plan: Plan, network: Network, dates: Dates) -> tuple[ScheduledTask, ...]:
    moments = Kept(moment_of)  # many tasks begin and end together
    totals = total_floats(network, dates)
    most = plan.conventions.critical_float_minutes
    states = network.states
    critical = [total <= most and states[node] not in _NEVER_CRITICAL for node, total in enumerate(totals)]
    shown = [
        [moments[minute] for minute in islice(column, len(totals))]
        for column in (dates.early_start, dates.early_finish, dates.late_start, dates.late_finish)
    ]
    if network.late:  # else everything is planned at its early dates
        shown += [[moments[minute] for minute in islice(column, len(totals))] for column in (dates.start, dates.finish)]
    else:
        shown += shown[:2]
    ids = [task.source_id for task in plan.tasks]
    rows = zip(ids, *shown, totals, free_floats(network, dates, totals), critical, strict=True)
    return tuple(map(ScheduledTask._make, rows))
