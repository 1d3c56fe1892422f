"""Slow and silent clients of the running gateway and of a service behind it, all at once, with the limits as they are.

`tests/service/gateway/test_guard.py` has the same with shortened limits, one by one.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable
from contextlib import closing, suppress
from typing import Final, TypeVar
from uuid import uuid4

import psutil
import pytest

from shared.auth import InternalTokenMinter, Principal
from tests.chaos.stage import child
from tests.system.instance import DIRECTOR, System

pytestmark = pytest.mark.timeout(150)

CUT_SECONDS: Final = 75.0
"""The longest that any of them may stay by the attack table; here all are cut at 30 seconds at the latest."""
ANSWERS: Final = 1000
TOGETHER: Final = 20
CHUNK: Final = b"2710\r\n" + b"a" * 10_000 + b"\r\n"

Result = TypeVar("Result")


class Target:
    """Where to attack, and with what to be let in."""

    def __init__(self, system: System, service: str) -> None:
        self.port = system.address[1] if service == "gateway" else system.port_of(service)
        if service == "gateway":
            token = system.keys.token([DIRECTOR], organization=uuid4())
        else:
            minter = InternalTokenMinter.from_pem(system.keys.internal_private.read_bytes())
            token = minter.mint(Principal(uuid4(), "director", frozenset({DIRECTOR}), frozenset()), service)
        self._process = psutil.Process(child(system, service))
        self._lines = (f"host: 127.0.0.1:{self.port}", f"authorization: Bearer {token}")

    def head(self, line: str, *more: str) -> bytes:
        """The head of a request."""
        return "\r\n".join([f"{line} HTTP/1.1", *self._lines, *more, "", ""]).encode()

    def post(self, *more: str) -> bytes:
        """The head of a request with a body."""
        return self.head("POST /v1/projects", "content-type: application/json", *more)

    async def sends(self, first: bytes, drip: bytes = b"", pause: float = 1.0) -> bytes:
        """Send something, then (if anything) the same again and again; returns all that comes until the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def send_on() -> None:
            while drip:
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(pause)

        with closing(writer):
            writer.write(first)
            sending = asyncio.create_task(send_on())
            received = b""
            try:
                async with asyncio.timeout(CUT_SECONDS):
                    while piece := await reader.read(65536):
                        received += piece
            except ConnectionError:
                pass  # it may be cut when it has been answered
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            return received

    async def reads_nothing(self) -> bool:
        """Ask for much and read none of it; whether the server has let the connection go.

        What it had handed to its kernel by then stays there for a while: the client would not learn of the end.
        """
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", self.port))
            client.setblocking(False)
            us = client.getsockname()
            end = time.monotonic() + CUT_SECONDS
            asked = 0
            while time.monotonic() < end:
                if asked < ANSWERS:
                    with suppress(BlockingIOError):
                        client.send(self.head("GET /metrics") * TOGETHER)
                        asked += TOGETHER
                elif us not in [connection.raddr for connection in self._process.net_connections("tcp")]:
                    return True
                await asyncio.sleep(0.05)
            return False


async def test_row_31_row_32_row_33_row_34_row_35_row_36_slow_clients_are_cut_and_hold_up_nobody(
    system: System,
) -> None:
    await asyncio.gather(*(attacked(Target(system, service), service) for service in ("gateway", "projects")))


async def attacked(target: Target, service: str) -> None:
    """Attack in every way at once."""
    began = time.monotonic()

    async def timed(name: str, attack: Awaitable[Result]) -> Result:
        result = await attack
        print(f"{service}, {name}: over after {time.monotonic() - began:.1f} s")
        return result

    others = asyncio.create_task(served(target))
    endless, stalled, dripped, silent, expecting, is_cut = await asyncio.gather(
        timed("endless body", target.sends(target.post("transfer-encoding: chunked"), CHUNK, pause=0)),
        timed("stalled body", target.sends(target.post("content-length: 100") + b"{")),
        timed("dripped head", target.sends(b"GET /v1/projects HTTP/1.1\r\nx-slow: ", b"a")),
        timed("nothing sent", target.sends(b"")),
        timed("100-continue", target.sends(target.post("content-length: 100", "expect: 100-continue"))),
        timed("nothing read", target.reads_nothing()),
    )
    others.cancel()
    assert endless.startswith(b"HTTP/1.1 413 ")
    assert stalled.startswith(b"HTTP/1.1 408 ")
    assert dripped.startswith(b"HTTP/1.1 408 ")
    assert silent == b""
    assert b"HTTP/1.1 408 " in expecting
    assert is_cut
    with pytest.raises(asyncio.CancelledError):
        await others


async def served(target: Target) -> None:
    """Somebody with nothing slow about him, who is served all the while."""
    while True:
        answer = await target.sends(target.head("GET /v1/projects", "connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        await asyncio.sleep(0.5)
