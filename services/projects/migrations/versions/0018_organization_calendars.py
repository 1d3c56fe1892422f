"""Working calendars of an organization, and which calendars of projects are inherited from them."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from shared.migrations import run_all, secure

revision = "0018"
down_revision = "0017"

HEIRS = "fk_calendar_organization_id_organization_calendar_id_organization_calendar"


def upgrade() -> None:
    op.create_table(
        "organization_calendar",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("base_calendar_id", sa.Uuid(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "base_calendar_id"],
            ["organization_calendar.organization_id", "organization_calendar.id"],
            name=op.f("fk_organization_calendar_organization_id_base_calendar_id_organization_calendar"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_organization_calendar")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_organization_calendar_organization_id_name")),
    )
    op.create_index(
        "uq_organization_calendar_default",
        "organization_calendar",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.add_column("calendar", sa.Column("organization_calendar_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_calendar_heirs",
        "calendar",
        ["organization_id", "organization_calendar_id", "project_id"],
        unique=False,
        postgresql_where=sa.text("organization_calendar_id is not null"),
    )
    op.create_foreign_key(
        op.f(HEIRS),
        "calendar",
        "organization_calendar",
        ["organization_id", "organization_calendar_id"],
        ["organization_id", "id"],
    )
    run_all(secure(("organization_calendar",), service="projects"))


def downgrade() -> None:
    op.drop_constraint(op.f(HEIRS), "calendar", type_="foreignkey")
    op.drop_index("ix_calendar_heirs", table_name="calendar")
    op.drop_column("calendar", "organization_calendar_id")
    op.drop_index("uq_organization_calendar_default", table_name="organization_calendar")
    op.drop_table("organization_calendar")
