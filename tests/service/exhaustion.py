"""Ten times as many requests as a service has database connections, while a table that they all need is held."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import httpx2

from shared.db import ACQUIRE_SECONDS
from shared.testing.eventually import eventually

SIZE: Final = 2
PATIENT: Final = "?lock_timeout=4500"
"""Appended to the service's URL: else the requests that got a connection were told that the table is busy."""


async def turned_away_and_served_again(url: str, table: str, ask: Callable[[], Awaitable[httpx2.Response]]) -> None:
    """Check that those without a connection are told so while the others still wait, and that all goes on after."""
    holder, watcher = await asyncpg.connect(url), await asyncpg.connect(url)

    async def all_are_taken() -> bool:
        waiting = await watcher.fetchval(
            "select count(*) from pg_locks where not granted and relation = $1::regclass", table
        )
        return bool(waiting == SIZE)

    try:
        async with holder.transaction():
            await holder.execute(f"lock table {table} in access exclusive mode")
            first = [asyncio.ensure_future(ask()) for _ in range(SIZE)]
            await eventually(all_are_taken)
            began = time.monotonic()
            refused = await asyncio.gather(*(ask() for _ in range(10 * SIZE)))
            print(f"{len(refused)} turned away within {time.monotonic() - began:.2f} s")
            assert not any(request.done() for request in first)
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "overloaded")}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert {answer.status_code for answer in await asyncio.gather(*first)} == {200}
        began = time.monotonic()
        after = await asyncio.gather(*(ask() for _ in range(10 * SIZE)))
        print(f"{len(after)} served within {time.monotonic() - began:.2f} s after")
        assert {answer.status_code for answer in after} == {200}
    finally:
        await holder.close()
        await watcher.close()
    assert ACQUIRE_SECONDS <= 2
