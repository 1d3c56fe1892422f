"""Copying branches of a plan, from the same project, another one or a template, with what hangs on them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
import orjson
from uuid_utils.compat import uuid7

from services.projects import repository
from services.projects.domain.outline import NoPlace
from services.projects.entities import ASSIGNMENT, CALENDAR, DEPENDENCY, PLAN_RESOURCE, PROJECT, TASK
from services.projects.errors import MoveNotPossible, ReferenceInvalid
from services.projects.service.changes import PlanChanges
from services.projects.service.life_cycle import changeable_project
from services.projects.service.outlines import Fields, load_outline, update_rows
from services.projects.service.projects import request_schedule
from services.projects.service.statements import quantum
from services.projects.service.task_bounds import DATES, check_parent
from services.projects.service.techniques import copied_technique
from shared import entity
from shared.db import Transaction
from shared.entity import Entity, Written
from shared.errors import FieldError, NotFound
from shared.strict_json import dumps

_OWN: Final = frozenset({"organization_id", "version", "created_at", "updated_at"})
_FRESH: Final[Fields] = {
    "source_id": None,
    "is_imported": False,
    "has_fixed_code": False,
    "percent_complete": Decimal(0),
    "percent_work_complete": Decimal(0),
    "physical_percent_complete": Decimal(0),
    "units_done": Decimal(0),
    "actual_start": None,
    "actual_finish": None,
    "actual_duration_minutes": 0,
    "remaining_duration_minutes": None,
    "stop": None,
    "resume": None,
    "leveling_delay_minutes": 0,
    "actual_work_minutes": 0,
    "baseline_start": None,
    "baseline_finish": None,
    "baseline_duration_minutes": None,
    "baseline_work_minutes": None,
    "baseline_cost": None,
    "progress_at": None,
}
"""What a copy does not take over: where it came from, what was done and what was approved."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be copied; no tasks: all."""

    task_ids: Sequence[UUID] = ()
    parent_id: UUID | None = None
    with_dependencies: bool = True
    with_calendars: bool = True
    with_assignments: bool = False


async def source_project(tx: Transaction, project_id: UUID, own_only: str | None, pointer: str) -> asyncpg.Record:
    """Return a project that the caller may copy from: one that it sees, or any template; raises ReferenceInvalid."""
    with suppress(NotFound):
        row = await repository.project_row(tx, str(project_id), None)
        if own_only is None or row["owner"] == own_only or row["is_template"]:
            return row
    detail = "names neither a template nor a project that you see"
    raise ReferenceInvalid(errors=[FieldError(pointer, "unknown_reference", detail)])


async def copy_tasks(
    tx: Transaction, reference: str, own_only: str | None, source_id: UUID, wanted: Wanted
) -> tuple[Mapping[UUID, UUID], str]:
    """Copy branches into a project; returns the copies by what they are of, and the position of the effect."""
    project = await changeable_project(tx, reference, own_only)
    origin = await source_project(tx, source_id, own_only, "/source_project_id")
    copied = await _Copy(tx, origin, project, wanted).run()
    await request_schedule(tx, project["id"])
    version = await repository.position(tx, project["id"])
    return copied, f"projects:{project['id']}@{version}"


async def fill_from_template(tx: Transaction, project_id: UUID, template_id: UUID, own_only: str | None) -> Written:
    """Give a new project the plan of another: calendars, tasks, dependencies, resources, assignments and settings."""
    origin = await source_project(tx, template_id, own_only, "/template_id")
    project = await changeable_project(tx, str(project_id), own_only)
    copy = _Copy(tx, origin, project, Wanted(with_assignments=True))
    await copy.run()
    settings = {name: origin[name] for name in ("minutes_per_day", "code_mask", "plan_settings")}
    settings["calendar_id"] = copy.calendars_here.get(origin["calendar_id"])
    written = await entity.update(tx, PROJECT, project_id, settings, expected=project["version"])
    await request_schedule(tx, project_id)
    return written


