"""Plans that this process keeps as of an event of their project: only what was changed since is read again.

What is kept was committed. All that a plan is made of is told by events of its project, which are numbered without
gaps in the order of commits, so that those since tell which rows to read; where they tell of anything but tasks and
links, the whole plan is read. The id of the last event is compared too, in case the database was restored.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.domain.plan import Link, Plan, Task
from services.projects.domain.rollups import Sums
from services.projects.domain.schedule import Basis, Relinked, Revised, revise
from services.projects.entities import DEPENDENCY, TASK
from services.projects.repository import plan_events
from services.projects.service.plans import PlanRows, link_of, plan_rows, task_of
from shared.db import Transaction

Item = tuple[object, ...]
"""What is stored of a task: its place, its dates, and what it comes to."""
MOST_EVENTS: Final = 1_000
"""After more than so many all is read."""
MOST_REVISED: Final = 500
"""Where more tasks and links changed, the whole schedule is computed."""
MOST_REVISIONS: Final = 1_000
"""After so many too: what calendars were asked is kept, so that a basis grows a little with each."""

_FACTS: Final = ("created", "updated", "deleted")
_OF_TASKS: Final = frozenset(TASK.event_type(fact) for fact in _FACTS)
_OF_LINKS: Final = frozenset(DEPENDENCY.event_type(fact) for fact in _FACTS)
_OF_MANY: Final = "pmo.projects.plan.changed.v1"
_OF_NONE: Final = frozenset({"pmo.projects.schedule.published.v1", TASK.event_type("progressed")})
"""What changes no row that a plan is made of: a task that takes progress on is told by an event of its own."""


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan as of an event of its project, and the schedule that is stored in a revision, by task."""

    version: int
    event_id: UUID
    project: asyncpg.Record
    calendars: Mapping[UUID, str]
    plan: Plan
    links: Mapping[UUID, Link]
    """Those of the plan, by id."""
    basis: Basis | None = None
    """What the next schedule may be revised from, unless links from other projects count in it."""
    sums: Sums | None = None
    revisions: int = 0
    """How often it was revised since all of it was computed."""
    revision: int = 0
    items: Mapping[str, Item] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.plan.tasks) + len(self.plan.links) + len(self.plan.assignments)

    def revised(self, plan: Plan, relinked: Relinked) -> tuple[Revised, Sums] | None:
        """Return dates and sums of a plan from those that are kept, if it differs in few tasks and links alone."""
        before = self.plan
        if self.basis is None or self.sums is None or self.revisions == MOST_REVISIONS:
            return None
        if len(plan.tasks) != len(before.tasks):
            return None
        changed = [at for at, (old, new) in enumerate(zip(before.tasks, plan.tasks, strict=True)) if old is not new]
        if (not changed and not relinked) or len(changed) + len(relinked) > MOST_REVISED:
            return None
        revised = revise(self.basis, plan, changed, relinked)
        return None if revised is None else (revised, self.sums.after(plan.tasks, revised.tasks.keys()))


@dataclass(frozen=True, slots=True)
class ChangedPlan:
    """A kept plan and what was changed of it since."""

    project: asyncpg.Record
    kept: KeptPlan
    touched: AbstractSet[UUID]
    """Tasks that were made, changed or deleted."""
    tasks: Sequence[asyncpg.Record]
    """Those of them that there are."""
    touched_links: AbstractSet[UUID]
    links: Sequence[asyncpg.Record]

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def calendars(self) -> Mapping[UUID, str]:
        """What the plan calls its calendars."""
        return self.kept.calendars

    def read(self) -> tuple[Plan, Mapping[UUID, Link]]:
        """Return the plan as it is now, and its links by id."""
        plan, links = self.kept.plan, self.kept.links
        if self.touched:
            plan = replace(plan, tasks=tuple(self._merged(plan.tasks)))
        if self.touched_links:
            there = {row["id"]: link_of(row) for row in self.links}
            links = {key: link for key, link in links.items() if key not in self.touched_links} | there
            if any(one > other for one, other in pairwise(links)):
                links = dict(sorted(links.items()))
            plan = replace(plan, links=tuple(links.values()))
        return plan, links

    def plan(self) -> Plan:
        """Return the plan as it is now."""
        return self.read()[0]

    def relinked(self, links: Mapping[UUID, Link]) -> Relinked:
        """Return which links there are no more, and which are new; a changed one is both."""
        before = self.kept.links
        return Relinked(
            [before[key] for key in self.touched_links if key in before],
            [links[key] for key in self.touched_links if key in links],
        )

    def _merged(self, before: Sequence[Task]) -> list[Task]:
        gone = set(map(str, self.touched))
        there = {task.source_id: task for task in (task_of(row, self.calendars) for row in self.tasks)}
        gone -= there.keys()
        tasks = [there.pop(task.source_id, task) for task in before if task.source_id not in gone]
        tasks += there.values()
        if any(one.position >= other.position for one, other in pairwise(tasks)):
            tasks.sort(key=lambda task: (task.position, task.source_id))
        return tasks


async def known_plan(tx: Transaction, project: asyncpg.Record) -> PlanRows | ChangedPlan:
    """Return a project's plan as the transaction sees it, from what is kept of it where that can be."""
    kept = tx.memory.get(_key(tx, project["id"]), KeptPlan)
    return (None if kept is None else await _changed(tx, project, kept)) or await plan_rows(tx, project)


def keep(tx: Transaction, plan: KeptPlan) -> None:
    """Keep a plan with its stored schedule once the transaction has committed."""
    tx.kept[_key(tx, plan.project["id"])] = (plan, len(plan))


def _key(tx: Transaction, project_id: UUID) -> tuple[str, UUID, UUID]:
    return ("plan", tx.organization_id, project_id)


async def _changed(tx: Transaction, project: asyncpg.Record, kept: KeptPlan) -> ChangedPlan | None:
    project_id: UUID = project["id"]
    if project["version"] != kept.project["version"]:
        return None
    events = await plan_events.events_from(tx, project_id, kept.version, most=MOST_EVENTS)
    if not events or len(events) == MOST_EVENTS or events[0]["id"] != kept.event_id:
        return None
    touched, links = set[UUID](), set[UUID]()
    for event in events[1:]:
        if event["type"] in _OF_TASKS:
            touched.add(event["entity_id"])
        elif event["type"] in _OF_LINKS:
            links.add(event["entity_id"])
        elif event["type"] not in _OF_NONE and event["type"] != _OF_MANY:
            return None
    many = [event["version"] for event in events[1:] if event["type"] == _OF_MANY]
    for kind, identifier in await plan_events.items_of(tx, project_id, many) if many else ():
        if kind == TASK.name:
            touched.add(identifier)
        elif kind == DEPENDENCY.name:
            links.add(identifier)
        elif kind != "progress":
            return None
    return ChangedPlan(
        project,
        kept,
        touched,
        tasks=await repository.rows_by_id(tx, TASK, project_id, touched) if touched else (),
        touched_links=links,
        links=await repository.rows_by_id(tx, DEPENDENCY, project_id, links) if links else (),
    )
