"""Up to what roles approve."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from shared.migrations import run_all, secure

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "approval_limit",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("currency", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("delay_minutes", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_approval_limit")),
        sa.UniqueConstraint(
            "organization_id", "role", "currency", name=op.f("uq_approval_limit_organization_id_role_currency")
        ),
    )
    run_all(secure(("approval_limit",), service="projects"))


def downgrade() -> None:
    op.drop_table("approval_limit")
