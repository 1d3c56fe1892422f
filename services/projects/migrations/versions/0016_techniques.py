"""What progress is told by, how it earns, and facts of progress with all that was stated."""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

STATED = (
    ("percent_work_complete", sa.Numeric),
    ("physical_percent_complete", sa.Numeric),
    ("units_done", sa.Numeric),
    ("actual_start", sa.DateTime),
    ("actual_finish", sa.DateTime),
    ("actual_duration_minutes", sa.Integer),
    ("remaining_duration_minutes", sa.Integer),
    ("actual_work_minutes", sa.Integer),
)


def upgrade() -> None:
    for name, kind in STATED:
        op.add_column("progress", sa.Column(name, kind(), nullable=True))
    op.create_index("ix_progress_project_at", "progress", ["organization_id", "project_id", "at", "id"])
    op.add_column(
        "project",
        sa.Column(
            "default_ev_technique",
            sqlmodel.sql.sqltypes.AutoString(),
            server_default=sa.text("'percent_complete'"),
            nullable=False,
        ),
    )
    op.add_column(
        "task", sa.Column("uses_units_percent", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("task", sa.Column("units_done", sa.Numeric(), server_default=sa.text("0"), nullable=False))
    op.add_column("task", sa.Column("ev_technique", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    for name in ("ev_technique", "units_done", "uses_units_percent"):
        op.drop_column("task", name)
    op.drop_column("project", "default_ev_technique")
    op.drop_index("ix_progress_project_at", table_name="progress")
    for name, _ in STATED:
        op.drop_column("progress", name)
