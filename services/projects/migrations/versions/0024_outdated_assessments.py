"""Of which version of a request an assessment is; those that there are count as of the present one."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

COLUMNS = (
    ("intake_request", "outdated_assessments"),
    ("intake_request", "content_version"),
    ("intake_assessment", "request_version"),
)


def upgrade() -> None:
    for table, name in COLUMNS:
        op.add_column(table, sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    for table, name in COLUMNS:
        op.drop_column(table, name)
