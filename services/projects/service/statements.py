"""What a caller states of a task's progress: as of an instant, in the project's money and local time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg

from services.projects.domain.progress import DURATION, WORK, Progress
from services.projects.domain.shares import HUNDRED
from services.projects.errors import CurrencyMismatch
from services.projects.service.projects import wall_time
from shared.errors import FieldError, ValidationFailed
from shared.types import Money, minor_digits
from shared.working_time import instant_of

DATES: Final = ("actual_start", "actual_finish")
FIGURES: Final = (
    "percent_complete",
    "percent_work_complete",
    "physical_percent_complete",
    "units_done",
    "actual_duration_minutes",
    "remaining_duration_minutes",
    "actual_work_minutes",
    "remaining_work_minutes",
)
STATED: Final = frozenset({*FIGURES, *DATES, "actual_cost", "progress_at"})
"""What fields of a task state of its progress."""
CLOCKS: Final = timedelta(minutes=5)
"""By how much a caller's clock may be ahead of ours."""


IN_THE_FUTURE: Final = "in_the_future"
AHEAD: Final = "lies after both now and the project's status date"


def is_ahead(at: datetime, project: asyncpg.Record, now: datetime) -> bool:
    """Tell whether nobody can know yet how things stand at an instant: it would hide every later statement."""
    status = project["status_date"]
    latest = now if status is None else max(now, instant_of(status, ZoneInfo(project["time_zone"])).astimezone(UTC))
    return at > latest + CLOCKS


def statement(project: asyncpg.Record, values: Mapping[str, object], now: datetime, source: str) -> Progress | None:
    """Return what values state; None: nothing. As of `progress_at`, else of now.

    Raises ValidationFailed for an instant later than both now and the project's status date, CurrencyMismatch.
    """
    given: dict[str, Any] = {name: value for name, value in values.items() if name in STATED and value is not None}
    at = given.pop("progress_at", now)
    if not given or not isinstance(at, datetime):
        return None
    zone = project["time_zone"]
    if is_ahead(at, project, now):
        raise ValidationFailed(errors=[FieldError("/progress_at", IN_THE_FUTURE, AHEAD)])
    cost = given.pop("actual_cost", None)
    for name in DATES:
        date = given.get(name)
        if isinstance(date, datetime):
            given[name] = wall_time(date, zone, f"/{name}")
    return Progress(
        at,
        actual_cost=amount_in(cost if isinstance(cost, Money) else None, project["currency"], "/actual_cost/currency"),
        source=source,
        local_at=local_of_statement(at, zone),
        **given,
    )


def over_new_wholes(said: Progress, row: asyncpg.Record, changes: Mapping[str, object]) -> Progress:
    """Return a statement that also keeps what is done of a task under way whose duration or work is changed.

    The percents follow from the new wholes, as in Microsoft Project; what is no longer than what is done is done with.
    """
    measures = [(DURATION, "duration_minutes", said.is_of_duration), (WORK, "work_minutes", said.is_of_work)]
    wholes = {name: changes.get(name, row[name]) for _, name, _ in measures}
    begun = row["percent_complete"] > 0 or row["percent_work_complete"] > 0
    if not begun or not any(wholes[name] != row[name] and not stated for _, name, stated in measures):
        return said
    kept: dict[str, Any] = {}
    for (percent, actual, rest), name, stated in measures:
        whole = wholes[name]
        if stated:
            continue
        if not whole:
            if row[name]:  # nothing is left to do; of no work as much is done as of the duration
                kept[percent] = (
                    HUNDRED if name == "duration_minutes" else kept.get("percent_complete", row["percent_complete"])
                )
        elif not row[name]:
            if not said.is_of_duration:  # else work that there was none of goes along with that
                kept[percent] = row[percent]
        elif whole <= row[actual]:
            kept[percent] = HUNDRED
        else:
            kept |= {actual: row[actual], rest: whole - row[actual]}
    if row["uses_physical_percent"] and said.physical_percent_complete is None:
        kept["physical_percent_complete"] = row["physical_percent_complete"]
    return replace(said, **kept)


def local_of_statement(at: datetime, zone: str) -> datetime:
    """Return an instant as the wall time of a project, to the minute."""
    return at.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0, tzinfo=None)


def amount_in(money: Money | None, currency: str, pointer: str) -> Decimal | None:
    """Return the amount; raises CurrencyMismatch if it is not in the project's currency."""
    if money is None:
        return None
    if money.currency != currency:
        raise CurrencyMismatch(errors=[FieldError(pointer, "currency_mismatch", f"must be in {currency}")])
    return money.amount.quantize(quantum(currency))


def quantum(currency: str) -> Decimal:
    """Return the smallest amount of a currency: 0.01 for most."""
    return Decimal(1).scaleb(-minor_digits(currency))
