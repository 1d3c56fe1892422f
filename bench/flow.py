"""What flows through the whole system: ingest against COPY, freshness of figures, the import of a plan."""

import asyncio
import re
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import orjson

from bench.client import Caller, UnexpectedAnswer, quantile, request
from bench.plans import mspdi
from bench.report import Finding
from bench.stack import Stack
from services.projects.domain.mspdi import read_mspdi
from services.topology import SERVICES
from shared.testing.cases import ROOT, cases

EXAMPLE: Final = ROOT / "examples" / "harbour-terminal.mspdi.xml"
EVENTS: Final = 10_000
BATCH: Final = 100
SENDERS: Final = 4
PUSHES_PER_SECOND: Final = 50
PUSH_SECONDS: Final = 20
POLL_SECONDS: Final = 0.01
_COST: Final = re.compile(rb'"actual_cost":\{"value":"([0-9.]+)"')


async def import_plan(stack: Stack, content: bytes) -> dict[str, str]:
    """Import a plan through the gateway and return the operation's result."""
    call = Caller(stack.ports["gateway"])
    head = {**stack.bearer, "content-type": "application/xml"}
    status, body = await call(request("POST", "/v1/imports?format=mspdi", head, content))
    if status != 202:
        raise UnexpectedAnswer(body.decode())
    watch = request("GET", f"/v1/operations/{orjson.loads(body)['id']}", stack.bearer)
    while True:
        _, body = await call(watch)
        operation = orjson.loads(body)
        if operation["status"] == "succeeded":
            call.close()
            result: dict[str, str] = operation["result"]
            return result
        if operation["status"] not in {"pending", "running"}:
            raise UnexpectedAnswer(body.decode())
        await asyncio.sleep(0.02)


# -- ingest


def _inbound(number: int) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/bench",
        "type": "pmo.inbound.task.progressed.v1",
        "data": {
            "project": {"source_id": f"none-{number % 50}"},
            "task": {"source_id": str(number)},
            "percent_complete": number % 100,
            "at": "2026-03-31T17:00:00Z",
        },
    }


async def ingest(stack: Stack) -> list[Finding]:
    """10,000 events in batches of 100 through the gateway, beside COPY of as many rows."""
    head = {**stack.bearer, "content-type": "application/cloudevents-batch+json"}
    batches = [
        request(
            "POST",
            "/v1/ingest/events",
            head,
            orjson.dumps([_inbound(BATCH * n + m) for m in range(BATCH)]),
        )
        for n in range(EVENTS // BATCH)
    ]
    before = await _copied(stack)
    waiting = iter(batches)
    began = time.perf_counter()

    async def send() -> None:
        call = Caller(stack.ports["gateway"])
        for data in waiting:
            status, body = await call(data)
            if status != 202:
                raise UnexpectedAnswer(body.decode())
        call.close()

    await asyncio.gather(*(send() for _ in range(SENDERS)))
    seconds = time.perf_counter() - began
    settled = await stack.settle()
    after = await _copied(stack)
    copied = statistics.mean((before, after))
    figures = {
        "events/s": EVENTS / seconds,
        "COPY rows/s": EVENTS / copied,
        "events/s until all took effect": EVENTS / (seconds + settled),
    }
    return [
        Finding("ingest", "gateway / COPY by 100, all services at work", figures, value=copied / seconds, least=0.4)
    ]


async def _copied(stack: Stack) -> float:
    """Seconds of a COPY by 100 into a plain table with the columns of an inbound event."""
    async with stack.database("gateway", "postgres") as connection:
        await connection.execute(
            "drop table if exists bench_copy; create table bench_copy (organization_id uuid, id uuid primary key,"
            " source text, event_id text, type text, data json, status text)"
        )
    events = [_inbound(number) for number in range(EVENTS)]
    rows = [
        (stack.organization, uuid4(), "/bench", e["id"], e["type"], orjson.dumps(e["data"]).decode(), "accepted")
        for e in events
    ]
    waiting = iter([rows[n : n + BATCH] for n in range(0, EVENTS, BATCH)])
    began = 0.0

    async def send() -> None:
        async with stack.database("gateway", "postgres") as connection:
            for batch in waiting:
                await connection.copy_records_to_table("bench_copy", records=batch)

    began = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(SENDERS)))
    return time.perf_counter() - began


# -- freshness


