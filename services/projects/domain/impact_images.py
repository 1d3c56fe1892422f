"""What it would do if a task slipped, as it is read."""

from datetime import datetime
from uuid import UUID

from services.projects.domain.baseline_images import Total
from shared.types import Schema, Text


class MovedTask(Schema):
    """A task that would lie elsewhere. Date-times are local to its project's time zone."""

    task_id: UUID
    """The task."""
    name: Text
    """What it is called."""
    is_summary: bool
    """Sums up the tasks below it."""
    is_milestone: bool
    """A point in time."""
    start_before: datetime
    """When it starts now."""
    start_after: datetime
    """When it would start."""
    finish_before: datetime
    """When it finishes now."""
    finish_after: datetime
    """When it would finish."""
    finish_moved_minutes: int
    """Working minutes of its project by which it would finish later."""
    misses_deadline: bool
    """It would pass its deadline, and does not now."""


class ImpactOnProject(Schema):
    """What of a project would lie elsewhere."""

    project_id: UUID
    """The project."""
    key: Text
    """Its human key."""
    name: Text
    """What it is called."""
    finish_before: datetime | None
    """When it finishes now, in its time zone."""
    finish_after: datetime | None
    """When it would finish."""
    finish_moved_minutes: int
    """Working minutes of its calendar by which it would finish later."""
    moved_tasks: Total
    """How many tasks would lie elsewhere, summaries aside."""
    moved_milestones: Total
    """How many of them are milestones."""
    missed_deadlines: Total
    """How many would pass their deadlines, and do not now."""
    tasks: list[MovedTask] | None
    """Which, in the order of the plan, at most 500; null where the caller may not see the project."""
    problem: Text | None
    """Why it could not be computed; null where it could."""


class ImpactRead(Schema):
    """What it would do if a task slipped; nothing was written."""

    task_id: UUID
    """The task."""
    slip_minutes: Total
    """By how many working minutes."""
    projects: list[ImpactOnProject]
    """The task's own project, then those that follow it by links in force, if anything moves in them."""
