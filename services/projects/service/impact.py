"""What it would do if a task slipped, in its own project and in all that follow it; nothing is written."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.projects.domain.impact import Moved, calendar_of, moves, slipped
from services.projects.domain.plan import Plan
from services.projects.domain.project_links import Incoming
from services.projects.domain.schedule import Schedule
from services.projects.repository import project_links
from services.projects.service.breathing import aside
from services.projects.service.computing import Given, given_of, planned
from shared.db import Transaction
from shared.errors import NotFound
from shared.strict_json import dumps
from shared.working_time import minute_of

MOST_ROUNDS: Final = 500
"""So many schedules are computed at most: loops through several projects cannot be made, but can be imported."""
MOST_TASKS: Final = 500

Dates = Mapping[UUID, tuple[datetime, datetime]]
"""Start and finish of tasks, local to their project."""


@dataclass(slots=True)
class _Outlook:
    """A project as it is and as it would be."""

    given: Given
    plan: Plan
    before: Schedule | None
    problem: str | None
    after: Schedule | None = None
    change: Callable[[Plan], Plan] | None = None
    """The slip, in the project that it is in."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.given.rows.project["time_zone"])

    def dates(self) -> Dates:
        """The dates that would be."""
        tasks = () if self.after is None else self.after.tasks
        return {UUID(each.source_id): (each.start, each.finish) for each in tasks}


async def impact_of(tx: Transaction, project_id: UUID, own_only: str | None, task_id: UUID, minutes: int) -> bytes:
    """Return the answer as JSON; raises NotFound for a task that is not the project's."""
    first = await _outlook(tx, project_id)
    if all(task.source_id != str(task_id) for task in first.plan.tasks):
        raise NotFound
    outlooks = {project_id: first}
    if first.before is not None:
        first.change = partial(slipped, task_id=str(task_id), minutes=minutes, schedule=first.before)
        await _recomputed(first, first.given)
        await _spread(tx, outlooks, project_id)
    projects = []
    for outlook in outlooks.values():
        found = await aside(len(outlook.given.rows), _described, outlook, own_only)
        if outlook is first or found["moved_tasks"] or found["problem"]:
            projects.append(found)
    return dumps({"task_id": task_id, "slip_minutes": minutes, "projects": projects})


async def _outlook(tx: Transaction, project_id: UUID) -> _Outlook:
    given = await given_of(tx, project_id)
    plan, schedule, problem = await aside(len(given.rows), planned, given)
    return _Outlook(given, plan, schedule, problem)


async def _recomputed(outlook: _Outlook, given: Given) -> None:
    _, outlook.after, problem = await aside(len(given.rows), planned, given, outlook.change)
    outlook.problem = outlook.problem or problem


async def _spread(tx: Transaction, outlooks: dict[UUID, _Outlook], start: UUID) -> None:
    """Take the dates that would be from project to project, until nothing moves any more."""
    waiting, known = deque([start]), dict[UUID, Dates]()
    for _ in range(MOST_ROUNDS):
        if not waiting:
            return
        leader = waiting.popleft()
        would_be = outlooks[leader].dates()
        seen = known.get(leader) or _present(outlooks[leader])
        known[leader] = would_be
        moved = [task for task, dates in would_be.items() if seen.get(task) != dates]
        for follower in await project_links.followers(tx, leader, moved):
            if follower not in outlooks:
                outlooks[follower] = await _outlook(tx, follower)
            outlook = outlooks[follower]
            said = outlook.given.across
            asked = tuple(_moved_link(link, outlooks, outlook.zone) for link in said.incoming)
            await _recomputed(outlook, replace(outlook.given, across=replace(said, incoming=asked)))
            if follower not in waiting:
                waiting.append(follower)


def _present(outlook: _Outlook) -> Dates:
    tasks = () if outlook.before is None else outlook.before.tasks
    return {UUID(each.source_id): (each.start, each.finish) for each in tasks}


def _moved_link(link: Incoming, outlooks: Mapping[UUID, _Outlook], zone: ZoneInfo) -> Incoming:
    """Return a link with the dates that its predecessor would have, in the zone of the successor's project."""
    leader = outlooks.get(link.predecessor_project)
    dates = None if leader is None else leader.dates().get(link.predecessor)
    if leader is None or dates is None:
        return link
    start, finish = (each.replace(tzinfo=leader.zone).astimezone(zone).replace(tzinfo=None) for each in dates)
    return replace(link, start=start, finish=finish)


def _described(outlook: _Outlook, own_only: str | None) -> dict[str, object]:
    project, plan, before, after = outlook.given.rows.project, outlook.plan, outlook.before, outlook.after
    found = moves(plan, before, after) if before is not None and after is not None else []
    summaries = {task.parent_source_id for task in plan.tasks}
    leaves = [each for each in found if each.task.source_id not in summaries]
    finishes = (
        None if before is None else _last(before),
        None if after is None else _last(after),
    )
    later = 0
    if finishes[0] is not None and finishes[1] is not None:
        later = calendar_of(plan).working_minutes(minute_of(finishes[0]), minute_of(finishes[1]))
    is_seen = own_only is None or project["owner"] == own_only
    return {
        "project_id": project["id"],
        "key": project["key"],
        "name": project["name"],
        "finish_before": _local(finishes[0], outlook.zone),
        "finish_after": _local(finishes[1], outlook.zone),
        "finish_moved_minutes": later,
        "moved_tasks": len(leaves),
        "moved_milestones": sum(each.task.is_milestone for each in leaves),
        "missed_deadlines": sum(each.misses_deadline for each in found),
        "tasks": [_task(each, outlook.zone) for each in found[:MOST_TASKS]] if is_seen else None,
        "problem": outlook.problem,
    }


def _last(schedule: Schedule) -> datetime | None:
    return max((each.finish for each in schedule.tasks), default=None)


def _task(moved: Moved, zone: ZoneInfo) -> dict[str, object]:
    return {
        "task_id": moved.task.source_id,
        "name": moved.task.name,
        "is_summary": moved.task.is_summary,
        "is_milestone": moved.task.is_milestone,
        "start_before": _local(moved.start_before, zone),
        "start_after": _local(moved.start_after, zone),
        "finish_before": _local(moved.finish_before, zone),
        "finish_after": _local(moved.finish_after, zone),
        "finish_moved_minutes": moved.finish_moved_minutes,
        "misses_deadline": moved.misses_deadline,
    }


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.replace(tzinfo=zone).isoformat()