class _Copy:
    """One copy under way."""

    def __init__(self, tx: Transaction, origin: asyncpg.Record, project: asyncpg.Record, wanted: Wanted) -> None:
        self.tx = tx
        self.origin = origin
        self.project = project
        self.wanted = wanted
        self.changes = PlanChanges(project["id"])
        self.within = origin["id"] == project["id"]
        self.calendars_here: Mapping[UUID, UUID] = {}
        self.shift = timedelta(days=(project["start"].date() - origin["start"].date()).days)

    async def run(self) -> Mapping[UUID, UUID]:
        """Copy; returns new ids by old."""
        wanted = self.wanted
        tasks = {row["id"]: row for row in await self._rows(TASK)}
        outline = await load_outline(self.tx, self.origin)
        unknown = [number for number, key in enumerate(wanted.task_ids) if key not in tasks]
        if unknown:
            detail = "names no task of the source project"
            raise ReferenceInvalid(
                errors=[FieldError(f"/task_ids/{number}", "unknown_reference", detail) for number in unknown]
            )
        tops = list(wanted.task_ids) or list(outline.children(None))
        chosen = dict.fromkeys(key for top in tops for key in outline.branch(top))
        copies: dict[UUID, UUID] = {key: uuid7() for key in chosen}
        target = await load_outline(self.tx, self.project)
        if wanted.parent_id is not None and wanted.parent_id not in target:
            detail = "names no task of this project"
            raise ReferenceInvalid(errors=[FieldError("/parent_id", "unknown_reference", detail)])
        if wanted.parent_id is not None:
            check_parent(await repository.task_row(self.tx, self.project["id"], wanted.parent_id))
        try:
            for key, copy in copies.items():
                target.add(copy, copies.get(tasks[key]["parent_id"], wanted.parent_id))
        except NoPlace as error:
            raise MoveNotPossible(f"{str(error).capitalize()}.") from error
        settled = target.settle()
        if wanted.with_calendars:
            self.calendars_here = await self._calendars()
        rows = {copy: self._task(tasks[key]) | settled.pop(copy) for key, copy in copies.items()}
        for row in rows.values():
            row["ev_technique"] = copied_technique(row["ev_technique"], copies)
        await update_rows(self.tx, self.changes, TASK, settled)
        await self._create(TASK, rows)
        if wanted.with_dependencies:
            await self._links(copies)
        if wanted.with_assignments:
            await self._assignments(copies)
        await self.changes.record(self.tx)
        return copies

    async def _rows(self, kind: Entity) -> list[asyncpg.Record]:
        return await repository.rows(self.tx, kind, self.origin["id"])

    async def _create(self, kind: Entity, rows: Mapping[UUID, Fields]) -> None:
        if rows:
            names = tuple(next(iter(rows.values())))
            values = [(key, *(fields[name] for name in names)) for key, fields in rows.items()]
            await self.changes.create(self.tx, kind, ("id", *names), values)

    def _fields(self, row: asyncpg.Record) -> Fields:
        fields: Fields = {name: value for name, value in row.items() if name not in _OWN and name != "id"}
        return fields | {"project_id": self.project["id"]}

    def _moved(self, moment: object) -> object:
        return moment + self.shift if isinstance(moment, datetime) else moment

    def _money(self, amount: Decimal | None) -> Decimal | None:
        """Return an amount; one in another currency says nothing here."""
        if self.origin["currency"] == self.project["currency"] or amount is None:
            return amount
        return Decimal(0).quantize(quantum(self.project["currency"]))

    def _task(self, row: asyncpg.Record) -> Fields:
        fields = self._fields(row) | _FRESH
        fields |= {name: self._moved(row[name]) for name in DATES}
        fields |= {name: self._money(row[name]) for name in ("cost", "fixed_cost")}
        fields["actual_cost"] = Decimal(0).quantize(quantum(self.project["currency"]))
        fields["remaining_work_minutes"] = row["work_minutes"]
        fields["calendar_id"] = row["calendar_id"] if self.within else self.calendars_here.get(row["calendar_id"])
        return fields

    async def _calendars(self) -> Mapping[UUID, UUID]:
        """Return the calendar here for each of the source: an equal one of the same name, else a copy."""
        if self.within:
            return {}
        there = await self._rows(CALENDAR)
        here = {row["source_id"]: row for row in await repository.rows(self.tx, CALENDAR, self.project["id"])}
        names: dict[str, str] = {}
        for row in there:
            known = here.get(row["source_id"])
            equal = known is None or orjson.loads(known["definition"]) == orjson.loads(row["definition"])
            names[row["source_id"]] = row["source_id"] if equal else str(uuid7())
        found: dict[UUID, UUID] = {}
        rows: dict[UUID, Fields] = {}
        for row in there:
            source = names[row["source_id"]]
            if source in here:
                found[row["id"]] = here[source]["id"]
                continue
            definition = orjson.loads(row["definition"])
            definition |= {"source_id": source, "base_source_id": names.get(definition["base_source_id"])}
            found[row["id"]] = key = uuid7()
            rows[key] = self._fields(row) | {"source_id": source, "definition": dumps(definition).decode()}
        for row in there:
            if (copied := rows.get(found[row["id"]])) is not None:
                copied["base_calendar_id"] = found.get(row["base_calendar_id"])
        await self._create(CALENDAR, rows)
        return found

    async def _links(self, copies: Mapping[UUID, UUID]) -> None:
        rows: dict[UUID, Fields] = {}
        for row in await self._rows(DEPENDENCY):
            before, after = copies.get(row["predecessor_id"]), copies.get(row["successor_id"])
            if before is not None and after is not None:
                rows[uuid7()] = self._fields(row) | {"predecessor_id": before, "successor_id": after}
        await self._create(DEPENDENCY, rows)

    async def _assignments(self, copies: Mapping[UUID, UUID]) -> None:
        chosen = [row for row in await self._rows(ASSIGNMENT) if row["task_id"] in copies]
        resources = await self._resources({row["resource_id"] for row in chosen})
        rows: dict[UUID, Fields] = {}
        for row in chosen:
            key = uuid7()
            rows[key] = self._fields(row) | {
                "source_id": str(key),
                "task_id": copies[row["task_id"]],
                "resource_id": resources.get(row["resource_id"], row["resource_id"] if self.within else None),
                "actual_work_minutes": 0,
                "remaining_work_minutes": row["work_minutes"],
                "cost": self._money(row["cost"]),
                "actual_cost": Decimal(0).quantize(quantum(self.project["currency"])),
                "planned_start": self._moved(row["planned_start"]),
                "planned_finish": self._moved(row["planned_finish"]),
            }
        await self._create(ASSIGNMENT, rows)

    async def _resources(self, needed: set[UUID]) -> Mapping[UUID, UUID]:
        """Return the resource here for each that is needed: one with the same source id and name, else a copy."""
        if self.within:
            return {}
        present = await repository.rows(self.tx, PLAN_RESOURCE, self.project["id"])
        here = {(row["source_id"], row["name"]): row["id"] for row in present}
        taken = {row["source_id"] for row in present}
        found: dict[UUID, UUID] = {}
        rows: dict[UUID, Fields] = {}
        for row in await self._rows(PLAN_RESOURCE):
            if row["id"] not in needed:
                continue
            known = here.get((row["source_id"], row["name"]))
            if known is not None:
                found[row["id"]] = known
                continue
            found[row["id"]] = key = uuid7()
            same = self.origin["currency"] == self.project["currency"]
            rates = ("standard_rate", "overtime_rate")
            rows[key] = self._fields(row) | {
                "source_id": str(key) if row["source_id"] in taken else row["source_id"],
                "calendar_id": self.calendars_here.get(row["calendar_id"]),
                **{name: row[name] if same else None for name in rates},
                "cost_per_use": self._money(row["cost_per_use"]),
            }
        await self._create(PLAN_RESOURCE, rows)
        return found
