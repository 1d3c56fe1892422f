"""How a plan stands to a baseline: the whole, and a page of tasks in any order, of those that are asked for."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from services.projects.domain.baselines import Figures, Variance, variance
from services.projects.repository import variance as rows
from services.projects.repository.baselines import present_total
from services.projects.service.breathing import aside
from services.projects.service.plans import project_calendar
from shared.db import Transaction
from shared.pagination import Place
from shared.working_time import WorkingTime, minute_of


async def compare(
    tx: Transaction, project: asyncpg.Record, baseline: asyncpg.Record, place: Place, limit: int
) -> dict[str, object]:
    """Return a page of tasks as they stand to a baseline, with the total of the plan."""
    zone, currency = ZoneInfo(project["time_zone"]), project["currency"]
    calendar = await project_calendar(tx, project)
    await tx.join_by_hash()
    present = await present_total(tx, project["id"])
    instants: Sequence[datetime] = []
    if rows.is_of_dates(place):
        instants = await rows.instants(tx, project["id"], baseline["id"])
    minutes = await aside(len(instants), _reckoned, calendar, instants)
    found = await rows.compared(tx, project["id"], baseline["id"], place, limit + 1, (instants, minutes))
    page = found[:limit]
    was, now = total_of(baseline, calendar), total_of(present, calendar)
    total = {
        "baseline": _figures_json(was, zone, currency),
        "present": _figures_json(now, zone, currency),
        "variance": variance_json(variance(was, now, calendar), currency),
    }
    last = None if len(found) <= limit else [page[-1][f"key_{n}"] for n in range(len(place.keys))]
    return {
        "baseline": {"id": baseline["id"], "name": baseline["name"], "status": baseline["status"]},
        "schedule_revision": present["revision"],
        "time_zone": project["time_zone"],
        "total": total,
        "items": [_item(row, calendar, zone, currency) for row in page],
        "next_cursor": None if last is None else place.cursor(last),
    }


def _reckoned(calendar: WorkingTime, instants: Sequence[datetime]) -> list[int]:
    """Return the working minutes until each instant, so that differences are working time between two."""
    return [calendar.index(minute_of(instant)) for instant in instants]


NOTHING: Final = Figures(None, None, 0, 0, Decimal(0))


def _item(row: asyncpg.Record, calendar: WorkingTime, zone: ZoneInfo, currency: str) -> dict[str, object]:
    was = None if row["presence"] == "added" else _side(row, "b_")
    now = None if row["presence"] == "removed" else _side(row, "t_")
    return {
        "task_id": row["id"],
        "name": row["name"],
        "work_breakdown_structure": row["work_breakdown_structure"],
        "is_summary": row["is_summary"],
        "presence": row["presence"],
        "baseline": None if was is None else _figures_json(was, zone, currency),
        "present": None if now is None else _figures_json(now, zone, currency),
        "variance": variance_json(variance(was or NOTHING, now or NOTHING, calendar), currency),
    }


def _side(row: asyncpg.Record, prefix: str) -> Figures:
    names = ("start", "finish", "duration_minutes", "work_minutes", "cost")
    return Figures(*(row[prefix + name] for name in names))


def total_of(row: asyncpg.Record, calendar: WorkingTime) -> Figures:
    """Return the figures of a whole plan, as it is or as a baseline has it."""
    start, finish = row["start"], row["finish"]
    duration = 0
    if start is not None and finish is not None:
        duration = calendar.working_minutes(minute_of(start), minute_of(finish))
    return Figures(start, finish, duration, row["work_minutes"], row["cost"])


def _figures_json(figures: Figures, zone: ZoneInfo, currency: str) -> dict[str, object]:
    return {
        "start": _local(figures.start, zone),
        "finish": _local(figures.finish, zone),
        "duration_minutes": figures.duration_minutes,
        "work_minutes": figures.work_minutes,
        "cost": {"amount": str(figures.cost), "currency": currency},
    }


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.replace(tzinfo=zone).isoformat()


def variance_json(moved: Variance, currency: str) -> dict[str, object]:
    """Return a variance as the API tells it."""
    document: dict[str, object] = asdict(moved)
    document["cost"] = {"amount": str(moved.cost), "currency": currency}
    return document
