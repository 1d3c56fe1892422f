"""Working calendars over HTTP."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import ConfigDict, Field, JsonValue

from services.projects import repository
from services.projects.api.projects import AsOf, ProjectRef
from services.projects.domain.calendar_rules import (
    CalendarRules,
    ExceptionRules,
    PublicHolidays,
    Shift,
    WeekBetween,
    WeekRules,
)
from services.projects.domain.images import CalendarRead
from services.projects.entities import CALENDAR
from services.projects.repository.calendars import CALENDARS
from services.projects.service import calendars as service
from services.projects.service.calendar_definitions import Day as DayTold
from services.projects.service.projects import known_project, known_project_as_of
from shared import entity, history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Count, Day, Instant, Name, Patch, Schema, SourceId, Wanted, absent, as_uuid
from shared.working_time import local_of

router = APIRouter(prefix="/v1/projects/{project_id}/calendars", tags=["calendars"], route_class=Operation)

CalendarRef = Annotated[str, Path(description="The calendar's id.")]
CalendarPage = page_of(CalendarRead, "CalendarPage")

FirstDay = Annotated[Day | None, Query(alias="from", description="The first day; default today.")]
LastDay = Annotated[Day | None, Query(alias="to", description="The last day, within a year; default four weeks later.")]
LAST_DAY: Final = date(9999, 12, 1)
_DAY: JsonValue = [{"start": "08:00", "finish": "12:00"}, {"start": "13:00", "finish": "17:00"}]
OFFICE: Final[JsonValue] = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), _DAY)
"""A week, for examples."""


class CalendarCreate(CalendarRules):
    """A new working calendar of a project."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Site, Bavaria",
                    "week": OFFICE,
                    "holidays": {"country": "DE", "region": "BY"},
                }
            ]
        }
    )

    name: Name
    """Its name."""
    source_id: SourceId | None = None
    """What another system calls it; unique in the project."""
    base_calendar_id: UUID | None = None
    """The calendar that it works as where its rules are silent: of the project, or of the organization, which the
    project then inherits. Dated days of the base (exceptions, alternative weeks, holidays) go before its own week."""


class CalendarInherit(Schema):
    """A calendar of the organization to be inherited."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"organization_calendar_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10"}]}
    )

    organization_calendar_id: UUID
    """The organization's calendar."""


class CalendarUpdate(Patch):
    """Changes to a calendar; absent fields keep their values, those given are replaced as a whole."""

    name: Name = absent()
    """Its name."""
    base_calendar_id: UUID | None = None
    """The calendar that it works as where its rules are silent: of the project, or of the organization, which the
    project then inherits; null: none."""
    exceptions: Annotated[list[ExceptionRules], Field(max_length=500)] = absent()
    """Days that differ."""
    alternative_weeks: Annotated[list[WeekBetween], Field(max_length=50)] = absent()
    """Other weeks for a while."""
    holidays: PublicHolidays | None = None
    """Days off by law; null: none."""
    week: WeekRules = absent()
    """The usual week."""


class WorkingDay(Schema):
    """A day of a calendar."""

    date: date
    """The day."""
    minutes: Count
    """Its working minutes."""
    shifts: list[Shift]
    """When work is done."""


class WorkingTimeRead(Schema):
    """Working time between two days."""

    minutes: Count
    """All of it."""
    days: list[WorkingDay]
    """Day by day."""


class ReckonedRead(Schema):
    """Where reckoning in working time ends."""

    finish: datetime
    """The instant, in the project's time zone."""


