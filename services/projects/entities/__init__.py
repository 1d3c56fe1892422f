"""How PostgreSQL writes each entity's image from its row."""

from services.projects.entities.baselines import BASELINE, BASELINE_TASK
from services.projects.entities.plan import ASSIGNMENT, CALENDAR, DEPENDENCY, PLAN_RESOURCE, PROGRESS, TASK
from services.projects.entities.project import IMPORT, PROJECT

__all__ = [
    "ASSIGNMENT",
    "BASELINE",
    "BASELINE_TASK",
    "CALENDAR",
    "DEPENDENCY",
    "IMPORT",
    "PLAN_RESOURCE",
    "PROGRESS",
    "PROJECT",
    "TASK",
]
