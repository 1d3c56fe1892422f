"""Where signing keys come from: a file that may change, or a URL that is asked seldom."""

import asyncio
import json
import os
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from services.gateway.proxy.keys import FileKeys, HttpKeys, key_source


def jwks(*kids: str) -> bytes:
    """A JWKS with keys of these names."""
    keys = [
        {**OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key(), as_dict=True), "kid": kid} for kid in kids
    ]
    return json.dumps({"keys": keys}).encode()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Publisher(httpx2.AsyncBaseTransport):
    """An issuer's JWKS endpoint, without a network."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body, self.status, self.asked = body, status, 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer, after a while."""
        del request
        self.asked += 1
        await asyncio.sleep(0)
        if self.status == 0:
            raise httpx2.ConnectError("down")
        return httpx2.Response(self.status, content=self.body, headers={"location": "http://evil.example"})


def remote(publisher: Publisher, clock: Clock) -> HttpKeys:
    """Keys from a publisher."""
    return HttpKeys("https://issuer.example/jwks", clock, publisher)


async def test_row_78_a_flood_of_unknown_kids_asks_the_issuer_once_in_thirty_seconds() -> None:
    publisher, clock = Publisher(jwks("a")), Clock()
    keys = remote(publisher, clock)
    found = await asyncio.gather(*(keys.find(f"unknown-{n}") for n in range(500)), keys.find("a"))
    assert publisher.asked == 1
    assert found[-1] is not None
    for _ in range(3):
        clock.now += 29.9
        await keys.find("unknown")
        clock.now += 0.2
        await keys.find("unknown")
    assert publisher.asked == 4


async def test_a_rotated_key_is_found_after_the_pause() -> None:
    publisher, clock = Publisher(jwks("old")), Clock()
    keys = remote(publisher, clock)
    assert await keys.find("old")
    publisher.body = jwks("new")
    assert await keys.find("new") is None
    clock.now += 31
    assert await keys.find("new")
    assert await keys.find("old") is None


async def test_a_withdrawn_key_is_forgotten_within_minutes_though_nobody_asks_for_another() -> None:
    publisher, clock = Publisher(jwks("old")), Clock()
    keys = remote(publisher, clock)
    assert await keys.find("old")
    publisher.body = jwks("new")
    clock.now += 301
    assert await keys.find("old")
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert await keys.find("old") is None


@pytest.mark.parametrize(
    ("status", "body"), [(0, b""), (500, b""), (302, b""), (200, b"<html>"), (200, b"x" * 300_000)]
)
async def test_old_keys_serve_while_the_issuer_is_away(status: int, body: bytes) -> None:
    publisher, clock = Publisher(jwks("a")), Clock()
    keys = remote(publisher, clock)
    assert await keys.find("a")
    publisher.status, publisher.body = status, body
    clock.now += 31
    assert await keys.find("unknown") is None
    assert publisher.asked == 2
    assert await keys.find("a")


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path, clock = tmp_path / "jwks.json", Clock()
    keys = FileKeys(path, clock)
    assert await keys.find("a") is None
    path.write_bytes(jwks("a"))
    assert await keys.find("a") is None
    clock.now += 1.1
    assert await keys.find("a")
    path.write_bytes(jwks("b"))
    os.utime(path, (1, 1))
    clock.now += 1.1
    assert await keys.find("b")
    assert await keys.find("a") is None
    path.write_bytes(b"broken")
    clock.now += 1.1
    assert await keys.find("b")


def test_the_place_decides_the_source(tmp_path: Path) -> None:
    assert isinstance(key_source("https://issuer.example/jwks"), HttpKeys)
    assert isinstance(key_source("http://127.0.0.1:9/jwks"), HttpKeys)
    assert isinstance(key_source(str(tmp_path / "jwks.json")), FileKeys)
    with pytest.raises(ValueError, match="https"):
        key_source("http://issuer.example/jwks")
