"""What PostgreSQL and NATS have on disk: stopped at once behind acknowledgements, and rotting."""

import asyncio
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import psutil

from services.local import privileges
from services.local.postgres import Postgres
from services.projects.main import create_app
from services.projects.settings import Settings
from services.topology import stream
from shared.bus import Bus
from shared.migrations import migrate
from shared.telemetry import configure_logging
from shared.testing.eventually import eventually
from shared.testing.http import Api, Keys, running
from tests.chaos.ledger import Writers
from tests.chaos.scenarios import Row, Stage, under_load
from tests.chaos.stage import Databases, child, environment, pmo, without_nats
from tests.chaos.verdict import Verdict
from tests.system.instance import DIRECTOR

NOBODY_LISTENS: Final = "nats://nobody:nothing@127.0.0.1:9"
ORGANIZATION: Final = UUID(int=1)


async def power_cuts(times: int) -> Row:
    """One write after the other, and PostgreSQL stopped at once behind each acknowledgement; on a stage of its own."""
    configure_logging("chaos", "error")
    home = Path(tempfile.mkdtemp(prefix="pmo-test-"))
    home.chmod(0o711)
    names = [f"project-{number}" for number in range(times)]
    recovery = []
    try:
        postgres = await Postgres.start(home / "postgres")
        try:
            database = await postgres.provision("projects")
            await migrate("projects", database.owner)
            keys = Keys.make(home)
            settings = Settings(
                database_url=database.app,
                relay_database_url=database.relay,
                nats_url=NOBODY_LISTENS,
                internal_public_key_file=keys.public,
                cursor_secret_file=keys.cursor_secret,
                environment="production",  # it would refuse a server that is not durable
            )
            async with running(create_app(settings), keys, "projects") as api:
                for name in names:
                    began = time.monotonic()
                    await eventually(lambda name=name: _is_acknowledged(api, name), seconds=20)  # type: ignore[misc]
                    recovery.append(time.monotonic() - began)
                    assert postgres.child is not None
                    postgres.child.send(signal.SIGQUIT)
                    await postgres.child.wait()
                    await postgres.launch()
            connection = await asyncpg.connect(postgres.dsn("pmo_projects"))
            found = [row["name"] for row in await connection.fetch("select name from project")]
            logged = await connection.fetchval("select count(*) from event_log where type like '%.project.created.v1'")
            await connection.close()
        finally:
            await postgres.stop()
    finally:
        privileges.remove_home(home / "postgres")
        shutil.rmtree(home)
    lost, doubled = len(set(names) - set(found)), len(found) - len(set(found))
    verdict = Verdict(times, 0, lost, doubled, abs(logged - len(found)))
    return Row(
        "P2", f"{times} immediate stops of PostgreSQL, each behind an acknowledgement", verdict, recovery=recovery
    )


async def _is_acknowledged(api: Api, name: str) -> bool:
    """Write a project, under a key that makes it safe to try again; whether it was acknowledged."""
    async with api.as_(ORGANIZATION, DIRECTOR) as director:
        answer = await director.post("/v1/projects", json={"name": name}, headers={"idempotency-key": name})
    return bool(answer.status_code == 201)


async def rot(stage: Stage, way: str) -> Row:
    """Bits of the stream's blocks flipped, or their ends cut off, while consumers have not read them yet."""

    async def deed(_writers: Writers, databases: Databases) -> str:
        readers = [psutil.Process(child(stage.system, service)) for service in ("kpi", "resources")]
        for reader in readers:
            reader.suspend()
        try:
            await asyncio.sleep(2.0)
            variables = environment(stage.system)
            before = await _held(variables)
            with without_nats(stage.system, stage.supervisor):
                blocks = sorted((stage.system.data / "nats/store").rglob(f"streams/{stream('projects')}/msgs/*.blk"))
                assert blocks
                for block in blocks:
                    spoil(block, way, stage.chance)
        finally:
            for reader in readers:
                reader.resume()
        await stage.back()
        after = await _held(variables)
        began = time.monotonic()
        await pmo(variables, "republish", "all")
        return (
            f"{len(blocks)} blocks; {before} messages before, {after} after;"
            f" queued again in {time.monotonic() - began:.1f} s"
        )

    done = {"flip": "bits of the stream's blocks flipped", "truncate": "the stream's blocks cut off"}[way]
    return await under_load(stage, "P8", done, deed, calm=True)


def spoil(block: Path, way: str, chance: random.Random) -> None:
    """Flip a bit in the second half of a file, or cut off a part of that half."""
    data = bytearray(block.read_bytes())
    if not data:
        return
    place = chance.randrange(len(data) // 2, len(data))
    if way == "flip":
        data[place] ^= 1 << chance.randrange(8)
    else:
        del data[place:]
    block.write_bytes(data)


async def _held(variables: dict[str, str]) -> int:
    """The number of messages that the stream of projects holds."""
    async with Bus(variables["PMO_NATS_ADMIN_URL"], name="chaos").open() as bus:
        return (await bus.client.jetstream().stream_info(stream("projects"))).state.messages
