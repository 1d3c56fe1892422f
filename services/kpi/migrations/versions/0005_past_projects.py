"""What projects decided of their metrics, and their calendars, before they changed; learned as 0004 says."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from shared.migrations import run_all, secure

revision = "0005"
down_revision = "0004"


def _key(*more: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in ("organization_id", *more)]


def _state() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    for table in ("project", "calendar"):
        since = sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False)
        op.add_column(table, since)
    op.create_table(
        "project_past",
        *_key("project_id"),
        *_state(),
        sa.Column("calendar_id", sa.Uuid(), nullable=True),
        sa.Column("technique", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("start_share", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "project_id", "version", name=op.f("pk_project_past")),
    )
    op.create_table(
        "calendar_past",
        *_key("id", "project_id"),
        *_state(),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", "version", name=op.f("pk_calendar_past")),
    )
    op.create_index("ix_calendar_past_project", "calendar_past", ["organization_id", "project_id"])
    run_all(secure(("project_past", "calendar_past"), service="kpi"))


def downgrade() -> None:
    for table in ("calendar_past", "project_past"):
        op.drop_table(table)
    for table in ("calendar", "project"):
        op.drop_column(table, "since")
