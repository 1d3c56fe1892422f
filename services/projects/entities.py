"""How PostgreSQL writes each entity's image from its row."""

from typing import Final

from sqlalchemy import Table

from services.projects.models import (
    METADATA,
    AssignmentRow,
    CalendarRow,
    DependencyRow,
    ImportRow,
    PlanResourceRow,
    ProgressRow,
    ProjectRow,
    Row,
    TaskRow,
)
from shared.entity import Entity


def _table(row: type[Row]) -> Table:
    table: Table = METADATA.tables[str(row.__tablename__)]
    return table


_STAMPS: Final = {"created_at": "pmo_instant(t.created_at)", "updated_at": "pmo_instant(t.updated_at)"}
_JOIN_PROJECT: Final = "join project p on p.organization_id = t.organization_id and p.id = t.project_id"


def _plain(*names: str) -> dict[str, str]:
    return {name: f"t.{name}" for name in names}


def _wall(*names: str) -> dict[str, str]:
    return {name: f"pmo_local(t.{name}, p.time_zone)" for name in names}


def _money(*names: str) -> dict[str, str]:
    return {name: f"pmo_money(t.{name}, p.currency)" for name in names}


PROJECT: Final = Entity(
    "projects",
    "project",
    _table(ProjectRow),
    {
        **_plain("id", "version", "key", "name", "description", "status", "owner", "currency", "time_zone"),
        "start": "pmo_local(t.start, t.time_zone)",
        "status_date": "pmo_local(t.status_date, t.time_zone)",
        **_plain("source_id", "calendar_id", "minutes_per_day"),
        **_STAMPS,
    },
    root="id",
)
TASK: Final = Entity(
    "projects",
    "task",
    _table(TaskRow),
    {
        **_plain(
            "id",
            "version",
            "project_id",
            "parent_id",
            "position",
            "source_id",
            "name",
            "description",
            "work_breakdown_structure",
            "outline_level",
            "is_summary",
            "is_milestone",
            "is_active",
            "is_manual",
            "priority",
            "duration_minutes",
            "is_elapsed_duration",
            "calendar_id",
            "constraint_type",
        ),
        **_wall("constraint_date", "deadline", "planned_start", "planned_finish"),
        **_plain("percent_complete", "physical_percent_complete", "uses_physical_percent"),
        **_wall("actual_start", "actual_finish"),
        **_plain("work_minutes", "actual_work_minutes", "remaining_work_minutes"),
        **_money("cost", "actual_cost"),
        **_wall("baseline_start", "baseline_finish"),
        **_plain("baseline_duration_minutes", "baseline_work_minutes"),
        **_money("baseline_cost"),
        "progress_at": "pmo_instant(t.progress_at)",
        **_STAMPS,
    },
    root="project_id",
    join=_JOIN_PROJECT,
)
CALENDAR: Final = Entity(
    "projects",
    "calendar",
    _table(CalendarRow),
    {**_plain("id", "version", "project_id", "source_id", "name", "definition"), **_STAMPS},
    root="project_id",
)
DEPENDENCY: Final = Entity(
    "projects",
    "dependency",
    _table(DependencyRow),
    {**_plain("id", "version", "project_id", "predecessor_id", "successor_id", "type", "lag", "lag_unit"), **_STAMPS},
    root="project_id",
)
PLAN_RESOURCE: Final = Entity(
    "projects",
    "resource",
    _table(PlanResourceRow),
    {
        **_plain("id", "version", "project_id", "source_id", "name", "type", "email", "max_units", "calendar_id"),
        **_money("standard_rate", "overtime_rate", "cost_per_use"),
        **_STAMPS,
    },
    root="project_id",
    join=_JOIN_PROJECT,
)
ASSIGNMENT: Final = Entity(
    "projects",
    "assignment",
    _table(AssignmentRow),
    {
        **_plain(
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
        **_money("cost", "actual_cost"),
        **_wall("planned_start", "planned_finish"),
        **_STAMPS,
    },
    root="project_id",
    join=_JOIN_PROJECT,
)
PROGRESS: Final = Entity(
    "projects",
    "task",
    _table(ProgressRow),
    {
        **_plain("id", "version", "project_id", "task_id"),
        "at": "pmo_instant(t.at)",
        **_plain("percent_complete"),
        **_money("actual_cost"),
        **_plain("remaining_work_minutes", "source"),
    },
    root="project_id",
    join=_JOIN_PROJECT,
)
IMPORT: Final = Entity(
    "projects",
    "import",
    _table(ImportRow),
    {
        **_plain("id", "version", "format", "sha256", "size_bytes"),
        "operation_id": "'projects-' || t.operation_id",
        **_plain("project_id", "dry_run", "status", "actor"),
        **_STAMPS,
    },
    root="id",
)
