"""The owner's side: answers what projections ask of its aggregates.

Questions come over NATS itself, not through a stream: nobody needs them to do their own work, and one that finds nobody
is simply asked again later. Replicas share them.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

import asyncpg
import orjson
import structlog
from nats.aio.msg import Msg
from pydantic import Field, TypeAdapter, ValidationError

from shared.audit import projection
from shared.bus import Bus, BusDown
from shared.db import Context, Database
from shared.entity import Entity
from shared.events import envelope
from shared.messaging import Reader

log = structlog.get_logger(__name__)

BEGINNING: Final = UUID(int=0)
ORGANIZATIONS: Final = 10_000
AGGREGATES: Final = 2_000
EVENTS: Final = 256
EVENT_BYTES: Final = 150_000
"""Of an answer's events but the last: with envelopes, and quoted, all stays below the broker's limit of a message."""
WAITING: Final = 1_000
"""Questions that may wait; who is not answered asks again."""

_ORGANIZATIONS: Final = """
with recursive known as (
  (select organization_id from event_log where organization_id > $1 order by organization_id limit 1)
  union all
  select (select e.organization_id from event_log e where e.organization_id > k.organization_id
          order by e.organization_id limit 1)
  from known k where k.organization_id is not null
)
select organization_id from known where organization_id is not null limit $2
"""
_EVENTS: Final = """
select * from (
  select version, id, type, entity_id, time, actor, correlation_id, causation_id, traceparent, data::text as data,
         sum(octet_length(data::text)) over (order by version) as bytes, octet_length(data::text) as own_bytes
  from (
    select * from event_log
    where organization_id = $1 and aggregate_id = $2 and version > $3 and type = any($4) order by version limit $5
  ) e
) page
where bytes - own_bytes < $6 order by version
"""
_VERSION: Final = """
select version, version = (select count(*) from event_log where organization_id = $1 and aggregate_id = $2) as is_whole
from aggregate where organization_id = $1 and id = $2
"""


class Organizations(Reader):
    """Which organizations have events?"""

    ask: Literal["organizations"] = "organizations"
    after: UUID = BEGINNING


class Aggregates(Reader):
    """How do an organization's aggregates stand, by these entities?"""

    ask: Literal["aggregates"] = "aggregates"
    organization_id: UUID
    entities: list[str]
    after: UUID = BEGINNING


class Events(Reader):
    """What are the events of an aggregate, of these types, after a version?"""

    ask: Literal["events"] = "events"
    organization_id: UUID
    aggregate_id: UUID
    types: list[str]
    after: int = 0


Question = Annotated[Organizations | Aggregates | Events, Field(discriminator="ask")]
_QUESTION: Final[TypeAdapter[Question]] = TypeAdapter(Question)


def subject_of(producer: str) -> str:
    """Return where questions to an owner go."""
    return f"pmo-audit.{producer}"


async def organizations(relay_url: str, after: UUID = BEGINNING, most: int = ORGANIZATIONS) -> list[UUID]:
    """Return the organizations that a service has events of, after an id; only the relay's role sees them all."""
    connection = await asyncpg.connect(
        relay_url, timeout=5, command_timeout=15, server_settings={"application_name": "pmo audit"}
    )
    try:
        return [projection.plain(row[0]) for row in await connection.fetch(_ORGANIZATIONS, after, most)]
    finally:
        await connection.close(timeout=5)


class Answers:
    """Answers questions for one service, one after the other: it is background work."""

    def __init__(
        self, database: Database, relay_url: str, bus: Bus, *, service: str, entities: Sequence[Entity]
    ) -> None:
        self.name = "audit answers"
        self.trouble: str | None = "starting"
        self._database = database
        self._relay_url = relay_url
        self._bus = bus
        self._service = service
        self._entities = {entity.name: entity for entity in entities}

    async def run(self) -> None:
        """Answer for ever."""
        try:
            while True:
                await self._listen()
        except BusDown as error:
            self.trouble = f"broker: {error}"

    async def _listen(self) -> None:
        """Answer what comes over one connection, until it is replaced; raises BusDown."""
        client = self._bus.client
        changed = asyncio.Event()
        self._bus.listeners.add(changed.set)
        subscription = await client.subscribe(
            subject_of(self._service), queue=self._service, cb=self._respond, pending_msgs_limit=WAITING
        )
        self.trouble = None
        try:
            while self._bus.client is client:  # it subscribes again by itself when it is connected again
                await changed.wait()
                changed.clear()
        finally:
            self._bus.listeners.discard(changed.set)
            if not client.is_closed:
                await subscription.unsubscribe()

    async def _respond(self, message: Msg) -> None:
        try:
            answer = await self._answer(_QUESTION.validate_json(message.data))
        except ValidationError:
            answer = {"error": "no such question"}
        except Exception as error:  # whoever asked is to know; the loop goes on
            log.warning("audit.not_answered", reason=repr(error))
            answer = {"error": type(error).__name__}
        await message.respond(orjson.dumps(answer))

    async def _answer(self, question: Question) -> dict[str, object]:
        match question:
            case Organizations():
                found = await organizations(self._relay_url, question.after)
                return {"organizations": list(map(str, found)), "is_last": len(found) < ORGANIZATIONS}
            case Aggregates():
                return await self._aggregates(question)
            case Events():
                return await self._events(question)

    async def _aggregates(self, question: Aggregates) -> dict[str, object]:
        entities = [self._entities[name] for name in question.entities]
        async with self._database.transaction(self._context(question.organization_id), read_only=True) as tx:
            rows = await projection.owned(tx, entities, question.after, AGGREGATES)
        found = [(str(row["id"]), row["version"], row["hash"]) for row in rows]
        return {"aggregates": found, "is_last": len(found) < AGGREGATES}

    async def _events(self, question: Events) -> dict[str, object]:
        """Return a page of events with how far it goes, all as of one instant."""
        organization_id, aggregate_id = question.organization_id, question.aggregate_id
        async with self._database.transaction(self._context(organization_id), read_only=True, snapshot=True) as tx:
            at = await tx.fetchrow(_VERSION, organization_id, aggregate_id)
            rows = await tx.fetch(
                _EVENTS, organization_id, aggregate_id, question.after, question.types, EVENTS, EVENT_BYTES
            )
        if at is None or at["version"] == 0:
            return {"version": 0, "up_to": 0, "is_whole": True, "events": []}
        is_last = not rows or (len(rows) < EVENTS and rows[-1]["bytes"] < EVENT_BYTES)
        return {
            "version": at["version"],
            "up_to": at["version"] if is_last else rows[-1]["version"],
            "is_whole": at["is_whole"],
            "events": [(row["type"], row["version"], _body(organization_id, aggregate_id, row)) for row in rows],
        }

    def _context(self, organization_id: UUID) -> Context:
        return Context(organization_id, actor=f"service:{self._service}")


def _body(organization_id: UUID, aggregate_id: UUID, row: asyncpg.Record) -> str:
    """Return an event as the relay publishes it."""
    names = ("id", "type", "version", "entity_id", "time", "actor", "correlation_id", "causation_id", "traceparent")
    fields = {name: row[name] for name in (*names, "data")}
    return envelope(organization_id=organization_id, aggregate_id=aggregate_id, **fields).decode()
