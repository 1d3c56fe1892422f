"""Links of two tasks are unique by type, and found from both ends."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index(
        "uq_dependency_pair",
        "dependency",
        ["organization_id", "project_id", "predecessor_id", "successor_id", "type"],
        unique=True,
    )
    op.create_index(
        "ix_dependency_successor", "dependency", ["organization_id", "project_id", "successor_id", "id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_dependency_successor", table_name="dependency")
    op.drop_index("uq_dependency_pair", table_name="dependency")
