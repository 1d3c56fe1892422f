"""Ingest in batches of 100 against COPY in batches of 100, of a gateway that is alone with its database.

The broker and the other services are left out: what is measured is the way to the 202.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from uuid_utils.compat import uuid7

from bench.report import Finding
from services.gateway.main import create_app
from services.gateway.settings import load
from services.local import keys as local
from services.local.postgres import Postgres
from services.run import calm_collector
from shared.http_server import server
from shared.migrations import migrate

PORT = 18511
BATCH, CONNECTIONS, SECONDS, ROUNDS = 100, 16, 1.5, 4
COLUMNS = (
    *("organization_id", "id", "version", "source", "event_id", "type", "time", "data", "fingerprint"),
    *("aggregate_id", "actor", "status"),
)


def event(number: str, project: str) -> dict[str, object]:
    """Return an event as another system sends it."""
    return {
        "specversion": "1.0",
        "id": number,
        "source": "https://jira.example.com",
        "type": "pmo.inbound.task.progressed.v1",
        "time": "2026-03-01T10:00:00Z",
        "data": {
            "project": {"source_id": f"P-{project}"},
            "task": {"source_id": "12"},
            "percent_complete": 45.5,
            "actual_cost": {"amount": "1200.50", "currency": "EUR"},
            "at": "2026-03-01T10:00:00+01:00",
        },
    }


async def copy(url: str) -> float:
    """Return rows per second of COPY by 100 with a commit each, into a table with inbound_event's columns and keys."""
    connections = [await asyncpg.connect(url) for _ in range(CONNECTIONS)]
    await connections[0].execute("create table if not exists copied (like inbound_event including all)")
    end = time.monotonic() + SECONDS
    text, now = json.dumps(event("x", "1")["data"]), datetime.now(UTC)
    organization, order = uuid.uuid4(), uuid.uuid4()

    async def work(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        rows = 0
        while time.monotonic() < end:
            ids = [uuid7() for _ in range(BATCH)]
            records = [
                (organization, one, 1, "https://jira.example.com", str(one), "t", now, text, b"x" * 32, order, "a", "s")
                for one in ids
            ]
            await connection.copy_records_to_table("copied", records=records, columns=COLUMNS)
            rows += BATCH
        return rows

    total = sum(await asyncio.gather(*map(work, connections)))
    await connections[0].execute("truncate copied")
    for connection in connections:
        await connection.close()
    return total / SECONDS


async def ingest(token: str) -> float:
    """Return events per second that are answered with 202."""
    head = (
        f"POST /v1/ingest/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
        "content-type: application/cloudevents-batch+json\r\ncontent-length: "
    )
    end = time.monotonic() + SECONDS
    frame = json.dumps([event(f"%s-{n}", f"%p{n % 10}") for n in range(BATCH)])

    async def work() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        events = 0
        while time.monotonic() < end:
            # ten projects of a thousand: senders of the same project wait for one another, as its order is kept
            body = frame.replace("%s", os.urandom(8).hex()).replace("%p", str(random.randrange(100))).encode()
            writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            if not answer.startswith("HTTP/1.1 202"):
                raise SystemExit(answer)
            length = next(line for line in answer.lower().split("\r\n") if line.startswith("content-length"))
            await reader.readexactly(int(length.partition(":")[2]))
            events += BATCH
        writer.close()
        return events

    return sum(await asyncio.gather(*(work() for _ in range(CONNECTIONS)))) / SECONDS


async def measure(home: Path) -> list[Finding]:
    """Run both, interleaved, and return the ratio."""
    (home / "keys").mkdir()
    keys = local.Keys(home / "keys")
    keys.make()
    postgres = await Postgres.start(home / "postgres")
    child: asyncio.subprocess.Process | None = None
    try:
        database = await postgres.provision("gateway")
        await migrate("gateway", database.owner)
        environment = {
            "PMO_DATABASE_URL": database.app,
            "PMO_RELAY_DATABASE_URL": database.relay,
            "PMO_NATS_URL": os.environ.get("BENCH_NATS_URL", "nats://gateway:x@127.0.0.1:9"),
            "PMO_INTERNAL_PUBLIC_KEY_FILE": str(keys.internal_public),
            "PMO_INTERNAL_PRIVATE_KEY_FILE": str(keys.internal_private),
            "PMO_CURSOR_SECRET_FILE": str(keys.cursor_secret),
            "PMO_OIDC_ISSUER": local.ISSUER,
            "PMO_OIDC_AUDIENCE": local.AUDIENCE,
            "PMO_OIDC_JWKS": str(keys.jwks),
            "PMO_ALLOWED_HOSTS": "127.0.0.1",
            "PMO_DATABASE_POOL_SIZE": str(CONNECTIONS),
            **{f"PMO_{name}_URL": "http://127.0.0.1:9" for name in ("PROJECTS", "RESOURCES", "KPI")},
        }
        command = [sys.executable, "-m", "bench.gateway_ingest"]
        child = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL
        )
        await wait()
        token = keys.token(["pmo_director"])
        copied, ingested = [], []
        for _ in range(ROUNDS):
            copied.append(await copy(database.owner))
            ingested.append(await ingest(token))
        ratios = [one / other for one, other in zip(ingested, copied, strict=True)]
        figures = {"events/s": statistics.median(ingested), "COPY rows/s": statistics.median(copied)}
        note = f"{CONNECTIONS} conn., medians of {ROUNDS} interleaved rounds"
        ratio = statistics.median(ratios)
        return [Finding("ingest", "gateway alone / COPY by 100", figures, note, value=ratio, least=0.4)]
    finally:
        if child is not None:
            child.terminate()
            await child.wait()
        await postgres.stop()


async def wait() -> None:
    """Wait until the gateway listens."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", PORT)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("the gateway does not start")


def findings() -> list[Finding]:
    """Rates side by side."""
    with tempfile.TemporaryDirectory(prefix="pmo-bench-") as name:
        Path(name).chmod(0o711)
        return asyncio.run(measure(Path(name)))


if __name__ == "__main__":
    app = create_app(load())
    calm_collector()
    server(app, "127.0.0.1", PORT).run()
