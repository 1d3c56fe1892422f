"""Use cases of projects themselves."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from services.projects import repository
from services.projects.domain.fields import FIRST_YEAR, LAST_YEAR
from services.projects.domain.project import ProjectStatus
from services.projects.entities import PROJECT, PROJECT_LINK
from services.projects.errors import ProjectKeyTaken, ProjectSourceTaken
from services.projects.repository import project_links
from services.projects.repository.keys import next_key
from services.projects.service import governed, life_cycle
from services.projects.service.hierarchy import leave_portfolios
from services.projects.service.plans import changed_settings
from shared import entity, history, worker
from shared.auth import Principal
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import FieldError, NotFound, ValidationFailed
from shared.permissions import Permission
from shared.types import as_uuid
from shared.working_time import local_of

SCHEDULE = "schedule"
"""The kind of pending work that recomputes a project's schedule."""
SCHEDULED_BY: Final = frozenset({"start", "status_date", "calendar_id", "planned_finish", "must_finish", "conventions"})
"""What of a project its schedule follows from."""
OF_SETTINGS: Final = frozenset({"must_finish", "conventions"})
"""What of it is kept among the settings of the plan."""
OF_THE_PLAN: Final = SCHEDULED_BY | {"code_mask"}
"""What of a project belongs to its plan."""
SCHEDULE_DELAY: Final = 1.0
"""Seconds in which changes are gathered; who reads a schedule meanwhile has it computed at once."""


DROP_LINKS: Final = "project_links"
"""The kind of pending work that deletes links to a project of which a task is gone."""


async def request_schedule(tx: Transaction, project_id: UUID, *, delay: float = SCHEDULE_DELAY) -> None:
    """Ask for a new schedule of a project soon after the commit."""
    await worker.request(tx, SCHEDULE, str(project_id), delay=delay)


async def drop_links(tx: Transaction, project_id: UUID) -> None:
    """Ask that links at either end of a project be deleted if they lost a task."""
    for successor in await project_links.projects_at(tx, project_id):
        await worker.request(tx, DROP_LINKS, str(successor))


def wall_time(moment: datetime | None, zone: str, pointer: str = "") -> datetime | None:
    """Return an instant as naive local wall time of a zone, to the minute.

    Raises ValidationFailed for years that files of plans cannot hold, and for the hour that comes twice when the clock
    is set back: local time cannot tell which.
    """
    if moment is None:
        return None
    local = moment.astimezone(ZoneInfo(zone))
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        detail = f"lies outside the years {FIRST_YEAR} to {LAST_YEAR} that plans are of"
        raise ValidationFailed(errors=[FieldError(pointer, "year", detail)])
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        detail = "lies in the hour that comes twice when the clock is set back; use one an hour earlier or later"
        raise ValidationFailed(errors=[FieldError(pointer, "ambiguous_local_time", detail)])
    return local.replace(second=0, microsecond=0, tzinfo=None)


def _taken(error: asyncpg.UniqueViolationError) -> Exception:
    name = error.constraint_name or ""
    return ProjectSourceTaken() if "source" in name else ProjectKeyTaken()


async def create_project(
    tx: Transaction, values: Mapping[str, object], *, time_zone: str, start: datetime | None, status: datetime | None
) -> Written:
    """Create a project; a key is made if none is given. Custom fields are looked at where they could be given."""
    fields = await governed.columns(tx, PROJECT, values) if "custom_fields" in values else dict(values)
    fields["key"] = fields.get("key") or await next_key(tx, PROJECT)
    fields["time_zone"] = time_zone
    fields["start"] = wall_time(start, time_zone, "/start") or local_of(datetime.now(UTC), ZoneInfo(time_zone)).replace(
        second=0, microsecond=0
    )
    fields["status_date"] = wall_time(status, time_zone, "/status_date")
    try:
        return await entity.create(tx, PROJECT, fields)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error


