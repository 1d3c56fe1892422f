"""Long work on the event loop, in which others get their turn."""

import asyncio
from typing import Final

ROWS_AT_ONCE: Final = 100


async def breathe(number: int) -> None:
    """Let others have the event loop after every so many rows."""
    if number % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
        await asyncio.sleep(0)
