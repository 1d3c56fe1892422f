"""How far each project is; computed by its next schedule, which is asked for."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import run_all

revision = "0014"
down_revision = "0013"

# The owner is bound by row-level security too, and would see no organization's rows.
ASK = (
    "alter table schedule no force row level security",
    "alter table work_pending no force row level security",
    "insert into work_pending (organization_id, kind, key) select organization_id, 'schedule', id::text from schedule"
    " on conflict do nothing",
    "alter table schedule force row level security",
    "alter table work_pending force row level security",
)


def upgrade() -> None:
    op.add_column("schedule", sa.Column("percent_complete", sa.Numeric(), nullable=True))
    run_all(ASK)


def downgrade() -> None:
    op.drop_column("schedule", "percent_complete")
