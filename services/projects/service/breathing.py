"""Long work on the event loop, in which others get their turn."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ROWS_AT_ONCE: Final = 100


async def breathe(number: int) -> None:
    """Let others have the event loop after every so many rows."""
    if number % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
        await asyncio.sleep(0)


async def let_go(rows: list[T]) -> None:
    """Empty a list of very many rows; to free them takes as long as a good part of reading them."""
    while rows:
        del rows[-ROWS_AT_ONCE * 10 :]
        await asyncio.sleep(0)


async def aside(rows: int, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Do what takes long for many rows in a thread; few are done before a thread would have begun."""
    if rows <= ROWS_AT_ONCE:
        return work(*args, **options)
    return await asyncio.to_thread(work, *args, **options)
