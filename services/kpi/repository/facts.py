"""Storing what events told: the newest version of an entity wins, and what is deleted never comes back.

What metrics of past instants depend on is kept beside when something else takes its place.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from services.kpi.domain.plan import BaselineDates
from shared.db import Transaction


@dataclass(frozen=True, slots=True)
class ProjectFact:
    """A version of a project; without currency it was deleted."""

    id: UUID
    version: int
    key: str = ""
    owner: str = ""
    currency: str = ""
    time_zone: str = "UTC"
    status_date: datetime | None = None
    calendar_id: UUID | None = None
    technique: str | None = "percent_complete"
    start_share: int | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class CalendarFact:
    """A version of a calendar, its definition as JSON; None: it was deleted."""

    project_id: UUID
    id: UUID
    version: int
    definition: str | None


@dataclass(frozen=True, slots=True)
class TaskFact:
    """A version of a task, and since when it counts."""

    project_id: UUID
    id: UUID
    version: int
    since: datetime
    is_deleted: bool = False
    is_leaf: bool = False
    is_elapsed: bool = False
    calendar_id: UUID | None = None
    baseline: BaselineDates | None = None
    actual_finish: int | None = None
    technique: str | None = None
    basis: str = "duration"
    start_share: int | None = None
    planned_units: Decimal | None = None
    base_task_id: UUID | None = None
    milestones: str | None = None
    achieved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProgressFact:
    """What was stated of a task as of an instant, and by which event; without cost nothing was said about that."""

    project_id: UUID
    task_id: UUID
    at: datetime
    percent: int
    stated: int
    actual_cost: int | None = None
    cost_stated: int | None = None
    work: int | None = None
    physical: int | None = None
    units: Decimal | None = None
    state: int | None = None


Fact = TypeVar("Fact", ProjectFact, CalendarFact, TaskFact)


def newest(facts: Iterable[Fact]) -> list[Fact]:
    """Return the newest fact of each entity."""
    by_id: dict[UUID, Fact] = {}
    for fact in facts:
        known = by_id.get(fact.id)
        if known is None or known.version < fact.version:
            by_id[fact.id] = fact
    return list(by_id.values())


def successive(facts: Iterable[Fact]) -> list[list[Fact]]:
    """Return facts in rounds to be stored one after the other: each has one version of an entity, older ones first."""
    rounds: list[list[Fact]] = []
    seen: Counter[UUID] = Counter()
    for fact in sorted(facts, key=lambda each: each.version):
        if seen[fact.id] == len(rounds):
            rounds.append([])
        rounds[seen[fact.id]].append(fact)
        seen[fact.id] += 1
    return rounds


def last_stated(facts: Iterable[ProgressFact]) -> list[ProgressFact]:
    """Return one fact per task and instant: the last stated; a cost stated before it for the same instant holds."""
    found: dict[tuple[UUID, datetime], ProgressFact] = {}
    for fact in sorted(facts, key=lambda each: each.stated):
        known = found.get((fact.task_id, fact.at))
        if known is not None and fact.actual_cost is None:
            fact = replace(fact, actual_cost=known.actual_cost, cost_stated=known.cost_stated)  # noqa: PLW2901
        found[fact.task_id, fact.at] = fact
    return list(found.values())


def _columns(facts: Sequence[Fact | ProgressFact], *names: str) -> list[list[object]]:
    return [[getattr(fact, name) for fact in facts] for name in names]


_PROJECTS: Final = """
with put as (
  insert into project as o
    (organization_id, id, version, is_deleted, key, owner, currency, time_zone, status_date, calendar_id, technique,
     start_share)
  select $1, v.* from unnest($2::uuid[], $3::int[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::text[],
                             $9::timestamp[], $10::uuid[], $11::text[], $12::int[]) as v
  on conflict (organization_id, id) do update
  set version = excluded.version, is_deleted = excluded.is_deleted, key = excluded.key, owner = excluded.owner,
      currency = excluded.currency, time_zone = excluded.time_zone, status_date = excluded.status_date,
      calendar_id = excluded.calendar_id, technique = excluded.technique, start_share = excluded.start_share,
      plan = case when (o.currency, o.time_zone, o.calendar_id, o.technique, o.start_share)
                       is distinct from (excluded.currency, excluded.time_zone, excluded.calendar_id,
                                         excluded.technique, excluded.start_share)
                  then gen_random_uuid() else o.plan end
  where o.version < excluded.version and not o.is_deleted
  returning id, is_deleted
)
select id from put where is_deleted
"""
_PARTS: Final = ("task", "task_past", "calendar", "progress")


async def store_projects(tx: Transaction, facts: Iterable[ProjectFact]) -> None:
    """Store versions of projects; what hangs on a deleted one goes with it."""
    found = newest(facts)
    if not found:
        return
    names = ("id", "version", "is_deleted", "key", "owner", "currency", "time_zone", "status_date", "calendar_id",
             "technique", "start_share")  # fmt: skip
    gone = [row["id"] for row in await tx.fetch(_PROJECTS, tx.organization_id, *_columns(found, *names))]
    if not gone:
        return
    for part in _PARTS:
        await tx.execute(
            f"delete from {part} where organization_id = $1 and project_id = any($2)", tx.organization_id, gone
        )
    await tx.execute("delete from evaluation where organization_id = $1 and id = any($2)", tx.organization_id, gone)


_ALIVE: Final = """
where not exists (
  select from project p where p.organization_id = $1 and p.id = v.project_id and p.is_deleted
)
"""
_CALENDARS: Final = f"""
with put as (
  insert into calendar as o (organization_id, project_id, id, version, is_deleted, definition)
  select $1, v.project_id, v.id, v.version, v.definition is null, coalesce(v.definition, '{{}}')::json
  from unnest($2::uuid[], $3::uuid[], $4::int[], $5::text[]) as v(project_id, id, version, definition)
  {_ALIVE}
  on conflict (organization_id, id) do update
  set version = excluded.version, is_deleted = excluded.is_deleted, definition = excluded.definition
  where o.version < excluded.version and not o.is_deleted
  returning project_id
)
update project p set plan = gen_random_uuid() where p.organization_id = $1 and p.id in (select project_id from put)
"""


async def store_calendars(tx: Transaction, facts: Iterable[CalendarFact]) -> None:
    """Store versions of calendars; the plans of their projects change."""
    found = newest(facts)
    if found:
        names = ("project_id", "id", "version", "definition")
        await tx.execute(_CALENDARS, tx.organization_id, *_columns(found, *names))


_PLACED: Final = ("is_leaf", "is_elapsed", "calendar_id", "baseline_start", "baseline_finish", "baseline_cost",
                 "technique", "basis", "start_share", "planned_units", "base_task_id", "milestones")  # fmt: skip
"""What the baseline, and how it is earned, follow from."""
_KEPT: Final = (*_PLACED, "actual_finish", "achieved_at")
_COLUMNS: Final = ", ".join(_KEPT)
_PAST: Final = (*_PLACED, "actual_finish")


_WEIGHTS: Final = (
    "(select array_agg(m->>0 order by place) from json_array_elements({0}) with ordinality as m(m, place))"
)


def _each(alias: str, milestones: str = "{0}::text") -> str:
    """The columns that a plan follows from; JSON has no equality of its own."""
    columns = {name: f"{alias}.{name}" for name in _PLACED}
    return ", ".join(({**columns, "milestones": milestones.format(columns["milestones"])}).values())


# What milestones weigh is part of what holds at an instant; which are achieved is progress, with instants of its own.
_SUPERSEDES: Final = (
    f"(excluded.is_leaf or o.is_leaf) and ({_each('excluded', _WEIGHTS)}) is distinct from ({_each('o', _WEIGHTS)})"
)
_TASKS: Final = f"""
with given as (
  select v.* from unnest($2::uuid[], $3::uuid[], $4::int[], $5::timestamptz[], $6::bool[], $7::bool[], $8::bool[],
                         $9::uuid[], $10::int[], $11::int[], $12::bigint[], $13::text[], $14::text[], $15::int[],
                         $16::numeric[], $17::uuid[], $18::json[], $19::int[], $20::timestamptz[])
    as v(project_id, id, version, since, is_deleted, {_COLUMNS})
  {_ALIVE}
),
before as (
  select t.* from task t join given g on g.id = t.id where t.organization_id = $1
),
put as (
  insert into task as o (organization_id, project_id, id, version, since, is_deleted, {_COLUMNS})
  select $1, g.* from given g
  on conflict (organization_id, id) do update
  set version = excluded.version, is_deleted = excluded.is_deleted,
      since = case when {_SUPERSEDES} then excluded.since else o.since end,
      {", ".join(f"{name} = excluded.{name}" for name in _KEPT)}
  where o.version < excluded.version and not o.is_deleted
  returning project_id, id, since, {_COLUMNS}
),
past as (
  insert into task_past (organization_id, project_id, id, version, since, until, {", ".join(_PAST)})
  select $1, b.project_id, b.id, b.version, b.since, n.since, {", ".join(f"b.{name}" for name in _PAST)}
  from before b join put n on n.id = b.id
  where b.since < n.since
),
changed as (
  select distinct n.project_id from put n left join before b on b.id = n.id
  where (n.is_leaf or b.is_leaf) and ({_each("n")}) is distinct from ({_each("b")})
)
update project p set plan = gen_random_uuid() from changed c where p.organization_id = $1 and p.id = c.project_id
"""


async def store_tasks(tx: Transaction, facts: Iterable[TaskFact]) -> None:
    """Store versions of tasks, one after the other; a project's plan changes only if its baseline may."""
    for found in successive(facts):
        baselines = [fact.baseline for fact in found]
        await tx.execute(
            _TASKS,
            tx.organization_id,
            *_columns(found, "project_id", "id", "version", "since", "is_deleted"),
            *_columns(found, "is_leaf", "is_elapsed", "calendar_id"),
            [None if baseline is None else baseline.start for baseline in baselines],
            [None if baseline is None else baseline.finish for baseline in baselines],
            [None if baseline is None else baseline.cost for baseline in baselines],
            *_columns(found, *_KEPT[_KEPT.index("technique") :]),
        )


_LATER: Final = "when excluded.stated >= o.stated"
_STATED: Final = ("percent", "work", "physical", "units", "state")
_PROGRESS: Final = f"""
insert into progress as o (organization_id, project_id, task_id, at, stated, actual_cost, cost_stated,
                           {", ".join(_STATED)})
select $1, v.*
from unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[], $8::int[], $9::int[],
            $10::int[], $11::numeric[], $12::int[])
  as v(project_id, task_id, at, stated, actual_cost, cost_stated, {", ".join(_STATED)})
{_ALIVE}
on conflict (organization_id, task_id, at) do update
set {", ".join(f"{name} = case {_LATER} then excluded.{name} else o.{name} end" for name in _STATED)},
    stated = greatest(o.stated, excluded.stated),
    actual_cost = case when excluded.cost_stated >= coalesce(o.cost_stated, 0) then excluded.actual_cost
                       else o.actual_cost end,
    cost_stated = greatest(o.cost_stated, excluded.cost_stated)
"""


async def store_progress(tx: Transaction, facts: Iterable[ProgressFact]) -> None:
    """Store what was stated of tasks; the same instant stated again replaces, others stand beside one another."""
    found = last_stated(facts)
    if found:
        names = ("project_id", "task_id", "at", "stated", "actual_cost", "cost_stated", *_STATED)
        await tx.execute(_PROGRESS, tx.organization_id, *_columns(found, *names))
