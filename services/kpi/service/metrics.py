"""The metrics of a project at an instant and over time, computed from the facts whenever they are asked for."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.measure import UndefinedReason
from services.kpi.domain.metrics import Inputs, Metric, metrics
from services.kpi.domain.moments import (
    HistoryInterval,
    as_utc,
    day_of_minute,
    default_moment,
    end_of_day,
    local_minute,
    moment,
    points,
    rfc3339,
)
from services.kpi.repository import reading, states
from services.kpi.repository import standings as standings_of
from services.kpi.repository.reading import Project
from services.kpi.repository.standings import Standing
from services.kpi.service.baselines import baseline_of
from shared.db import Transaction
from shared.errors import Busy, FieldError, ValidationFailed
from shared.types import minor_digits

TRIES: Final = 5
FEW: Final = 4
"""Points that are computed at once on the event loop."""
FAR: Final = 5 * 365 * 1440
"""Minutes."""


@dataclass(frozen=True, slots=True)
class Kpis:
    """The metrics of a project as of an instant, which is in the project's time zone."""

    project_id: UUID
    as_of: datetime
    metrics: Mapping[str, Metric]

    def as_json(self) -> dict[str, object]:
        """The wire form."""
        return {"project_id": str(self.project_id), **self.as_point()}

    def as_point(self) -> dict[str, object]:
        """The wire form in a series."""
        metrics = {name: metric.as_json() for name, metric in self.metrics.items()}
        return {"as_of": rfc3339(self.as_of), "metrics": metrics}


async def metrics_at(
    tx: Transaction, reference: str, own_only: str | None, asked: datetime | date | None, now: datetime
) -> Kpis:
    """Return a project's metrics as of an instant or the end of a day; raises NotFound.

    Without either: by its plan as it is now, as of its status date (now if it has none) or its newest progress,
    whichever is later.
    """
    for _ in range(TRIES):
        project = await reading.project(tx, reference, own_only)
        zone = ZoneInfo(project.time_zone)
        as_of = _present(project, now, zone) if asked is None else moment(asked, zone)
        thens = [None] if asked is None else await _states(tx, project, [as_of], now)
        found = await _metrics(tx, project, [as_of], thens)
        if found is not None:
            return Kpis(project.id, as_of, found[0])
    raise Busy


@dataclass(frozen=True, slots=True)
class Series:
    """Which points of a project's history are asked for; what is None is chosen to fit the project."""

    interval: HistoryInterval
    first: datetime | date | None
    last: datetime | date | None
    after: date | None
    most: int


@dataclass(frozen=True, slots=True)
class History:
    """Points of a project's history in order; `last` is the day on which the whole series ends."""

    points: Sequence[Kpis]
    days: Sequence[date]
    first: date
    last: date


async def metrics_over_time(
    tx: Transaction, reference: str, own_only: str | None, asked: Series, now: datetime
) -> History:
    """Return a project's metrics at the ends of days; raises NotFound, or ValidationFailed if the last is not last.

    The series begins with the baseline (else the first progress) and ends as of now: on the day of the default
    instant, but not after both the baseline and the newest progress.
    """
    for _ in range(TRIES):
        project = await reading.project(tx, reference, own_only)
        zone = ZoneInfo(project.time_zone)
        plan, baseline = await baseline_of(tx, project)
        first, last = _day(asked.first, zone), _day(asked.last, zone)
        if first is None or last is None:
            usual_first, usual_last = await _usual_range(tx, project, baseline, now, zone)
            last = last or max(usual_last, first or usual_last)
            first = first or min(usual_first, last)
        if last < first:
            raise ValidationFailed(errors=[FieldError("query/to", "to_before_from", "must not lie before `from`")])
        days = points(first, last, asked.interval, asked.after, asked.most)
        instants = [end_of_day(day, zone) for day in days]
        thens = await _states(tx, project, instants, now)
        found = await _metrics(tx, project, instants, thens) if plan == project.plan else None
        if found is not None:
            kpis = [Kpis(project.id, as_of, values) for as_of, values in zip(instants, found, strict=True)]
            return History(kpis, days, first, last)
    raise Busy


def _present(project: Project, now: datetime, zone: ZoneInfo) -> datetime:
    return default_moment(project.status_date, project.newest, now, zone)


