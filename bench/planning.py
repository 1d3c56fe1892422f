"""A plan of 10,000 tasks: made by two calls of 5,000, then listed without and with all projections."""

import statistics
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

import orjson

from bench.client import Caller, Make, Sample, UnexpectedAnswer, quantile, request
from bench.report import Finding
from bench.requests import CONNECTIONS, ROUNDS, Target, compare
from bench.stack import Stack
from services.projects.entities.projections import PROJECTIONS

ITEMS: Final = 5_000
BELOW: Final = 25
"""Tasks of a summary."""
PAGE: Final = 100


def _items(first: int) -> list[Mapping[str, object]]:
    """Summaries with their tasks, all in one call."""
    items: list[Mapping[str, object]] = []
    for number in range(first, first + ITEMS):
        parent = number - number % (BELOW + 1)
        task: dict[str, object] = {"name": f"Pour quay wall, section {number}", "source_id": str(number)}
        if number != parent and parent >= first:
            amount = {"amount": f"{100 + number}.00", "currency": "EUR"}
            task |= {"parent_id": f"#t{parent}", "duration_minutes": 480, "work_minutes": 960, "cost": amount}
        items.append({"action": "create_task", "ref": f"t{number}", "task": task})
    return items


async def _sent(stack: Stack, path: str, body: object) -> tuple[float, bytes]:
    call = Caller(stack.ports["gateway"])
    data = request("POST", path, {**stack.bearer, "content-type": "application/json"}, orjson.dumps(body))
    began = time.perf_counter()
    status, answer = await call(data)
    seconds = time.perf_counter() - began
    call.close()
    if not 200 <= status < 300:
        raise UnexpectedAnswer(answer[:500].decode())
    return seconds, answer


async def plan(stack: Stack) -> list[Finding]:
    """Bulk creates through the gateway, and what projections add to a list."""
    _, made = await _sent(stack, "/v1/projects", {"name": "Ten thousand tasks", "start": "2026-03-02T08:00:00Z"})
    path = f"/v1/projects/{orjson.loads(made)['id']}/tasks"
    found = []
    for number, what in enumerate(("an empty plan", "one of 5,000")):
        seconds, _ = await _sent(stack, f"{path}/batch", {"mode": "atomic", "items": _items(number * ITEMS)})
        settled = await stack.settle()
        figures = {"until all followed": seconds + settled}
        found.append(Finding("bulk create", f"5,000 tasks into {what}, s", figures, value=seconds, most=2))
    async with stack.database("projects", "postgres") as connection:
        await connection.execute("vacuum (analyze) task, schedule_item")
    return found + await _listed(stack, path)


async def _listed(stack: Stack, path: str) -> list[Finding]:
    found = []
    ways = {"plain": f"{path}?limit={PAGE}", "all": f"{path}?limit={PAGE}&expand={','.join(PROJECTIONS)}"}

    def make(way: str) -> Make:
        data = request("GET", ways[way], stack.internal("projects"))
        return lambda _connection, _number: data

    for connections in CONNECTIONS:
        targets = [Target(way, stack.ports["projects"], [stack.pids["projects"]], partial(make, way)) for way in ways]
        samples = await compare(stack, targets, connections, rounds=ROUNDS, settle=False)
        found.append(_ratio(samples, connections))
    return found


def _ratio(samples: Mapping[str, list[Sample]], connections: int) -> Finding:
    pairs = list(zip(samples["all"], samples["plain"], strict=True))
    figures = {
        "by CPU": statistics.median(plain.cpu_ms / full.cpu_ms for full, plain in pairs),
        **{f"{way} p50 ms": quantile([x for one in each for x in one.latencies], 0.5) for way, each in samples.items()},
        **{f"{way} CPU ms": statistics.median(one.cpu_ms for one in each) for way, each in samples.items()},
    }
    rate = statistics.median(full.rate / plain.rate for full, plain in pairs)
    return Finding("projections", f"list of 100 with all / plain, {connections} conn.", figures, value=rate)
