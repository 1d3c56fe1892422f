"""Who calls: the credential of a request, verified, remembered for a while, and turned into internal tokens."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from services.gateway.proxy.api_keys import PREFIX, Lookup, verify_api_key
from services.gateway.proxy.tokens import TokenVerifier
from shared.auth import InternalTokenMinter, Principal
from shared.errors import BadRequest, Forbidden, Problem, RateLimited, Unauthenticated

REMEMBER_TOKEN: Final = 60.0
REMEMBER_KEY: Final = 10.0
REUSE_INTERNAL: Final = 30.0
MOST_CALLERS: Final = 4096
MAX_CREDENTIAL: Final = 8 * 1024 + 16


class Caller:
    """A verified caller and the internal tokens that were minted for it."""

    __slots__ = ("_tokens", "is_machine", "principal", "until")

    def __init__(self, principal: Principal, until: float, *, is_machine: bool) -> None:
        self.principal = principal
        self.until = until
        self.is_machine = is_machine
        self._tokens: dict[str, tuple[bytes, float]] = {}

    def authorization(self, service: str, minter: InternalTokenMinter, now: float) -> bytes:
        """The Authorization value for a service, minted at most twice a minute."""
        known = self._tokens.get(service)
        if known is not None and known[1] > now:
            return known[0]
        value = b"Bearer " + minter.mint(self.principal, service, now).encode("ascii")
        self._tokens[service] = (value, now + REUSE_INTERNAL)
        return value


class FailureLimiter:
    """Slows down a client that guesses: a bucket of failures per address."""

    def __init__(self, burst: int = 30, per_second: float = 0.5, most: int = 10_000) -> None:
        self._burst = burst
        self._rate = per_second
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, address: str, now: float) -> None:
        """Raise RateLimited while the address has used up its failures."""
        level = self._level(address, now)
        if level >= self._burst:
            seconds = max(1, round((level - self._burst + 1) / self._rate))
            raise RateLimited("Too many wrong credentials.", headers={"Retry-After": str(seconds)})

    def failed(self, address: str, now: float) -> None:
        """Count one failure."""
        self._buckets[address] = (self._level(address, now) + 1, now)
        self._buckets.move_to_end(address)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def _level(self, address: str, now: float) -> float:
        level, since = self._buckets.get(address, (0.0, now))
        return max(0.0, level - (now - since) * self._rate)


class Authenticator:
    """Verifies the Authorization header: an access token or an API key, both as Bearer."""

    def __init__(
        self,
        tokens: TokenVerifier,
        lookup: Lookup,
        clock: Callable[[], float] = time.time,
        failures: FailureLimiter | None = None,
    ) -> None:
        self._tokens = tokens
        self._lookup = lookup
        self._clock = clock
        self._failures = failures or FailureLimiter()
        self._callers: OrderedDict[bytes, Caller] = OrderedDict()

    async def authenticate(self, fields: Mapping[bytes, bytes], address: str) -> Caller:
        """Return the caller; raises Unauthenticated, TokenInvalid, BadRequest, RateLimited or Forbidden."""
        credential = fields.get(b"authorization")
        if credential is None:
            raise Unauthenticated
        if b"x-api-key" in fields:
            raise BadRequest("Send one credential only, in Authorization.")
        caller = self._callers.get(credential)
        if caller is None or caller.until <= self._clock():
            caller = await self._verify(credential, address)
        claimed = fields.get(b"pmo-organization")
        if claimed is not None and claimed.lower() != str(caller.principal.organization_id).encode():
            raise Forbidden("The credential belongs to another organization.")
        return caller

    async def _verify(self, credential: bytes, address: str) -> Caller:
        self._callers.pop(credential, None)
        now = self._clock()
        scheme, _, text = credential.partition(b" ")
        if scheme.lower() != b"bearer" or len(credential) > MAX_CREDENTIAL:
            raise Unauthenticated("Send Authorization: Bearer and a token or an API key.")
        value = text.strip().decode("latin-1")
        if not value.startswith(PREFIX):
            verified = await self._tokens.verify(value)
            until = min(verified.expires, now + REMEMBER_TOKEN)
            return self._remember(credential, Caller(verified.principal, until, is_machine=False))
        self._failures.check(address, now)
        try:
            principal = await verify_api_key(value, self._lookup)
        except Problem as problem:
            if problem.status == 401:
                self._failures.failed(address, now)
            raise
        return self._remember(credential, Caller(principal, now + REMEMBER_KEY, is_machine=True))

    def _remember(self, credential: bytes, caller: Caller) -> Caller:
        self._callers[credential] = caller
        if len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        return caller

    def forget(self) -> None:
        """Verify every credential anew, as after a key was revoked in this process."""
        self._callers.clear()
