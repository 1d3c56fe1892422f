"""The schedule of a project: loaded as a plan, computed off the event loop, stored and published as what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.models import METADATA
from services.projects.repository import plan_events
from services.projects.service.breathing import aside, let_go
from services.projects.service.computing import Planned, computed_of, given_of, planned
from services.projects.service.kept_plans import Item, keep
from services.projects.service.plans import PlanRows
from services.projects.service.projects import SCHEDULE, drop_links
from services.projects.service.propagation import hand_on, keep_bounds
from services.projects.service.schedule_changes import COLUMNS, Change, Computed, change_of
from shared import messaging
from shared.collector import collector_paused
from shared.db import Context, Database, Transaction
from shared.entity import DIALECT
from shared.errors import NotFound


async def compute_schedule(tx: Transaction, project_id: UUID) -> Computed:
    """Compute a project's schedule as the transaction sees its plan; holds nobody off. Raises NotFound."""
    with collector_paused():  # it would go through all rows again and again while more come
        event = await plan_events.last_event(tx, project_id)
        given = await given_of(tx, project_id)
        computed = await aside(len(given.rows), computed_of, event, given)
        if isinstance(given.rows, PlanRows):
            for rows in given.rows.many:
                await let_go(rows)  # before it goes on
    return computed


async def schedule_plan(tx: Transaction, project_id: UUID) -> Planned:
    """Return a project's plan with its schedule as the transaction sees it; raises NotFound."""
    given = await given_of(tx, project_id)
    return await aside(len(given.rows), planned, given)


async def recompute(database: Database, context: Context, key: str) -> None:
    """Work of kind `schedule`: bring a project's schedule up to date.

    The plan is read and scheduled in a snapshot, so that writers go on meanwhile; what they change asks for the next
    schedule. Only storing it takes the aggregate's lock.
    """
    try:
        async with database.transaction(context, read_only=True, snapshot=True) as tx:
            computed = await compute_schedule(tx, UUID(key))
    except NotFound:
        return  # deleted meanwhile
    async with database.transaction(context) as tx:
        await store_schedule(tx, computed)


async def fresh_project(tx: Transaction, reference: str, own_only: str | None) -> UUID:
    """Return a project's id, with its schedule as `refresh_if_asked` leaves it; raises NotFound."""
    found, values = repository.reference(reference, own_only, "p")
    rows = await tx.read(
        f"select p.id, exists ({_ASKED.format('p.id::text')}) as asked from project p"
        f" where p.organization_id = $1 and {found}",
        tx.organization_id,
        *values,
    )
    if not rows:
        raise NotFound
    if rows[0]["asked"]:
        await refresh_if_asked(tx, rows[0]["id"])
    return UUID(str(rows[0]["id"]))


_ROWS_PER_STATEMENT: Final = 1000
"""More would hold the event loop while they are encoded."""
_ASKED: Final = f"select ticket from work_pending where organization_id = $1 and kind = '{SCHEDULE}' and key = {{}}"


async def refresh_if_asked(tx: Transaction, project_id: UUID) -> None:
    """Bring the schedule up to date now if a change of the plan waits for it, so that readers see what they wrote.

    Where others change the plan at the same time, the schedule there is stays until the worker has come.
    """
    waiting = await tx.read(_ASKED.format("$2"), tx.organization_id, str(project_id))
    if not waiting:
        return
    computed = await compute_schedule(tx, project_id)
    if await repository.position(tx, project_id) != computed.version:
        return
    await repository.lock_aggregate(tx, project_id)
    if await repository.position(tx, project_id) != computed.version:
        return
    await store_schedule(tx, computed)
    await tx.execute(
        "delete from work_pending where organization_id = $1 and kind = $2 and key = $3 and ticket = $4",
        tx.organization_id,
        SCHEDULE,
        str(project_id),
        waiting[0]["ticket"],  # what was asked for since is still to be done
    )


async def publish_schedule(tx: Transaction, project_id: UUID) -> int:
    """Compute and store a project's schedule within the transaction that changed its plan; returns the revision."""
    return await store_schedule(tx, await compute_schedule(tx, project_id))


