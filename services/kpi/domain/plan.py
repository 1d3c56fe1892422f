"""From a project's plan, as events told it, to the baseline that its metrics are computed from.

The leaves alone count: Microsoft Project rolls their baseline cost, actual cost and earned value up to the summary
rows, so a summary row's own figures would count twice. (A fixed cost entered on a summary row itself is in no leaf and
is left out.) Inactive tasks are no part of the baseline.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

import numpy as np

from services.kpi.domain.baseline import Baseline
from services.kpi.domain.earning import NOTHING_SPECIAL, Earning
from services.kpi.domain.measure import ARITHMETIC, UndefinedReason
from services.kpi.domain.planned_value import InvalidBaseline, PlannedWork
from shared.working_time import CalendarError, Shifts, WorkingTime, compile_calendars, from_json, minute_of

_OFFICE_DAY: Final[Shifts] = ((480, 720), (780, 1020))
_OFFICE_WEEK: Final = (*(_OFFICE_DAY,) * 5, (), ())
_AROUND_THE_CLOCK: Final = (((0, 1440),),) * 7


@dataclass(frozen=True, slots=True)
class BaselineDates:
    """A leaf's baseline as it is kept: local minutes, and its cost in minor units."""

    start: int
    finish: int
    cost: int


def baseline_of(
    start: datetime | None, finish: datetime | None, cost: Decimal | None, digits: int
) -> BaselineDates | None:
    """A task's baseline; None without any date: what has no place in time cannot be planned.

    Of two dates one may be missing, then the task is planned at the other; a finish before the start counts as there.
    """
    first, last = start or finish, finish or start
    if first is None or last is None:
        return None
    begin = minute_of(first)
    return BaselineDates(begin, max(begin, minute_of(last)), minor_units(cost or Decimal(0), digits))


def minor_units(amount: Decimal, digits: int) -> int:
    """An amount in minor units; decimals that the currency does not have are rounded half-even."""
    return int(amount.scaleb(digits, context=ARITHMETIC).quantize(Decimal(1), ROUND_HALF_EVEN, ARITHMETIC))


@dataclass(frozen=True, slots=True)
class PlanRows:
    """The baselined leaves of a project, one per position, and its calendars by id in their JSON form."""

    cost: Sequence[int]
    start: Sequence[int]
    finish: Sequence[int]
    calendar: Sequence[UUID | None]
    is_elapsed: Sequence[bool]
    calendars: Mapping[UUID, object]
    project_calendar: UUID | None
    earning: Earning = NOTHING_SPECIAL
    is_level_of_effort: Sequence[bool] | None = None


def compiled(rows: PlanRows) -> Baseline | UndefinedReason:
    """The baseline of a plan, or why there is none.

    A task keeps its own calendar, else the project's, and that is Monday to Friday, 8 to 12 and 13 to 17, where none
    is known; a duration in elapsed time runs around the clock.
    """
    if not rows.cost:
        return UndefinedReason.NO_BASELINE
    known = _working_times(rows.calendars)
    usual = WorkingTime(_OFFICE_WEEK, {})
    project = usual if rows.project_calendar is None else known.get(rows.project_calendar, usual)
    calendars: list[WorkingTime] = [project, WorkingTime(_AROUND_THE_CLOCK, {})]
    places: dict[UUID | None, int] = {None: 0}
    positions = []
    for identifier, is_elapsed in zip(rows.calendar, rows.is_elapsed, strict=True):
        if identifier not in places:
            own = known.get(identifier, project) if identifier is not None else project
            places[identifier] = len(calendars)
            calendars.append(own)
        positions.append(1 if is_elapsed else places[identifier])
    try:
        work = PlannedWork.between(rows.cost, rows.start, rows.finish, positions, calendars)
        return Baseline.compiled(
            work,
            calendars,
            project,
            min(rows.start),
            max(rows.finish),
            level_of_effort=None if rows.is_level_of_effort is None else np.array(rows.is_level_of_effort, dtype=bool),
            earning=rows.earning,
        )
    except InvalidBaseline:
        return UndefinedReason.BASELINE_TOO_LARGE


def _working_times(calendars: Mapping[UUID, object]) -> dict[UUID, WorkingTime]:
    """Calendars that can be worked by, compiled; one that is unfit takes all down, and the usual week stands in."""
    try:
        parsed = {identifier: from_json(definition) for identifier, definition in calendars.items()}
        times = compile_calendars(parsed.values())
    except CalendarError:
        return {}
    found = {identifier: times[calendar.source_id] for identifier, calendar in parsed.items()}
    return {identifier: time for identifier, time in found.items() if time.has_working_time}
