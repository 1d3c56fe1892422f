"""List, get and create: the service, directly and through the gateway, beside a bare callable with the same SQL."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final
from uuid import UUID, uuid4

import orjson
from uuid_utils.compat import uuid7

from bench.client import Make, Sample, load, quantile, request
from bench.report import Finding, say
from bench.servers import Server, bare_environment, replica_environment, serving
from bench.stack import Stack, spent

TASKS: Final = 100
ROUNDS: Final = 5
SECONDS: Final = 0.8
CONNECTIONS: Final = (1, 32)
WARM_SECONDS: Final = 0.4
MANY: Final = 9_990
"""Projects of 100 tasks that make a million with those that are there."""
AT_ONCE: Final = 1_000

_PROJECTS: Final = """
insert into project (organization_id, id, version, key, name, status, owner, currency, time_zone, start)
select $1, id, 1, 'BENCH-' || id, 'Bench', 'active', 'bench', 'EUR', 'Europe/Amsterdam', '2026-03-02 08:00'
from unnest($2::uuid[]) as p(id)
"""
_TASKS: Final = """
insert into task (organization_id, id, version, project_id, position, source_id, name, work_breakdown_structure,
                  duration_minutes, planned_start, planned_finish, work_minutes, cost, baseline_start, baseline_finish,
                  baseline_cost)
select $1, gen_random_uuid(), 1, p.id, n, n::text, 'Pour quay wall, section ' || n, n::text, 960,
       timestamp '2026-03-02 08:00' + make_interval(days => n), timestamp '2026-03-03 17:00' + make_interval(days => n),
       960, 1000 + n, timestamp '2026-03-02 08:00', timestamp '2026-03-03 17:00', 1000
from unnest($2::uuid[]) as p(id), generate_series(0, $3 - 1) as n
"""


async def add_projects(stack: Stack, projects: int, tasks: int) -> list[UUID]:
    """Put projects with tasks into the database, past the API; returns the projects' ids."""
    identifiers = [uuid7() for _ in range(projects)]
    async with stack.database("projects") as connection:
        await connection.execute("set statement_timeout = '60s'; set transaction_timeout = '60s'")
        await connection.execute(_PROJECTS, stack.organization, identifiers)
        for first in range(0, projects, AT_ONCE):
            await connection.execute(_TASKS, stack.organization, identifiers[first : first + AT_ONCE], tasks)
    async with stack.database("projects", "postgres") as connection:
        await connection.execute("vacuum (analyze) task, project")
    return identifiers


@dataclass(frozen=True, slots=True)
class Target:
    """A way to the same thing."""

    name: str
    port: int
    pids: Sequence[int]
    make: Callable[[], Make]
    """Makes what sends the requests, with a fresh credential."""


async def compare(
    stack: Stack, targets: Sequence[Target], connections: int, *, rounds: int, settle: bool
) -> dict[str, list[Sample]]:
    """Load the targets in turn, round by round."""
    samples: dict[str, list[Sample]] = {target.name: [] for target in targets}
    for number in range(-1, rounds):
        for target in targets:
            make = target.make()
            before = stack.cpu_seconds(target.pids, "pmo_projects")
            seconds = SECONDS if number >= 0 else WARM_SECONDS
            sample = await load(target.port, make, connections=connections, seconds=seconds)
            after = stack.cpu_seconds(target.pids, "pmo_projects")
            sample.cpu_ms = spent(before, after) * 1000 / len(sample.latencies)
            if number >= 0:
                samples[target.name].append(sample)
            if settle:
                await stack.settle()
    return samples


def findings(
    part: str, connections: int, samples: Mapping[str, Sequence[Sample]], *, bare_least: float
) -> list[Finding]:
    """The samples as lines, with ratios paired by round; the goal is about the replica, where there is one."""
    found = []
    p50s = {}
    for name, each in samples.items():
        latencies = [latency for sample in each for latency in sample.latencies]
        p50s[name] = quantile(latencies, 0.5)
        figures = {
            "requests/s": statistics.median(sample.rate for sample in each),
            "p50 ms": p50s[name],
            "p99 ms": quantile(latencies, 0.99),
            "CPU ms": statistics.median(sample.cpu_ms for sample in each),
        }
        found.append(Finding(part, f"{name}, {connections} conn.", figures))
        if connections > 1 and name == "direct":
            spread = figures["p99 ms"] / figures["p50 ms"]
            found.append(Finding(part, f"{name} p99 / p50, {connections} conn.", value=spread, most=5))
    pairings: list[tuple[str, str, float | None]] = [("direct", "bare", bare_least), ("gateway", "direct", 0.75)]
    if "replica" in samples:
        pairings[:1] = [("replica", "bare", bare_least), ("direct", "bare", None)]
    for one, other, least in pairings:
        pairs = list(zip(samples[one], samples[other], strict=True))
        rate = statistics.median(a.rate / b.rate for a, b in pairs)
        cpu = statistics.median(b.cpu_ms / a.cpu_ms for a, b in pairs)
        figures = {"by CPU": cpu, "p50 added ms": p50s[one] - p50s[other]}
        found.append(Finding(part, f"{one} / {other}, {connections} conn.", figures, value=rate, least=least))
    return found


