"""The faults: each is done to a running system while people write, and says what became of their writes."""

import asyncio
import random
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

import httpx2
import psutil

from services.projects.domain.mspdi import read_mspdi
from services.topology import SERVICES, stream
from shared.bus import MOST_BYTES, Bus, stream_config
from shared.testing.eventually import eventually
from tests.chaos.figures import READERS, lags, percentile
from tests.chaos.ledger import Outcome, Writers, writing
from tests.chaos.stage import EXAMPLE, Databases, child, environment, imported, pmo, without_nats
from tests.chaos.verdict import Verdict, judge
from tests.system.instance import DIRECTOR, System

VICTIMS: Final = (*SERVICES, "postgres", "a backend of postgres", "nats")
BACK_SECONDS: Final = 60.0
WAVE: Final = 65
"""So many are killed before the system is given time to become whole again."""


@dataclass
class Stage:
    """A running system, its supervisor, and where chance comes from."""

    system: System
    supervisor: psutil.Process
    chance: random.Random

    async def project(self) -> tuple[UUID, str, list[str]]:
        """An organization of a scenario's own with the example plan: its id, the project's, and the plan's leaves."""
        organization = uuid4()
        result = await imported(self.system.as_(organization, DIRECTOR))
        leaves = [task.source_id for task in read_mspdi([EXAMPLE.read_bytes()]).tasks if not task.is_summary]
        self.chance.shuffle(leaves)
        return organization, result["project_id"], leaves

    def signal(self, name: str, number: int) -> bool:
        """Send a signal to a part of the system, or to one of PostgreSQL's backends; whether there was one."""
        try:
            process = psutil.Process(child(self.system, "postgres" if name.startswith("a backend") else name))
            if name.startswith("a backend"):
                process = self.chance.choice([p for p in process.children() if " pmo_" in name_of(p)])
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            process.send_signal(number)
        except (psutil.NoSuchProcess, IndexError):
            return False
        return True

    def strike(self) -> str | None:
        """Kill one of the parts that run at this instant; returns which."""
        victims = self.chance.sample(VICTIMS, len(VICTIMS))
        return next((victim for victim in victims if self.signal(victim, signal.SIGKILL)), None)

    async def is_whole(self) -> bool:
        """Whether all parts run and a request goes through to each."""
        assert all(psutil.pid_exists(child(self.system, name)) for name in (*SERVICES, "postgres", "nats"))
        caller = self.system.as_(uuid4(), DIRECTOR)
        for path in ("/v1/projects", "/v1/resources", "/v1/ingest/events", "/v1/services/kpi/dead-letters"):
            try:
                answer = await asyncio.to_thread(caller, "GET", path)
            except Exception as error:
                raise AssertionError(repr(error)) from error
            assert answer.status_code == 200, answer.text
        return True

    async def back(self) -> None:
        """Wait until the system is whole again."""
        await eventually(self.is_whole, seconds=BACK_SECONDS, every=0.1)


def name_of(process: psutil.Process) -> str:
    """What a process calls itself; nothing once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    promise: str
    done: str
    verdict: Verdict
    failures: int = 0
    """Answers that a caller has to take as a failure: expected where processes die, none where only the broker does."""
    recovery: list[float] = field(default_factory=list)
    """Seconds of each time in which nothing got through to a service."""
    settled: float = 0.0
    """Seconds from the end of the writing until every projection was level."""
    note: str = ""
    is_wrong: bool = False
    """Something besides the writes is not as promised."""

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept."""
        return self.verdict.is_clean and not self.is_wrong


Deed = Callable[[Writers, Databases], Awaitable[str]]
"""What is done while people write; returns what is to be told of it."""


async def under_load(stage: Stage, promise: str, done: str, deed: Deed, *, calm: bool = False) -> Row:
    """Do something while people write, then judge. Where it is `calm`, no write may fail meanwhile."""
    organization, project_id, leaves = await stage.project()
    async with (
        Databases.of(stage.system, organization) as databases,
        writing(stage.system, organization, project_id, leaves, seed=stage.chance.randrange(2**32)) as writers,
    ):
        note = await deed(writers, databases)
    await stage.back()
    began = time.monotonic()
    async with Databases.of(stage.system, organization) as databases:
        verdict = await judge(databases, writers.ledger)
    failures = writers.ledger.failures()
    refused = writers.ledger.count(Outcome.REFUSED)  # nobody writes what could rightly be refused
    return Row(
        promise,
        done,
        verdict,
        failures,
        writers.ledger.outages(),
        time.monotonic() - began,
        note + (f"; {refused} REFUSED" if refused else ""),
        is_wrong=refused > 0 or (calm and failures > 0),
    )


async def kills(stage: Stage, number: int, seconds: float) -> Row:
    """SIGKILL random parts so often, or for so long: one upon the other, and at times with time to come back."""
    hit: dict[str, int] = {}

    async def deed(_writers: Writers, _databases: Databases) -> str:
        end = time.monotonic() + seconds
        while (struck := sum(hit.values())) < number and time.monotonic() < end:
            if (victim := stage.strike()) is not None:
                hit[victim] = hit.get(victim, 0) + 1
            await asyncio.sleep(stage.chance.uniform(0.0, 0.4))
            if struck % WAVE == WAVE - 1:
                await stage.back()
                await asyncio.sleep(stage.chance.uniform(0.5, 1.5))
        parts = ", ".join(f"{name} {times}" for name, times in sorted(hit.items()))
        return f"{sum(hit.values())} of {number}: {parts}"

    return await under_load(stage, "P1 P4", "SIGKILL of random parts", deed)


