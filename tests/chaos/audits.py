"""Projections tampered with, emptied and rebuilt: found, repaired, and in the end what their owner's events say."""

import asyncio
import signal
import time
from typing import Final
from uuid import UUID

import httpx2
import psutil

from shared.testing.eventually import eventually
from tests.chaos.ledger import Writers, writing
from tests.chaos.scenarios import Row, Stage, under_load
from tests.chaos.stage import Databases, child, pmo
from tests.chaos.verdict import judge
from tests.service.audit.hands import PROJECTIONS, tamper

FOUND_SECONDS: Final = 60.0


async def tampered(stage: Stage, rows: int) -> Row:
    """Random rows of both projections changed by hand; the audit finds and repairs them soon after a restart."""
    organization, project_id, leaves = await stage.project()
    async with writing(stage.system, organization, project_id, leaves, seed=stage.chance.randrange(2**32)) as writers:
        await asyncio.sleep(2.0)
    notes, is_wrong, began = [], False, time.monotonic()
    async with Databases.of(stage.system, organization) as databases:
        await eventually(databases.settled, seconds=30, every=0.2)
        right = {service: await _rows(databases, service) for service in PROJECTIONS}
        for service in PROJECTIONS:
            done = await tamper(databases.connections[service], service, rows, stage.chance)
            assert len(done) == rows
            assert await _rows(databases, service) != right[service]
        before = {service: psutil.Process(child(stage.system, service)).pid for service in PROJECTIONS}
        began = time.monotonic()
        for service in PROJECTIONS:
            stage.signal(service, signal.SIGTERM)
        for service in PROJECTIONS:
            await eventually(lambda service=service: _audited(stage, service, before[service]), seconds=FOUND_SECONDS)  # type: ignore[misc]
            found = await _metric(stage, service, "pmo_audit_differences_total")
            left = len(right[service] ^ await _rows(databases, service))
            notes.append(f"{service}: found {found:.0f}/{rows}, {left} rows left wrong")
            is_wrong = is_wrong or found != rows or left > 0
        settled = time.monotonic() - began
        verdict = await judge(databases, writers.ledger)
    note = "; ".join(notes)
    return Row(
        "P15", f"{rows} random rows of each projection tampered with", verdict, settled=settled, note=note,
        is_wrong=is_wrong,
    )  # fmt: skip


async def rebuilt(stage: Stage) -> Row:
    """Both projections rebuilt under load, then emptied and rebuilt once more."""

    async def deed(_writers: Writers, databases: Databases) -> str:
        await asyncio.sleep(2.0)
        said = []
        for service, projection in PROJECTIONS.items():
            await _rebuild(stage, service)
            for kept in projection.tables:
                await databases.ask(service, f"delete from {kept.name}")
            last = (await _rebuild(stage, service, databases.organization)).splitlines()[-1]
            said.append(
                f"{service}: {last.split(', ')[2].split(' in ')[0]}, {last.partition('(')[2].partition(')')[0]}"
            )
        return "; ".join(said)

    row = await under_load(stage, "P14", "projections rebuilt under load, also from nothing", deed, calm=True)
    for service in PROJECTIONS:
        await _rebuild(stage, service, None, "--check")  # fails if anything differs
    return row


async def _rebuild(stage: Stage, service: str, organization: UUID | None = None, *flags: str) -> str:
    variables = psutil.Process(child(stage.system, service)).environ()
    only = () if organization is None else ("--organization", str(organization))
    return await pmo(variables, "rebuild", service, *only, *flags)


async def _rows(databases: Databases, service: str) -> set[tuple[object, ...]]:
    """Every row of a projection that is compared."""
    found: set[tuple[object, ...]] = set()
    for kept in PROJECTIONS[service].tables:
        if kept.is_compared:
            names = ", ".join(c.name for c in kept.table.columns if c.name not in kept.ignored)
            rows = await databases.ask(service, f"select row_to_json(x)::text from (select {names} from {kept.name}) x")
            found |= {(kept.name, *row) for row in rows}
    return found


async def _audited(stage: Stage, service: str, before: int) -> bool:
    """Whether a service was started again and has completed a round since."""
    assert child(stage.system, service) != before
    return await _metric(stage, service, "pmo_audit_last_round_timestamp_seconds") > 0


async def _metric(stage: Stage, service: str, name: str) -> float:
    """The sum of a metric's values, as its service tells them; 0 while it does not answer."""
    port = psutil.Process(child(stage.system, service)).environ()["PMO_PORT"]
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    except httpx2.TransportError:
        return 0.0
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + "{"))
