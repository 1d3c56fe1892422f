"""API keys `pmo_<key id>_<secret>_<checksum>`: read and compared; where they are kept is another's matter."""

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from shared.auth import Principal
from shared.errors import Unauthenticated

PREFIX: Final = "pmo_"
_ID_LENGTH: Final = 16
_SECRET_LENGTH: Final = 43
_NOBODY: Final = hashlib.sha256(secrets.token_bytes(32)).digest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is stored of an API key: everything but the secret, of which there is only the SHA-256."""

    key_id: str
    secret_hash: bytes
    organization_id: UUID
    name: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


Lookup = Callable[[str], Awaitable[ApiKey | None]]


def checksum(stem: str) -> str:
    """Six characters that tell a typing error, or a leaked key in a scanner, without asking anyone."""
    return f"{zlib.crc32(stem.encode()):06x}"[-6:]


def hash_secret(secret: str) -> bytes:
    """Hash a secret for storage; it is random, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


async def verify_api_key(text: str, lookup: Lookup, now: datetime | None = None) -> Principal:
    """Return whom a key names; raises Unauthenticated after the same work, whatever is wrong with it."""
    parts = text.split("_")
    if (
        len(parts) != 4
        or len(parts[1]) != _ID_LENGTH
        or len(parts[2]) != _SECRET_LENGTH
        or not (parts[1] + parts[2]).isalnum()
        or not text.isascii()
        or not hmac.compare_digest(checksum(text.rpartition("_")[0]), parts[3])
    ):
        raise Unauthenticated("The API key is malformed.")
    found = await lookup(parts[1])
    matches = hmac.compare_digest(hash_secret(parts[2]), _NOBODY if found is None else found.secret_hash)
    moment = datetime.now(UTC) if now is None else now
    if (
        found is None
        or not matches
        or found.revoked_at is not None
        or (found.expires_at is not None and found.expires_at <= moment)
    ):
        raise Unauthenticated("The API key is unknown, revoked or expired.")
    return Principal(
        organization_id=found.organization_id,
        subject=f"api-client:{found.key_id}",
        scopes=found.scopes,
        name=found.name,
    )
