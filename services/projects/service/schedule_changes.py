"""A computed schedule, and what of it differs from the one stored: as rows and as events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.projects.domain.events import SchedulePublished
from services.projects.domain.project_links import Across, Bound
from services.projects.domain.rollups import RollUp
from services.projects.domain.schedule import ScheduledTask
from services.projects.service.chunks import chunked
from services.projects.service.kept_plans import Item, KeptPlan
from shared.messaging import NewEvent
from shared.strict_json import dumps

_DATES: Final = ("early_start", "early_finish", "late_start", "late_finish")
_FLOATS: Final = ("total_float_minutes", "free_float_minutes", "is_critical")
COLUMNS: Final = ("position", *_DATES, *_FLOATS, *RollUp._fields)
_TOLD: Final = 1 + len(_DATES) + len(_FLOATS)
"""So much of an item is told to others when it changes; roll-ups they make for themselves."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A schedule as it is to be stored: `version` is the project's last event when the plan was read."""

    project_id: UUID
    version: int
    zone_name: str
    span: tuple[datetime | None, datetime | None] = (None, None)
    """The project's start and finish."""
    percent_complete: Decimal | None = None
    items: Mapping[str, Item] = field(default_factory=dict)
    """What is to be stored, by task."""
    problem: str | None = None
    across: Across = field(default_factory=Across)
    """What links with other projects said when it was computed."""
    bounds: Mapping[UUID, Bound] = field(default_factory=dict)
    """What each of those that come in asks, and leaves."""
    plan: KeptPlan | None = None
    """What it was computed of, to be kept with it."""
    known: KeptPlan | None = None
    """What was kept of the plan before, with the schedule that was stored."""
    reached: Sequence[str] | None = None
    """The tasks that may have changed since that; None: any."""


def item_of(position: int, dates: ScheduledTask, sums: RollUp) -> Item:
    """Return what is to be stored of a task."""
    return (
        position,
        dates.early_start,
        dates.early_finish,
        dates.late_start,
        dates.late_finish,
        dates.total_float_minutes,
        dates.free_float_minutes,
        dates.is_critical,
        *sums,
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What of a schedule differs from the one stored."""

    rows: Sequence[Item]
    removed: Sequence[str]
    moved: Sequence[str]
    """Tasks whose dates or floats are others."""
    events: Sequence[NewEvent]


def items_of(stored: Sequence[asyncpg.Record]) -> Mapping[str, Item]:
    """Return what is stored of a schedule from its rows: their ids, then `COLUMNS`."""
    return {str(row[0]): tuple(row)[1:] for row in stored}


def change_of(computed: Computed, revision: int, stored: Mapping[str, Item] | Sequence[asyncpg.Record]) -> Change:
    """Return how a schedule differs from the one before: from its items, or from their rows."""
    new, old = computed.items, stored if isinstance(stored, Mapping) else items_of(stored)
    if computed.reached is not None and computed.known is not None and old is computed.known.items:
        changed, removed = [key for key in computed.reached if old[key] != new[key]], []
    else:
        changed = [key for key, item in new.items() if old.get(key) != item]
        removed = [key for key in old if key not in new]
    told = [(key, new[key]) for key in changed if old.get(key, ())[:_TOLD] != new[key][:_TOLD]]
    moved = [key for key, _ in told]
    return Change([(key, *new[key]) for key in changed], removed, moved, _events(computed, revision, told, removed))


class _Locals(dict[datetime | None, str | None]):
    """Local times with their offset as text, kept: many tasks begin and end together."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__({None: None})
        self._zone = zone

    def __missing__(self, moment: datetime) -> str:
        offset = moment.replace(tzinfo=self._zone).utcoffset() or timedelta()
        minutes = round(offset / timedelta(minutes=1))  # RFC 3339 has whole minutes; local mean times of old do not
        text = self[moment] = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()
        return text


def _events(
    computed: Computed, revision: int, changed: Sequence[tuple[str, Item]], removed: Sequence[str]
) -> list[NewEvent]:
    span, local = computed.span, _Locals(ZoneInfo(computed.zone_name)).__getitem__
    items = []
    for key, (_, *values) in changed:
        item: dict[str, object] = {"task_id": key}
        for name, value in zip((*_DATES, *_FLOATS), values, strict=False):
            item[name] = local(value) if isinstance(value, datetime) else value
        items.append(dumps(item))
    chunks = chunked(items)
    events = []
    for number, chunk in enumerate(chunks, 1):
        head = {
            "project_id": computed.project_id,
            "revision": revision,
            "time_zone": computed.zone_name,
            "project_start": local(span[0]),
            "project_finish": local(span[1]),
            "chunk": number,
            "chunks": len(chunks),
            "removed": list(removed) if number == len(chunks) else [],
        }
        data = dumps(head)[:-1] + b',"items":[' + b",".join(chunk) + b"]}"
        events.append(NewEvent(SchedulePublished.type, computed.project_id, data))
    return events
