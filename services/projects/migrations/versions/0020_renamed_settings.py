"""The options of scheduling get the names that 0010 meant for them: row-level security hid every project from it."""

from shared.migrations import run_all, seeing_all

revision = "0020"
down_revision = "0019"

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
where plan_settings ? 'honors_constraints' and not plan_settings ? 'conventions'
"""


def upgrade() -> None:
    run_all(seeing_all(["project"], [OPTIONS]))


def downgrade() -> None:
    pass  # the former names are not missed by the release before: it reads the new ones
