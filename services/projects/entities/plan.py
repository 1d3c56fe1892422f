"""How PostgreSQL writes what a plan holds."""

from typing import Final

from services.projects.entities.base import JOIN_PROJECT, STAMPS, money, plain, table, wall
from services.projects.models import AssignmentRow, CalendarRow, DependencyRow, PlanResourceRow, ProgressRow, TaskRow
from shared.entity import Entity

PERCENT_TYPE: Final = (
    "case when t.uses_physical_percent then 'physical' when t.uses_units_percent then 'units' else 'duration' end"
)
REMAINING: Final = "coalesce(t.remaining_duration_minutes, greatest(t.duration_minutes - t.actual_duration_minutes, 0))"

TASK: Final = Entity(
    "projects",
    "task",
    table(TaskRow),
    {
        **plain(
            "id",
            "version",
            "project_id",
            "parent_id",
            "position",
            "source_id",
            "name",
            "description",
            "work_breakdown_structure",
            "has_fixed_code",
            "outline_level",
            "is_summary",
            "is_milestone",
            "is_active",
            "is_manual",
            "priority",
            "duration_minutes",
            "is_elapsed_duration",
            "activity_type",
            "is_fixed_duration",
            "is_fixed_work",
            "calendar_id",
            "ignores_resource_calendar",
            "constraint_type",
        ),
        **wall("constraint_date"),
        **plain("secondary_constraint_type"),
        **wall("secondary_constraint_date", "expected_finish"),
        **plain("leveling_delay_minutes"),
        **wall("deadline", "planned_start", "planned_finish"),
        **plain("percent_complete", "percent_work_complete", "physical_percent_complete", "uses_physical_percent"),
        "percent_complete_type": PERCENT_TYPE,
        **plain("units_done", "ev_technique"),
        **wall("actual_start", "actual_finish"),
        "actual_duration_minutes": "t.actual_duration_minutes",
        "remaining_duration_minutes": REMAINING,
        **plain("work_minutes", "actual_work_minutes", "remaining_work_minutes"),
        **money("cost", "actual_cost"),
        **wall("baseline_start", "baseline_finish"),
        **plain("baseline_duration_minutes", "baseline_work_minutes"),
        **money("baseline_cost"),
        "progress_at": "pmo_instant(t.progress_at)",
        "custom_fields": "t.custom_fields",
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
CALENDAR: Final = Entity(
    "projects",
    "calendar",
    table(CalendarRow),
    {
        **plain("id", "version", "project_id", "source_id", "name", "definition", "rules"),
        **plain("base_calendar_id", "organization_calendar_id"),
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
DEPENDENCY: Final = Entity(
    "projects",
    "dependency",
    table(DependencyRow),
    {
        **plain("id", "version", "project_id", "predecessor_id", "successor_id"),
        **plain("type", "lag", "lag_unit", "lag_calendar"),
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
PLAN_RESOURCE: Final = Entity(
    "projects",
    "resource",
    table(PlanResourceRow),
    {
        **plain("id", "version", "project_id", "source_id", "name", "type", "is_equipment"),
        **plain("email", "max_units", "calendar_id"),
        **money("standard_rate", "overtime_rate", "cost_per_use"),
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
ASSIGNMENT: Final = Entity(
    "projects",
    "assignment",
    table(AssignmentRow),
    {
        **plain(
            "id",
            "version",
            "project_id",
            "source_id",
            "task_id",
            "resource_id",
            "units",
            "work_minutes",
            "actual_work_minutes",
            "remaining_work_minutes",
        ),
        **money("cost", "actual_cost"),
        **wall("planned_start", "planned_finish"),
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
PROGRESS: Final = Entity(
    "projects",
    "task",
    table(ProgressRow),
    {
        **plain("id", "version", "project_id", "task_id"),
        "at": "pmo_instant(t.at)",
        **plain("percent_complete"),
        **money("actual_cost"),
        **plain("remaining_work_minutes", "source"),
        **plain("percent_work_complete", "physical_percent_complete", "units_done"),
        **wall("actual_start", "actual_finish"),
        **plain("actual_duration_minutes", "remaining_duration_minutes", "actual_work_minutes"),
    },
    root="project_id",
    join=JOIN_PROJECT,
)
