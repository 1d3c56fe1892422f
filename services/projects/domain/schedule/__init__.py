"""The critical path method on working calendars, by Microsoft Project's rules.

Sources: SAS/OR PROC CPM for the passes; the constraint, progress and float rules as Microsoft Project shows them.
Conventions: no open task starts before the project unless a constraint says so, late dates never pass the project's
finish, a task without duration keeps the instant that its predecessor hands it (17:00, not the next 08:00).
"""

from services.projects.domain.schedule.critical_path import critical_path, schedule_of
from services.projects.domain.schedule.paths import FloatPath, driving_relations, float_paths
from services.projects.domain.schedule.relations import Relation
from services.projects.domain.schedule.relinking import Relinked
from services.projects.domain.schedule.result import (
    DependencyCycle,
    Schedule,
    ScheduledTask,
    ScheduleOutOfRange,
    UnusableProjectCalendar,
)
from services.projects.domain.schedule.revising import Basis, Revised, revise
from services.projects.domain.schedule.solving import solve

__all__ = [
    "Basis",
    "DependencyCycle",
    "FloatPath",
    "Relation",
    "Relinked",
    "Revised",
    "Schedule",
    "ScheduleOutOfRange",
    "ScheduledTask",
    "UnusableProjectCalendar",
    "critical_path",
    "driving_relations",
    "float_paths",
    "revise",
    "schedule_of",
    "solve",
]
