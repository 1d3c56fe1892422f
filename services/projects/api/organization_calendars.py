"""Working calendars of an organization over HTTP."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import ConfigDict, Field

from services.projects.api.calendars import OFFICE, FirstDay, LastDay, WorkingTimeRead, later, told
from services.projects.api.projects import AsOf
from services.projects.domain.calendar_rules import (
    CalendarRules,
    ExceptionRules,
    PublicHolidays,
    WeekBetween,
    WeekRules,
)
from services.projects.domain.organization_calendars import OrganizationCalendarRead
from services.projects.entities import ORGANIZATION_CALENDAR
from services.projects.repository.organization_calendars import ORGANIZATION_CALENDARS
from services.projects.service import hierarchy
from services.projects.service import organization_calendars as service
from shared import history, pagination
from shared.history import HistoryPage
from shared.pagination import Paging, page_of
from shared.permissions import Permission
from shared.route import MERGE_PATCH, Current, Operation, identifier_of, operation
from shared.types import Flag, Name, Patch, Wanted, absent

router = APIRouter(prefix="/v1/calendars", tags=["calendars"], route_class=Operation)

CalendarRef = Annotated[str, Path(description="The calendar's id.")]
OrganizationCalendarPage = page_of(OrganizationCalendarRead, "OrganizationCalendarPage")


class OrganizationCalendarCreate(CalendarRules):
    """A new working calendar of the organization."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Company", "week": OFFICE, "holidays": {"country": "NL"}}]}
    )

    name: Name
    """Its name; unique in the organization."""
    base_calendar_id: UUID | None = None
    """The calendar of the organization that it works as where its rules are silent."""
    is_default: Flag = False
    """New projects begin with it, instead of the one that they began with until now."""


class OrganizationCalendarUpdate(Patch):
    """Changes to a calendar; absent fields keep their values, those given are replaced as a whole."""

    name: Name = absent()
    """Its name; unique in the organization."""
    base_calendar_id: UUID | None = None
    """The calendar of the organization that it works as where its rules are silent; null: none."""
    is_default: Flag = absent()
    """New projects begin with it."""
    exceptions: Annotated[list[ExceptionRules], Field(max_length=500)] = absent()
    """Days that differ."""
    alternative_weeks: Annotated[list[WeekBetween], Field(max_length=50)] = absent()
    """Other weeks for a while."""
    holidays: PublicHolidays | None = None
    """Days off by law; null: none."""
    week: WeekRules = absent()
    """The usual week."""


@router.get("", response_model=OrganizationCalendarPage, **operation(Permission.CALENDAR_READ))
async def list_organization_calendars(
    call: Current,
    page: Paging,
    base_calendar_id: Annotated[UUID | None, Query(description="Those that work as this one.")] = None,
    is_default: Annotated[bool | None, Query(description="Only the one that projects begin with, or others.")] = None,
    name: Annotated[Wanted | None, Query(max_length=100, description="Part of the name; taken literally.")] = None,
) -> Response:
    """List the calendars of the organization, which projects inherit.

    Sorts: id, name, created_at, updated_at; default name.
    """
    filters = {"base_calendar_id": base_calendar_id, "is_default": is_default, "name": name}
    return await pagination.page(call.tx, ORGANIZATION_CALENDARS, page, filters)


@router.post(
    "", status_code=201, response_model=OrganizationCalendarRead, **operation(Permission.CALENDAR_MANAGE, 409, 413, 415)
)
async def create_organization_calendar(call: Current, body: OrganizationCalendarCreate) -> Response:
    """Add a working calendar to the organization."""
    values = body.model_dump(include={"name", "base_calendar_id", "is_default"})
    rules = CalendarRules.model_validate(body.model_dump(exclude=set(values)))
    written = await service.create_calendar(call.tx, values, rules)
    return call.written(written, 201, f"/v1/calendars/{written.id}")


@router.get(
    "/{organization_calendar_id}",
    response_model=OrganizationCalendarRead,
    **operation(Permission.CALENDAR_READ, 404),
)
async def get_organization_calendar(
    call: Current, organization_calendar_id: CalendarRef, as_of: AsOf = None
) -> Response:
    """Return one calendar of the organization; with as_of, as it was then."""
    identifier = str(identifier_of(organization_calendar_id))
    return call.one(*await hierarchy.get(call.tx, ORGANIZATION_CALENDAR, identifier, None, as_of))


@router.get(
    "/{organization_calendar_id}/history", response_model=HistoryPage, **operation(Permission.HISTORY_READ, 404)
)
async def list_organization_calendar_history(
    call: Current, page: Paging, organization_calendar_id: CalendarRef, filters: history.Filters
) -> Response:
    """List the versions of a calendar of the organization: who changed what, when and why.

    Sorts: version; default -version (newest first).
    """
    return await history.page(call.tx, page, ORGANIZATION_CALENDAR, identifier_of(organization_calendar_id), filters)


@router.patch(
    "/{organization_calendar_id}",
    response_model=OrganizationCalendarRead,
    **operation(Permission.CALENDAR_MANAGE, 404, 409, 412, 413, 415, 428, media_types=MERGE_PATCH),
)
async def update_organization_calendar(
    call: Current,
    organization_calendar_id: CalendarRef,
    body: Annotated[OrganizationCalendarUpdate, Body(media_type=MERGE_PATCH[0])],
) -> Response:
    """Change a calendar of the organization; every open project that inherits it follows soon and is scheduled anew."""
    identifier = str(identifier_of(organization_calendar_id))
    changes = body.changes()
    stated = body.model_dump(mode="json", include=CalendarRules.model_fields.keys() & changes.keys())
    return call.written(await service.update_calendar(call.tx, identifier, call.expected, {**changes, **stated}))


@router.delete(
    "/{organization_calendar_id}", status_code=204, **operation(Permission.CALENDAR_MANAGE, 404, 409, 412, 428)
)
async def delete_organization_calendar(call: Current, organization_calendar_id: CalendarRef) -> Response:
    """Delete a calendar that no project inherits and no other calendar of the organization works as."""
    identifier = str(identifier_of(organization_calendar_id))
    return call.written(await service.delete_calendar(call.tx, identifier, call.expected))


@router.get(
    "/{organization_calendar_id}/working-time",
    response_model=WorkingTimeRead,
    **operation(Permission.CALENDAR_READ, 404),
)
async def get_organization_working_time(
    call: Current, organization_calendar_id: CalendarRef, first: FirstDay = None, last: LastDay = None
) -> Response:
    """Return the working time of a calendar of the organization between two days, day by day."""
    begin = first or datetime.now(UTC).date()
    identifier = identifier_of(organization_calendar_id)
    return told(await service.working_time(call.tx, identifier, begin, last or later(begin)))
