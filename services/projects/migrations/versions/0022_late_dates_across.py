"""Until when what waits for a task in another project lets it lie; told by the next schedule of every project."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import run_all, seeing_all

revision = "0022"
down_revision = "0021"


_ASK = (
    "insert into work_pending (organization_id, kind, key) select distinct organization_id, 'schedule', project_id::text"
    " from project_link where state = 'accepted' on conflict do nothing",
)


def upgrade() -> None:
    op.add_column("project_link_bound", sa.Column("latest", sa.DateTime(), nullable=True))
    run_all(seeing_all(("project_link", "work_pending"), _ASK))


def downgrade() -> None:
    op.drop_column("project_link_bound", "latest")
