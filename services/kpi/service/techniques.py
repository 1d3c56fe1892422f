"""What kpi reads of how tasks earn, and how it keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

import orjson

from shared.messaging import Reader

SPLITS: Final[Mapping[str, int]] = {"zero_hundred": 0, "fifty_fifty": 5000}
"""What is earned at the start, in hundredths of a percent; the rest is at the finish."""


class Milestone(Reader):
    """A step of a task's work."""

    weight: Decimal
    achieved_at: datetime | None = None


class Technique(Reader):
    """How a task earns; only what its kind has is there."""

    kind: Literal[
        "zero_hundred",
        "fifty_fifty",
        "split",
        "weighted_milestones",
        "percent_complete",
        "units",
        "level_of_effort",
        "apportioned",
    ]
    start_percent: Decimal | None = None
    milestones: tuple[Milestone, ...] = ()
    basis: str | None = None
    planned: Decimal | None = None
    base_task_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """How a task earns, as it is kept."""

    technique: str | None
    basis: str
    start_share: int | None = None
    planned_units: Decimal | None = None
    base_task_id: UUID | None = None
    milestones: str | None = None
    achieved_at: datetime | None = None


def measured(technique: Technique | None, percent_type: str) -> Measured:
    """Return how a task earns that has a technique, or has none of its own, and whose percent is of a type."""
    if technique is None:
        return Measured(None, percent_type)
    kind, share = default(technique.kind)
    if technique.start_percent is not None:
        share = int(technique.start_percent * 100)
    found = technique.milestones
    dates = [each.achieved_at for each in found if each.achieved_at is not None]
    kept = [[float(each.weight), None if (at := each.achieved_at) is None else at.isoformat()] for each in found]
    return Measured(
        kind,
        technique.basis or percent_type,
        share,
        technique.planned,
        technique.base_task_id,
        orjson.dumps(kept).decode() if found else None,
        max(dates, default=None),
    )


def default(kind: str) -> tuple[str | None, int | None]:
    """Return the technique and the share at the start of a kind: those that split are one kind."""
    if kind == "none":
        return None, None
    return ("split", SPLITS[kind]) if kind in SPLITS else (kind, None)
