"""The secrets of a local instance: its token issuer, the gateway's internal key, the cursor secret; and its tokens."""

import base64
import json
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.local.errors import LocalRuntimeError
from services.local.files import write_private

ISSUER: Final = "https://issuer.pmo.localhost"
AUDIENCE: Final = "pmo"
TOKEN_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Keys:
    """The files of a local instance's secrets."""

    directory: Path

    @property
    def jwks(self) -> Path:
        """The issuer's public keys, for the gateway."""
        return self.directory / "issuer.jwks.json"

    @property
    def internal_private(self) -> Path:
        """With this the gateway signs internal tokens."""
        return self.directory / "internal.pem"

    @property
    def internal_public(self) -> Path:
        """With this the services verify internal tokens."""
        return self.directory / "internal.pub.pem"

    @property
    def cursor_secret(self) -> Path:
        """With this list cursors are signed."""
        return self.directory / "cursor.key"

    @property
    def _issuer(self) -> Path:
        return self.directory / "issuer.pem"

    @property
    def _organization(self) -> Path:
        return self.directory / "organization"

    def make(self) -> None:
        """Make what is missing; what exists stays, so that tokens and cursors outlive a restart."""
        if not self._issuer.exists() or not self.jwks.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(self.jwks, json.dumps({"keys": [_public_jwk(key)]}, indent=2) + "\n")
            write_private(self._issuer, _private_pem(key))
        if not self.internal_private.exists() or not self.internal_public.exists():
            internal = ed25519.Ed25519PrivateKey.generate()
            public = internal.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            write_private(self.internal_public, public.decode())
            write_private(self.internal_private, _private_pem(internal))
        if not self.cursor_secret.exists():
            write_private(self.cursor_secret, secrets.token_urlsafe(48))
        if not self._organization.exists():
            write_private(self._organization, str(uuid.uuid4()))

    def token(self, roles: Sequence[str], *, organization: uuid.UUID | None = None, subject: str | None = None) -> str:
        """An access token of the local issuer, good for an hour; without `organization`, for the local one."""
        if not self._issuer.exists():
            raise LocalRuntimeError(f"No keys in {self.directory}: run `pmo up` first, or name its folder with --data.")
        issued = int(time.time())
        who = subject or f"local-{roles[0].replace('_', '-')}"
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": who,
            "iat": issued,
            "exp": issued + TOKEN_SECONDS,
            "jti": str(uuid.uuid4()),
            "client_id": "pmo-cli",
            "organization": str(organization) if organization else self._organization.read_text().strip(),
            "roles": list(roles),
            "name": who.replace("-", " "),
        }
        headers = {"typ": "at+jwt", "kid": json.loads(self.jwks.read_text())["keys"][0]["kid"]}
        return jwt.encode(claims, self._issuer.read_bytes(), algorithm="ES256", headers=headers)


def _private_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _base64url(numbers.x),
        "y": _base64url(numbers.y),
        "use": "sig",
        "alg": "ES256",
        "kid": secrets.token_hex(8),
    }


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
