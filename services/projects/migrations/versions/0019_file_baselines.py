"""Baselines that came with a file know which of its ten they were."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("baseline", sa.Column("file_number", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("baseline", "file_number")
