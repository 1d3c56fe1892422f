"""How PostgreSQL writes baselines."""

from typing import Final

from services.projects.entities.base import JOIN_PROJECT, STAMPS, money, plain, table, wall
from services.projects.models import BaselineRow, BaselineTaskRow
from shared.entity import Entity

BASELINE: Final = Entity(
    "projects",
    "baseline",
    table(BaselineRow),
    {
        **plain("id", "version", "project_id", "name", "status", "reason", "requested_by", "decided_by"),
        "decided_at": "pmo_instant(t.decided_at)",
        **plain("decision_reason", "schedule_revision"),
        **wall("start", "finish"),
        **plain("tasks", "work_minutes"),
        **money("cost"),
        **plain("file_number", "replaces_id", "replaced_variance"),
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
BASELINE_TASK: Final = Entity(
    "projects",
    "baseline_task",
    table(BaselineTaskRow),
    {
        "task_id": "t.id",
        **plain("parent_id", "position", "name", "work_breakdown_structure", "is_summary", "is_milestone"),
        **wall("start", "finish"),
        **plain("duration_minutes", "work_minutes"),
        **money("cost"),
    },
    root="baseline_id",
    join="join baseline b on b.organization_id = t.organization_id and b.id = t.baseline_id"
    " join project p on p.organization_id = t.organization_id and p.id = b.project_id",
)
"""Read only: its rows are taken once, with their baseline."""
