"""Background loops of a service: started together, restarted when they fail, stopped within two seconds."""

import asyncio
import random
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Final, Protocol

import structlog

log = structlog.get_logger(__name__)

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 3.0
STOP_SECONDS: Final = 2.0


class Loop(Protocol):
    """Something that runs until it is cancelled."""

    @property
    def name(self) -> str:
        """What logs and health checks call it."""

    @property
    def trouble(self) -> str | None:
        """Why it does not do its work at the moment; None when it does."""

    async def run(self) -> None:
        """Work until cancelled; an exception is logged and the loop is started again."""


class Backoff:
    """Pauses that double from the first to the longest, with jitter, until something succeeds."""

    def __init__(self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def succeeded(self) -> None:
        """Begin again with the first pause."""
        self._next = self._first

    def pause(self) -> float:
        """Return the next pause in seconds."""
        pause = self._next
        self._next = min(self._next * 2, self._longest)
        return pause * random.uniform(0.8, 1.0)


async def keep_running(loop: Loop) -> None:
    """Run a loop for ever, again after each failure."""
    backoff = Backoff()
    while True:
        started = time.monotonic()
        try:
            await loop.run()
        except Exception:
            log.exception("loop.failed", loop=loop.name)
        if time.monotonic() - started > LONGEST_PAUSE:
            backoff.succeeded()
        await asyncio.sleep(backoff.pause())


@asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[None]:
    """Run loops in the background while the block runs; they stop one after another in the reverse order."""
    tasks = [asyncio.create_task(keep_running(loop), name=loop.name) for loop in loops]
    try:
        yield
    finally:
        # In turn, since the first (the connections) are what the last need to give back what they hold.
        for task in reversed(tasks):
            task.cancel()
            _, stuck = await asyncio.wait([task], timeout=STOP_SECONDS)
            if stuck:
                log.error("loop.stuck", loop=task.get_name())


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most so long; tells whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@contextmanager
def told_to_stop(callback: Callable[[], None]) -> Iterator[None]:
    """Call back in the loop as soon as the process is told to stop, before the server waits for what is open.

    A server keeps its own handlers of the signals, which this only listens in on; where there are none, as in tests,
    nothing is changed.
    """
    loop = asyncio.get_running_loop()
    former: dict[signal.Signals, Callable[[int, FrameType | None], object]] = {}

    def listen(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)
        former[signal.Signals(number)](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)
            if callable(handler) and handler is not signal.default_int_handler:
                former[number] = handler
                signal.signal(number, listen)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
