"""Idempotency-Key: the answer to a write is stored in the write's own transaction and given again for a day."""

import hashlib
import random
import re
from collections.abc import Sequence
from typing import Final

import orjson
from starlette.responses import Response

from shared.db import Transaction
from shared.errors import IdempotencyInProgress, IdempotencyKeyInvalid, IdempotencyKeyReused

FORGET_SHARE: Final = 0.01
"""One in a hundred writers sweeps out what is older than a day."""

FORM: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
KEPT_HEADERS: Final = ("content-type", "etag", "location", "pmo-position", "retry-after")


def checked(key: str) -> str:
    """Return the key if it is well-formed; raises IdempotencyKeyInvalid."""
    if not FORM.fullmatch(key):
        raise IdempotencyKeyInvalid
    return key


def fingerprint(parts: Sequence[str], digest: bytes) -> bytes:
    """Return what tells two requests with the same key apart: actor, method, target, If-Match and the body's digest."""
    head = "\n".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(head + b"\n" + digest).digest()


async def replay(tx: Transaction, key: str, mark: bytes) -> Response | None:
    """Return the stored answer, or None if the request is new; claims the key for this transaction.

    Raises IdempotencyInProgress at once while another transaction works on the key: an insert would block instead.
    """
    row = await tx.fetchrow(
        """
select pg_try_advisory_xact_lock(hashtextextended($1::text || $2, 7)) as mine,
       i.fingerprint, i.status, i.headers, i.body
from (select 1) one
left join idempotency i on i.organization_id = $1 and i.key = $2 and i.created_at > now() - interval '24 hours'
""",
        tx.organization_id,
        key,
    )
    assert row is not None
    if row["fingerprint"] is None and not row["mine"]:
        raise IdempotencyInProgress(headers={"Retry-After": "1"})
    if row["fingerprint"] is None:
        # The lock may have been freed between this statement's snapshot and now: look once more, holding it.
        row = await tx.fetchrow(
            "select fingerprint, status, headers, body from idempotency"
            " where organization_id = $1 and key = $2 and created_at > now() - interval '24 hours'",
            tx.organization_id,
            key,
        )
        if row is None:
            return None
    if row["fingerprint"] != mark:
        raise IdempotencyKeyReused
    headers = {**orjson.loads(row["headers"]), "Idempotency-Replayed": "true"}
    return Response(row["body"], row["status"], headers)


async def keep(tx: Transaction, key: str, mark: bytes, response: Response) -> None:
    """Store a successful answer with the write that it answers."""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    await tx.execute(
        """
insert into idempotency (organization_id, key, fingerprint, status, headers, body) values ($1, $2, $3, $4, $5, $6)
on conflict (organization_id, key) do update set fingerprint = excluded.fingerprint, status = excluded.status,
  headers = excluded.headers, body = excluded.body, created_at = now()
""",
        tx.organization_id,
        key,
        mark,
        response.status_code,
        orjson.dumps(headers).decode(),
        bytes(response.body),
    )
    if random.random() < FORGET_SHARE:
        await tx.execute(
            "delete from idempotency where (organization_id, key) in (select organization_id, key from idempotency"
            " where organization_id = $1 and created_at < now() - interval '24 hours' limit 1000)",
            tx.organization_id,
        )
