"""The statements of the gateway."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from services.gateway.ingest.reading import ACCEPTED, Inbound
from services.gateway.models import API_CLIENT, INBOUND
from shared.db import Database, Transaction
from shared.pagination import Listing, Sort

API_CLIENTS: Final = Listing(
    API_CLIENT,
    conditions={"scope": "{} = any(t.scopes)", "name": "position(lower({}) in lower(t.name)) > 0"},
    sorts={
        "id": Sort("t.id", "uuid"),
        "name": Sort("t.name", "text"),
        "created_at": Sort("t.created_at", "timestamptz"),
        "last_used_at": Sort("t.last_used_at", "timestamptz", nullable=True),
    },
    default_sort="id",
)
INBOUND_EVENTS: Final = Listing(
    INBOUND,
    conditions={
        "status": "t.status = any({}::text[])",
        "source": "t.source = {}",
        "event_id": "t.event_id = {}",
        "type": "t.type = {}",
    },
    sorts={"id": Sort("t.id", "uuid"), "received_at": Sort("t.created_at", "timestamptz")},
    default_sort="-id",
)

_STORE: Final = f"""
with seen as (
  insert into organization (organization_id, id, version) values ($1, $1, 1) on conflict do nothing
),
given as (
  select * from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[],
                       $11::bytea[], $12::uuid[], $13::text[])
    with ordinality as g(id, source, event_id, type, time, subject, data, fingerprint, aggregate_id, told, number)
),
stored as (
  insert into inbound_event (organization_id, id, version, source, event_id, type, time, subject, data, fingerprint,
                             aggregate_id, actor, status)
  select $1, id, 1, source, event_id, type, time, subject, data::json, fingerprint, aggregate_id, $2, 'accepted'
  from given order by source, event_id
  on conflict (organization_id, source, event_id) do nothing
  returning id
),
fresh as (
  select g.id, g.aggregate_id, g.told, row_number() over (partition by g.aggregate_id order by g.number) as place,
         count(*) over (partition by g.aggregate_id) as places
  from given g join stored using (id)
),
root as (
  insert into aggregate as a (organization_id, id, version)
  select $1, aggregate_id, count(*) from fresh group by aggregate_id order by aggregate_id
  on conflict (organization_id, id) do update set version = a.version + excluded.version
  returning id, version
),
placed as (
  select f.id, f.aggregate_id, f.told, r.version - f.places + f.place as version
  from fresh f join root r on r.id = f.aggregate_id
),
event as (
  insert into event_log (organization_id, aggregate_id, version, id, type, entity_id, actor, correlation_id,
                         traceparent, data)
  select $1, aggregate_id, version, id, '{ACCEPTED}', id, $2, $3, $14, told::json from placed
),
pending as (
  insert into outbox_pending (organization_id, aggregate_id, version) select $1, aggregate_id, version from placed
)
select id, aggregate_id, version from placed
"""
# Both inserts go in the order of their keys, so that two senders of the same events cannot deadlock.

_PRESENT: Final = """
select i.id, i.source, i.event_id, i.fingerprint
from unnest($2::text[], $3::text[]) as g(source, event_id)
join inbound_event i on i.organization_id = $1 and i.source = g.source and i.event_id = g.event_id
"""

_SETTLE: Final = """
update inbound_event i
set status = $2, position = s.position, reason_code = s.code, reason_detail = s.detail, version = i.version + 1,
    updated_at = now()
from unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) as s(id, position, code, detail)
where i.organization_id = $1 and i.id = s.id and i.status = 'accepted'
"""

_FIND_KEY: Final = """
select organization_id, id, name, secret_hash, scopes, expires_at,
       last_used_at is null or last_used_at < now() - interval '5 minutes' as stale
from api_client where key_id = $1
"""


async def store_inbound(tx: Transaction, events: Sequence[Inbound]) -> list[asyncpg.Record]:
    """Store the events that are new, with our own events about them; returns id, aggregate_id and version of these."""
    context = tx.context
    rows = await tx.fetch(
        _STORE,
        context.organization_id,
        context.actor,
        context.correlation_id,
        [event.id for event in events],
        [event.source for event in events],
        [event.event_id for event in events],
        [event.type for event in events],
        [event.time for event in events],
        [event.subject for event in events],
        [event.data for event in events],
        [event.fingerprint for event in events],
        [event.order for event in events],
        [event.told for event in events],
        context.traceparent,
    )
    if rows:
        tx.wake("outbox")
    return rows


async def present_inbound(tx: Transaction, events: Sequence[Inbound]) -> list[asyncpg.Record]:
    """Return id, source, event_id and fingerprint of the stored events with the same sources and ids."""
    sources = [event.source for event in events]
    return await tx.fetch(_PRESENT, tx.organization_id, sources, [event.event_id for event in events])


async def settle_inbound(
    tx: Transaction,
    status: str,
    identifiers: Sequence[UUID],
    positions: Sequence[str | None],
    codes: Sequence[str | None],
    details: Sequence[str | None],
) -> None:
    """Write what became of accepted events; those that are settled already stay as they are."""
    await tx.execute(_SETTLE, tx.organization_id, status, identifiers, positions, codes, details)


async def first_seen(tx: Transaction) -> None:
    """Remember the organization."""
    await tx.execute(
        "insert into organization (organization_id, id, version) values ($1, $1, 1) on conflict do nothing",
        tx.organization_id,
    )


async def find_key(database: Database, key_id: str) -> asyncpg.Record | None:
    """Return the row of an API key, of whatever organization, and note that the key was presented.

    Who has the key's id sees that one row and no other: a policy of its own compares it with `app.api_key`.
    """
    async with database.connection() as connection, connection.transaction():
        await connection.execute("select set_config('app.api_key', $1, true)", key_id)
        row: asyncpg.Record | None = await connection.fetchrow(_FIND_KEY, key_id)
        if row is not None and row["stale"]:
            await connection.execute("select set_config('app.organization', $1, true)", str(row["organization_id"]))
            await connection.execute(
                "update api_client set last_used_at = now() where organization_id = $1 and id = $2",
                row["organization_id"],
                row["id"],
            )
    return row
