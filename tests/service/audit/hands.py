"""Hands that tamper with a projection: random rows are changed, deleted, revived, added."""

import random
from collections.abc import Mapping
from typing import Final

import asyncpg

from services.kpi import consumers as kpi_consumers
from services.resources import consumers as resources_consumers
from shared.audit.projection import Kept, Projection

PROJECTIONS: Final[Mapping[str, Projection]] = {
    "kpi": kpi_consumers.PROJECTION,
    "resources": resources_consumers.PROJECTION,
}
FIELDS: Final[Mapping[str, str]] = {
    "project": "key = key || 'x'",
    "calendar": "definition = '{}'",
    "progress": "percent = percent + 1",
    "project_past": "technique = technique || 'x'",
    "calendar_past": "definition = '{}'",
    "task_past": "since = since - interval '1 hour'",
    "resource": "name = name || 'x'",
    "assignment": "work_minutes = work_minutes + 1",
    "schedule_item": "early_start = early_start + interval '1 minute'",
}
TASK_FIELDS: Final = {"kpi": "baseline_cost = coalesce(baseline_cost, 0) + 1", "resources": "name = name || 'x'"}


async def tamper(connection: asyncpg.Connection, service: str, times: int, chance: random.Random) -> list[str]:
    """Tamper with so many random rows of the connection's organization, none twice; returns what was done."""
    rows = []
    for kept in PROJECTIONS[service].tables:
        if kept.is_compared:
            key = f"concat_ws('/', {', '.join(_key(kept))})"
            rows += [(kept, key, row[0]) for row in await connection.fetch(f"select {key} from {kept.name}")]
    chance.shuffle(rows)
    done = []
    for kept, key, value in rows[:times]:
        deed, sql = chance.choice(list(_deeds(service, kept).items()))
        assert (await connection.execute(f"{sql} where {key} = $1", value)).endswith(" 1")
        done.append(f"{deed} {kept.name}")
    return done


def _key(kept: Kept) -> list[str]:
    """The columns of a table's key within an organization."""
    return [column.name for column in kept.table.primary_key.columns if column.name != "organization_id"]


def _deeds(service: str, kept: Kept) -> dict[str, str]:
    """What can be done to one row of a table, as the beginning of a statement."""
    name = kept.name
    columns = [column.name for column in kept.table.columns]
    fresh = {"id": "gen_random_uuid()", "at": "at + interval '1 microsecond'"}
    another = ", ".join(fresh.get(column, column) for column in columns)
    found = {
        "change": f"update {name} set {TASK_FIELDS[service] if name == 'task' else FIELDS[name]}",
        "delete": f"delete from {name}",
    }
    if name not in {"project", "project_past"}:  # another project would be another aggregate
        found["add"] = f"insert into {name} ({', '.join(columns)}) select {another} from {name}"
    if "is_deleted" in columns:
        found["bury or revive"] = f"update {name} set is_deleted = not is_deleted"
    if "version" in columns and "version" not in _key(kept):
        found["age"] = f"update {name} set version = version + 1"
    return found
