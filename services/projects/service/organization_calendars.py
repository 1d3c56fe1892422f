"""Use cases of an organization's calendars: stated once, inherited by projects, and followed by them when they change.

A project inherits a calendar by having one of its own that is like it: so a plan holds all that it is scheduled by, and
whoever follows the plan learns of the change as of any other.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg
import orjson
import structlog
from uuid_utils.compat import uuid7

from services.projects import repository
from services.projects.domain.calendar_rules import CalendarRules
from services.projects.domain.project import OVER, ProjectStatus
from services.projects.entities import CALENDAR, ORGANIZATION_CALENDAR, PROJECT
from services.projects.errors import CalendarInUse, KeyTaken, ReferenceInvalid
from services.projects.repository import hierarchy
from services.projects.repository import organization_calendars as rows
from services.projects.service.calendar_definitions import Day, checked, day_by_day, laid_out
from services.projects.service.changes import PlanChanges
from services.projects.service.projects import request_schedule
from shared import entity, worker
from shared.concurrency import must_be
from shared.db import Context, Database, Transaction
from shared.entity import Written
from shared.errors import FieldError, NotFound, Problem, ValidationFailed
from shared.strict_json import dumps
from shared.working_calendar import WorkingCalendar, to_json
from shared.working_time import compile_calendars

log = structlog.get_logger(__name__)

INHERIT: Final = "inherit"
"""The kind of pending work that brings what projects inherit of a calendar up to date."""
CHECKED_YEAR: Final = 2020
"""From when on a calendar is laid out to be looked at; each project lays it out from its own start."""
MOST_BYTES: Final = 150_000
"""Of a calendar's rules: an event carries them whole."""


def source_of(calendar_id: UUID) -> str:
    """Return what projects call a calendar of the organization that they inherit."""
    return f"organization:{calendar_id}"


def _rules(row: Mapping[str, object]) -> CalendarRules:
    return CalendarRules.model_validate(orjson.loads(str(row["rules"])))


def _calendar(row: Mapping[str, object], year: int) -> WorkingCalendar:
    base = row["base_calendar_id"]
    base_source = source_of(base) if isinstance(base, UUID) else None
    return laid_out(_rules(row), source_of(UUID(str(row["id"]))), str(row["name"]), base_source, year)


async def _check(tx: Transaction, row: Mapping[str, object]) -> None:
    """Raise ReferenceInvalid for a base that is none, CalendarCycle for one that leads back here, or as `checked`."""
    if len(str(row["rules"]).encode()) > MOST_BYTES:
        detail = f"its rules may have {MOST_BYTES} bytes"
        raise ValidationFailed(errors=[FieldError("", "too_large", detail)])
    known: dict[UUID, Mapping[str, object]] = {key: dict(each) for key, each in (await rows.calendars(tx)).items()}
    if row["base_calendar_id"] is not None and row["base_calendar_id"] not in known:
        detail = "names no calendar of the organization"
        raise ReferenceInvalid(errors=[FieldError("/base_calendar_id", "unknown_reference", detail)])
    others = [_calendar(each, CHECKED_YEAR) for key, each in known.items() if key != row["id"]]
    checked(others, _calendar(row, CHECKED_YEAR))


async def create_calendar(tx: Transaction, values: Mapping[str, object], rules: CalendarRules) -> Written:
    """Add a calendar to the organization; raises KeyTaken for a name that there is."""
    await rows.lock_calendars(tx)
    fields = {**values, "id": uuid7(), "rules": rules.model_dump_json()}
    await _check(tx, fields)
    if fields["is_default"]:
        await _no_other_default(tx)
    try:
        return await entity.create(tx, ORGANIZATION_CALENDAR, fields)
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error


async def update_calendar(tx: Transaction, reference: str, expected: int, changed: Mapping[str, object]) -> Written:
    """Change a calendar of the organization; the projects that inherit it follow soon."""
    await rows.lock_calendars(tx)
    row = await hierarchy.locked(tx, ORGANIZATION_CALENDAR, reference)
    must_be(row["version"], expected)
    if not changed:
        return await entity.unchanged(tx, ORGANIZATION_CALENDAR, row["id"])
    fields = {name: value for name, value in changed.items() if name not in CalendarRules.model_fields}
    stated = {name: value for name, value in changed.items() if name in CalendarRules.model_fields}
    if stated:
        fields["rules"] = CalendarRules.model_validate(orjson.loads(row["rules"]) | stated).model_dump_json()
    await _check(tx, {**dict(row), **fields})
    if fields.get("is_default") and not row["is_default"]:
        await _no_other_default(tx)
    try:
        written = await entity.update(tx, ORGANIZATION_CALENDAR, row["id"], fields, expected=expected)
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error
    await worker.request(tx, INHERIT, str(row["id"]))
    return written


async def _no_other_default(tx: Transaction) -> None:
    default = await rows.default_calendar(tx)
    if default is not None:
        row = await hierarchy.locked(tx, ORGANIZATION_CALENDAR, str(default))
        await entity.update(tx, ORGANIZATION_CALENDAR, default, {"is_default": False}, expected=row["version"])


