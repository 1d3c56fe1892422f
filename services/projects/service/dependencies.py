"""Use cases of the links between tasks."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import asyncpg

from services.projects.domain.loops import loop_through
from services.projects.domain.plan import LagUnit
from services.projects.entities import DEPENDENCY
from services.projects.errors import DependencyExists, ReferenceInvalid
from services.projects.repository import dependencies
from services.projects.service.life_cycle import changeable_project
from services.projects.service.loops import beyond, cycle
from services.projects.service.projects import request_schedule
from shared import entity
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import FieldError, ValidationFailed

MOST_PERCENT: Final = 10_000
"""A lag in percent of a duration, either way."""


def check_lag(lag: object, unit: object) -> None:
    """Raise ValidationFailed for a percentage that is out of range."""
    percent = unit in {LagUnit.PERCENT, LagUnit.ELAPSED_PERCENT}
    if percent and isinstance(lag, int) and abs(lag) > MOST_PERCENT:
        detail = f"is at most {MOST_PERCENT} percent either way"
        raise ValidationFailed(errors=[FieldError("/lag", "percent_range", detail)])


async def create_dependency(
    tx: Transaction, reference: str, own_only: str | None, values: Mapping[str, object]
) -> Written:
    """Link two tasks of a project; asks for a new schedule. Refuses what would close a loop, and names it."""
    project = await changeable_project(tx, reference, own_only)
    project_id: UUID = project["id"]
    check_lag(values["lag"], values["lag_unit"])
    parents = await dependencies.parents(tx, project_id)
    unknown = [
        FieldError(f"/{name}", "unknown_reference", "names no task of this project")
        for name in ("predecessor_id", "successor_id")
        if values[name] not in parents
    ]
    if unknown:
        raise ReferenceInvalid(errors=unknown)
    link = UUID(str(values["predecessor_id"])), UUID(str(values["successor_id"]))
    others = await beyond(tx, project_id)
    links = [*await dependencies.links(tx, project_id), link, *others.pairs]
    loop = loop_through({**parents, **others.parents}, links, added=[link])
    if loop is not None:
        raise await cycle(tx, own_only, loop, "/successor_id")
    try:
        written = await entity.create(tx, DEPENDENCY, {**values, "project_id": project_id})
    except asyncpg.UniqueViolationError as error:
        raise DependencyExists from error
    await request_schedule(tx, project_id)
    return written


async def update_dependency(
    tx: Transaction,
    reference: str,
    own_only: str | None,
    dependency_id: UUID,
    expected: int,
    changes: Mapping[str, object],
) -> Written:
    """Change the type or the lag of a link; asks for a new schedule."""
    project = await changeable_project(tx, reference, own_only)
    row = await dependencies.dependency_row(tx, project["id"], dependency_id)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, DEPENDENCY, dependency_id)
    check_lag(changes.get("lag", row["lag"]), changes.get("lag_unit", row["lag_unit"]))
    try:
        written = await entity.update(tx, DEPENDENCY, dependency_id, changes, expected=expected)
    except asyncpg.UniqueViolationError as error:
        raise DependencyExists from error
    await request_schedule(tx, project["id"])
    return written


async def delete_dependency(
    tx: Transaction, reference: str, own_only: str | None, dependency_id: UUID, expected: int
) -> Written:
    """Remove a link; asks for a new schedule."""
    project = await changeable_project(tx, reference, own_only)
    row = await dependencies.dependency_row(tx, project["id"], dependency_id)
    must_be(row["version"], expected)
    written = await entity.delete(tx, DEPENDENCY, dependency_id, expected=expected)
    await request_schedule(tx, project["id"])
    return written
