"""What events told, as it is stored, and in which order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from services.kpi.domain.plan import BaselineDates


@dataclass(frozen=True, slots=True)
class ProjectFact:
    """A version of a project, and since when it counts."""

    id: UUID
    version: int
    since: datetime
    key: str = ""
    owner: str = ""
    currency: str = ""
    time_zone: str = "UTC"
    status_date: datetime | None = None
    calendar_id: UUID | None = None
    technique: str | None = "percent_complete"
    start_share: int | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class CalendarFact:
    """A version of a calendar, and since when it counts; its definition is JSON, None: it was deleted."""

    project_id: UUID
    id: UUID
    version: int
    since: datetime
    definition: str | None


@dataclass(frozen=True, slots=True)
class TaskFact:
    """A version of a task, and since when it counts."""

    project_id: UUID
    id: UUID
    version: int
    since: datetime
    is_deleted: bool = False
    is_leaf: bool = False
    is_elapsed: bool = False
    calendar_id: UUID | None = None
    baseline: BaselineDates | None = None
    actual_finish: int | None = None
    technique: str | None = None
    basis: str = "duration"
    start_share: int | None = None
    planned_units: Decimal | None = None
    base_task_id: UUID | None = None
    milestones: str | None = None
    achieved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProgressFact:
    """What was stated of a task as of an instant, and by which event; without cost nothing was said about that."""

    project_id: UUID
    task_id: UUID
    at: datetime
    percent: int
    stated: int
    actual_cost: int | None = None
    cost_stated: int | None = None
    work: int | None = None
    physical: int | None = None
    units: Decimal | None = None
    state: int | None = None
    finish: int | None = None


Fact = TypeVar("Fact", ProjectFact, CalendarFact, TaskFact)


def successive(facts: Iterable[Fact]) -> list[list[Fact]]:
    """Return facts in rounds to be stored one after the other: each has one version of an entity, older ones first."""
    rounds: list[list[Fact]] = []
    seen: Counter[UUID] = Counter()
    for fact in sorted(facts, key=lambda each: each.version):
        if seen[fact.id] == len(rounds):
            rounds.append([])
        rounds[seen[fact.id]].append(fact)
        seen[fact.id] += 1
    return rounds


def last_stated(facts: Iterable[ProgressFact]) -> list[ProgressFact]:
    """Return one fact per task and instant: the last stated; a cost stated before it for the same instant holds."""
    found: dict[tuple[UUID, datetime], ProgressFact] = {}
    for fact in sorted(facts, key=lambda each: each.stated):
        known = found.get((fact.task_id, fact.at))
        if known is not None and fact.actual_cost is None:
            fact = replace(fact, actual_cost=known.actual_cost, cost_stated=known.cost_stated)  # noqa: PLW2901
        found[fact.task_id, fact.at] = fact
    return list(found.values())