async def store_schedule(tx: Transaction, computed: Computed) -> int:
    """Store a schedule and record what changed, unless one of a newer plan is there; returns the revision.

    A plan that cannot be scheduled (a loop of dependencies) keeps its schedule and gets the reason.
    """
    project_id = computed.project_id
    await repository.lock_aggregate(tx, project_id)
    present = await tx.fetchrow(
        "select version, plan_version, project_start, project_finish, percent_complete, problem from schedule"
        " where organization_id = $1 and id = $2",
        tx.organization_id,
        project_id,
    )
    revision: int = 0 if present is None else present["version"]
    if present is not None and present["plan_version"] > computed.version:
        return revision
    if not await tx.fetchint(
        "select count(*) from project where organization_id = $1 and id = $2", tx.organization_id, project_id
    ):
        return revision  # deleted meanwhile
    if computed.problem is not None:
        await _store_header(tx, project_id, max(revision, 1), present, computed.problem)
        await drop_links(tx, project_id)  # what was removed is not seen here
        return revision
    stored = await _stored(tx, computed, revision)
    change = await aside(len(computed.items) + len(stored), change_of, computed, revision + 1, stored)
    header = (*computed.span, computed.percent_complete)
    known = ("project_start", "project_finish", "percent_complete")
    same = present is not None and present["problem"] is None and tuple(present[name] for name in known) == header
    await keep_bounds(tx, project_id, computed.across, computed.bounds)
    is_new = not same or bool(change.rows or change.removed)
    revision += is_new
    if computed.plan is not None:
        keep(tx, replace(computed.plan, revision=revision, items=computed.items))
    if not is_new:
        return revision
    await _store(tx, project_id, change)
    await tx.execute(
        """
insert into schedule as s
  (organization_id, id, version, project_start, project_finish, percent_complete, plan_version)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (organization_id, id) do update set version = excluded.version, updated_at = now(), problem = null,
  plan_version = excluded.plan_version, project_start = excluded.project_start,
  project_finish = excluded.project_finish, percent_complete = excluded.percent_complete
""",
        tx.organization_id,
        project_id,
        revision,
        *header,
        computed.version,
    )
    await hand_on(tx, project_id, moved=change.moved, removed=change.removed)
    await messaging.record_many(tx, aggregate_id=project_id, events=change.events)
    return revision


async def _store_header(
    tx: Transaction, project_id: UUID, revision: int, present: asyncpg.Record | None, problem: str
) -> None:
    span = (None, None) if present is None else (present["project_start"], present["project_finish"])
    await tx.execute(
        """
insert into schedule (organization_id, id, version, project_start, project_finish, problem)
values ($1, $2, $3, $4, $5, $6)
on conflict (organization_id, id) do update set problem = excluded.problem, updated_at = now()
""",
        tx.organization_id,
        project_id,
        revision,
        *span,
        problem,
    )


async def _stored(tx: Transaction, computed: Computed, revision: int) -> Mapping[str, Item] | Sequence[asyncpg.Record]:
    """The schedule that is stored: as it is kept, if it is still that revision."""
    known = computed.known
    if known is not None and known.items is not None and known.revision == revision:
        return known.items
    return await tx.fetch_all(
        f"select id, {', '.join(COLUMNS)} from schedule_item where organization_id = $1 and project_id = $2",
        tx.organization_id,
        computed.project_id,
    )


async def _store(tx: Transaction, project_id: UUID, change: Change) -> None:
    if change.removed:
        await tx.execute(
            "delete from schedule_item where organization_id = $1 and project_id = $2 and id = any($3)",
            tx.organization_id,
            project_id,
            list(change.removed),
        )
    for first in range(0, len(change.rows), _ROWS_PER_STATEMENT):
        rows = change.rows[first : first + _ROWS_PER_STATEMENT]
        await tx.execute(_PUT, tx.organization_id, project_id, *map(list, zip(*rows, strict=True)))


def _put() -> str:
    table = METADATA.tables["schedule_item"]
    kinds = [table.c[name].type.compile(dialect=DIALECT) for name in ("id", *COLUMNS)]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 3))
    sets = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS)
    return f"""
insert into schedule_item as s (organization_id, project_id, version, id, {", ".join(COLUMNS)})
select $1, $2, 1, v.* from unnest({arrays}) v
on conflict (organization_id, id) do update set version = s.version + 1, updated_at = now(), {sets}
"""


_PUT: Final = _put()
