"""Storing what events told: the newest version of an entity wins, and what is deleted never comes back.

What metrics of past instants depend on is kept beside when something else takes its place.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from services.kpi.repository.facts import (
    CalendarFact,
    Fact,
    ProgressFact,
    ProjectFact,
    TaskFact,
    last_stated,
    successive,
)
from shared.db import Transaction


def _columns(facts: Sequence[Fact | ProgressFact], *names: str) -> list[list[object]]:
    return [[getattr(fact, name) for fact in facts] for name in names]


def _each(alias: str, names: Sequence[str], milestones: str = "{0}::text") -> str:
    """Columns to be compared; JSON has no equality of its own."""
    columns = ((name, f"{alias}.{name}") for name in names)
    return ", ".join(milestones.format(column) if name == "milestones" else column for name, column in columns)


_DECIDES: Final = ("calendar_id", "technique", "start_share")
"""What a plan's metrics follow from in the project itself."""
_OF_PROJECTS: Final = ("id", "version", "since", "is_deleted", "key", "owner", "currency", "time_zone", "status_date",
                       *_DECIDES)  # fmt: skip
_PROJECTS: Final = f"""
with given as (
  select v.* from unnest($2::uuid[], $3::int[], $4::timestamptz[], $5::bool[], $6::text[], $7::text[], $8::text[],
                         $9::text[], $10::timestamp[], $11::uuid[], $12::text[], $13::int[])
    as v({", ".join(_OF_PROJECTS)})
),
before as (
  select t.* from project t join given g on g.id = t.id where t.organization_id = $1
),
put as (
  insert into project as o (organization_id, {", ".join(_OF_PROJECTS)})
  select $1, g.* from given g
  on conflict (organization_id, id) do update
  set {", ".join(f"{name} = excluded.{name}" for name in _OF_PROJECTS if name not in {"id", "since"})},
      since = case when ({_each("excluded", _DECIDES)}) is distinct from ({_each("o", _DECIDES)})
                   then excluded.since else o.since end,
      plan = case when (o.currency, o.time_zone, {_each("o", _DECIDES)})
                       is distinct from (excluded.currency, excluded.time_zone, {_each("excluded", _DECIDES)})
                  then gen_random_uuid() else o.plan end
  where o.version < excluded.version and not o.is_deleted
  returning id, since, is_deleted
),
past as (
  insert into project_past (organization_id, project_id, version, since, {", ".join(_DECIDES)})
  select $1, b.id, b.version, b.since, {_each("b", _DECIDES)}
  from before b join put n on n.id = b.id
  where b.since < n.since and not n.is_deleted
)
select id from put where is_deleted
"""
_PARTS: Final = ("task", "task_past", "calendar", "calendar_past", "progress", "project_past")


async def store_projects(tx: Transaction, facts: Iterable[ProjectFact]) -> None:
    """Store versions of projects, one after the other; what hangs on a deleted one goes with it."""
    gone = []
    for found in successive(facts):
        rows = await tx.fetch(_PROJECTS, tx.organization_id, *_columns(found, *_OF_PROJECTS))
        gone += [row["id"] for row in rows]
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
with given as (
  select v.project_id, v.id, v.version, v.since, v.definition is null, coalesce(v.definition, '{{}}')::json
  from unnest($2::uuid[], $3::uuid[], $4::int[], $5::timestamptz[], $6::text[])
    as v(project_id, id, version, since, definition)
  {_ALIVE}
),
before as (
  select t.* from calendar t join given g on g.id = t.id where t.organization_id = $1
),
put as (
  insert into calendar as o (organization_id, project_id, id, version, since, is_deleted, definition)
  select $1, g.* from given g
  on conflict (organization_id, id) do update
  set version = excluded.version, is_deleted = excluded.is_deleted, definition = excluded.definition,
      since = case when excluded.definition::text is distinct from o.definition::text
                   then excluded.since else o.since end
  where o.version < excluded.version and not o.is_deleted
  returning project_id, id, since
),
past as (
  insert into calendar_past (organization_id, project_id, id, version, since, definition)
  select $1, b.project_id, b.id, b.version, b.since, b.definition
  from before b join put n on n.id = b.id
  where b.since < n.since
)
update project p set plan = gen_random_uuid() where p.organization_id = $1 and p.id in (select project_id from put)
"""


async def store_calendars(tx: Transaction, facts: Iterable[CalendarFact]) -> None:
    """Store versions of calendars, one after the other; the plans of their projects change."""
    for found in successive(facts):
        names = ("project_id", "id", "version", "since", "definition")
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
# What milestones weigh is part of what holds at an instant; which are achieved is progress, with instants of its own.
_SUPERSEDES: Final = f"""(excluded.is_leaf or o.is_leaf)
        and ({_each("excluded", _PLACED, _WEIGHTS)}) is distinct from ({_each("o", _PLACED, _WEIGHTS)})"""
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
  where (n.is_leaf or b.is_leaf) and ({_each("n", _PLACED)}) is distinct from ({_each("b", _PLACED)})
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
_STATED: Final = ("percent", "work", "physical", "units", "state", "finish")
_PROGRESS: Final = f"""
insert into progress as o (organization_id, project_id, task_id, at, stated, actual_cost, cost_stated,
                           {", ".join(_STATED)})
select $1, v.*
from unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[], $8::int[], $9::int[],
            $10::int[], $11::numeric[], $12::int[], $13::int[])
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
