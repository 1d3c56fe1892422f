"""What tasks were before they changed or were deleted; of what is there already the audit learns it from the log."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from shared.migrations import run_all, secure

revision = "0004"
down_revision = "0003"

TEXT = sqlmodel.sql.sqltypes.AutoString


def _since() -> sa.Column[object]:
    return sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False)


def upgrade() -> None:
    op.add_column("task", _since())
    op.create_table(
        "task_past",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        _since(),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_leaf", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_elapsed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=True),
        sa.Column("baseline_start", sa.Integer(), nullable=True),
        sa.Column("baseline_finish", sa.Integer(), nullable=True),
        sa.Column("baseline_cost", sa.BigInteger(), nullable=True),
        sa.Column("actual_finish", sa.Integer(), nullable=True),
        sa.Column("technique", TEXT(), nullable=True),
        sa.Column("basis", TEXT(), server_default="duration", nullable=False),
        sa.Column("start_share", sa.Integer(), nullable=True),
        sa.Column("planned_units", sa.Numeric(), nullable=True),
        sa.Column("base_task_id", sa.Uuid(), nullable=True),
        sa.Column("milestones", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", "version", name=op.f("pk_task_past")),
    )
    op.create_index("ix_task_past_project", "task_past", ["organization_id", "project_id"])
    run_all(secure(("task_past",), service="kpi"))


def downgrade() -> None:
    op.drop_table("task_past")
    op.drop_column("task", "since")
