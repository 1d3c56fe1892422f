"""What the bench runs beside the stack, on the stack's own database: the bare callable and a replica."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.stack import Stack
from services.local.files import free_port
from services.local.keys import Keys


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the bench's own."""

    pid: int
    port: int


@asynccontextmanager
async def serving(module: str, environment: Mapping[str, str]) -> AsyncIterator[Server]:
    """Run a module of the bench that takes its port as argument."""
    port = free_port()
    command = [sys.executable, "-m", module, str(port)]
    child = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield Server(child.pid, port)
    finally:
        child.terminate()
        await child.wait()


def bare_environment(stack: Stack) -> dict[str, str]:
    """What `bench.bare` reads."""
    return {"BENCH_DATABASE_URL": stack.dsn("projects"), "BENCH_ORGANIZATION": str(stack.organization)}


def replica_environment(stack: Stack) -> dict[str, str]:
    """What `bench.replica` reads; it needs no broker."""
    keys = Keys(stack.data / "keys")
    return {
        "PMO_ENVIRONMENT": "local",
        "PMO_DATABASE_URL": stack.dsn("projects"),
        "PMO_RELAY_DATABASE_URL": stack.dsn("projects", "relay"),
        "PMO_NATS_URL": "nats://projects:none@127.0.0.1:9",
        "PMO_INTERNAL_PUBLIC_KEY_FILE": str(keys.internal_public),
        "PMO_CURSOR_SECRET_FILE": str(keys.cursor_secret),
    }
