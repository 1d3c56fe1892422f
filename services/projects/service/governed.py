"""What portfolios, programmes and projects have in common when they are written."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from services.projects.entities import CUSTOMER, PORTFOLIO, PROGRAMME
from services.projects.errors import ReferenceInvalid
from services.projects.repository import hierarchy
from services.projects.service import custom_fields
from shared.db import Transaction
from shared.entity import Entity
from shared.errors import FieldError

REFERENCES: Final = {
    "customer_id": CUSTOMER,
    "programme_id": PROGRAMME,
    "portfolio_id": PORTFOLIO,
    "parent_id": PORTFOLIO,
}
"""Fields that name something else of the organization."""


async def columns(
    tx: Transaction, kind: Entity, given: Mapping[str, object], present: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return the columns for fields that are given, of something new or as it is at present.

    Raises ReferenceInvalid for what names nothing, and ValidationFailed with all mistakes in custom fields.
    """
    fields = dict(given)
    if "health" in fields:
        fields |= _health(tx, fields.pop("health"))
    if present is None:
        custom_fields.settle_new(await custom_fields.definitions(tx, kind), fields)
    elif "custom_fields" in fields:
        custom_fields.settle(await custom_fields.definitions(tx, kind), fields, present["custom_fields"])
    unknown = [
        FieldError(f"/{name}", "unknown_reference", f"names no {target.name} of this organization")
        for name, target in REFERENCES.items()
        if fields.get(name) is not None and not await hierarchy.exists(tx, target, fields[name])
    ]
    if unknown:
        raise ReferenceInvalid(errors=unknown)
    return fields


def _health(tx: Transaction, declared: object) -> dict[str, object]:
    if not isinstance(declared, dict):
        return {"health_status": None, "health_note": "", "health_at": None, "health_by": None}
    return {
        "health_status": declared["status"],
        "health_note": declared["note"],
        "health_at": datetime.now(UTC),
        "health_by": tx.context.actor,
    }
