"""Where progress stands on the bars of a plan as of an instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.projects.domain.progress_line import Bar, peak
from services.projects.domain.schedule.effort import ALWAYS
from services.projects.repository import progress as rows
from services.projects.service.plans import working_times
from shared.db import Transaction
from shared.strict_json import dumps
from shared.working_time import WorkingTime, instant_of, local_of, minute_of, moment_of

Bars = Literal["schedule", "baseline"]


@dataclass(frozen=True, slots=True)
class Line:
    """Which part of which line is asked for."""

    bars: Bars
    as_of: datetime
    limit: int
    after: tuple[int, UUID]


def default_instant(project: asyncpg.Record, now: datetime) -> datetime:
    """Return the instant of a line that names none: the status date, else now."""
    if project["status_date"] is None:
        return now
    return instant_of(project["status_date"], ZoneInfo(project["time_zone"])).astimezone(UTC)


async def progress_line(
    tx: Transaction, project: asyncpg.Record, asked: Line
) -> tuple[dict[str, object], tuple[int, UUID] | None]:
    """Return a page of a progress line, and where the next one begins.

    Of each task the progress counts that is known as of the instant, by facts or by what the task told then.
    """
    zone = ZoneInfo(project["time_zone"])
    found = await rows.bars(
        tx,
        project["id"],
        baseline=asked.bars == "baseline",
        as_of=asked.as_of,
        limit=asked.limit + 1,
        after=asked.after,
    )
    page = found[: asked.limit]
    times, usual = await working_times(tx, project)
    date = minute_of(local_of(asked.as_of, zone))
    document: dict[str, object] = {
        "as_of": asked.as_of.astimezone(zone).isoformat(),
        "bars": asked.bars,
        "time_zone": project["time_zone"],
        "minutes_per_day": project["minutes_per_day"],
        "items": [_item(row, date, _time(row, times, usual), zone, project["minutes_per_day"]) for row in page],
    }
    last = page[-1] if len(found) > asked.limit else None
    return document, None if last is None else (last["position"], last["id"])


def _time(row: asyncpg.Record, times: Mapping[UUID, WorkingTime], usual: WorkingTime) -> WorkingTime:
    return ALWAYS if row["is_elapsed_duration"] else times.get(row["calendar_id"], usual)


def _item(row: asyncpg.Record, date: int, time: WorkingTime, zone: ZoneInfo, per_day: int) -> dict[str, object]:
    bar = Bar(minute_of(row["start"]), minute_of(row["finish"]))
    found = peak(bar, row["percent_complete"], date, time)
    return {
        "task_id": row["id"],
        "source_id": row["source_id"],
        "name": row["name"],
        "work_breakdown_structure": row["work_breakdown_structure"],
        "percent_complete": float(row["percent_complete"]),
        "start": row["start"].replace(tzinfo=zone).isoformat(),
        "finish": row["finish"].replace(tzinfo=zone).isoformat(),
        "at": moment_of(found.at).replace(tzinfo=zone).isoformat(),
        "deviation": found.deviation,
        "deviation_minutes": found.minutes,
        "deviation_days": round(found.minutes / per_day, 4),
    }


def page_of(document: dict[str, object], cursor: str | None) -> bytes:
    """Return the answer as JSON."""
    return dumps({**document, "next_cursor": cursor})
