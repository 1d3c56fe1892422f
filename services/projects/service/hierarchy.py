"""Use cases of customers, portfolios and programmes."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import asyncpg

from services.projects.domain.hierarchy import PORTFOLIO_MOVES, PortfolioStatus
from services.projects.domain.project import ProjectStatus
from services.projects.entities import CUSTOMER, PORTFOLIO, PORTFOLIO_ITEM, PROGRAMME, PROJECT
from services.projects.errors import (
    InUse,
    KeyTaken,
    PortfolioCycle,
    PortfolioItemExists,
    ReferenceInvalid,
    StatusMoveNotAllowed,
)
from services.projects.repository import hierarchy
from services.projects.repository.hierarchy import OWNS, SEES
from services.projects.repository.keys import next_key
from services.projects.service import governed, life_cycle
from shared import entity, history
from shared.auth import Principal
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Entity, Written
from shared.errors import FieldError, NotFound
from shared.types import as_uuid


async def create(tx: Transaction, kind: Entity, values: Mapping[str, object]) -> Written:
    """Create a customer, portfolio or programme; a key is made if none is given. Raises KeyTaken."""
    fields = dict(values) if kind is CUSTOMER else await governed.columns(tx, kind, values)
    fields["key"] = fields.get("key") or await next_key(tx, kind)
    try:
        return await entity.create(tx, kind, fields)
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error


async def update(
    tx: Transaction,
    kind: Entity,
    reference: str,
    own_only: str | None,
    expected: int,
    principal: Principal,
    changes: Mapping[str, object],
) -> Written:
    """Change a customer, portfolio or programme."""
    if changes.get("parent_id") is not None:
        await hierarchy.lock_tree(tx)
    row = await hierarchy.locked(tx, kind, reference, OWNS, own_only)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, kind, row["id"])
    fields = dict(changes) if kind is CUSTOMER else await governed.columns(tx, kind, changes, dict(row))
    if kind is PORTFOLIO:
        await _check_portfolio(tx, row, fields)
    if kind is PROGRAMME and fields.get("status", row["status"]) != row["status"]:
        wanted = life_cycle.Wanted(
            ProjectStatus(str(fields["status"])), tx.context.reason, reason_at="header/PMO-Reason"
        )
        judged = await life_cycle.judge(tx, PROGRAMME, row, principal, wanted)
        await life_cycle.record_move(tx, PROGRAMME, row, judged, wanted.reason)
    try:
        return await entity.update(tx, kind, row["id"], fields, expected=expected, changed=list(changes))
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error


async def _check_portfolio(tx: Transaction, row: asyncpg.Record, fields: Mapping[str, object]) -> None:
    parent = fields.get("parent_id")
    if isinstance(parent, UUID) and await hierarchy.is_below(tx, parent, row["id"]):
        raise PortfolioCycle(errors=[FieldError("/parent_id", "portfolio_cycle", "is this portfolio or below it")])
    if "status" in fields:
        present, wanted = PortfolioStatus(row["status"]), PortfolioStatus(str(fields["status"]))
        if wanted is not present and wanted not in PORTFOLIO_MOVES[present]:
            raise StatusMoveNotAllowed(f"{present} may be followed by: {', '.join(sorted(PORTFOLIO_MOVES[present]))}.")


async def delete(tx: Transaction, kind: Entity, reference: str, expected: int) -> Written:
    """Delete a customer, portfolio or programme that nothing refers to; raises InUse."""
    row = await hierarchy.locked(tx, kind, reference)
    must_be(row["version"], expected)
    if kind is PORTFOLIO:
        for item in await hierarchy.items_of(tx, row["id"]):
            await entity.delete(tx, PORTFOLIO_ITEM, item["id"], expected=item["version"])
    try:
        return await entity.delete(tx, kind, row["id"], expected=expected)
    except asyncpg.ForeignKeyViolationError as error:
        raise InUse from error


async def known(tx: Transaction, kind: Entity, reference: str, own_only: str | None) -> UUID:
    """Return the id of what is, or was (then by its id only), if the caller may see it; raises NotFound."""
    try:
        return UUID(str((await hierarchy.find(tx, kind, reference, SEES.get(kind.name), own_only))["id"]))
    except NotFound:
        identifier = as_uuid(reference)
        if identifier is None:
            raise
    last = await history.last_image(tx, kind, identifier)
    if own_only is not None and last.get("owner") != own_only:
        raise NotFound
    return identifier


async def get(
    tx: Transaction, kind: Entity, reference: str, own_only: str | None, as_of: datetime | None
) -> tuple[int, str]:
    """Return version and image, as it is or as it was at an instant; raises NotFound."""
    if as_of is not None:
        return await entity.image_as_of(tx, kind, await known(tx, kind, reference, own_only), as_of)
    where, values = hierarchy.condition(reference, SEES.get(kind.name), own_only)
    return await entity.get(tx, kind, where, *values)


async def add_item(tx: Transaction, reference: str, project_id: UUID, weight: object) -> Written:
    """Put a project into a portfolio. The project is held first and the portfolio then, as whoever deletes one does."""
    await hierarchy.find(tx, PORTFOLIO, reference)
    if not await hierarchy.exists(tx, PROJECT, project_id):
        detail = "names no project of this organization"
        raise ReferenceInvalid(errors=[FieldError("/project_id", "unknown_reference", detail)])
    portfolio = await hierarchy.locked(tx, PORTFOLIO, reference)
    fields = {"portfolio_id": portfolio["id"], "project_id": project_id, "weight": weight}
    try:
        return await entity.create(tx, PORTFOLIO_ITEM, fields)
    except asyncpg.UniqueViolationError as error:
        raise PortfolioItemExists from error


async def _item(tx: Transaction, reference: str, item_id: UUID, expected: int) -> asyncpg.Record:
    portfolio = await hierarchy.find(tx, PORTFOLIO, reference)
    within = "t.portfolio_id = {}::text::uuid"
    item = await hierarchy.locked(tx, PORTFOLIO_ITEM, str(item_id), within, str(portfolio["id"]))
    must_be(item["version"], expected)
    return item


async def update_item(
    tx: Transaction, reference: str, item_id: UUID, expected: int, changes: Mapping[str, object]
) -> Written:
    """Change how much a project counts in a portfolio."""
    item = await _item(tx, reference, item_id, expected)
    if not changes:
        return await entity.unchanged(tx, PORTFOLIO_ITEM, item["id"])
    return await entity.update(tx, PORTFOLIO_ITEM, item["id"], changes, expected=expected)


async def delete_item(tx: Transaction, reference: str, item_id: UUID, expected: int) -> Written:
    """Take a project out of a portfolio."""
    item = await _item(tx, reference, item_id, expected)
    return await entity.delete(tx, PORTFOLIO_ITEM, item["id"], expected=expected)


async def leave_portfolios(tx: Transaction, project_id: UUID) -> None:
    """Take a project that is about to be deleted out of its portfolios; the caller holds the project."""
    for item in await hierarchy.items_of_project(tx, project_id):
        await entity.delete(tx, PORTFOLIO_ITEM, item["id"], expected=item["version"])
