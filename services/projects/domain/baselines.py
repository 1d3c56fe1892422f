"""Baselines: their life, and how a plan stands to one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.working_time import WorkingTime, minute_of


class BaselineStatus(StrEnum):
    """Where a baseline stands."""

    REQUESTED = "requested"
    APPROVED = "approved"  # the one in force
    SUPERSEDED = "superseded"  # was in force until another was approved
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    IMPORTED = "imported"  # one of the ten beside that in force, as a file had it: nobody decides of it


ALLOWED: Final = MappingProxyType(
    {
        BaselineStatus.REQUESTED: frozenset(
            {BaselineStatus.APPROVED, BaselineStatus.REJECTED, BaselineStatus.WITHDRAWN}
        ),
        BaselineStatus.APPROVED: frozenset({BaselineStatus.SUPERSEDED}),
        BaselineStatus.SUPERSEDED: frozenset[BaselineStatus](),
        BaselineStatus.REJECTED: frozenset[BaselineStatus](),
        BaselineStatus.WITHDRAWN: frozenset[BaselineStatus](),
        BaselineStatus.IMPORTED: frozenset[BaselineStatus](),
    }
)
"""The moves there are; a baseline that was in force never goes away."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is compared: of a task, or of a whole plan. Instants naive local, work and duration in working minutes."""

    start: datetime | None
    finish: datetime | None
    duration_minutes: int
    work_minutes: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Variance:
    """Present less baseline: positive is later, longer, more. Dates in working minutes; None where one side lacks it.

    Source: the variance fields of Microsoft Project; PMI Practice Standard for Scheduling.
    """

    start_minutes: int | None
    finish_minutes: int | None
    duration_minutes: int
    work_minutes: int
    cost: Decimal


def variance(baseline: Figures, present: Figures, calendar: WorkingTime) -> Variance:
    """How a task, or a plan, stands to its baseline, its dates counted on a calendar."""

    def moved(before: datetime | None, now: datetime | None) -> int | None:
        if before is None or now is None:
            return None
        return calendar.working_minutes(minute_of(before), minute_of(now))

    return Variance(
        moved(baseline.start, present.start),
        moved(baseline.finish, present.finish),
        present.duration_minutes - baseline.duration_minutes,
        present.work_minutes - baseline.work_minutes,
        present.cost - baseline.cost,
    )