async def fresh(stack: Stack) -> list[Finding]:
    """Pushes of progress at a steady pace; each makes the project's actual cost one euro higher, so it can be seen."""
    result = await import_plan(stack, EXAMPLE.read_bytes())
    project = result["project_id"]
    leaves = [t.source_id for t in read_mspdi([EXAMPLE.read_bytes()]).tasks if not t.is_summary]
    head = {**stack.bearer, "content-type": "application/cloudevents+json"}
    start = datetime.now(UTC) - timedelta(hours=1)  # a fact of the future would be rejected

    def push(number: int) -> bytes:
        event = _inbound(number)
        event["data"] = {
            "project": {"id": project},
            "task": {"source_id": leaves[number % len(leaves)]},
            "percent_complete": round(5 + number / 100, 2),
            "actual_cost": {"amount": f"{1000 + number // len(leaves)}.00", "currency": "EUR"},
            "at": (start + timedelta(seconds=number)).isoformat(),
        }
        return request("POST", "/v1/ingest/events", head, orjson.dumps(event))

    sender = Caller(stack.ports["gateway"])
    for number in range(len(leaves)):
        await sender(push(number))
    await stack.settle()
    watcher = Caller(stack.ports["gateway"])
    look = request("GET", f"/v1/projects/{project}/kpis", stack.bearer)

    async def cost() -> float:
        status, body = await watcher(look)
        found = _COST.search(body)
        if status != 200 or found is None:
            raise UnexpectedAnswer(body[:500].decode())
        return float(found[1])

    base = await cost()
    total = PUSHES_PER_SECOND * PUSH_SECONDS
    accepted: list[float] = []
    seen: list[float] = []

    async def watch() -> None:
        deadline = time.perf_counter() + PUSH_SECONDS + 30
        while len(seen) < total and time.perf_counter() < deadline:
            count = round(await cost() - base)
            now = time.perf_counter()
            seen.extend([now] * (count - len(seen)))
            await asyncio.sleep(POLL_SECONDS)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    for number in range(total):
        await asyncio.sleep(max(0.0, began + number / PUSHES_PER_SECOND - time.perf_counter()))
        status, body = await sender(push(len(leaves) + number))
        accepted.append(time.perf_counter())
        if status != 202:
            raise UnexpectedAnswer(body.decode())
    await watching
    sender.close()
    watcher.close()
    delays = [max(0.0, then - now) * 1000 for now, then in zip(accepted, seen, strict=False)]
    if not delays:
        raise UnexpectedAnswer("no push became visible")
    figures = {"p95 ms": quantile(delays, 0.95), "seen": len(seen), "pushed": total}
    p50, p99 = quantile(delays, 0.5), quantile(delays, 0.99)
    note = f"{PUSHES_PER_SECOND} pushes/s on one project, looked at every {POLL_SECONDS * 1000:.0f} ms"
    return [
        Finding("freshness", "202 to figure, p50 ms", figures, note, value=p50, most=100),
        Finding("freshness", "202 to figure, p99 ms", {}, value=p99, most=1000),
    ]


# -- import


def largest_plan() -> tuple[str, bytes]:
    """The largest open plan of the real cases, else a generated one."""
    plans = sorted(cases("schedules").glob("*.mspdi.xml"), key=lambda plan: plan.stat().st_size)
    if plans:
        return plans[-1].name, plans[-1].read_bytes()
    return "generated, 600 tasks", mspdi(600).encode()


async def load_plan(stack: Stack) -> list[Finding]:
    """Seconds from the upload to `succeeded`, and the longest pause of the service's event loop meanwhile."""
    found = []
    for name, content in (largest_plan(), ("generated, 2,000 tasks", mspdi(2000).encode())):
        await asyncio.sleep(11)  # what the gauge remembers of before
        worst: dict[str, float] = {}
        done = asyncio.Event()
        watching = asyncio.create_task(_watch_loops(stack, worst, done))
        began = time.perf_counter()
        result = await import_plan(stack, content)
        seconds = time.perf_counter() - began
        settled = await stack.settle()
        done.set()
        await watching
        UUID(result["project_id"])
        figures = {"kB": len(content) / 1000, "seconds": seconds, "until all followed": seconds + settled}
        figures |= {f"{service} pause ms": worst.get(service, 0.0) for service in ("resources", "kpi", "gateway")}
        found.append(
            Finding(
                "import",
                f"{name}: longest pause of projects, ms",
                figures,
                value=worst.get("projects"),
                most=50,
            )
        )
    return found


async def _watch_loops(stack: Stack, worst: dict[str, float], done: asyncio.Event) -> None:
    while not done.is_set():
        await asyncio.sleep(0.5)
        for service in SERVICES:
            for _, value in await asyncio.to_thread(stack.metric, service, "pmo_event_loop_lag_seconds"):
                worst[service] = max(worst.get(service, 0.0), value * 1000)