async def deaths(stage: Stage) -> Row:
    """SIGKILL each part in turn, alone, and see how long nothing gets through."""

    async def deed(_writers: Writers, _databases: Databases) -> str:
        for name in VICTIMS:
            stage.signal(name, signal.SIGKILL)
            await asyncio.sleep(0.5)
            await stage.back()
        return "each once"

    return await under_load(stage, "P13", "SIGKILL of each part in turn", deed)


async def broker_down(stage: Stage, seconds: float) -> Row:
    """NATS away for a while."""

    async def deed(_writers: Writers, databases: Databases) -> str:
        await asyncio.sleep(0.5)
        with without_nats(stage.system, stage.supervisor):
            await asyncio.sleep(seconds)
            ((back_at,),) = await databases.ask("projects", "select clock_timestamp()")
            backlog = await databases.pending()
        began = time.monotonic()
        await eventually(lambda: drained(databases, back_at), seconds=60, every=0.05)
        return f"backlog {backlog}, drained in {time.monotonic() - began:.1f} s"

    return await under_load(stage, "P9", f"NATS down for {seconds:.0f} s", deed, calm=True)


async def drained(databases: Databases, instant: object) -> bool:
    """Whether what had piled up until an instant is gone; people go on writing."""
    return await databases.pending(f"queued_at < '{instant}'") == 0


async def store_lost(stage: Stage) -> Row:
    """NATS's whole store deleted, then `pmo republish`."""

    async def deed(_writers: Writers, _databases: Databases) -> str:
        await asyncio.sleep(1.5)
        variables = environment(stage.system)
        with without_nats(stage.system, stage.supervisor):
            shutil.rmtree(stage.system.data / "nats/store")
        await asyncio.sleep(1.0)
        began = time.monotonic()
        said = await pmo(variables, "republish", "all")
        queued = sum(int(line.split()[1]) for line in said.splitlines() if line.endswith("the service publishes them"))
        return f"{queued} events queued in {time.monotonic() - began:.1f} s"

    return await under_load(stage, "P7", "loss of the broker's whole store, republish", deed, calm=True)


async def broker_full(stage: Stage, writes: int) -> Row:
    """The stream of projects takes no more for a while."""

    async def deed(writers: Writers, databases: Databases) -> str:
        admin = environment(stage.system)["PMO_NATS_ADMIN_URL"]
        async with Bus(admin, name="chaos").open() as bus:
            streams = bus.client.jetstream()
            held = (await streams.stream_info(stream("projects"))).state.messages
            await streams.update_stream(stream_config("projects", max_bytes=MOST_BYTES, max_msgs=max(1, held)))
            before = len(writers.ledger.answers)
            writers.pause /= 4
            await eventually(lambda: _written(writers, before + writes), seconds=60, every=0.1)
            writers.pause *= 4
            reasons = (await _readiness(stage, "projects"))["relay projects"]
            backlog = await databases.pending()
            await streams.update_stream(stream_config("projects", max_bytes=MOST_BYTES))
        assert backlog > writes // 4, backlog
        assert "maximum messages" in reasons, reasons
        return f"backlog {backlog}; readyz says: {reasons}"

    return await under_load(stage, "P10", f"stream full (discard new) for {writes} writes", deed, calm=True)


async def _written(writers: Writers, answers: int) -> bool:
    return len(writers.ledger.answers) >= answers


async def _readiness(stage: Stage, service: str) -> dict[str, str]:
    port = psutil.Process(child(stage.system, service)).environ()["PMO_PORT"]
    async with httpx2.AsyncClient(trust_env=False) as client:
        checks: dict[str, str] = (await client.get(f"http://127.0.0.1:{port}/readyz")).json()["checks"]
    return checks


async def poison(stage: Stage, number: int) -> Row:
    """Messages that no consumer can read, among those that it can."""

    async def deed(writers: Writers, databases: Databases) -> str:
        admin = environment(stage.system)["PMO_NATS_ADMIN_URL"]
        organization = databases.organization
        async with Bus(admin, name="chaos").open() as bus, lags(databases) as seen:
            for _ in range(number):
                subject = f"pmo.projects.{organization}.{uuid4()}.task.updated"
                body = stage.chance.choice([b"", b"{", b"\xff\xfe", b'{"specversion":"1.0"}'])
                await bus.publish(stream("projects"), subject, body, {"Nats-Msg-Id": str(uuid4())})
                await asyncio.sleep(0.1)
        began = time.monotonic()

        async def buried() -> bool:
            for reader in READERS:
                count = await databases.ask(reader, "select count(*) from dead_letter")
                assert count == [(number,)], f"{reader}: {count}"
            return True

        await eventually(buried, seconds=30, every=0.1)
        seconds = time.monotonic() - began
        for reader in READERS:
            await databases.ask(reader, "delete from dead_letter")
        return (
            f"{number} dead letters at each of {len(READERS)} consumers, {seconds:.1f} s after the last;"
            f" meanwhile {len(seen)} writes read by all: p99 {percentile(seen, 99) * 1000:.0f} ms"
        )

    return await under_load(stage, "P11", f"{number} poisoned messages", deed, calm=True)
