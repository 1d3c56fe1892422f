"""How late the event loop is: whatever holds it keeps every request of the process waiting."""

import asyncio
from typing import Final

from prometheus_client import Gauge

from shared.telemetry import REGISTRY

INTERVAL: Final = 0.02
WINDOW: Final = 5.0

LOOP_LAG: Final = Gauge(
    "pmo_event_loop_lag_seconds", "Longest delay of the event loop in the last five to ten seconds.", registry=REGISTRY
)


class LoopLag:
    """Wakes at short intervals and measures how much too late that is."""

    name = "loop-lag"
    trouble: str | None = None

    def __init__(self) -> None:
        self._longest = [0.0, 0.0]  # of the running window and of the one before
        LOOP_LAG.set_function(lambda: max(self._longest))

    async def run(self) -> None:
        """Measure for ever."""
        clock = asyncio.get_running_loop().time
        window_ends = clock() + WINDOW
        while True:
            due = clock() + INTERVAL
            await asyncio.sleep(INTERVAL)
            now = clock()
            if now > window_ends:
                self._longest = [0.0, self._longest[0]]
                window_ends = now + WINDOW
            self._longest[0] = max(self._longest[0], now - due)
