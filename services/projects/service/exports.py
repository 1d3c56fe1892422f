"""Exporting a project's plan with its present schedule."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.projects import repository
from services.projects.domain.mspdi.writing import mspdi_text
from services.projects.domain.outline import outline_order
from services.projects.domain.plan import Plan
from services.projects.domain.schedule import Schedule, ScheduledTask
from services.projects.domain.tables import csv_text, icalendar_text
from services.projects.entities import ASSIGNMENT, CALENDAR, PLAN_RESOURCE, TASK
from services.projects.service.plans import load_plan
from shared.db import Transaction
from shared.types import as_uuid

MEDIA_TYPES: Final = {
    "mspdi": "application/xml",
    "csv": "text/csv; charset=utf-8",
    "ics": "text/calendar; charset=utf-8",
}
SUFFIXES: Final = {"mspdi": "xml", "csv": "csv", "ics": "ics"}
ITEMS: Final = """
select id, early_start, early_finish, late_start, late_finish, total_float_minutes, free_float_minutes, is_critical
from schedule_item where organization_id = $1 and project_id = $2
"""


async def export_plan(tx: Transaction, project: asyncpg.Record, kind: str, *, rates: bool) -> bytes:
    """Return a project's plan and schedule in a format; without rates, and what they follow from, unless asked for."""
    plan, schedule = await _numbered(tx, project)
    if not rates:
        plan = _without_rates(plan)
    zone, stamp = ZoneInfo(project["time_zone"]), project["updated_at"].astimezone(UTC)
    return await asyncio.to_thread(_written, plan, schedule, kind, zone, stamp, str(project["id"]))


def _without_rates(plan: Plan) -> Plan:
    none = Decimal(0)
    return replace(
        plan,
        resources=tuple(
            replace(each, standard_rate=None, overtime_rate=None, cost_per_use=none) for each in plan.resources
        ),
        assignments=tuple(replace(each, cost=none, actual_cost=none) for each in plan.assignments),
    )


def _written(plan: Plan, schedule: Schedule, kind: str, zone: ZoneInfo, stamp: datetime, project: str) -> bytes:
    match kind:
        case "csv":
            return csv_text(plan, schedule).encode()
        case "ics":
            return icalendar_text(plan, schedule, zone, stamp, project).encode()
        case _:
            return mspdi_text(plan, schedule).encode()


async def _numbered(tx: Transaction, project: asyncpg.Record) -> tuple[Plan, Schedule]:
    """The plan under the whole numbers that its rows came with, new ones for rows without, and its schedule."""
    plan = await load_plan(tx, project)
    loaded = {task.source_id: task for task in plan.tasks}
    order = outline_order({uid: task.parent_source_id for uid, task in loaded.items()})
    plan = replace(plan, tasks=tuple(loaded[uid] for uid in order))
    project_id: UUID = project["id"]
    rows = {kind.name: await repository.rows(tx, kind, project_id) for kind in (TASK, PLAN_RESOURCE, ASSIGNMENT)}
    tasks, resources, assignments = (
        numbers(rows[kind.name], start) for kind, start in ((TASK, 1), (PLAN_RESOURCE, 1), (ASSIGNMENT, 1))
    )
    by_id = {str(row["id"]): row for each in rows.values() for row in each}
    names = {calendar.source_id for calendar in plan.calendars}
    calendar_rows = await repository.rows(tx, CALENDAR, project_id)
    calendars = {
        row["source_id"]: number for row, number in zip(calendar_rows, numbers(calendar_rows, 1).values(), strict=True)
    }
    for name in names - calendars.keys():
        calendars[name] = str(1 + max((int(number) for number in calendars.values()), default=0))

    def calendar_of(name: str | None) -> str | None:
        return None if name is None else calendars.get(name)

    source = as_uuid(project["source_id"] or "")
    numbered = replace(
        plan,
        source_guid=str(source or project_id),
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
                percent_work_complete=row["percent_work_complete"],
                physical_percent_complete=row["physical_percent_complete"],
                uses_physical_percent=row["uses_physical_percent"],
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
    return numbered, await _schedule(tx, project_id, plan, tasks)


async def _schedule(tx: Transaction, project_id: UUID, plan: Plan, tasks: dict[str, str]) -> Schedule:
    items = await tx.fetch(ITEMS, tx.organization_id, project_id)
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


def numbers(rows: Iterable[asyncpg.Record], first: int) -> dict[str, str]:
    """A whole number for each row by id: the one that it came with, else one that no other has."""
    stated = {str(row["id"]): row["source_id"] for row in rows}
    kept = {key: name for key, name in stated.items() if name is not None and name.isascii() and name.isdigit()}
    following = max((int(number) for number in kept.values()), default=first - 1) + 1
    for key in stated.keys() - kept.keys():
        kept[key] = str(following)
        following += 1
    return {key: kept[key] for key in stated}
