"""From a plan to its schedule."""

from datetime import datetime
from typing import Final

from services.projects.domain.plan import Plan
from services.projects.domain.schedule.backward import late_dates
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.floats import free_float, total_float
from services.projects.domain.schedule.forward import early_dates, is_late
from services.projects.domain.schedule.network import Network, State, build_network
from services.projects.domain.schedule.result import Schedule, ScheduledTask, ScheduleOutOfRange
from services.projects.domain.schedule.spans import roll_up
from shared.working_time import minute_of, moment_of

_BESIDE: Final = frozenset({State.PASS, State.SPAN})
"""Summaries and level of effort: they have no place of their own."""


def critical_path(plan: Plan) -> Schedule:
    """The schedule of a plan.

    Raises DependencyCycle, UnusableProjectCalendar, ScheduleOutOfRange, or a CalendarError of `shared.working_time`.
    """
    network = build_network(plan)
    leaves = (node for node in range(len(network.tasks)) if network.states[node] not in _BESIDE)
    counted = [node for node in leaves if network.active[node]]
    early = early_dates(network)
    project_finish = horizon = max((early.finish[node] for node in counted), default=network.floor)
    if plan.must_finish is not None:
        horizon = minute_of(plan.must_finish)
    if plan.conventions.schedules_from_finish and plan.finish is not None:
        horizon = minute_of(plan.finish)
    late = late_dates(network, early, horizon, own_horizon=plan.conventions.open_ends_critical)
    if plan.conventions.schedules_from_finish:
        network.floor = min((late.start[node] for node in counted), default=horizon)
        early = early_dates(network)
    elif any(is_late(network.tasks[node], network.states[node]) for node in counted):
        early = early_dates(network, (late.start, late.finish))
    dates = roll_up(network, early, late, project_finish, from_finish=plan.conventions.schedules_from_finish)
    try:
        return Schedule(moment_of(network.floor), moment_of(horizon), _scheduled(plan, network, dates))
    except OverflowError as beyond:
        raise ScheduleOutOfRange("a task lies beyond the years 1 to 9999") from beyond


class _Moments(dict[int, datetime]):
    """Date-times by minute, each made once: many tasks begin and end together."""

    def __missing__(self, minute: int) -> datetime:
        moment = self[minute] = moment_of(minute)
        return moment


def _scheduled(plan: Plan, network: Network, dates: Dates) -> tuple[ScheduledTask, ...]:
    moments, scheduled, critical = _Moments(), [], plan.conventions.critical_float_minutes
    for node, task in enumerate(plan.tasks):
        total = total_float(network, node, dates)
        scheduled.append(
            ScheduledTask(
                task.source_id,
                early_start=moments[dates.early_start[node]],
                early_finish=moments[dates.early_finish[node]],
                late_start=moments[dates.late_start[node]],
                late_finish=moments[dates.late_finish[node]],
                start=moments[dates.start[node]],
                finish=moments[dates.finish[node]],
                total_float_minutes=total,
                free_float_minutes=free_float(network, node, dates, total),
                is_critical=total <= critical and network.states[node] not in {State.DONE, State.SPAN},
            )
        )
    return tuple(scheduled)
