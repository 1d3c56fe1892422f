"""Seeing what a service has said: its event log as events, and what a stream holds."""

from uuid import UUID

import orjson
from nats.js.errors import NotFoundError

from shared.bus import Bus
from shared.db import Context, Database
from shared.dead_letters import Letter


async def recorded(
    database: Database, organization_id: UUID, aggregate_id: UUID | None = None
) -> list[tuple[str, object]]:
    """Return the events of an organization, or of one aggregate, as (type, data) in the order of their versions."""
    async with database.transaction(Context(organization_id, "test"), read_only=True) as tx:
        rows = await tx.fetch(
            "select type, data::text as data from event_log"
            " where organization_id = $1 and ($2::uuid is null or aggregate_id = $2) order by aggregate_id, version",
            organization_id,
            aggregate_id,
        )
    return [(row["type"], orjson.loads(row["data"])) for row in rows]


async def stored(admin: Bus, stream: str) -> list[Letter]:
    """Return all messages of a stream, read as the broker's administrator."""
    streams = admin.client.jetstream()
    state = (await streams.stream_info(stream)).state
    letters = []
    for sequence in range(max(1, state.first_seq), state.last_seq + 1):
        try:
            raw = await streams.get_msg(stream, sequence)
        except NotFoundError:
            continue
        letters.append(Letter(stream, sequence, raw.subject or "", dict(raw.headers or {}), raw.data or b""))
    return letters
