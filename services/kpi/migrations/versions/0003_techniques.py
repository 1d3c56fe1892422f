"""How tasks earn, and what facts of progress say beside the percent of duration."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sqlmodel.sql.sqltypes.AutoString
COLUMNS = {
    "project": {"technique": TEXT, "start_share": sa.Integer},
    "task": {
        "technique": TEXT,
        "basis": TEXT,
        "start_share": sa.Integer,
        "planned_units": sa.Numeric,
        "base_task_id": sa.Uuid,
        "milestones": sa.JSON,
        "achieved_at": lambda: sa.DateTime(timezone=True),
    },
    "progress": {"work": sa.Integer, "physical": sa.Integer, "units": sa.Numeric, "state": sa.Integer},
}
DEFAULTS = {("project", "technique"): "percent_complete", ("task", "basis"): "duration"}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns.items():
            given = DEFAULTS.get((table, name))
            required = (table, name) == ("task", "basis")
            op.add_column(table, sa.Column(name, kind(), server_default=given, nullable=not required))
    op.create_index(
        "ix_task_achieved",
        "task",
        ["organization_id", "project_id", "achieved_at"],
        postgresql_where=sa.text("achieved_at is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_task_achieved", table_name="task")
    for table, columns in COLUMNS.items():
        for name in columns:
            op.drop_column(table, name)
