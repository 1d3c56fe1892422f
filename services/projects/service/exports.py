"""Exporting a project's plan with its present schedule."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from services.projects import repository
from services.projects.domain.assigned_work import moved
from services.projects.domain.ev_techniques import technique_of
from services.projects.domain.mspdi.writing import mspdi_pieces
from services.projects.domain.outline import outline_order
from services.projects.domain.plan import Baseline, Plan
from services.projects.domain.primavera.breakdown import PREFIX
from services.projects.domain.primavera.writing import xer_encoding, xer_lines
from services.projects.domain.schedule import Schedule, ScheduledTask
from services.projects.domain.tables import csv_lines, headings, icalendar_lines, is_plain_name, task_rows
from services.projects.domain.workbook_writing import xlsx_pieces
from services.projects.entities import ASSIGNMENT, CALENDAR, PLAN_RESOURCE, TASK
from services.projects.repository import progress as progress_rows
from services.projects.service.file_baselines import file_baselines
from services.projects.service.plans import load_plan
from shared.db import Transaction
from shared.types import as_uuid

MEDIA_TYPES: Final = {
    "mspdi": "application/xml",
    "xer": "application/octet-stream",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ics": "text/calendar; charset=utf-8",
}
SUFFIXES: Final = {"mspdi": "xml"}
PIECE: Final = 64 * 1024
ITEMS: Final = """
select id, early_start, early_finish, late_start, late_finish, total_float_minutes, free_float_minutes, is_critical
from schedule_item where organization_id = $1 and project_id = $2
"""


async def export_plan(tx: Transaction, project: asyncpg.Record, kind: str, *, rates: bool) -> Iterator[bytes]:
    """Return a project's plan and schedule in a format, written as it is taken.

    Without rates, and what they follow from, unless asked for.
    """
    plan, schedule = await _numbered(tx, project, PREFIX if kind == "xer" else "", named=kind in {"csv", "xlsx"})
    if not rates:
        plan = _without_rates(plan)
    return _gathered(_written(plan, schedule, kind, project))


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces put together to a size that is worth sending."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _without_rates(plan: Plan) -> Plan:
    none = Decimal(0)
    return replace(
        plan,
        resources=tuple(
            replace(each, standard_rate=None, overtime_rate=None, cost_per_use=none) for each in plan.resources
        ),
        assignments=tuple(replace(each, cost=none, actual_cost=none) for each in plan.assignments),
    )


def _written(plan: Plan, schedule: Schedule, kind: str, project: asyncpg.Record) -> Iterator[bytes]:
    encoding = "utf-8"
    match kind:
        case "xlsx":
            yield from xlsx_pieces(plan.name, headings(plan), task_rows(plan, schedule))
            return
        case "csv":
            lines = csv_lines(plan, schedule)
        case "ics":
            zone, stamp = ZoneInfo(project["time_zone"]), project["updated_at"].astimezone(UTC)
            lines = icalendar_lines(plan, schedule, zone, stamp, str(project["id"]))
        case "xer":
            encoding = xer_encoding(plan)
            lines = xer_lines(plan, schedule, project["key"])
        case _:
            lines = mspdi_pieces(plan, schedule)
    for line in lines:
        yield line.encode(encoding)


async def _numbered(tx: Transaction, project: asyncpg.Record, prefix: str, *, named: bool) -> tuple[Plan, Schedule]:
    """The plan under the whole numbers that its rows came with, new ones for rows without, and its schedule.

    Summaries have numbers of their own behind the prefix, if there is one; named tasks keep names that are no numbers.
    """
    project_id: UUID = project["id"]
    plan = await load_plan(tx, project)
    stated = {str(task_id) for task_id in await progress_rows.stated_tasks(tx, project_id)}
    kinds = (TASK, PLAN_RESOURCE, ASSIGNMENT, CALENDAR)
    rows = {kind.name: await repository.rows(tx, kind, project_id) for kind in kinds}
    baselines = await file_baselines(tx, project_id)
    items = await tx.fetch(ITEMS, tx.organization_id, project_id)

    def renumbered() -> tuple[Plan, Schedule]:
        numbered, tasks = _renumbered(moved(plan, stated), project, rows, baselines, prefix, named=named)
        return numbered, _schedule(plan, items, tasks)

    return await asyncio.to_thread(renumbered)


def _renumbered(
    plan: Plan,
    project: asyncpg.Record,
    rows: Mapping[str, Sequence[asyncpg.Record]],
    baselines: Mapping[str, Mapping[int, Baseline]],
    prefix: str,
    *,
    named: bool,
) -> tuple[Plan, dict[str, str]]:
    """The plan under its numbers, and the numbers of its tasks."""
    loaded = {task.source_id: task for task in plan.tasks}
    order = outline_order({uid: task.parent_source_id for uid, task in loaded.items()})
    plan = replace(plan, tasks=tuple(loaded[uid] for uid in order))
    resources, assignments = numbers(rows[PLAN_RESOURCE.name]), numbers(rows[ASSIGNMENT.name])
    summaries = {task.parent_source_id for task in plan.tasks} | {t.source_id for t in plan.tasks if t.is_summary}
    above = [row for row in rows[TASK.name] if prefix and str(row["id"]) in summaries]
    held = {row["id"] for row in above}
    tasks = numbers(above, prefix) | numbers([row for row in rows[TASK.name] if row["id"] not in held])
    if named:
        tasks |= {str(row["id"]): row["source_id"] for row in rows[TASK.name] if is_plain_name(row["source_id"])}
    by_id = {str(row["id"]): row for each in rows.values() for row in each}
    names = {calendar.source_id for calendar in plan.calendars}
    by_row = numbers(rows[CALENDAR.name])
    calendars = {row["source_id"]: by_row[str(row["id"])] for row in rows[CALENDAR.name]}
    for name in names - calendars.keys():
        calendars[name] = str(1 + max((int(number) for number in calendars.values()), default=0))

    def calendar_of(name: str | None) -> str | None:
        return None if name is None else calendars.get(name)

    source = as_uuid(project["source_id"] or "")
    numbered = replace(
        plan,
        source_guid=str(source or project["id"]),
        calendar_source_id=calendars[plan.calendar_source_id],
        calendars=tuple(
            replace(each, source_id=calendars[each.source_id], base_source_id=calendar_of(each.base_source_id))
            for each in plan.calendars
        ),
        tasks=tuple(
            replace(
                task,
                source_id=tasks[task.source_id],
                guid=task.source_id,
                position=place,
                parent_source_id=tasks.get(task.parent_source_id or ""),
                calendar_source_id=calendar_of(task.calendar_source_id),
                wbs=row["work_breakdown_structure"],
                description=row["description"],
                custom_fields=None if row["custom_fields"] == "{}" else orjson.loads(row["custom_fields"]),
                percent_work_complete=row["percent_work_complete"],
                physical_percent_complete=row["physical_percent_complete"],
                uses_physical_percent=row["uses_physical_percent"],
                uses_units_percent=row["uses_units_percent"],
                ev_technique=technique_of(row["ev_technique"]),
                baselines=baselines.get(task.source_id, {}),
                fixed_cost=row["fixed_cost"],
                cost=row["cost"],
                actual_cost=row["actual_cost"],
            )
            for place, task in enumerate(plan.tasks)
            for row in (by_id[task.source_id],)
        ),
        links=tuple(
            replace(link, predecessor=tasks[link.predecessor], successor=tasks[link.successor]) for link in plan.links
        ),
        resources=tuple(
            replace(
                each,
                source_id=resources[each.source_id],
                calendar_source_id=calendar_of(each.calendar_source_id),
                email=row["email"],
                standard_rate=row["standard_rate"],
                overtime_rate=row["overtime_rate"],
                cost_per_use=row["cost_per_use"],
            )
            for each in plan.resources
            for row in (by_id[each.source_id],)
        ),
        assignments=tuple(
            replace(
                each,
                source_id=assignments[each.source_id],
                task_source_id=tasks[each.task_source_id],
                resource_source_id=resources.get(each.resource_source_id or ""),
                cost=row["cost"],
                actual_cost=row["actual_cost"],
            )
            for each in plan.assignments
            for row in (by_id[each.source_id],)
        ),
    )
    return numbered, tasks


def _schedule(plan: Plan, items: Sequence[asyncpg.Record], tasks: Mapping[str, str]) -> Schedule:
    finish = max((item["early_finish"] for item in items), default=plan.finish or plan.start)
    return Schedule(
        plan.start,
        finish,
        tuple(
            ScheduledTask(
                tasks[str(item["id"])], item["early_start"], item["early_finish"], item["late_start"],
                item["late_finish"], item["early_start"], item["early_finish"], item["total_float_minutes"],
                item["free_float_minutes"], item["is_critical"],
            )
            for item in items
            if str(item["id"]) in tasks
        ),
    )  # fmt: skip


def numbers(rows: Iterable[asyncpg.Record], prefix: str = "") -> dict[str, str]:
    """A whole number for each row by id, behind the prefix: the one that it came with, else one that no other has."""
    stated = {str(row["id"]): row["source_id"] for row in rows}
    kept = {
        key: bare
        for key, name in stated.items()
        if name is not None and name.startswith(prefix) and _is_number(bare := name.removeprefix(prefix))
    }
    following = max((int(number) for number in kept.values()), default=0) + 1
    for key in stated:
        if key not in kept:
            kept[key] = str(following)
            following += 1
    return {key: prefix + kept[key] for key in stated}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
