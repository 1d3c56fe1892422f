"""From a plan to its schedule."""

from itertools import islice
from typing import Final

from services.projects.domain.conventions import CriticalBy
from services.projects.domain.plan import Plan
from services.projects.domain.schedule.clock import Kept
from services.projects.domain.schedule.dates import Dates
from services.projects.domain.schedule.floats import free_floats, total_floats
from services.projects.domain.schedule.network import Network, State
from services.projects.domain.schedule.relations import longest_path
from services.projects.domain.schedule.result import Schedule, ScheduledTask, ScheduleOutOfRange
from services.projects.domain.schedule.solving import Solved, solve
from shared.collector import collector_paused
from shared.working_time import moment_of

NEVER_CRITICAL: Final = frozenset({State.DONE, State.SPAN})


def critical_path(plan: Plan) -> Schedule:
    """The schedule of a plan.

    Raises DependencyCycle, UnusableProjectCalendar, ScheduleOutOfRange, or a CalendarError of `shared.working_time`.
    """
    with collector_paused():
        return schedule_of(plan, solve(plan))


def schedule_of(plan: Plan, solved: Solved) -> Schedule:
    """The schedule that a plan's dates come to; raises ScheduleOutOfRange."""
    start, finish = solved.network.floor, solved.horizon
    try:
        return Schedule(moment_of(start), moment_of(finish), _scheduled(plan, solved.network, solved.dates))
    except OverflowError as beyond:
        raise ScheduleOutOfRange("a task lies beyond the years 1 to 9999") from beyond


def _scheduled(plan: Plan, network: Network, dates: Dates) -> tuple[ScheduledTask, ...]:
    moments = Kept(moment_of)  # many tasks begin and end together
    totals = total_floats(network, dates)
    critical = _critical(plan, network, dates, totals)
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


def _critical(plan: Plan, network: Network, dates: Dates, totals: list[int]) -> list[bool]:
    states, active, most = network.states, network.active, plan.conventions.critical_float_minutes
    if plan.conventions.critical_by is CriticalBy.LONGEST_PATH:
        path = longest_path(plan, network, dates)
        return [node in path and active[node] and states[node] not in NEVER_CRITICAL for node in range(len(totals))]
    return [total <= most and active[node] and states[node] not in NEVER_CRITICAL for node, total in enumerate(totals)]
