"""Calendars know what they were made from."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("calendar", sa.Column("rules", sa.JSON(), nullable=True))
    op.add_column("calendar", sa.Column("base_calendar_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("calendar", "base_calendar_id")
    op.drop_column("calendar", "rules")
