"""Waiting for what comes to be in the background."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")


async def eventually(check: Callable[[], Awaitable[Value]], *, seconds: float = 10.0, every: float = 0.02) -> Value:
    """Call a check until it neither raises AssertionError nor is false; fails when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = await check()
            if value:
                return value
            failure = AssertionError(f"still {value!r} after {seconds:g} s")
        except AssertionError as error:
            failure = error
        if time.monotonic() >= deadline:
            raise failure
        await asyncio.sleep(every)
