"""Codes by hand or by a mask, projects as templates, and positions with room between them."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("task", sa.Column("has_fixed_code", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("project", sa.Column("code_mask", sqlmodel.sql.sqltypes.AutoString(), server_default=sa.text("'1.1'"), nullable=False))
    op.add_column("project", sa.Column("is_template", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("project", "is_template")
    op.drop_column("project", "code_mask")
    op.drop_column("task", "has_fixed_code")
