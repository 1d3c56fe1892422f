"""Use cases of working calendars: stated as rules, laid out as days, told to all who plan or count by them."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from uuid_utils.compat import uuid7

from services.projects import repository
from services.projects.domain.calendar_rules import CalendarRules
from services.projects.entities import CALENDAR
from services.projects.errors import CalendarInherited, CalendarInUse, CalendarSourceTaken
from services.projects.repository import calendars
from services.projects.service.calendar_definitions import Day, checked, day_by_day, laid_out
from services.projects.service.changes import PlanChanges
from services.projects.service.life_cycle import changeable_project
from services.projects.service.organization_calendars import adopt
from services.projects.service.projects import request_schedule, wall_time
from shared import entity
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import FieldError, ValidationFailed
from shared.strict_json import dumps
from shared.working_calendar import NoWorkingTime, from_json, to_json
from shared.working_time import WorkingTime, compile_calendars, instant_of, minute_of, moment_of


async def create_calendar(
    tx: Transaction, reference: str, own_only: str | None, values: Mapping[str, object], rules: CalendarRules
) -> Written:
    """Add a calendar to a project."""
    project = await changeable_project(tx, reference, own_only)
    key: UUID = uuid7()
    fields = {**values, "source_id": values.get("source_id") or str(key)}
    rows = await repository.rows(tx, CALENDAR, project["id"])
    if fields["source_id"] in {row["source_id"] for row in rows}:
        raise CalendarSourceTaken
    changes = PlanChanges(project["id"])
    rows = await _with_base(tx, changes, project, rows, fields)
    columns = _columns(project, rows, key, fields, rules)
    names = tuple(columns)
    await changes.create(tx, CALENDAR, ("id", "project_id", *names), [(key, project["id"], *columns.values())])
    return await _written(tx, changes, key)


async def inherit_calendar(tx: Transaction, reference: str, own_only: str | None, calendar_id: UUID) -> Written:
    """Let a project inherit a calendar of the organization; raises ReferenceInvalid."""
    project = await changeable_project(tx, reference, own_only)
    changes = PlanChanges(project["id"])
    key = await adopt(tx, changes, project, calendar_id, "/organization_calendar_id")
    position = await changes.record(tx)
    if position is None:  # it does already
        return await entity.unchanged(tx, CALENDAR, key)
    return Written(key, *await entity.get(tx, CALENDAR, "t.id = $2", key), position)


async def _with_base(
    tx: Transaction,
    changes: PlanChanges,
    project: asyncpg.Record,
    rows: list[asyncpg.Record],
    fields: dict[str, object],
) -> list[asyncpg.Record]:
    """Return the project's calendars with the base that fields name, which may be one of the organization."""
    base_id = fields.get("base_calendar_id")
    if not isinstance(base_id, UUID) or base_id in {row["id"] for row in rows}:
        return rows
    fields["base_calendar_id"] = await adopt(tx, changes, project, base_id, "/base_calendar_id")
    return await repository.rows(tx, CALENDAR, project["id"])


async def update_calendar(
    tx: Transaction,
    reference: str,
    own_only: str | None,
    calendar_id: UUID,
    expected: int,
    changed: Mapping[str, object],
) -> Written:
    """Change a calendar; asks for a new schedule. What is stated of its rules replaces what a file said."""
    project = await changeable_project(tx, reference, own_only)
    row = await calendars.calendar_row(tx, project["id"], calendar_id)
    must_be(row["version"], expected)
    if row["organization_calendar_id"] is not None:
        raise CalendarInherited
    if not changed:
        return await entity.unchanged(tx, CALENDAR, calendar_id)
    changes = PlanChanges(project["id"])
    rows = await repository.rows(tx, CALENDAR, project["id"])
    fields = {name: changed.get(name, row[name]) for name in ("name", "base_calendar_id")} | {
        "source_id": row["source_id"]
    }
    rows = await _with_base(tx, changes, project, rows, fields)
    columns: Mapping[str, object] = {"name": fields["name"]}
    if row["rules"] is not None or changed.keys() - {"name"}:
        stated = {} if row["rules"] is None else orjson.loads(row["rules"])
        stated |= {name: value for name, value in changed.items() if name in CalendarRules.model_fields}
        columns = _columns(project, rows, calendar_id, fields, CalendarRules.model_validate(stated))
    await changes.update(tx, CALENDAR, ("id", *columns), [(calendar_id, *columns.values())])
    await request_schedule(tx, project["id"])
    return await _written(tx, changes, calendar_id)


async def delete_calendar(
    tx: Transaction, reference: str, own_only: str | None, calendar_id: UUID, expected: int
) -> Written:
    """Delete a calendar that nothing works by."""
    project = await changeable_project(tx, reference, own_only)
    row = await calendars.calendar_row(tx, project["id"], calendar_id)
    must_be(row["version"], expected)
    if used := await calendars.uses(tx, row):
        raise CalendarInUse(f"{used} things work by it.")
    changes = PlanChanges(project["id"])
    await changes.delete(tx, CALENDAR, [calendar_id])
    position = await changes.record(tx)
    return Written(calendar_id, expected + 1, None, str(position))


async def _written(tx: Transaction, changes: PlanChanges, key: UUID) -> Written:
    position = await changes.record(tx)
    version, image = await entity.get(tx, CALENDAR, "t.id = $2", key)
    return Written(key, version, image, str(position))


def _columns(
    project: asyncpg.Record,
    rows: list[asyncpg.Record],
    key: UUID,
    fields: Mapping[str, object],
    rules: CalendarRules,
) -> dict[str, object]:
    """Return the columns of a calendar; raises CalendarCycle for a base that leads back here."""
    base_id = fields.get("base_calendar_id")
    base = next((row["source_id"] for row in rows if row["id"] == base_id), None)
    calendar = laid_out(rules, str(fields["source_id"]), str(fields["name"]), base, project["start"].year)
    checked([from_json(orjson.loads(row["definition"])) for row in rows if row["id"] != key], calendar)
    return {
        "source_id": fields["source_id"],
        "name": fields["name"],
        "definition": dumps(to_json(calendar)).decode(),
        "rules": rules.model_dump_json(),
        "base_calendar_id": base_id,
    }


async def _compiled(tx: Transaction, project: asyncpg.Record, calendar_id: UUID) -> WorkingTime:
    row = await calendars.calendar_row(tx, project["id"], calendar_id)
    rows = await repository.rows(tx, CALENDAR, project["id"])
    return compile_calendars(from_json(orjson.loads(each["definition"])) for each in rows)[row["source_id"]]


async def working_time(
    tx: Transaction, project: asyncpg.Record, calendar_id: UUID, first: date, last: date
) -> list[Day]:
    """Return each day with its working minutes and shifts; raises ValidationFailed for a range that is none."""
    return day_by_day(await _compiled(tx, project, calendar_id), first, last)


async def reckon(
    tx: Transaction, project: asyncpg.Record, calendar_id: UUID, start: datetime, minutes: int
) -> datetime:
    """Return the instant at which so many working minutes after one are done; negative: before it."""
    zone = project["time_zone"]
    local = wall_time(start, zone, "query/start")
    assert local is not None
    calendar = await _compiled(tx, project, calendar_id)
    try:
        end = moment_of(calendar.add(minute_of(local), minutes))
    except (NoWorkingTime, OverflowError) as error:
        detail = "the calendar has not so much working time there"
        raise ValidationFailed(errors=[FieldError("query/minutes", "no_working_time", detail)]) from error
    return instant_of(end, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
