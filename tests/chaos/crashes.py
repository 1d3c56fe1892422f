"""Each fault point once: a service that dies there, under writes, and comes back without the fault."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import psutil

from shared.faults import VARIABLE
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
        "relay.after_claim": "projects",
        "relay.before_publish": "projects",
        "relay.after_publish": "projects",
        "relay.before_delete": "projects",
        "relay.after_delete": "projects",
        "consumer.after_fetch": "kpi",
        "consumer.after_lock": "kpi",
        "consumer.after_effect": "kpi",
        "consumer.before_commit": "kpi",
        "consumer.before_ack": "kpi",
        "worker.before_delete": "kpi",
    }
)
"""Point -> the service that dies there. Those of parked events and gaps need events out of order: see the tests of
the consumer, which arm them in a process of their own."""


async def crash(stage: Stage, point: str, passing: int) -> Row:
    """Let a service die at a passing of a point while people write."""
    service = WHERE[point]

    async def deed(_writers: Writers, _databases: Databases) -> str:
        healthy = psutil.Process(child(stage.system, service))
        command, variables = healthy.cmdline(), {**healthy.environ(), VARIABLE: f"{point}=kill:{passing}"}
        stage.supervisor.suspend()
        try:
            killed(healthy)
            code, seconds = await _until_dead(command, variables)
        finally:
            stage.supervisor.resume()
        assert code == -signal.SIGKILL, f"{service} ended with {code} instead of dying at {point}"
        await stage.back()
        return f"{service} died after {seconds:.1f} s"

    return await under_load(stage, "P6", f"death at {point}, passing {passing}", deed)


async def _until_dead(command: list[str], variables: Mapping[str, str]) -> tuple[int | None, float]:
    """Run a service until it dies of its fault; returns its exit code and how long it lived."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(variables), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(DIES_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, time.monotonic() - began
    return process.returncode, time.monotonic() - began
