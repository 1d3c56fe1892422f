"""What each task comes to, beside its dates; computed by the next schedule of every project, which is asked for."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import run_all

revision = "0012"
down_revision = "0011"

COLUMNS = {
    "start": sa.DateTime(),
    "finish": sa.DateTime(),
    "duration_minutes": sa.Integer(),
    "tasks": sa.Integer(),
    "work_minutes": sa.BigInteger(),
    "actual_work_minutes": sa.BigInteger(),
    "remaining_work_minutes": sa.BigInteger(),
    "cost": sa.Numeric(),
    "actual_cost": sa.Numeric(),
    "percent_complete": sa.Numeric(),
    "percent_work_complete": sa.Numeric(),
    "start_variance_minutes": sa.Integer(),
    "finish_variance_minutes": sa.Integer(),
    "duration_variance_minutes": sa.Integer(),
    "work_variance_minutes": sa.BigInteger(),
    "cost_variance": sa.Numeric(),
}
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
    for name, kind in COLUMNS.items():
        op.add_column("schedule_item", sa.Column(name, kind, nullable=True))
    run_all(ASK)


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("schedule_item", name)
