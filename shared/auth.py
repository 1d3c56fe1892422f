"""The caller, and the internal token by which the gateway tells the services who it is."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from shared.errors import TokenInvalid, Unauthenticated
from shared.permissions import Permission, Reach, reach

ISSUER: Final = "pmo-gateway"
LIFETIME_SECONDS: Final = 60
CACHE_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a person with roles, or a machine with scopes, of one organization."""

    organization_id: UUID
    subject: str
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    name: str = ""

    def reach(self, permission: Permission) -> Reach | None:
        """Return how far the caller may go with a permission; None: not at all."""
        return reach(self.roles, self.scopes, permission)


@dataclass(slots=True)
class InternalTokenMinter:
    """Mints 60-second internal tokens, one audience each."""

    key: Ed25519PrivateKey

    @classmethod
    def from_pem(cls, pem: bytes) -> "InternalTokenMinter":
        """Load the gateway's private key."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the internal key must be Ed25519")
        return cls(key)

    def mint(self, principal: Principal, audience: str, now: float | None = None) -> str:
        """Return a token that the service named `audience` accepts for a minute."""
        issued = int(time.time() if now is None else now)
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": principal.subject,
            "iat": issued,
            "exp": issued + LIFETIME_SECONDS,
            "organization": str(principal.organization_id),
            "roles": sorted(principal.roles),
            "scopes": sorted(principal.scopes),
            "name": principal.name,
        }
        return jwt.encode(claims, self.key, algorithm="EdDSA")


@dataclass(slots=True)
class InternalTokenVerifier:
    """Verifies internal tokens; a verified one is remembered until it expires."""

    key: Ed25519PublicKey
    audience: str
    seen: OrderedDict[str, tuple[float, Principal]] = field(default_factory=OrderedDict)

    @classmethod
    def from_pem(cls, pem: bytes, audience: str) -> "InternalTokenVerifier":
        """Load the gateway's public key."""
        key = load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the internal key must be Ed25519")
        return cls(key, audience)

    def verify(self, authorization: str | None) -> Principal:
        """Return the caller that an Authorization header names; raises Unauthenticated or TokenInvalid."""
        if authorization is None or not authorization.startswith("Bearer "):
            raise Unauthenticated
        token = authorization[7:]
        cached = self.seen.get(token)
        if cached is not None:
            if time.time() < cached[0]:
                return cached[1]
            del self.seen[token]
        principal, expires = self._decode(token)
        self.seen[token] = (expires, principal)
        if len(self.seen) > CACHE_SIZE:
            self.seen.popitem(last=False)
        return principal

    def _decode(self, token: str) -> tuple[Principal, float]:
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=["EdDSA"],
                audience=self.audience,
                issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "organization"], "strict_aud": True},
            )
            principal = Principal(
                UUID(claims["organization"]),
                str(claims["sub"]),
                frozenset(map(str, claims.get("roles", []))),
                frozenset(map(str, claims.get("scopes", []))),
                str(claims.get("name", "")),
            )
            return principal, float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise TokenInvalid from error