async def update_project(
    tx: Transaction,
    reference: str,
    own_only: str | None,
    expected: int,
    principal: Principal,
    changes: Mapping[str, object],
) -> Written:
    """Change a project; a change of its start asks for a new schedule, one of its status is a move like any other."""
    row = await repository.locked_project(tx, reference, own_only)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, PROJECT, row["id"])
    if OF_THE_PLAN & changes.keys():
        life_cycle.check_changeable(row["status"])
    fields = await governed.columns(tx, PROJECT, changes, dict(row))
    for name in ("start", "status_date", "planned_finish", "must_finish"):
        moment = fields.get(name)
        if isinstance(moment, datetime):
            fields[name] = wall_time(moment, row["time_zone"], f"/{name}")
    if fields.get("status", row["status"]) != row["status"]:
        reason = tx.context.reason
        wanted = life_cycle.Wanted(ProjectStatus(str(fields["status"])), reason, reason_at="header/PMO-Reason")
        await life_cycle.record_move(
            tx, PROJECT, row, await life_cycle.judge(tx, PROJECT, row, principal, wanted), reason
        )
    await repository.check_calendar(tx, row["id"], fields.get("calendar_id"))
    settings: dict[str, object] = {name: fields.pop(name) for name in OF_SETTINGS & fields.keys()}
    if settings:
        fields["plan_settings"] = changed_settings(row["plan_settings"], settings)
    try:
        written = await entity.update(tx, PROJECT, row["id"], fields, expected=expected, changed=list(changes))
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error
    if SCHEDULED_BY & changes.keys():
        await request_schedule(tx, row["id"])
    return written


async def delete_project(
    tx: Transaction, reference: str, own_only: str | None, expected: int, principal: Principal
) -> Written:
    """Delete a project with everything in it; its history stays. One that is over only those may who may override."""
    row = await repository.locked_project(tx, reference, own_only)
    must_be(row["version"], expected)
    if principal.reach(Permission.PROJECT_OVERRIDE) is None:
        life_cycle.check_changeable(row["status"])
    identifier: UUID = row["id"]
    await leave_portfolios(tx, identifier)
    await drop_links(tx, identifier)
    links = await project_links.into(tx, identifier)  # they belong to this project, and end with an event each
    for link in links:
        await entity.delete(tx, PROJECT_LINK, link["id"], expected=link["version"])
    for before in await project_links.changeable(tx, {link["predecessor_project_id"] for link in links}):
        await request_schedule(tx, before, delay=0)
    return await entity.delete(tx, PROJECT, identifier, expected=expected)


async def project_as_of(tx: Transaction, reference: str, own_only: str | None, moment: datetime) -> tuple[int, str]:
    """Return a project as it was, though it may be deleted by now; whose it was then decides who may see it."""
    identifier = as_uuid(reference)
    if identifier is None:
        identifier = (await repository.project_row(tx, reference, own_only))["id"]
    version, image = await entity.image_as_of(tx, PROJECT, identifier, moment, root=identifier)
    if own_only is not None and orjson.loads(image)["owner"] != own_only:
        raise NotFound
    return version, image


async def known_project_as_of(tx: Transaction, reference: str, own_only: str | None, moment: datetime) -> UUID:
    """Return the id of a project that was at an instant, though it may be deleted by now; raises NotFound."""
    identifier = await known_project(tx, reference, own_only)
    await entity.image_as_of(tx, PROJECT, identifier, moment, root=identifier)
    return identifier


async def known_project(tx: Transaction, reference: str, own_only: str | None) -> UUID:
    """Return the id of a project that is or was (then by its id only); whose it was last decides who may see it."""
    identifier = as_uuid(reference)
    if identifier is None:
        return UUID(str((await repository.project_row(tx, reference, own_only))["id"]))
    last = await history.last_image(tx, PROJECT, identifier)
    if own_only is not None and last.get("owner") != own_only:
        raise NotFound
    return identifier
