"""Messages that could not be handled: kept with their reason, listed, and read again for a replay."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

import orjson

from shared.db import Transaction
from shared.errors import NotFound

NAMESPACE: Final = UUID("6f0f4a52-5a0c-5b1e-9d9c-1f6b0a3c7e21")
REASON_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with where it came from."""

    stream: str
    sequence: int
    subject: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A kept message as an operator sees it."""

    id: UUID
    consumer: str
    subject: str
    type: str | None
    event_id: str | None
    aggregate_id: UUID | None
    reason: str
    deliveries: int
    at: datetime
    replayed_at: datetime | None


def reason_of(error: BaseException) -> str:
    """Return an error as the short text that is kept."""
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:REASON_LENGTH]


async def bury(
    tx: Transaction,
    consumer: str,
    letter: Letter,
    *,
    reason: str,
    deliveries: int,
    aggregate_id: UUID | None = None,
) -> bool:
    """Keep a message; the same delivery is kept once however often it comes. Tells whether it was new."""
    origin = f"{consumer}|{letter.stream}|{letter.sequence}|{hashlib.sha256(letter.body).hexdigest()}"
    status = await tx.execute(
        """
        insert into dead_letter (organization_id, id, consumer, stream, stream_sequence, subject, type, event_id,
                                 aggregate_id, reason, deliveries, headers, body)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::json, $13) on conflict do nothing
        """,
        tx.organization_id,
        uuid5(NAMESPACE, origin),
        consumer,
        letter.stream,
        letter.sequence,
        letter.subject,
        letter.headers.get("Pmo-Type"),
        letter.headers.get("Nats-Msg-Id"),
        aggregate_id,
        reason,
        deliveries,
        orjson.dumps(dict(letter.headers)).decode(),
        letter.body,
    )
    return status.endswith(" 1")


async def dead_letters(
    tx: Transaction, *, consumer: str | None = None, unreplayed: bool = True, limit: int = 100
) -> Sequence[DeadLetter]:
    """Return the organization's dead letters, the newest first."""
    rows = await tx.fetch(
        """
        select id, consumer, subject, type, event_id, aggregate_id, reason, deliveries, at, replayed_at
        from dead_letter
        where organization_id = $1 and ($2::text is null or consumer = $2) and (replayed_at is null or not $3)
        order by at desc, id desc limit $4
        """,
        tx.organization_id,
        consumer,
        unreplayed,
        limit,
    )
    return [DeadLetter(**dict(row)) for row in rows]


async def exhume(tx: Transaction, consumer: str, identifier: UUID) -> Letter:
    """Lock a dead letter, mark it replayed and return its message; raises NotFound."""
    row = await tx.fetchrow(
        """
        update dead_letter set replayed_at = now() where organization_id = $1 and id = $2 and consumer = $3
        returning stream, stream_sequence, subject, headers::text as headers, body
        """,
        tx.organization_id,
        identifier,
        consumer,
    )
    if row is None:
        raise NotFound
    return Letter(row["stream"], row["stream_sequence"], row["subject"], orjson.loads(row["headers"]), row["body"])
