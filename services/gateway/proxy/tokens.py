"""Access tokens: JWTs after RFC 9068, stricter than the libraries take them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import jwt

from services.gateway.proxy.keys import MAX_KID, KeySource
from shared.auth import Principal
from shared.errors import TokenInvalid
from shared.permissions import Role

ALGORITHMS: Final = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
MAX_TOKEN: Final = 8 * 1024
MAX_LIFETIME: Final = 3600
SKEW: Final = 30

_ROLES: Final = frozenset(Role)
_JWS: Final = jwt.PyJWS()


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """Whom a token names, and until when (seconds since the epoch)."""

    principal: Principal
    expires: float


class TokenVerifier:
    """Verifies access tokens of one issuer for one audience."""

    def __init__(self, issuer: str, audience: str, keys: KeySource, clock: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clock = clock

    async def verify(self, token: str) -> VerifiedToken:
        """Return whom the token names; raises TokenInvalid."""
        if len(token) > MAX_TOKEN or not token.isascii() or token.count(".") != 2:
            raise TokenInvalid("The token is not a signed JWT of at most 8 KiB.")
        header = _object(_decode(token.partition(".")[0]))
        algorithm, kid = _checked_header(header)
        key = await self._keys.find(kid)
        if key is None or algorithm not in key.algorithms:
            raise TokenInvalid("The token is signed with a key that the issuer does not publish.")
        try:
            payload = _JWS.decode(token, key.key, algorithms=[algorithm])
        except jwt.PyJWTError:
            raise TokenInvalid("The token's signature is not valid.") from None
        except (ValueError, TypeError, RecursionError):
            raise TokenInvalid("The token is malformed.") from None
        return self._claims(_object(payload))

    def _claims(self, claims: dict[str, object]) -> VerifiedToken:
        now = self._clock()
        issued, expires = _instant(claims, "iat"), _instant(claims, "exp")
        if expires <= now - SKEW:
            raise TokenInvalid("The token has expired.")
        if issued > now + SKEW or ("nbf" in claims and _instant(claims, "nbf") > now + SKEW):
            raise TokenInvalid("The token is not valid yet.")
        if not 0 < expires - issued <= MAX_LIFETIME:
            raise TokenInvalid("The token lives longer than one hour.")
        if claims.get("iss") != self._issuer:
            raise TokenInvalid("The token is from another issuer.")
        if claims.get("aud") not in (self._audience, [self._audience]):
            raise TokenInvalid("The token is for another audience.")
        principal = Principal(
            organization_id=_organization(claims),
            subject=_text(claims, "sub", 255, required=True),
            roles=_roles(claims),
            name=_text(claims, "name", 200, required=False),
        )
        return VerifiedToken(principal, float(expires + SKEW))


def _checked_header(header: dict[str, object]) -> tuple[str, str | None]:
    algorithm, kind, kid = header.get("alg"), header.get("typ"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenInvalid("The token's algorithm is not accepted.")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") != "at+jwt":
        raise TokenInvalid("The token is not an access token (typ at+jwt).")
    if "crit" in header or "b64" in header:
        raise TokenInvalid("The token has critical extensions that are not known here.")
    if kid is not None and not (isinstance(kid, str) and len(kid) <= MAX_KID):
        raise TokenInvalid("The token's kid is malformed.")
    return algorithm, kid


def _decode(part: str) -> bytes:
    try:
        return jwt.utils.base64url_decode(part)
    except ValueError:
        raise TokenInvalid("The token is malformed.") from None


def _object(text: bytes) -> dict[str, object]:
    """Parse a JSON object in which no name comes twice."""
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise TokenInvalid("The token is malformed.") from None
    if not isinstance(value, dict):
        raise TokenInvalid("The token is malformed.")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name comes twice")
    return members


def _refuse(name: str) -> object:
    raise ValueError(name)


def _instant(claims: dict[str, object], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**40:
        raise TokenInvalid(f"The claim {name} is missing or not a whole number of seconds.")
    return value


def _text(claims: dict[str, object], name: str, most: int, *, required: bool) -> str:
    value = claims.get(name, None if required else "")
    if not isinstance(value, str) or len(value) > most or (required and not value) or not value.isprintable():
        raise TokenInvalid(f"The claim {name} is missing or malformed.")
    return value


def _organization(claims: dict[str, object]) -> UUID:
    value = claims.get("organization")
    try:
        organization = UUID(value) if isinstance(value, str) and len(value) == 36 else None
    except ValueError:
        organization = None
    if organization is None:
        raise TokenInvalid("The claim organization is missing or not a UUID.")
    return organization


def _roles(claims: dict[str, object]) -> frozenset[str]:
    """The roles that this product knows; an issuer may name others for other products."""
    value = claims.get("roles", [])
    if not isinstance(value, list) or len(value) > 64 or not all(isinstance(role, str) for role in value):
        raise TokenInvalid("The claim roles is not a list of names.")
    return frozenset(value) & _ROLES
