"""Which resources are equipment: Primavera's nonlabor ones, known from the next import on."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    column = sa.Column("is_equipment", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    op.add_column("plan_resource", column)


def downgrade() -> None:
    op.drop_column("plan_resource", "is_equipment")