async def delete_calendar(tx: Transaction, reference: str, expected: int) -> Written:
    """Delete a calendar that no project inherits and no other works as; raises CalendarInUse."""
    row = await hierarchy.locked(tx, ORGANIZATION_CALENDAR, reference)
    must_be(row["version"], expected)
    if used := await rows.heirs(tx, row["id"]):
        raise CalendarInUse(f"{len(used)} projects inherit it.")
    try:
        return await entity.delete(tx, ORGANIZATION_CALENDAR, row["id"], expected=expected)
    except asyncpg.ForeignKeyViolationError as error:
        raise CalendarInUse("Other calendars of the organization work as it does.") from error


async def working_time(tx: Transaction, calendar_id: UUID, first: date, last: date) -> list[Day]:
    """Return each day with its working minutes and shifts; raises NotFound, or ValidationFailed for no range."""
    known = await rows.calendars(tx)
    if calendar_id not in known:
        raise NotFound
    chain = [_calendar(dict(row), first.year) for row in _bases_first(known, calendar_id)]
    return day_by_day(compile_calendars(chain)[source_of(calendar_id)], first, last)


async def adopt(
    tx: Transaction, changes: PlanChanges, project: asyncpg.Record, calendar_id: UUID, pointer: str
) -> UUID:
    """Return the project's own calendar that is like one of the organization, made or brought up to date if need be.

    So are those that it works as. The caller holds the project and records the changes. Raises ReferenceInvalid.
    """
    known = await rows.held_calendars(tx)
    if calendar_id not in known:
        detail = "names no calendar of this project or of the organization"
        raise ReferenceInvalid(errors=[FieldError(pointer, "unknown_reference", detail)])
    present = {row["source_id"]: row for row in await repository.rows(tx, CALENDAR, project["id"])}
    adopted: UUID | None = None
    for row in _bases_first(known, calendar_id):
        adopted = await _like(tx, changes, project, present.get(source_of(row["id"])), row, adopted)
    assert adopted is not None
    return adopted


def _bases_first(known: Mapping[UUID, asyncpg.Record], calendar_id: UUID) -> Sequence[asyncpg.Record]:
    chain: list[asyncpg.Record] = []
    following: UUID | None = calendar_id
    while following is not None:
        chain.append(known[following])
        following = known[following]["base_calendar_id"]
    return chain[::-1]


async def _like(
    tx: Transaction,
    changes: PlanChanges,
    project: asyncpg.Record,
    present: asyncpg.Record | None,
    row: asyncpg.Record,
    base_id: UUID | None,
) -> UUID:
    calendar = _calendar(dict(row), project["start"].year)
    columns: dict[str, object] = {
        "name": row["name"],
        "definition": dumps(to_json(calendar)).decode(),
        "rules": row["rules"],
        "base_calendar_id": base_id,
        "organization_calendar_id": row["id"],
    }
    if present is None:
        key: UUID = uuid7()
        named = {"id": key, "project_id": project["id"], "source_id": calendar.source_id, **columns}
        await changes.create(tx, CALENDAR, tuple(named), [tuple(named.values())])
        return key
    if any(_differs(name, present[name], value) for name, value in columns.items()):
        await changes.update(tx, CALENDAR, ("id", *columns), [(present["id"], *columns.values())])
    return UUID(str(present["id"]))


def _differs(name: str, old: object, new: object) -> bool:
    if name in {"definition", "rules"} and old is not None:
        return bool(orjson.loads(str(old)) != orjson.loads(str(new)))
    return old != new


async def begin_with_default(tx: Transaction, written: Written) -> Written:
    """Give a new project the calendar that the organization's projects begin with, if there is one."""
    default = await rows.default_calendar(tx)
    if default is None:
        return written
    project = await repository.locked_project(tx, str(written.id), None)
    changes = PlanChanges(written.id)
    calendar_id = await adopt(tx, changes, project, default, "/calendar_id")
    await changes.record(tx)
    return await entity.update(tx, PROJECT, written.id, {"calendar_id": calendar_id}, expected=written.version)


async def inherit(database: Database, context: Context, key: str) -> None:
    """Work of kind `inherit`: bring what projects inherit of a calendar up to date, each in its own transaction.

    Closed and cancelled projects keep what they have. Runs again harmlessly.
    """
    calendar_id = UUID(key)
    async with database.transaction(context, read_only=True) as tx:
        projects = await rows.heirs(tx, calendar_id)
    for project_id in projects:
        try:
            async with database.transaction(context) as tx:
                await _follow(tx, project_id, calendar_id)
        except Problem as problem:  # of this project alone, such as too many days from its start on
            log.warning("calendar_not_inherited", project_id=str(project_id), calendar_id=key, reason=problem.detail)


async def _follow(tx: Transaction, project_id: UUID, calendar_id: UUID) -> None:
    try:
        project = await repository.locked_project(tx, str(project_id), None)
    except NotFound:
        return  # deleted meanwhile
    if ProjectStatus(project["status"]) in OVER or calendar_id not in await rows.calendars(tx):
        return
    changes = PlanChanges(project_id)
    await adopt(tx, changes, project, calendar_id, "")
    if await changes.record(tx) is not None:
        await request_schedule(tx, project_id)
