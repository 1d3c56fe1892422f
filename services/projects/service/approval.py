"""Use cases of limits of approval: up to what each role approves baselines."""

from collections.abc import Mapping

import asyncpg

from services.projects.domain.approval import Change, Limit, refusal
from services.projects.entities import APPROVAL_LIMIT
from services.projects.errors import AboveLimit, CurrencyMismatch, LimitExists
from services.projects.repository import approval, hierarchy
from services.projects.service.statements import quantum
from shared import entity
from shared.auth import Principal
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import FieldError
from shared.permissions import GRANTS, Permission
from shared.types import Money


async def check_limit(tx: Transaction, principal: Principal, change: Change) -> None:
    """Raise AboveLimit unless one of the caller's roles that approve baselines may approve this much."""
    limits = [
        Limit(row["role"], row["currency"], row["cost"], row["delay_minutes"]) for row in await approval.limits(tx)
    ]
    roles = [role for role in principal.roles if Permission.BASELINE_APPROVE in GRANTS.get(role, {})]
    if reason := refusal(limits, roles, change):
        raise AboveLimit(reason)


async def create_limit(tx: Transaction, role: str, cost: Money, delay_minutes: int | None) -> Written:
    """Limit a role in the currency of the amount; raises LimitExists."""
    fields = {
        "role": role,
        "currency": cost.currency,
        "cost": cost.amount.quantize(quantum(cost.currency)),
        "delay_minutes": delay_minutes,
    }
    try:
        return await entity.create(tx, APPROVAL_LIMIT, fields)
    except asyncpg.UniqueViolationError as error:
        raise LimitExists from error


async def update_limit(tx: Transaction, reference: str, expected: int, changes: Mapping[str, object]) -> Written:
    """Change a limit, but neither its role nor its currency; raises CurrencyMismatch."""
    row = await hierarchy.locked(tx, APPROVAL_LIMIT, reference)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, APPROVAL_LIMIT, row["id"])
    fields = dict(changes)
    cost = fields.get("cost")
    if isinstance(cost, Money):
        if cost.currency != row["currency"]:
            detail = f"must be in {row['currency']}"
            raise CurrencyMismatch(errors=[FieldError("/cost/currency", "currency_mismatch", detail)])
        fields["cost"] = cost.amount.quantize(quantum(cost.currency))
    return await entity.update(tx, APPROVAL_LIMIT, row["id"], fields, expected=expected)


async def delete_limit(tx: Transaction, reference: str, expected: int) -> Written:
    """Take a limit away."""
    row = await hierarchy.locked(tx, APPROVAL_LIMIT, reference)
    must_be(row["version"], expected)
    return await entity.delete(tx, APPROVAL_LIMIT, row["id"], expected=expected)
