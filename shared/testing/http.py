"""A service in the test's own process, called over ASGI with internal tokens of any caller."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from starlette.types import ASGIApp, Message

from shared.auth import InternalTokenMinter, Principal


@dataclass(frozen=True, slots=True)
class Keys:
    """Key files as a deployment has them."""

    private: Path
    public: Path
    cursor_secret: Path

    @classmethod
    def make(cls, folder: Path) -> "Keys":
        """Write fresh keys into a folder."""
        key = Ed25519PrivateKey.generate()
        private, public, cursor = folder / "internal.pem", folder / "internal.pub", folder / "cursor.secret"
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        cursor.write_bytes(secrets.token_bytes(32))
        return cls(private, public, cursor)


@dataclass(frozen=True, slots=True)
class Api:
    """A running service."""

    transport: httpx2.ASGITransport
    minter: InternalTokenMinter
    audience: str

    def as_(
        self, organization: UUID, *roles: str, subject: str = "someone", scopes: tuple[str, ...] = ()
    ) -> httpx2.AsyncClient:
        """Return a client that calls as somebody of an organization."""
        principal = Principal(organization, subject, frozenset(roles), frozenset(scopes))
        token = self.minter.mint(principal, self.audience)
        return httpx2.AsyncClient(
            transport=self.transport, base_url="http://service", headers={"Authorization": f"Bearer {token}"}
        )

    def anonymous(self) -> httpx2.AsyncClient:
        """Return a client without a token."""
        return httpx2.AsyncClient(transport=self.transport, base_url="http://service")


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Start an ASGI app and stop it at the end, as a server does."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    scope: dict[str, object] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

    async def serve() -> None:
        await app(scope, inbox.get, outbox.put)

    task = asyncio.create_task(serve())

    async def step(name: str) -> None:
        await inbox.put({"type": f"lifespan.{name}"})
        answer = asyncio.create_task(outbox.get())
        await asyncio.wait({task, answer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            answer.cancel()
            await task
            return
        message = answer.result()
        if message["type"].endswith("failed"):
            raise RuntimeError(message.get("message", "lifespan failed"))

    await step("startup")
    try:
        yield
    finally:
        await step("shutdown")
        await task


@asynccontextmanager
async def running(app: ASGIApp, keys: Keys, audience: str) -> AsyncIterator[Api]:
    """Run an app and give callers to it."""
    async with lifespan(app):
        yield Api(
            httpx2.ASGITransport(app=app, raise_app_exceptions=False),
            InternalTokenMinter.from_pem(keys.private.read_bytes()),
            audience,
        )
