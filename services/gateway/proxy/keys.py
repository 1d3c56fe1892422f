"""The issuer's signing keys: a JWKS from a file or a URL, each key bound to the algorithms of its kind."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx2
import jwt
import structlog
from jwt.algorithms import AllowedPublicKeys

MAX_KID: Final = 64
MAX_JWKS_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 50
FETCH_PAUSE: Final = 30.0
REFRESH_AFTER: Final = 300.0
FILE_PAUSE: Final = 1.0
RSA_BITS: Final = 2048

log: Final = structlog.get_logger("gateway.keys")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the algorithms that may be used with it."""

    kid: str | None
    key: AllowedPublicKeys
    algorithms: frozenset[str]


class KeySource(Protocol):
    """Where signing keys come from."""

    async def find(self, kid: str | None) -> SigningKey | None:
        """Return the key of a kid; without a kid, the only key there is."""


class KeySet:
    """The keys of one JWKS document."""

    def __init__(self, keys: Mapping[str | None, SigningKey]) -> None:
        self._keys = keys

    @classmethod
    def parse(cls, text: bytes) -> "KeySet":
        """Read a JWKS; keys that are not for signatures, weak or of an unknown kind are left out."""
        document = json.loads(text)
        entries = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise TypeError("not a JWKS")
        found = [key for entry in entries[:MAX_KEYS] if isinstance(entry, dict) and (key := _read(entry)) is not None]
        return cls({key.kid: key for key in found})

    def find(self, kid: str | None) -> SigningKey | None:
        """Return the key of a kid; without a kid, the only key there is."""
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)


def _read(entry: dict[str, object]) -> SigningKey | None:
    match entry:
        case {"kty": "RSA"}:
            algorithms = frozenset({"RS256", "PS256"})
        case {"kty": "EC", "crv": "P-256"}:
            algorithms = frozenset({"ES256"})
        case {"kty": "OKP", "crv": "Ed25519"}:
            algorithms = frozenset({"EdDSA"})
        case _:
            return None
    if entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    if "alg" in entry:
        algorithms &= {str(entry["alg"])}
    kid = entry.get("kid")
    if not algorithms or not (kid is None or (isinstance(kid, str) and len(kid) <= MAX_KID)):
        return None
    try:
        key = jwt.PyJWK(entry, algorithm=min(algorithms)).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if getattr(key, "key_size", RSA_BITS) < RSA_BITS and entry["kty"] == "RSA":
        return None
    return SigningKey(kid, key, algorithms)


class FileKeys:
    """A JWKS in a file, read again when the file has changed."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = -FILE_PAUSE
        self._stamp: tuple[int, int] | None = None
        self._keys = KeySet({})

    async def find(self, kid: str | None) -> SigningKey | None:
        """Return the key of a kid, looking at the file at most once a second."""
        if self._clock() - self._looked >= FILE_PAUSE:
            self._looked = self._clock()
            self._read()
        return self._keys.find(kid)

    def _read(self) -> None:
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            if stamp != self._stamp and state.st_size <= MAX_JWKS_BYTES:
                self._keys = KeySet.parse(self._path.read_bytes())
                self._stamp = stamp
        except (OSError, ValueError, TypeError) as error:
            log.warning("jwks_unreadable", path=str(self._path), error=repr(error))


class HttpKeys:
    """A JWKS at a URL, fetched at most once in 30 s whatever tokens claim; old keys serve while it is away."""

    def __init__(
        self, url: str, clock: Callable[[], float] = time.monotonic, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("a JWKS URL must be https")
        self._url = url
        self._clock = clock
        self._transport = transport
        self._fetched = -FETCH_PAUSE
        self._keys = KeySet({})
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> SigningKey | None:
        """Return the key of a kid; an unknown one waits for a fetch when one is due."""
        found = self._keys.find(kid)
        age = self._clock() - self._fetched
        if found is None and (self._fetching is not None or age >= FETCH_PAUSE):
            await asyncio.shield(self._fetch())
            found = self._keys.find(kid)
        elif age >= REFRESH_AFTER:
            self._fetch()
        return found

    def _fetch(self) -> "asyncio.Task[None]":
        if self._fetching is None:
            self._fetched = self._clock()
            self._fetching = asyncio.ensure_future(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            async with (
                asyncio.timeout(5.0),
                httpx2.AsyncClient(
                    transport=self._transport, timeout=5.0, trust_env=False, follow_redirects=False
                ) as client,
                client.stream("GET", self._url, headers={"accept": "application/json"}) as response,
            ):
                response.raise_for_status()
                if response.status_code != 200:
                    raise ValueError(f"status {response.status_code}")
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MAX_JWKS_BYTES:
                        raise ValueError("the JWKS is too large")
            self._keys = KeySet.parse(body)
        except (httpx2.HTTPError, TimeoutError, OSError, ValueError, TypeError) as error:
            log.warning("jwks_unreachable", url=self._url, error=repr(error))
        finally:
            self._fetching = None


def key_source(place: str) -> FileKeys | HttpKeys:
    """Return the keys at an https URL or in a file."""
    return HttpKeys(place) if "://" in place else FileKeys(Path(place))
