"""The calendars that tasks are worked by, for what follows from when they began and ended."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.projects.domain.schedule.effort import ALWAYS
from services.projects.entities import CALENDAR
from services.projects.service.plans import USUAL_CALENDAR
from shared.db import Transaction
from shared.working_calendar import CalendarError, from_json
from shared.working_time import WorkingTime, compile_calendars


@dataclass(frozen=True, slots=True)
class TaskCalendars:
    """The working times of projects, by their calendars."""

    of_projects: Mapping[UUID, WorkingTime] = field(default_factory=dict)
    own: Mapping[UUID, WorkingTime] = field(default_factory=dict)

    def of(self, task: asyncpg.Record | Mapping[str, Any]) -> WorkingTime | None:
        """Return what a task (its row) is worked by; None if its project's calendars are unfit, or not asked for."""
        if task["is_elapsed_duration"]:
            return ALWAYS
        return self.own.get(task["calendar_id"]) or self.of_projects.get(task["project_id"])


async def task_calendars(tx: Transaction, project_ids: Collection[UUID]) -> TaskCalendars:
    """Return the calendars of projects."""
    if not project_ids:
        return TaskCalendars()
    defaults = await tx.fetch(
        "select id, calendar_id from project where organization_id = $1 and id = any($2)",
        tx.organization_id,
        list(project_ids),
    )
    rows = await tx.fetch(
        f"select {CALENDAR.columns} from calendar t where organization_id = $1 and project_id = any($2)",
        tx.organization_id,
        list(project_ids),
    )
    of_projects: dict[UUID, WorkingTime] = {}
    own: dict[UUID, WorkingTime] = {}
    for project in defaults:
        mine = [row for row in rows if row["project_id"] == project["id"]]
        try:
            compiled = compile_calendars(
                [*(from_json(orjson.loads(row["definition"])) for row in mine), USUAL_CALENDAR]
            )
        except CalendarError:  # such a plan is not scheduled either
            continue
        found = {row["id"]: compiled[row["source_id"]] for row in mine}
        own |= {key: calendar for key, calendar in found.items() if calendar.has_working_time}
        of_projects[project["id"]] = found.get(project["calendar_id"], compiled[USUAL_CALENDAR.source_id])
    return TaskCalendars(of_projects, own)
