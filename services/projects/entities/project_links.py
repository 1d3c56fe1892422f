"""How PostgreSQL writes links between projects."""

from dataclasses import replace
from typing import Final

from services.projects.entities.base import JOIN_PROJECT, STAMPS, plain, table
from services.projects.models import ProjectLinkRow
from shared.entity import Entity

PROJECT_LINK: Final = Entity(
    "projects",
    "project_link",
    table(ProjectLinkRow),
    {
        **plain("id", "version", "predecessor_project_id", "predecessor_id"),
        "successor_project_id": "t.project_id",
        **plain("successor_id", "type", "lag", "lag_unit", "hardness", "state", "reason", "requested_by", "decided_by"),
        "decided_at": "pmo_instant(t.decided_at)",
        **plain("decision_reason"),
        **STAMPS,
    },
    root="project_id",
    join=JOIN_PROJECT,
)
PROJECT_LINK_VIEW: Final = replace(
    PROJECT_LINK,
    image={
        **PROJECT_LINK.image,
        "bound": "pmo_local(b.bound, p.time_zone)",
        "is_driving": "coalesce(b.is_driving, false)",
        "latest": "pmo_local(b.latest, p.time_zone)",
    },
    join=f"{JOIN_PROJECT} left join project_link_bound b on b.organization_id = t.organization_id and b.id = t.id",
)
"""Read only: what a link does is told by the schedule."""
