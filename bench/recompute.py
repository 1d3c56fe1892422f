"""What a change of one task costs in plans of several sizes, until it is to be seen in a list with dates and sums."""

import asyncio
import statistics
import time
from typing import Final
from uuid import UUID, uuid5

import orjson
from uuid_utils.compat import uuid7

from bench.client import Caller, UnexpectedAnswer, request
from bench.plans import CALENDARS, plan
from bench.report import Finding
from bench.stack import Stack
from services.projects.domain.plan import Plan
from shared.working_calendar import to_json

SIZES: Final = (1_000, 10_000, 20_000, 100_000)
ROUNDS: Final = 5


async def seed(stack: Stack, made: Plan) -> UUID:
    """Put a plan into the database, past the API; returns the project's id."""
    project, organization = uuid7(), stack.organization

    def of(name: str) -> UUID:
        return uuid5(project, name)

    async with stack.database("projects", "postgres") as connection:
        await connection.execute(
            "insert into project (organization_id, id, version, key, name, status, owner, currency, time_zone, start,"
            " calendar_id) values ($1, $2, 1, $3, $4, 'active', 'bench', 'EUR', 'Europe/Amsterdam', $5, $6)",
            organization, project, f"BENCH-{project}", made.name, made.start, of("calendar 1"),
        )  # fmt: skip
        calendars = [
            (organization, of(f"calendar {each.source_id}"), 1, project, each.source_id, each.name,
             orjson.dumps(to_json(each)).decode())
            for each in CALENDARS
        ]  # fmt: skip
        columns = ("organization_id", "id", "version", "project_id", "source_id", "name", "definition")
        await connection.copy_records_to_table("calendar", records=calendars, columns=columns)
        tasks = [
            (organization, of(task.source_id), 1, project, task.position, task.source_id, task.name, task.wbs,
             task.duration_minutes, task.calendar_source_id and of(f"calendar {task.calendar_source_id}"),
             task.constraint_type.value, task.constraint_date, task.work_minutes, task.remaining_work_minutes,
             task.cost)
            for task in made.tasks
        ]  # fmt: skip
        columns = ("organization_id", "id", "version", "project_id", "position", "source_id", "name",
                   "work_breakdown_structure", "duration_minutes", "calendar_id", "constraint_type", "constraint_date",
                   "work_minutes", "remaining_work_minutes", "cost")  # fmt: skip
        await connection.copy_records_to_table("task", records=tasks, columns=columns)
        links = [
            (organization, uuid7(), 1, project, of(link.predecessor), of(link.successor), link.type.value, link.lag,
             link.lag_unit.value)
            for link in made.links
        ]  # fmt: skip
        columns = ("organization_id", "id", "version", "project_id", "predecessor_id", "successor_id", "type", "lag",
                   "lag_unit")  # fmt: skip
        await connection.copy_records_to_table("dependency", records=links, columns=columns)
        await connection.execute("vacuum (analyze) task, dependency, project")
    return project


async def recompute(stack: Stack) -> list[Finding]:
    """Change one task, then list a hundred with their dates and sums; again and again in each plan."""
    found = []
    for size in SIZES:
        made = plan(size)
        project = await seed(stack, made)
        first = await _first(stack, project, made)
        samples = [await _seen(stack, project, made, number) for number in range(1, ROUNDS + 1)]
        await stack.settle()
        (_, pause), *_ = await asyncio.to_thread(stack.metric, "projects", "pmo_event_loop_lag_seconds")
        figures = {"most": max(samples), "first schedule, s": first, "pause ms": pause * 1000}
        what = f"{size:,} tasks: list after a change of one, ms"
        found.append(Finding("recompute", what, figures, value=statistics.median(samples)))
    return found


async def _first(stack: Stack, project: UUID, made: Plan) -> float:
    """Seconds until a plan has its first schedule, which the worker computes, and all have followed it."""
    call = Caller(stack.ports["projects"])
    began = time.perf_counter()
    await _change(stack, call, project, made, 0)
    call.close()
    async with stack.database("projects") as connection:
        while True:
            if await connection.fetchval("select count(*) from schedule where id = $1", project):
                break
            await asyncio.sleep(0.1)
    seconds = time.perf_counter() - began
    await stack.settle()
    await asyncio.sleep(11)  # what the gauge of pauses remembers of before
    return seconds


async def _seen(stack: Stack, project: UUID, made: Plan, number: int) -> float:
    """Milliseconds from a change of a task to the list that shows what became of it."""
    call = Caller(stack.ports["projects"])
    began = await _change(stack, call, project, made, number)
    path = f"/v1/projects/{project}/tasks?limit=100&expand=schedule,rollup"
    await _answer(call, request("GET", path, stack.internal("projects")))
    seconds = time.perf_counter() - began
    call.close()
    await asyncio.sleep(0.3)
    return seconds * 1000


async def _change(stack: Stack, call: Caller, project: UUID, made: Plan, number: int) -> float:
    """Make a task an hour longer; returns when that was begun."""
    task = made.tasks[number * 7919 % len(made.tasks)]
    path = f"/v1/projects/{project}/tasks/{uuid5(project, task.source_id)}"
    head = stack.internal("projects")
    present = orjson.loads(await _answer(call, request("GET", path, head)))
    write = {**head, "if-match": f'"{present["version"]}"', "content-type": "application/merge-patch+json"}
    body = orjson.dumps({"duration_minutes": present["duration_minutes"] + 60})
    began = time.perf_counter()
    await _answer(call, request("PATCH", path, write, body))
    return began


async def _answer(call: Caller, data: bytes) -> bytes:
    status, body = await call(data)
    if status != 200:
        raise UnexpectedAnswer(body[:500].decode())
    return body
