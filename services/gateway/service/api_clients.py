"""Use cases of API clients: giving keys, taking them back, finding whose a key is."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.gateway import repository
from services.gateway.domain.api_client import Scope
from services.gateway.errors import ExpiryPassed
from services.gateway.models import API_CLIENT
from services.gateway.proxy.api_keys import PREFIX, ApiKey, checksum, hash_secret
from shared import entity
from shared.db import Database, Transaction
from shared.entity import Written
from shared.errors import FieldError

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43  # 62 ** 43 > 2 ** 256
_ID_LENGTH: Final = 16


def _letters(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def make_key(master: bytes, nonce: bytes) -> tuple[str, str]:
    """Return id and text of the API key that belongs to a nonce: the same nonce always gives the same key.

    A repeated request (same Idempotency-Key) must get the same answer, but the key itself is stored nowhere: so it is
    made of the installation's secret and a nonce that only the request knows, and made again for the repetition.
    """
    identifier = int.from_bytes(hmac.digest(master, b"api-key-id\n" + nonce, hashlib.sha256))
    secret = int.from_bytes(hmac.digest(master, b"api-key-secret\n" + nonce, hashlib.sha512))
    key_id = _letters(identifier, _ID_LENGTH)
    stem = f"{PREFIX}{key_id}_{_letters(secret, _SECRET_LENGTH)}"
    return key_id, f"{stem}_{checksum(stem)}"


async def create_api_client(
    tx: Transaction,
    identifier: UUID,
    *,
    name: str,
    scopes: Sequence[Scope],
    expires_at: datetime | None,
    key_id: str,
    key: str,
) -> Written:
    """Let another system in with a key of which only the hash is kept.

    SHA-256 is right for that: the secret is 256 random bits, so nobody can try them all, and a slow hash, which makes
    up for weak passwords, would only slow down every request.
    """
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise ExpiryPassed(errors=[FieldError("/expires_at", "expiry_passed", "is not in the future")])
    values: dict[str, object] = {
        "id": identifier,
        "name": name,
        "scopes": sorted(set(scopes)),
        "expires_at": expires_at,
        "key_id": key_id,
        "secret_hash": hash_secret(key.split("_")[2]),
        "created_by": tx.context.actor,
    }
    await repository.first_seen(tx)
    return await entity.create(tx, API_CLIENT, values)


async def revoke_api_client(tx: Transaction, identifier: UUID, expected: int) -> Written:
    """Refuse the key from now on; the history keeps who had it and who took it."""
    await entity.get(tx, API_CLIENT, "t.id = $2", identifier)
    return await entity.delete(tx, API_CLIENT, identifier, expected=expected)


async def find_api_key(database: Database, key_id: str) -> ApiKey | None:
    """Return what is kept of a key, whosever it is."""
    row = await repository.find_key(database, key_id)
    if row is None:
        return None
    return ApiKey(
        key_id=key_id,
        secret_hash=row["secret_hash"],
        organization_id=UUID(int=row["organization_id"].int),
        name=row["name"],
        scopes=frozenset(row["scopes"]),
        expires_at=row["expires_at"],
    )
