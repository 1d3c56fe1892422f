"""A real gateway edge on uvloop in a thread, services made of raw sockets, and a client that sends raw bytes."""

import asyncio
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import jwt
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.proxy.api_keys import PREFIX, ApiKey, checksum, hash_secret
from services.gateway.proxy.app import Edge, ProxyApp
from services.gateway.proxy.authentication import Authenticator
from services.gateway.proxy.client import ClientRules, Upstream
from services.gateway.proxy.cors import Cors
from services.gateway.proxy.keys import FileKeys
from services.gateway.proxy.resilience import Breaker, BreakerRules
from services.gateway.proxy.routes import Route, RouteTable
from services.gateway.proxy.tokens import TokenVerifier
from shared.auth import InternalTokenMinter, InternalTokenVerifier
from shared.guard import Rules
from shared.http_server import ConnectionLimits, server

ISSUER, AUDIENCE = "https://issuer.example", "pmo"
ORGANIZATION = UUID("0190c0de-0000-7000-8000-0000000000aa")
HOST = "gateway.test"

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Reply:
    """An HTTP answer as it came."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that came at most once."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None

    def problem(self) -> str:
        """The code of a problem, which must be complete."""
        assert self.header("content-type") == "application/problem+json", (self.status, self.headers, self.body)
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.header("x-request-id")
        assert document["type"] == "/problems/" + document["code"].replace("_", "-")
        code: str = document["code"]
        return code


async def read_head(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    """Read a start line and headers, names in lower case."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.split("\r\n")[:-2]
    return first, [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


async def read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the chunks of a chunked body."""
    while size := int((await reader.readline()).strip(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()


async def read_body(reader: asyncio.StreamReader, headers: Headers) -> bytes:
    """Read a body by its framing."""
    fields = dict(headers)
    if fields.get("transfer-encoding") == "chunked":
        return b"".join([chunk async for chunk in read_chunks(reader)])
    return await reader.readexactly(int(fields.get("content-length", "0")))


async def read_reply(reader: asyncio.StreamReader, *, head_only: bool = False) -> Reply:
    """Read one answer."""
    first, headers = await read_head(reader)
    status = int(first.split(" ")[1])
    body = b"" if head_only or status in (204, 304) else await read_body(reader, headers)
    return Reply(status, headers, body)


@dataclass(slots=True)
class Received:
    """A request as a service got it."""

    line: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header that came at most once."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None


Behaviour = Callable[[Received, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = b"{}", status: str = "200 OK", headers: bytes = b"") -> Behaviour:
    """A service that reads the request and answers."""

    async def behave(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.body = await read_body(reader, received.headers)
        writer.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b"
            % (status.encode(), len(body), headers, body)
        )

    return behave


def raw(data: bytes, *, close: bool = True) -> Behaviour:
    """A service that answers with these bytes."""

    async def behave(received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.body = await read_body(reader, received.headers)
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return behave


class FakeService:
    """A service on a raw socket; `behaviour` says what it does with each request."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = answer()
        self.received: list[Received] = []
        self.connections = 0
        self.closed = asyncio.Event()
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                received = Received(*await read_head(reader))
                self.received.append(received)
                await self.behaviour(received, reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()

    def drop_connections(self) -> None:
        """Cut every connection, as a restart does."""
        for writer in self._serving.values():
            writer.transport.abort()

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await asyncio.sleep(0.01)  # what was accepted already gets its handler
            self.drop_connections()
            tasks = list(self._serving)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None


@asynccontextmanager
async def fake_service() -> AsyncIterator[FakeService]:
    """A running fake service."""
    service = FakeService()
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made."""

    key_id: str
    text: str
    secret_hash: bytes


def new_api_key() -> NewApiKey:
    """Make a random key."""
    key_id, secret = secrets.token_hex(8), secrets.token_hex(22)[:43]
    stem = f"{PREFIX}{key_id}_{secret}"
    return NewApiKey(key_id, f"{stem}_{checksum(stem)}", hash_secret(secret))


class Issuer:
    """An issuer of access tokens with its JWKS in a file."""

    def __init__(self, folder: Path) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.jwks = folder / "jwks.json"
        public = OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self.jwks.write_text(json.dumps({"keys": [{**public, "kid": "k1", "use": "sig", "alg": "EdDSA"}]}))

    def token(self, **claims: object) -> str:
        """A token of a PMO director, with some claims otherwise."""
        now = int(time.time())
        usual: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "user-1",
            "iat": now,
            "exp": now + 600,
            "organization": str(ORGANIZATION),
            "roles": ["pmo_director"],
        }
        return jwt.encode({**usual, **claims}, self.key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": "k1"})


@dataclass(slots=True)
class Parts:
    """What a test may have otherwise than usual."""

    routes: tuple[Route, ...]
    upstreams: Mapping[str, str]
    inner: ASGIApp | None = None
    breaker: BreakerRules = field(default_factory=BreakerRules)
    client: ClientRules = field(default_factory=ClientRules)
    rules: Rules = field(default_factory=lambda: Rules(hosts=frozenset({HOST})))
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    api_keys: Mapping[str, ApiKey] = field(default_factory=dict)
    origins: tuple[str, ...] = ("https://app.example",)
    keep_alive: int = 15
    max_in_flight: int = 512


class Logged:
    """Access log lines, kept."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def info(self, event: str, **values: object) -> None:
        """Keep a line."""
        self.lines.append({"event": event, **values})


class Gateway:
    """A running edge."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.log = Logged()
        self.internal_key = Ed25519PrivateKey.generate()
        self.port = 0
        self.looked_up: list[str] = []

    def verifier(self, audience: str) -> InternalTokenVerifier:
        """What a service verifies internal tokens with."""
        pem = self.internal_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return InternalTokenVerifier.from_pem(pem, audience)

    def app(self, parts: Parts) -> ProxyApp:
        """The edge's callable."""

        async def lookup(key_id: str) -> ApiKey | None:
            self.looked_up.append(key_id)
            return parts.api_keys.get(key_id)

        upstreams = {
            name: Upstream(name, url, parts.client, Breaker(parts.breaker)) for name, url in parts.upstreams.items()
        }
        edge = Edge(
            routes=RouteTable(parts.routes, parts.upstreams),
            upstreams=upstreams,
            authenticator=Authenticator(TokenVerifier(ISSUER, AUDIENCE, FileKeys(self.issuer.jwks)), lookup),
            minter=InternalTokenMinter(self.internal_key),
            inner=parts.inner or nothing,
            rules=parts.rules,
            cors=Cors(parts.origins),
            max_in_flight=parts.max_in_flight,
            access_log=self.log,
        )
        return ProxyApp(edge)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, data: bytes, *, seconds: float = 10.0) -> Reply:
        """Send raw bytes on a connection of their own and read one answer."""
        reader, writer = await self.connect()
        try:
            async with asyncio.timeout(seconds):
                writer.write(data)
                return await read_reply(reader, head_only=data.startswith(b"HEAD "))
        finally:
            writer.close()

    async def request(self, method: str, target: str, headers: Headers | None = None, body: bytes = b"") -> Reply:
        """Send a well-formed request of an authenticated caller."""
        return await self.send(self.bytes(method, target, headers, body))

    def bytes(self, method: str, target: str, headers: Headers | None = None, body: bytes = b"") -> bytes:
        """The bytes of a well-formed request; given headers replace the usual ones."""
        fields = {"host": HOST, "authorization": f"Bearer {self.issuer.token()}"}
        if body:
            fields |= {"content-type": "application/json", "content-length": str(len(body))}
        fields |= dict(headers or [])
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """An inner application that reads the body and says that it was reached."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"inner"})


@asynccontextmanager
async def serving(app: ASGIApp, limits: ConnectionLimits | None = None, keep_alive: int = 15) -> AsyncIterator[int]:
    """Run an application as production does, on uvloop in a thread of its own, and yield its port."""
    running = server(app, "127.0.0.1", 0, limits=limits, keep_alive=keep_alive, graceful_seconds=1)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(running.serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        for _ in range(1_000):
            if running.started:
                break
            await asyncio.sleep(0.01)
        yield running.servers[0].sockets[0].getsockname()[1]
    finally:
        running.should_exit = True
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()


@asynccontextmanager
async def gateway(folder: Path, parts: Parts) -> AsyncIterator[Gateway]:
    """A running edge on a free port."""
    made = Gateway(Issuer(folder))
    async with serving(made.app(parts), parts.limits, parts.keep_alive) as port:
        made.port = port
        yield made
