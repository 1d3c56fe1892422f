"""The events that kpi publishes. The root aggregate of all of them is the project."""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from services.kpi.domain.images import MetricsRead
from shared.events import Event
from shared.types import Text


class MetricsChanged(Event):
    """The present metrics of a project are no longer what was last published."""

    type: ClassVar[str] = "pmo.kpi.metrics.changed.v1"

    project_id: UUID
    """The project."""
    as_of: datetime
    """The instant that they are of, in the project's time zone: what a read without `as_of` then took."""
    metrics: MetricsRead
    """All metrics."""
    changed: list[Text]
    """Names of those that differ from the last published ones."""


EVENTS: Final[tuple[type[Event], ...]] = (MetricsChanged,)
"""Everything this service publishes."""
