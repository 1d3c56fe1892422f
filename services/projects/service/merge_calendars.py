"""Which of a file's calendars a project has already under another identifier, and which of its own it cannot lose."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import orjson

from services.projects.service.plans import USUAL_CALENDAR
from shared.working_calendar import CalendarError, WorkingCalendar, from_json
from shared.working_time import WorkingTime, compile_calendars


def same_calendars(
    calendars: Sequence[WorkingCalendar], rows: Sequence[asyncpg.Record]
) -> Mapping[str, asyncpg.Record | None]:
    """Return rows by the file's ids of calendars that are called and work alike but have another id here.

    None stands for the usual week, which has no row.
    """
    stated = {calendar.source_id for calendar in calendars}
    here: dict[str, asyncpg.Record | None] = {row["name"]: row for row in rows if row["source_id"] not in stated}
    here.setdefault(USUAL_CALENDAR.name, None)
    stored = {str(row["id"]): from_json(orjson.loads(row["definition"])) for row in rows}
    names = {calendar.source_id: key for key, calendar in stored.items()}
    times = _times(
        [
            USUAL_CALENDAR,
            *(
                replace(each, source_id=key, base_source_id=names.get(each.base_source_id or ""))
                for key, each in stored.items()
            ),
            *(_of_file(each) for each in calendars),
        ]
    )
    found: dict[str, asyncpg.Record | None] = {}
    for calendar in calendars:
        if calendar.name in here:
            row = here[calendar.name]
            key = USUAL_CALENDAR.source_id if row is None else str(row["id"])
            if times.get(_of_file(calendar).source_id) is times.get(key, calendar):
                found[calendar.source_id] = row
    return found


def calendars_in_use(
    rows: Sequence[asyncpg.Record], tasks: Iterable[asyncpg.Record], unread: Collection[str]
) -> set[UUID]:
    """Return the calendars of a project that tasks need which no file can take them from: made by hand, or unread.

    With those that calendars made by hand are based on, and the bases of all of these.
    """
    by_source = {row["source_id"]: row for row in rows}
    by_id = {row["id"]: row for row in rows}
    waiting = {row["calendar_id"] for row in tasks if not row["is_imported"] or row["source_id"] in unread}
    waiting |= {row["id"] for row in rows if row["rules"] is not None}
    used: set[UUID] = set()
    while waiting:
        row = by_id.get(waiting.pop())
        if row is not None and row["id"] not in used:
            used.add(row["id"])
            base = by_source.get(from_json(orjson.loads(row["definition"])).base_source_id)
            waiting |= {row["base_calendar_id"], None if base is None else base["id"]}
    return used


def _of_file(calendar: WorkingCalendar) -> WorkingCalendar:
    base = calendar.base_source_id
    return replace(calendar, source_id=f"file:{calendar.source_id}", base_source_id=base and f"file:{base}")


def _times(calendars: Iterable[WorkingCalendar]) -> Mapping[str, WorkingTime]:
    """When calendars work: those that work alike are one object; nothing where they cannot be compared."""
    try:
        return compile_calendars(calendars)
    except CalendarError:
        return {}
