"""How PostgreSQL writes projects and what came in for them."""

from typing import Final

import orjson

from services.projects.domain.conventions import MICROSOFT_PROJECT
from services.projects.entities.base import STAMPS, governed, plain, table, transition
from services.projects.models import ImportRow, ProjectRow, ProjectTransitionRow
from shared.entity import Entity

_USUAL: Final = orjson.dumps(MICROSOFT_PROJECT).decode()
"""What holds of conventions that a project's settings do not name."""

PROJECT: Final = Entity(
    "projects",
    "project",
    table(ProjectRow),
    {
        **plain("id", "version", "key", "name", "description", "status", "programme_id"),
        **governed(),
        **plain("currency", "time_zone"),
        "start": "pmo_local(t.start, t.time_zone)",
        "status_date": "pmo_local(t.status_date, t.time_zone)",
        "planned_finish": "pmo_local(t.planned_finish, t.time_zone)",
        "must_finish": "pmo_local((t.plan_settings->>'must_finish')::timestamp, t.time_zone)",
        "conventions": f"('{_USUAL}'::jsonb || coalesce(t.plan_settings->'conventions', '{{}}'))",
        **plain("source_id", "calendar_id", "minutes_per_day", "code_mask", "is_template", "default_ev_technique"),
        **STAMPS,
    },
    root="id",
)
PROJECT_TRANSITION: Final = Entity(
    "projects",
    "project",
    table(ProjectTransitionRow),
    {**plain("id", "version", "project_id"), **transition()},
    root="project_id",
)
"""A fact about a project."""
IMPORT: Final = Entity(
    "projects",
    "import",
    table(ImportRow),
    {
        **plain("id", "version", "format", "sha256", "size_bytes"),
        "operation_id": "'projects-' || t.operation_id",
        **plain("project_id", "dry_run", "status", "actor"),
        **STAMPS,
    },
    root="id",
)
