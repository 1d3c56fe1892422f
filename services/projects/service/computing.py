"""A plan as it is scheduled, with what other projects ask of it: its schedule, as it is and as it is to be stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from services.projects.domain.plan import Plan
from services.projects.domain.project_links import Across, bounds_of
from services.projects.domain.rollups import Sums, add_up
from services.projects.domain.schedule import (
    Basis,
    DependencyCycle,
    Revised,
    Schedule,
    ScheduleOutOfRange,
    UnusableProjectCalendar,
    schedule_of,
    solve,
)
from services.projects.domain.schedule.effort import Calendars
from services.projects.entities import PROJECT
from services.projects.service.kept_plans import ChangedPlan, KeptPlan, known_plan
from services.projects.service.loops import loop_of
from services.projects.service.plans import PlanRows
from services.projects.service.propagation import across
from services.projects.service.schedule_changes import Computed, item_of
from shared.collector import collector_paused
from shared.db import Transaction
from shared.errors import NotFound
from shared.working_calendar import CalendarError
from shared.working_time import moment_of

UNSCHEDULABLE: Final = (DependencyCycle, UnusableProjectCalendar, ScheduleOutOfRange, CalendarError)
"""Why a plan has no schedule."""
Planned = tuple[Plan, Schedule | None, str | None]
"""A plan with its schedule (none without tasks), or why it has none."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a schedule is computed from."""

    rows: PlanRows | ChangedPlan
    across: Across
    """What links in force with other projects say."""
    loop: Sequence[UUID] | None
    """Of tasks that wait for each other through several projects."""

    def plan(self, own: Plan | None = None) -> Plan:
        """Return the plan with what other projects ask of it; raises DependencyCycle."""
        plan = self.rows.plan() if own is None else own
        if self.loop is not None:
            raise DependencyCycle(tuple(map(str, self.loop)))
        return self.across.bind(plan, Calendars(plan).project.calendar) if self.across else plan


async def given_of(tx: Transaction, project_id: UUID) -> Given:
    """Return what a project's schedule is computed from; raises NotFound."""
    project = await tx.fetchrow(
        f"select {PROJECT.columns} from project t where organization_id = $1 and id = $2",
        tx.organization_id,
        project_id,
    )
    if project is None:
        raise NotFound
    said = await across(tx, project_id)
    return Given(await known_plan(tx, project), said, await loop_of(tx, project_id) if said.incoming else None)


def planned(given: Given, change: Callable[[Plan], Plan] | None = None) -> Planned:
    """Return a plan, with what other projects ask of it and a change that is tried out, and its schedule."""
    with collector_paused():
        own = given.rows.plan()
        try:
            plan = given.plan(own)
            if change is not None:
                plan = change(plan)
            return plan, schedule_of(plan, solve(plan)) if plan.tasks else None, None
        except UNSCHEDULABLE as error:
            return own, None, str(error)[:500]


def computed_of(event: tuple[int, UUID | None], given: Given) -> Computed:
    """Return a plan's schedule as it is to be stored, as of an event; revised from what is kept if that goes."""
    with collector_paused():
        rows, project, (version, event_id) = given.rows, given.rows.project, event
        known = rows.kept if isinstance(rows, ChangedPlan) else None
        own, links = rows.read()
        blank = Computed(project["id"], version, project["time_zone"], across=given.across, known=known)
        if event_id is not None:
            blank = replace(blank, plan=KeptPlan(version, event_id, project, rows.calendars, own, links))
        revised = None
        if isinstance(rows, ChangedPlan) and not given.across:
            revised = rows.kept.revised(own, rows.relinked(links))
        return _whole(blank, given, own) if revised is None else _revised(blank, *revised)


def _whole(blank: Computed, given: Given, own: Plan) -> Computed:
    try:
        plan = given.plan(own)
        if not plan.tasks:
            return blank
        solved = solve(plan)
        schedule = schedule_of(plan, solved)
    except UNSCHEDULABLE as error:
        return replace(blank, problem=str(error)[:500])
    sums = add_up(plan)
    each = zip(plan.tasks, schedule.tasks, sums.rolled(enumerate(schedule.tasks)), strict=True)
    kept = blank.plan
    if kept is not None and not given.across:
        kept = replace(kept, basis=Basis(plan, solved), sums=sums)
    return replace(
        blank,
        span=(schedule.project_start, schedule.project_finish),
        percent_complete=sums.percent_complete,
        items={task.source_id: item_of(task.position, dates, rolled) for task, dates, rolled in each},
        bounds=bounds_of(given.across.incoming, plan, schedule) if given.across.incoming else {},
        plan=kept,
    )


def _revised(blank: Computed, revised: Revised, sums: Sums) -> Computed:
    tasks, solved = revised.basis.plan.tasks, revised.basis.solved
    known = blank.known
    assert known is not None
    items, reached = dict(known.items), list[str]()
    for (at, dates), rolled in zip(revised.tasks.items(), sums.rolled(revised.tasks.items()), strict=True):
        reached.append(tasks[at].source_id)
        items[tasks[at].source_id] = item_of(tasks[at].position, dates, rolled)
    return replace(
        blank,
        span=(moment_of(solved.network.floor), moment_of(solved.horizon)),
        percent_complete=sums.percent_complete,
        items=items,
        reached=reached,
        plan=blank.plan and replace(blank.plan, basis=revised.basis, sums=sums, revisions=known.revisions + 1),
    )
