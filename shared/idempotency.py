"""Idempotency-Key: the answer to a write is stored in the write's own transaction and given again for a day."""

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

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


def lock_of(organization_id: UUID, key: str) -> int:
    """Return the advisory lock that stands for a key of an organization."""
    return int.from_bytes(hashlib.sha256(organization_id.bytes + key.encode()).digest()[:8], signed=True)


async def replay(tx: Transaction, key: str, mark: bytes) -> Response | None:
    """Return the stored answer, or None if the request is new; the transaction was opened with the key's lock.

    Raises IdempotencyInProgress at once while another transaction works on the key: an insert would block instead.
    Who has the lock sees what its last holder stored, since this statement is younger than the lock.
    """
    row = await tx.fetchrow(
        "select fingerprint, status, headers, body from idempotency"
        " where organization_id = $1 and key = $2 and created_at > now() - interval '24 hours'",
        tx.organization_id,
        key,
    )
    if row is None:
        if not tx.locked:
            raise IdempotencyInProgress(headers={"Retry-After": "1"})
        return None
    if row["fingerprint"] != mark:
        raise IdempotencyKeyReused
    headers = {**orjson.loads(row["headers"]), "Idempotency-Replayed": "true"}
    return Response(row["body"], row["status"], headers)


_KEEP: Final = """
insert into idempotency (organization_id, key, fingerprint, status, headers, body) values ($1, $2, $3, $4, $5, $6)
on conflict (organization_id, key) do update set fingerprint = excluded.fingerprint, status = excluded.status,
  headers = excluded.headers, body = excluded.body, created_at = now()
"""


_FORGET: Final = """
delete from idempotency where (organization_id, key) in (
  select organization_id, key from idempotency
  where organization_id = $1 and key <> $2 and created_at < now() - interval '24 hours' limit 1000)
"""


@dataclass(frozen=True, slots=True)
class _Write:
    sql: str
    values: Sequence[object]

    def statement(self) -> tuple[str, Sequence[object]]:
        return self.sql, self.values


def keep(tx: Transaction, key: str, mark: bytes, response: Response) -> None:
    """Store a successful answer with the write that it answers, at the transaction's end."""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    values = (
        tx.organization_id,
        key,
        mark,
        response.status_code,
        orjson.dumps(headers).decode(),
        bytes(response.body),
    )
    tx.closing["idempotency"] = _Write(_KEEP, values)
    if random.random() < FORGET_SHARE:
        tx.closing["idempotency-forgotten"] = _Write(_FORGET, (tx.organization_id, key))