def _day(asked: datetime | date | None, zone: ZoneInfo) -> date | None:
    return asked.astimezone(zone).date() if isinstance(asked, datetime) else asked


async def _usual_range(
    tx: Transaction, project: Project, baseline: Baseline | UndefinedReason, now: datetime, zone: ZoneInfo
) -> tuple[date, date]:
    present = _present(project, now, zone).date()
    newest = None if project.newest is None else project.newest.astimezone(zone).date()
    if isinstance(baseline, Baseline):
        finish = day_of_minute(baseline.finish)
        return day_of_minute(baseline.start + 1), min(present, finish if newest is None else max(finish, newest))
    oldest = await reading.oldest_progress(tx, project.id)
    if oldest is None or newest is None:
        return present, present
    return oldest.astimezone(zone).date(), newest


async def _states(
    tx: Transaction, project: Project, instants: Sequence[datetime], now: datetime
) -> Sequence[datetime | None]:
    """Return for each instant which state of the plan was in force; None: the present one."""
    if all(instant >= now for instant in instants):
        return [None] * len(instants)
    timeline = await states.timeline(tx, project.id)
    return [timeline.state_at(instant) for instant in instants]


async def _metrics(
    tx: Transaction, project: Project, instants: Sequence[datetime], thens: Sequence[datetime | None]
) -> Sequence[Mapping[str, Metric]] | None:
    """Return the metrics at ascending instants, each by a state of the plan; None if it was changed meanwhile."""
    found: list[Mapping[str, Metric]] = []
    for then, group in itertools.groupby(zip(thens, instants, strict=True), lambda pair: pair[0]):
        part = await _metrics_by(tx, project, [instant for _, instant in group], then)
        if part is None:
            return None
        found += part
    return found


async def _metrics_by(
    tx: Transaction, project: Project, instants: Sequence[datetime], then: datetime | None
) -> Sequence[Mapping[str, Metric]] | None:
    utc = [as_utc(instant) for instant in instants]
    of, baseline = await baseline_of(tx, project, then)
    apportioned = baseline.earning.apportioned if isinstance(baseline, Baseline) else {}
    if len(utc) == 1:
        plan, standing = await standings_of.standing(tx, project.id, apportioned, utc[0], then)
        standings: Sequence[Standing] = [standing]
    else:
        plan, standings = await standings_of.series(tx, project.id, apportioned, utc, then)
    if not plan == of == project.plan:
        return None
    finish: Sequence[int | None] | None = None
    if isinstance(baseline, Baseline) and any(_all_earned(standing, baseline) for standing in standings):
        finish = await standings_of.finish(tx, project.id, utc, ZoneInfo(project.time_zone), then)
    compute = _Computation(project, ZoneInfo(project.time_zone), baseline, instants, standings, finish)
    return compute.run() if compute.is_quick else await asyncio.to_thread(compute.run)


def _all_earned(standing: Standing, baseline: Baseline) -> bool:
    earned = standing.earned
    return earned is not None and earned.to_integral_value() >= Decimal(baseline.budget_at_completion)


@dataclass(frozen=True, slots=True)
class _Computation:
    """Everything that metrics at some instants follow from."""

    project: Project
    zone: ZoneInfo
    baseline: Baseline | UndefinedReason
    instants: Sequence[datetime]
    standings: Sequence[Standing]
    finish: Sequence[int | None] | None

    @property
    def is_quick(self) -> bool:
        """Whether it takes no more than some milliseconds: days long after the plan have to be counted first."""
        overrun = 0
        if isinstance(self.baseline, Baseline):
            overrun = local_minute(self.instants[-1], self.zone) - self.baseline.finish
        return len(self.instants) <= FEW and overrun <= FAR

    def run(self) -> Sequence[Mapping[str, Metric]]:
        """Compute them; free of the event loop and the database."""
        currency = self.project.currency
        digits = minor_digits(currency)
        return [
            metrics(
                Inputs(
                    currency,
                    local_minute(instant, self.zone),
                    self.baseline,
                    standing.earned,
                    standing.spent,
                    digits,
                    self._finished_at(number),
                    standing.reported,
                )
            )
            for number, (instant, standing) in enumerate(zip(self.instants, self.standings, strict=True))
        ]

    def _finished_at(self, number: int) -> int | None:
        """The project's actual finish as a local minute."""
        return None if self.finish is None else self.finish[number]
