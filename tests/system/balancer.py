"""A balancer as an orchestrator has one: a new connection goes to a replica that has lately said that it is ready."""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.local import probe

POLL_SECONDS: Final = 0.5
"""How late a balancer may notice that a replica is not ready any more."""


class Balancer:
    """Passes bytes on between a port of its own and a service's replicas; in a thread, as tests may block."""

    def __init__(self) -> None:
        self.port = 0
        self.replicas: tuple[int, ...] = ()
        """The ports of the replicas, ready or not; whoever starts and ends them sets it."""
        self._ready: tuple[int, ...] = ()
        self._turns = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @contextmanager
    def running(cls) -> "Iterator[Balancer]":
        """A balancer that listens while the block runs."""
        balancer = cls()
        loop = asyncio.new_event_loop()
        listening = threading.Event()
        ending = asyncio.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=(balancer._serve(listening, ending),))
        thread.start()
        assert listening.wait(10)
        try:
            yield balancer
        finally:
            loop.call_soon_threadsafe(ending.set)
            thread.join(10)
            loop.close()

    async def has(self, port: int) -> bool:
        """Whether a replica gets connections."""
        return port in self._ready

    async def _serve(self, listening: threading.Event, ending: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        while not ending.is_set():
            answers = {port: await probe.get(port, "/readyz") for port in self.replicas}
            self._ready = tuple(port for port, answer in answers.items() if answer is not None and answer[0] == 200)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), POLL_SECONDS)
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._pass_on(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = self._ready
        with contextlib.closing(writer), contextlib.suppress(OSError):
            if not ready:
                return
            port = ready[next(self._turns) % len(ready)]
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(inner_writer):
                ways = [
                    asyncio.ensure_future(_copy(reader, inner_writer)),
                    asyncio.ensure_future(_copy(inner_reader, writer)),
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
