"""When tasks were finished by what was stated; of what is kept already the audit or `pmo rebuild kpi` tells it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("progress", sa.Column("finish", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("progress", "finish")
