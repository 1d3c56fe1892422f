"""Real plans built over HTTP, row by row: their dates are those that Microsoft Project and Primavera stored."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from services.projects.domain.mspdi import read_mspdi
from services.projects.domain.plan import Plan, Task
from services.projects.domain.primavera import read_xer
from shared.testing.cases import cases
from shared.working_calendar import Shifts, Week, WorkingCalendar
from tests.service.projects.test_tables import rows

FOLDER: Final = cases("schedules")
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DATES: Final = ("early_start", "early_finish", "late_start", "late_finish")
NAMED: Final = ("start", "finish", "status_date")
CONVENTIONS: Final = (
    *("rules", "progress", "lag_calendar", "lags_from_actual_start", "float_type", "critical_by"),
    *("critical_float_minutes", "open_ends_critical", "honors_constraints", "uses_expected_finish"),
    "schedules_from_finish",
)
FIELDS: Final = (
    *("activity_type", "is_milestone", "duration_minutes", "is_elapsed_duration", "is_active", "is_manual", "priority"),
    *("constraint_type", "constraint_date", "secondary_constraint_type", "secondary_constraint_date"),
    *("expected_finish", "leveling_delay_minutes", "deadline"),
)
Json = dict[str, Any]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _shifts(shifts: Shifts) -> list[Json]:
    return [{"start": _clock(first), "finish": _clock(last)} for first, last in shifts]


def _week(week: Week) -> Json:
    return {day: None if shifts is None else _shifts(shifts) for day, shifts in zip(DAYS, week, strict=True)}


def _calendar(calendar: WorkingCalendar, base: str | None) -> Json:
    exceptions = [
        {
            "name": each.name or "Exception",
            "first": str(each.first),
            "last": str(each.last),
            "shifts": _shifts(each.shifts),
        }
        for each in calendar.exceptions
    ]
    return {"name": calendar.name, "week": _week(calendar.week), "exceptions": exceptions, "base_calendar_id": base}


def _said(value: object) -> object:
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else value


def _name(source_id: str) -> str:
    """What later items of a batch call a task."""
    return source_id.replace(":", "_")


def _task(task: Task, calendars: dict[str, str]) -> Json:
    fields = {name: _said(getattr(task, name)) for name in FIELDS}
    if task.is_manual:
        fields |= {"planned_start": _said(task.start), "planned_finish": _said(task.finish)}
    calendar = None if task.calendar_source_id is None else calendars[task.calendar_source_id]
    parent = None if task.parent_source_id is None else f"#{_name(task.parent_source_id)}"
    return {"name": task.name, "source_id": task.source_id, "parent_id": parent, "calendar_id": calendar, **fields}


def _progress(task: Task) -> Json:
    """What is stated of a task that has begun."""
    stated: Json = {"actual_start": task.actual_start, "actual_finish": task.actual_finish}
    if not task.duration_minutes:
        stated["percent_complete"] = float(task.percent_complete)
    elif task.actual_finish is None:
        left = task.remaining_duration_minutes
        left = task.duration_minutes - task.actual_duration_minutes if left is None else left
        stated |= {"remaining_duration_minutes": left, "actual_duration_minutes": task.duration_minutes - left}
    return {name: _said(value) for name, value in stated.items() if value is not None}


async def made(client: httpx2.AsyncClient, path: str, body: Json) -> Json:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def batch(client: httpx2.AsyncClient, path: str, items: list[Json]) -> list[Json]:
    answer = await client.post(f"{path}/tasks/batch", json={"mode": "atomic", "items": items})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


async def built(client: httpx2.AsyncClient, plan: Plan) -> str:
    """The path of a project with the calendars, tasks, links and progress of a plan."""
    body = {"name": plan.name, "start": _said(plan.start), "status_date": _said(plan.status_date)}
    project = await made(client, "/v1/projects", body)
    path = f"/v1/projects/{project['id']}"
    calendars: dict[str, str] = {}
    waiting = list(plan.calendars)
    while waiting:
        calendar = next(each for each in waiting if each.base_source_id in {None, *calendars})
        waiting.remove(calendar)
        base = calendars.get(calendar.base_source_id or "")
        calendars[calendar.source_id] = (await made(client, f"{path}/calendars", _calendar(calendar, base)))["id"]
    given = {name: getattr(plan.conventions, name) for name in CONVENTIONS}
    change = {"conventions": given, "must_finish": _said(plan.must_finish), "planned_finish": _said(plan.finish)}
    change["calendar_id"] = calendars.get(plan.calendar_source_id or "")
    headers = {"If-Match": f'"{project["version"]}"'}
    changed = await client.patch(path, json=change, headers=headers)
    assert changed.status_code == 200, changed.text
    items: list[Json] = [
        {"action": "create_task", "ref": _name(task.source_id), "task": _task(task, calendars)} for task in plan.tasks
    ]
    for link in plan.links:
        ends = {"predecessor_id": f"#{_name(link.predecessor)}", "successor_id": f"#{_name(link.successor)}"}
        more = {"type": link.type, "lag": link.lag, "lag_unit": link.lag_unit, "lag_calendar": link.lag_calendar}
        items.append({"action": "create_dependency", "dependency": ends | more})
    done = await batch(client, path, items)
    begun = [
        {"action": "update_task", "id": row["id"], "version": row["version"], "task": _progress(task)}
        for task, row in zip(plan.tasks, done, strict=False)
        if task.actual_start is not None and not task.is_summary
    ]
    if begun:
        await batch(client, path, begun)
    return path


def stored(path: Path) -> Json:
    """What the vendor says of each task, less those that the case lists."""
    name = path.name.replace(".mspdi.xml", "").replace(".xer", "")
    expected = json.loads(path.with_name(f"{name}.expected.json").read_text(encoding="utf-8"))
    listed = expected.get("tasks_our_cpm_differs_on", ())
    return {uid: task for uid, task in expected["tasks"].items() if uid not in listed}


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real cases is absent")
@pytest.mark.parametrize(
    "path", [pytest.param(each, id=each.name) for each in sorted([*FOLDER.glob("MSP_*.xml"), *FOLDER.glob("*.xer")])]
)
async def test_a_real_plan_built_by_hand_has_the_vendors_dates(director: httpx2.AsyncClient, path: Path) -> None:
    if path.suffix == ".xer":
        (plan,) = read_xer([path.read_bytes()]).plans.values()
    else:
        plan = read_mspdi([path.read_bytes()])
    project = await built(director, plan)
    answer = (await director.get(f"{project}/schedule?limit=1")).json()
    assert answer["problem"] is None
    expected = stored(path)
    differing = {}
    for item in await rows(director, f"{project}/schedule"):
        if (wanted := expected.get(item["source_id"])) is not None:
            pairs = {name: (item[name][:16], wanted[name][:16].replace(" ", "T")) for name in DATES}
            floats = {"total": (item["total_float_minutes"], round(wanted.get("total_slack", 0)))}
            off = {name: pair for name, pair in (pairs | floats).items() if pair[0] != pair[1]}
            if off:
                differing[item["source_id"]] = off
    assert expected
    assert differing == {}
