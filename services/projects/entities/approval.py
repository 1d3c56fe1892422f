"""How PostgreSQL writes limits of approval."""

from typing import Final

from services.projects.entities.base import STAMPS, plain, table
from services.projects.models import ApprovalLimitRow
from shared.entity import Entity

APPROVAL_LIMIT: Final = Entity(
    "projects",
    "approval_limit",
    table(ApprovalLimitRow),
    {
        **plain("id", "version", "role", "currency"),
        "cost": "pmo_money(t.cost, t.currency)",
        **plain("delay_minutes"),
        **STAMPS,
    },
    root="id",
)