@router.get("", response_model=CalendarPage, **operation(Permission.PLAN_READ, 404))
async def list_calendars(
    call: Current,
    page: Paging,
    project_id: ProjectRef,
    source_id: Annotated[Wanted | None, Query(max_length=200, description="What the file calls it.")] = None,
    base_calendar_id: Annotated[UUID | None, Query(description="Only those on this base.")] = None,
    name: Annotated[Wanted | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
) -> Response:
    """List the calendars of a project.

    Sorts: name, id, created_at, updated_at; default name.
    """
    identifier = as_uuid(project_id)

    async def visible() -> asyncpg.Record:
        return await repository.project_row(call.tx, project_id, call.own_only)

    filters = {
        "project_id": identifier or (await visible())["id"],
        "source_id": source_id,
        "base_calendar_id": base_calendar_id,
        "name": name,
    }
    own = pagination.owned_by(call.own_only, "p.owner")
    return await pagination.page(call.tx, CALENDARS, page, filters, restrict=own, if_empty=visible)


@router.post("", status_code=201, response_model=CalendarRead, **operation(Permission.PLAN_UPDATE, 404, 409, 413, 415))
async def create_calendar(call: Current, project_id: ProjectRef, body: CalendarCreate) -> Response:
    """Add a working calendar to a project.

    Recurring exceptions, alternative weeks and public holidays are laid out as days in its `definition`, for fifteen
    years from the project's start.
    """
    values = body.model_dump(include={"name", "source_id", "base_calendar_id"})
    rules = CalendarRules.model_validate(body.model_dump(exclude=set(values)))
    written = await service.create_calendar(call.tx, project_id, call.own_only, values, rules)
    return call.written(written, 201, f"/v1/projects/{project_id}/calendars/{written.id}")


@router.post(
    "/inherited", status_code=201, response_model=CalendarRead, **operation(Permission.PLAN_UPDATE, 404, 409, 413, 415)
)
async def inherit_calendar(call: Current, project_id: ProjectRef, body: CalendarInherit) -> Response:
    """Let a project inherit a calendar of the organization, with those that it works as; it follows their changes.

    It is a calendar of the project that its tasks and resources can work by, but that cannot be changed here.
    """
    calendar_id = body.organization_calendar_id
    written = await service.inherit_calendar(call.tx, project_id, call.own_only, calendar_id)
    return call.written(written, 201, f"/v1/projects/{project_id}/calendars/{written.id}")


@router.get("/{calendar_id}", response_model=CalendarRead, **operation(Permission.PLAN_READ, 404))
async def get_calendar(call: Current, project_id: ProjectRef, calendar_id: CalendarRef, as_of: AsOf = None) -> Response:
    """Return one calendar; with as_of, as it was then."""
    identifier = identifier_of(calendar_id)
    if as_of is not None:
        root = await known_project_as_of(call.tx, project_id, call.own_only, as_of)
        return call.one(*await entity.image_as_of(call.tx, CALENDAR, identifier, as_of, root=root))
    condition, values = repository.reference(project_id, call.own_only, "p")
    found = await entity.get(call.tx, CALENDAR, f"{condition} and t.id = ${len(values) + 2}", *values, identifier)
    return call.one(*found)


@router.get("/{calendar_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404))
async def list_calendar_history(
    call: Current, page: Paging, project_id: ProjectRef, calendar_id: CalendarRef, filters: history.Filters
) -> Response:
    """List the versions of a calendar.

    Sorts: version, at; default -version.
    """
    root = await known_project(call.tx, project_id, call.own_only)
    return await history.page(call.tx, page, CALENDAR, identifier_of(calendar_id), filters, root=root)


@router.patch(
    "/{calendar_id}",
    response_model=CalendarRead,
    **operation(Permission.PLAN_UPDATE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_calendar(
    call: Current,
    project_id: ProjectRef,
    calendar_id: CalendarRef,
    body: Annotated[CalendarUpdate, Body(media_type=MERGE_PATCH[0])],
) -> Response:
    """Change a calendar; what works by it is scheduled anew."""
    identifier = identifier_of(calendar_id)
    changes = body.changes()
    stated = body.model_dump(include=CalendarRules.model_fields.keys() & changes.keys())
    written = await service.update_calendar(
        call.tx, project_id, call.own_only, identifier, call.expected, {**changes, **stated}
    )
    return call.written(written)


@router.delete("/{calendar_id}", status_code=204, **operation(Permission.PLAN_UPDATE, 404, 409, 412, 428))
async def delete_calendar(call: Current, project_id: ProjectRef, calendar_id: CalendarRef) -> Response:
    """Delete a calendar that nothing works by."""
    identifier = identifier_of(calendar_id)
    return call.written(await service.delete_calendar(call.tx, project_id, call.own_only, identifier, call.expected))


def later(day: date) -> date:
    """Return the last day that is told of if none is named."""
    return min(day, LAST_DAY) + timedelta(days=27)


@router.get("/{calendar_id}/working-time", response_model=WorkingTimeRead, **operation(Permission.PLAN_READ, 404))
async def get_working_time(
    call: Current,
    project_id: ProjectRef,
    calendar_id: CalendarRef,
    first: FirstDay = None,
    last: LastDay = None,
) -> Response:
    """Return the working time between two days, day by day."""
    project = await repository.project_row(call.tx, project_id, call.own_only)
    begin = first or local_of(datetime.now(UTC), ZoneInfo(project["time_zone"])).date()
    days = await service.working_time(call.tx, project, identifier_of(calendar_id), begin, last or later(begin))
    return told(days)


def told(days: Sequence[DayTold]) -> Response:
    """Answer working time day by day."""
    items = [
        {"date": day, "minutes": minutes, "shifts": [{"start": begin, "finish": end} for begin, end in shifts]}
        for day, minutes, shifts in days
    ]
    answer = {"minutes": sum(minutes for _, minutes, _ in days), "days": items}
    return Response(orjson.dumps(answer), media_type="application/json")


@router.get("/{calendar_id}/working-time/add", response_model=ReckonedRead, **operation(Permission.PLAN_READ, 404))
async def add_working_time(
    call: Current,
    project_id: ProjectRef,
    calendar_id: CalendarRef,
    start: Annotated[Instant | None, Query(description="From when on; default now.")] = None,
    minutes: Annotated[int, Query(ge=-10_000_000, le=10_000_000, description="Working minutes; negative: back.")] = 480,
) -> Response:
    """Return when so many working minutes are done, reckoned in the local time of the project.

    A shift counts the minutes that it states on days on which clocks change, too.
    """
    project = await repository.project_row(call.tx, project_id, call.own_only)
    finish = await service.reckon(call.tx, project, identifier_of(calendar_id), start or datetime.now(UTC), minutes)
    return Response(orjson.dumps({"finish": finish}), media_type="application/json")
