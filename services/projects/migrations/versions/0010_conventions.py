"""What Primavera's plans say to scheduling, and the options of scheduling under the names they have now."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0010"
down_revision = "0009"

TEXT = sqlmodel.sql.sqltypes.AutoString
DATES = ("secondary_constraint_date", "expected_finish", "external_early_start", "external_late_finish")
OPTIONS = """
update project set plan_settings = jsonb_strip_nulls(jsonb_build_object(
  'minutes_per_week', plan_settings->'minutes_per_week',
  'days_per_month', plan_settings->'days_per_month',
  'conventions', jsonb_strip_nulls(jsonb_build_object(
    'schedules_from_finish', plan_settings->'schedules_from_finish',
    'critical_float_minutes', plan_settings->'critical_slack_minutes',
    'honors_constraints', plan_settings->'honors_constraints',
    'open_ends_critical', plan_settings->'has_multiple_critical_paths',
    'progress', case when plan_settings->'splits_started_tasks' = 'false' then 'progress_override' end))))
where plan_settings ? 'honors_constraints'
"""


def upgrade() -> None:
    kinds = (("activity_type", "'task'"), ("secondary_constraint_type", "'as_soon_as_possible'"))
    for name, default in kinds:
        op.add_column("task", sa.Column(name, TEXT(), server_default=sa.text(default), nullable=False))
    for name in DATES:
        op.add_column("task", sa.Column(name, sa.DateTime(), nullable=True))
    op.execute(OPTIONS)


def downgrade() -> None:
    for name in ("activity_type", "secondary_constraint_type", *DATES):
        op.drop_column("task", name)
