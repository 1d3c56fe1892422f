"""Links between projects: their life, and what they ask of the tasks that hang on them.

Conventions: dates go forward only, so late dates and floats are of a project alone; a working lag is counted on the
calendar of the successor's project; a link to a summary holds all tasks below it, one from a summary goes by its span.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from services.projects.domain.plan import LinkType, Plan, Task
from services.projects.domain.schedule import Schedule
from services.projects.domain.schedule.effort import ALWAYS
from shared.working_time import WorkingTime, minute_of, moment_of


class Hardness(StrEnum):
    """Whose word a link needs."""

    HARD = "hard"  # made by who may plan both projects, and in force at once
    SOFT = "soft"  # offered to who may plan the successor's


class LinkState(StrEnum):
    """Where a link stands; accepted ones are in force."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


ALLOWED: Final = MappingProxyType(
    {
        LinkState.OFFERED: frozenset({LinkState.ACCEPTED, LinkState.REFUSED, LinkState.WITHDRAWN}),
        LinkState.ACCEPTED: frozenset({LinkState.REFUSED, LinkState.WITHDRAWN}),
        LinkState.REFUSED: frozenset[LinkState](),
        LinkState.WITHDRAWN: frozenset[LinkState](),
    }
)
"""The moves of soft links: what was accepted may be ended by either side."""
FROM_FINISH: Final = frozenset({LinkType.FINISH_TO_START, LinkType.FINISH_TO_FINISH})
TO_START: Final = frozenset({LinkType.FINISH_TO_START, LinkType.START_TO_START})


@dataclass(frozen=True, slots=True)
class Incoming:
    """A link in force with the dates of its predecessor, as local time of the successor's project."""

    id: UUID
    predecessor_project: UUID
    predecessor: UUID
    successor: str
    type: LinkType
    lag: int
    is_elapsed: bool
    start: datetime
    finish: datetime

    def bound(self, calendar: WorkingTime) -> datetime:
        """The earliest start, or finish, that it allows its successor; the calendar is the project's."""
        origin = minute_of(self.finish if self.type in FROM_FINISH else self.start)
        return moment_of((ALWAYS if self.is_elapsed else calendar).add(origin, self.lag) if self.lag else origin)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a link asks of its successor."""

    at: datetime
    is_driving: bool


def bounded(plan: Plan, incoming: Iterable[Incoming], calendar: WorkingTime) -> Plan:
    """The plan with what other projects ask of its tasks; what a summary is asked, all below it are."""
    starts: dict[str, datetime] = {}
    finishes: dict[str, datetime] = {}
    for link in incoming:
        bounds, at = (starts if link.type in TO_START else finishes), link.bound(calendar)
        bounds[link.successor] = max(at, bounds.get(link.successor, at))
    summaries = {task.parent_source_id for task in plan.tasks}
    tasks: list[Task] = []
    for task in plan.tasks:  # a parent comes before its children
        for bounds in (starts, finishes):
            above = bounds.get(task.parent_source_id or "")
            if above is not None:
                bounds[task.source_id] = max(above, bounds.get(task.source_id, above))
        asked = task.source_id in starts or task.source_id in finishes
        if not asked or task.source_id in summaries:
            tasks.append(task)
            continue
        known = [moment for moment in (task.external_early_start, starts.get(task.source_id)) if moment is not None]
        tasks.append(
            replace(
                task,
                external_early_start=max(known, default=None),
                external_early_finish=finishes.get(task.source_id),
            )
        )
    return replace(plan, tasks=tuple(tasks))


def bounds_of(
    incoming: Iterable[Incoming], plan: Plan, schedule: Schedule, calendar: WorkingTime
) -> Mapping[UUID, Bound]:
    """What each link asks, and whether its successor lies where it does because of it; of equal ones all drive."""
    dates = {each.source_id: each for each in schedule.tasks}
    begun = {task.source_id for task in plan.tasks if task.actual_start is not None}
    asked = {}
    for link in incoming:
        at, scheduled, is_driving = link.bound(calendar), dates.get(link.successor), False
        if scheduled is not None and link.successor not in begun:
            reached = scheduled.early_start if link.type in TO_START else scheduled.early_finish
            is_driving = calendar.working_minutes(minute_of(at), minute_of(reached)) == 0
        asked[link.id] = Bound(at, is_driving)
    return asked
