"""Each fault point: services that die there again and again, under writes, and come back without the fault."""

import asyncio
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from multiprocessing.context import ForkServerProcess
from types import MappingProxyType
from typing import Final

import psutil

from services import run
from shared.faults import VARIABLE
from tests.chaos.figures import summary
from tests.chaos.ledger import Writers
from tests.chaos.scenarios import Row, Stage, under_load
from tests.chaos.stage import Databases, child, killed

DIES_SECONDS: Final = 30.0

WHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transaction.before_begin": "projects",
        "write.after_statement": "projects",
        "record.after_insert": "projects",
        "transaction.before_commit": "projects",
        "transaction.after_commit": "projects",
        "relay.after_claim": "kpi",
        "relay.before_publish": "projects",
        "relay.after_publish": "projects",
        "relay.before_delete": "projects",
        "relay.after_delete": "projects",
        "worker.before_delete": "projects",
        "consumer.after_fetch": "kpi",
        "consumer.after_lock": "resources",
        "consumer.after_effect": "resources",
        "consumer.before_commit": "resources",
        "consumer.before_ack": "kpi",
    }
)
"""Point -> the service that dies there; spread, so that three services die at a time, and those that wait for what
they had when they died to be delivered again do so least often. Those of parked events and gaps need events out of
order: see the tests of the consumer, which arm them in a process of their own."""

_READY: Final = multiprocessing.get_context("forkserver")
"""Processes that need not import first: most of a start is that, and there are hundreds of deaths."""
_READY.set_forkserver_preload(["__main__", *(f"services.{service}.main" for service in set(WHERE.values())), __name__])

Death = tuple[str, int]
"""A point, and at which passing of it the service dies."""


async def crashes(stage: Stage, points: Sequence[str], times: int, seconds: float) -> Row:
    """Let services die at each of some points so often, or for so long: one death upon the other, then judge."""
    rounds = [[(point, stage.chance.randint(1, 4)) for point in _mixed(stage, points)] for _ in range(times)]
    ways: dict[str, list[Death]] = {}
    for point, passing in itertools.chain.from_iterable(rounds):
        ways.setdefault(WHERE[point], []).append((point, passing))
    end = time.monotonic() + seconds

    async def deed(_writers: Writers, _databases: Databases) -> str:
        stage.supervisor.suspend()
        try:
            async with AsyncExitStack() as stack, asyncio.TaskGroup() as ways_there:
                died = [
                    ways_there.create_task(_deaths(stage, service, deaths, end, stack))
                    for service, deaths in ways.items()
                ]
        finally:
            stage.supervisor.resume()
        await stage.back()
        lived = [one for way in died for one in way.result()]
        return f"{len(lived)} of {len(points) * times} deaths; lived p95 / most {summary(lived)} s"

    return await under_load(stage, "P6", f"death at each of {len(points)} points {times} times", deed)


def _mixed(stage: Stage, points: Sequence[str]) -> list[str]:
    return stage.chance.sample(points, len(points))


async def _deaths(
    stage: Stage, service: str, deaths: Sequence[Death], end: float, stack: AsyncExitStack
) -> list[float]:
    """Let a service die of one fault after the other until an instant; returns how long it lived each time.

    Then it runs without a fault, for the others to have something to do, until the stack ends.
    """
    healthy = psutil.Process(child(stage.system, service))
    variables = healthy.environ()
    killed(healthy)
    lived = []
    for point, passing in deaths:
        if time.monotonic() >= end:
            break
        began = time.monotonic()
        with _running(service, {**variables, VARIABLE: f"{point}=kill:{passing}"}) as process:
            await asyncio.to_thread(process.join, DIES_SECONDS)
            code = process.exitcode
        assert code == -signal.SIGKILL, f"{service} ended with {code} instead of dying at {point}, passing {passing}"
        lived.append(time.monotonic() - began)
    stack.enter_context(_running(service, variables))
    return lived


@contextmanager
def _running(service: str, variables: Mapping[str, str]) -> Iterator[ForkServerProcess]:
    process = _READY.Process(target=_serve, args=(service, dict(variables)), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _serve(service: str, variables: Mapping[str, str]) -> None:
    """What `pmo serve` does, in a process that has its imports already."""
    os.environ.clear()
    os.environ.update(variables)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    run.serve(service, grace=0, linger=0)