class Requests:
    """The three operations on one seeded organization."""

    def __init__(
        self, stack: Stack, bare: Server, replica: Server, projects: Sequence[UUID], tasks: Sequence[UUID]
    ) -> None:
        self._stack = stack
        self._bare = bare
        self._replica = replica
        self._projects = projects
        self._tasks = tasks

    def _targets(self, make: Callable[[dict[str, str], bool], Make], *, writes: bool) -> list[Target]:
        stack, bare, replica = self._stack, self._bare, self._replica
        service, gateway = stack.pids["projects"], stack.pids["gateway"]

        def inside() -> Make:
            return make(stack.internal("projects"), False)

        targets = [
            Target("bare", bare.port, [bare.pid], lambda: make({}, True)),
            Target("direct", stack.ports["projects"], [service], inside),
            Target("gateway", stack.ports["gateway"], [gateway, service], lambda: make(stack.bearer, False)),
        ]
        if writes:
            targets.insert(1, Target("replica", replica.port, [replica.pid], inside))
        return targets

    async def list_tasks(self) -> list[Finding]:
        """100 tasks of a project."""
        project = self._projects[0]

        def make(headers: dict[str, str], is_bare: bool) -> Make:
            path = f"/list/{project}" if is_bare else f"/v1/projects/{project}/tasks?limit=100"
            data = request("GET", path, headers)
            return lambda _connection, _number: data

        return await self._measured("list 100", make, bare_least=0.6)

    async def get_task(self) -> list[Finding]:
        """One task."""
        project = self._projects[0]

        def make(headers: dict[str, str], is_bare: bool) -> Make:
            paths = [f"/get/{project}/{t}" if is_bare else f"/v1/projects/{project}/tasks/{t}" for t in self._tasks]
            data = [request("GET", path, headers) for path in paths]
            return lambda connection, number: data[(connection * 7 + number) % len(data)]

        return await self._measured("get one", make, bare_least=0.5)

    async def create_task(self) -> list[Finding]:
        """A task with its event and an Idempotency-Key; each connection in a project of its own."""
        own = self._projects[1:]
        names = count()

        def make(headers: dict[str, str], is_bare: bool) -> Make:
            def data(connection: int, _number: int) -> bytes:
                project = own[connection % len(own)]
                body = orjson.dumps({"name": f"Pour quay wall, section {next(names)}", "duration_minutes": 4800})
                if is_bare:
                    return request("POST", f"/create/{project}", headers, body)
                more = {"content-type": "application/json", "idempotency-key": str(uuid4())}
                return request("POST", f"/v1/projects/{project}/tasks", {**headers, **more}, body)

            return data

        return await self._measured("create one", make, bare_least=0.5, rounds=3, writes=True)

    async def grow(self) -> list[Finding]:
        """The list and one task with 10^3 and with 10^6 tasks in the organization."""
        stack = self._stack
        paths = {"list": f"/v1/projects/{self._projects[0]}/tasks?limit=100",
                 "get": f"/v1/projects/{self._projects[0]}/tasks/{self._tasks[0]}"}  # fmt: skip
        cost: dict[str, list[Sample]] = {name: [] for name in paths}
        service = [stack.pids["projects"]]
        for step in range(2):
            if step:
                await add_projects(stack, MANY, TASKS)
            for name, path in paths.items():
                data = request("GET", path, stack.internal("projects"))
                target = Target(name, stack.ports["projects"], service, lambda data=data: lambda *_: data)
                samples = await compare(stack, [target], 1, rounds=ROUNDS, settle=False)
                cost[name].append(min(samples[name], key=lambda sample: sample.cpu_ms))
        return [
            Finding(
                "growth",
                f"{name}, CPU with 10^6 / with 10^3 tasks in the organization",
                {
                    "CPU ms at 10^3": few.cpu_ms,
                    "at 10^6": many.cpu_ms,
                    "p50 ms at 10^3": quantile(few.latencies, 0.5),
                    "p50 at 10^6": quantile(many.latencies, 0.5),
                },
                value=many.cpu_ms / few.cpu_ms,
                most=1.25,
            )
            for name, (few, many) in cost.items()
        ]

    async def _measured(
        self,
        part: str,
        make: Callable[[dict[str, str], bool], Make],
        *,
        bare_least: float,
        rounds: int = ROUNDS,
        writes: bool = False,
    ) -> list[Finding]:
        found = []
        for connections in CONNECTIONS:
            targets = self._targets(make, writes=writes)
            samples = await compare(self._stack, targets, connections, rounds=rounds, settle=writes)
            found += findings(part, connections, samples, bare_least=bare_least)
        return found


async def run(stack: Stack, parts: Sequence[str]) -> list[Finding]:
    """Measure the parts among list, get, create and growth."""
    projects = await add_projects(stack, 10, TASKS)
    tasks_of = "select id from task where organization_id = $1 and project_id = $2 order by position"
    async with stack.database("projects") as connection:
        tasks = [row["id"] for row in await connection.fetch(tasks_of, stack.organization, projects[0])]
    small = await add_projects(stack, 32, 0)
    found = []
    async with (
        serving("bench.bare", bare_environment(stack)) as bare,
        serving("bench.replica", replica_environment(stack)) as replica,
    ):
        measures = Requests(stack, bare, replica, [projects[0], *small], tasks)
        each = {
            "list": measures.list_tasks,
            "get": measures.get_task,
            "create": measures.create_task,
            "growth": measures.grow,
        }
        for part in parts:
            say(part)
            found += await each[part]()
    return found
