"""Links between projects: their life, and what they ask of the tasks that hang on them.

Conventions: early dates go forward and late ones back, each project against its own finish; a working lag is counted
on the calendar of the successor's project; a link to a summary holds all tasks below it, one from a summary goes by its
span, and only the finish of that is bounded by what waits for it. What has begun bounds no late date.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from services.projects.domain.plan import SPANNING, LinkType, Plan, Task
from services.projects.domain.schedule import Schedule
from services.projects.domain.schedule.effort import ALWAYS, Calendars
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

    def latest(self, limit: int, calendar: WorkingTime) -> datetime:
        """The latest finish, or start, of the predecessor that lets the successor lie at a minute."""
        clock = ALWAYS if self.is_elapsed else calendar
        return moment_of(clock.start_at(clock.index(limit) - self.lag) if self.lag else limit)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a link asks of its successor, and what it leaves its predecessor."""

    at: datetime
    is_driving: bool
    latest: datetime | None = None
    """The latest finish (or start, by its type) of the predecessor that makes nothing late here; None: any."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A link in force with the date until when its predecessor may finish, or start: local time of its own project."""

    id: UUID
    predecessor: str
    type: LinkType
    latest: datetime


@dataclass(frozen=True, slots=True)
class Across:
    """What links in force say of a project's tasks."""

    incoming: tuple[Incoming, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.incoming or self.outgoing)

    def bind(self, plan: Plan, calendar: WorkingTime) -> Plan:
        """Return the plan with all that they say; the calendar is the project's."""
        return limited(bounded(plan, self.incoming, calendar), self.outgoing)


def limited(plan: Plan, outgoing: Iterable[Outgoing]) -> Plan:
    """The plan with what waits for its tasks in other projects; what bounds a summary's finish bounds all below it.

    What others wait for lies as soon as possible: if it lay late by dates that hang on it, none might come to rest.
    """
    starts: dict[str, datetime] = {}
    finishes: dict[str, datetime] = {}
    for link in outgoing:
        bounds = finishes if link.type in FROM_FINISH else starts
        bounds[link.predecessor] = min(link.latest, bounds.get(link.predecessor, link.latest))
    summaries = {task.parent_source_id for task in plan.tasks}
    tasks: list[Task] = []
    for task in plan.tasks:  # a parent comes before its children
        above = finishes.get(task.parent_source_id or "")
        if above is not None:
            finishes[task.source_id] = min(above, finishes.get(task.source_id, above))
        start, finish = starts.get(task.source_id), finishes.get(task.source_id)
        if task.source_id in summaries or (start is None and finish is None):
            tasks.append(task)
            continue
        known = [moment for moment in (task.external_late_finish, finish) if moment is not None]
        tasks.append(replace(task, external_late_start=start, external_late_finish=min(known, default=None)))
    return replace(plan, tasks=tuple(tasks), awaited=frozenset(starts) | frozenset(finishes))


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


def bounds_of(incoming: Iterable[Incoming], plan: Plan, schedule: Schedule) -> Mapping[UUID, Bound]:
    """What each link asks and leaves, and whether its successor lies where it does because of it; of equal ones all."""
    calendars = Calendars(plan)
    calendar = calendars.project.calendar
    dates = {each.source_id: each for each in schedule.tasks}
    begun = {task.source_id for task in plan.tasks if task.actual_start is not None}
    limits = _Limits(plan, schedule, calendars)
    asked = {}
    for link in incoming:
        at, scheduled, is_driving = link.bound(calendar), dates.get(link.successor), False
        if scheduled is not None and link.successor not in begun:
            reached = scheduled.early_start if link.type in TO_START else scheduled.early_finish
            is_driving = calendar.working_minutes(minute_of(at), minute_of(reached)) == 0
        limit = limits.of(link)
        asked[link.id] = Bound(at, is_driving, None if limit is None else link.latest(limit, calendar))
    return asked


class _Limits:
    """The late starts and finishes of what links lead to: of a summary, of all that is open below it."""

    def __init__(self, plan: Plan, schedule: Schedule, calendars: Calendars) -> None:
        self._tasks = {task.source_id: (task, each) for task, each in zip(plan.tasks, schedule.tasks, strict=True)}
        self._below: dict[str, list[str]] = {}
        for task in plan.tasks:
            if task.parent_source_id is not None:
                self._below.setdefault(task.parent_source_id, []).append(task.source_id)
        self._calendars = calendars

    def of(self, link: Incoming) -> int | None:
        """The minute until when the successor's end of a link may lie; None if nothing there is still to be held."""
        if link.successor not in self._tasks:
            return None
        return min(self._leaves(link.successor, to_start=link.type in TO_START), default=None)

    def _leaves(self, source_id: str, *, to_start: bool) -> Iterator[int]:
        for child in self._below.get(source_id, ()):
            yield from self._leaves(child, to_start=to_start)
        task, dates = self._tasks[source_id]
        spans = task.activity_type in SPANNING
        if source_id in self._below or spans or not task.is_active or task.actual_start is not None:
            return
        if task.is_manual and task.start is not None:
            return
        late = minute_of(dates.late_start if to_start else dates.late_finish) - task.leveling_delay_minutes
        yield late if to_start else self._calendars.effort(task).settle(late)
