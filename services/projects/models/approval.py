"""Limits of approval."""

from decimal import Decimal

from sqlalchemy import UniqueConstraint

from services.projects.models.base import Row


class ApprovalLimitRow(Row, table=True):
    """Up to what a role approves in a currency."""

    __tablename__ = "approval_limit"
    __table_args__ = (UniqueConstraint("organization_id", "role", "currency"),)
    role: str
    currency: str
    cost: Decimal
    delay_minutes: int | None = None
