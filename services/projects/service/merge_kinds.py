"""Merging what a file says of each kind of row into a project: calendars, tasks, links, resources, assignments."""

from collections.abc import Hashable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from uuid import UUID

import asyncpg
import orjson
from uuid_utils.compat import uuid7

from services.projects import repository
from services.projects.domain.outline import outline_order
from services.projects.domain.plan import Plan
from services.projects.entities import ASSIGNMENT, CALENDAR, DEPENDENCY, PLAN_RESOURCE, TASK
from services.projects.repository import baselines
from services.projects.service.baselines import BASELINE_COLUMNS
from services.projects.service.breathing import breathe
from services.projects.service.columns import PROGRESS_COLUMNS, Row, same_column, task_columns
from services.projects.service.merge_calendars import calendars_in_use, same_calendars
from services.projects.service.merge_departures import leaving_of, let_go, link_name
from services.projects.service.merge_fields import settle_custom_fields
from services.projects.service.merge_rows import RowMerge, recognized, shares_told
from services.projects.service.merge_techniques import settle_techniques
from services.projects.service.report import Merged
from shared.db import Transaction
from shared.strict_json import dumps
from shared.types import minor_digits
from shared.working_calendar import to_json

Record = asyncpg.Record

PLANNED: Final = ("planned_start", "planned_finish")
OVERRULED: Final[Row] = {"code": "baseline_in_force", "detail": "an approved baseline is in force; no file replaces it"}


class KindMerge(RowMerge):
    """One merge under way, kind by kind."""

    def __init__(self, tx: Transaction, merged: Merged, plan: Plan, currency: str) -> None:
        super().__init__(tx, merged, plan)
        self.quantum = Decimal(1).scaleb(-minor_digits(currency))

    def money(self, amount: Decimal | None) -> Decimal | None:
        """Return an amount with the decimals of the currency."""
        return None if amount is None else amount.quantize(self.quantum, ROUND_HALF_EVEN)

    def rate(self, amount: Decimal | None) -> Decimal | None:
        """Return a rate with at least the decimals of the currency; finer ones stay."""
        if amount is None or amount != amount.quantize(self.quantum):
            return amount
        return amount.quantize(self.quantum)

    async def calendars(self, *, inherits_usual: bool) -> Mapping[Hashable, UUID]:
        """Merge the calendars; the usual week is none where the project has no calendar of its own."""
        if self.is_silent(CALENDAR):
            return {}
        rows = await repository.rows(self.tx, CALENDAR, self.merged.project_id)
        same_here = same_calendars(self.plan.calendars, rows)
        if not inherits_usual:
            same_here = {name: row for name, row in same_here.items() if row is not None}
        wanted: dict[Hashable, tuple[str, Row]] = {
            calendar.source_id: (
                calendar.source_id,
                {
                    "source_id": calendar.source_id,
                    "name": calendar.name,
                    "definition": dumps(to_json(calendar)).decode(),
                    "rules": None,  # what it was made from here, if it was: now the file says
                    "base_calendar_id": None,
                },
            )
            for calendar in self.plan.calendars
            if calendar.source_id not in same_here
        }

        def same(name: str, old: object, new: object) -> bool:
            if name == "definition":
                return bool(orjson.loads(str(old)) == orjson.loads(str(new)))
            return old == new

        kept = {row["id"] for row in same_here.values() if row is not None}
        present: dict[Hashable, Record] = {row["source_id"]: row for row in rows if row["id"] not in kept}
        for name, row in same_here.items():
            if row is not None:
                self.merged.note(CALENDAR.name, name, "unchanged", row["id"])
        tasks = await repository.rows(self.tx, TASK, self.merged.project_id)
        used = calendars_in_use(rows, tasks, self.unread(TASK.name))
        made = await self.rows(CALENDAR, present, wanted, same=same, may_go=lambda row: row["id"] not in used)
        return made | {name: row["id"] for name, row in same_here.items() if row is not None}

    async def tasks(self, calendars: Mapping[Hashable, UUID], progress_at: datetime) -> Mapping[Hashable, UUID]:
        """Merge the tasks; new ids are made before the write, because tasks name their parents."""
        everything = await repository.rows(self.tx, TASK, self.merged.project_id, "position, id")
        present = recognized(self.plan.tasks, everything)
        identifiers: dict[Hashable, UUID] = {
            task.source_id: present[task.source_id]["id"] if task.source_id in present else uuid7()
            for task in self.plan.tasks
        }
        above_hand_made = {row["parent_id"] for row in everything if not row["is_imported"]}
        of_project = {task.source_id for task in self.plan.tasks if task.outline_level == 0}
        order = [present[task.source_id]["id"] for task in self.plan.tasks if task.source_id in present]
        kept = set(order)
        stands = outline_order({row["id"]: row["parent_id"] for row in everything})
        in_order = len(order) == len(self.plan.tasks) and order == [each for each in stands if each in kept]
        approved = await baselines.in_force(self.tx, self.merged.project_id)
        scheduled = await repository.scheduled_dates(self.tx, self.merged.project_id)
        differs = False
        wanted: dict[Hashable, tuple[str, Row]] = {}
        for number, task in enumerate(self.plan.tasks):
            await breathe(number)
            values = task_columns(task, calendars, identifiers, self.money)
            if identifiers[task.source_id] in above_hand_made:
                values["is_summary"] = True
            row = present.get(task.source_id)
            if row is not None and row["source_id"] != task.source_id:
                # Recognized by its GUID: it keeps its name, and is made here if it was.
                values |= {"source_id": row["source_id"], "is_imported": row["is_imported"]}
            if row is not None and in_order:
                values["position"] = row["position"]
            if row is not None and task.description is None:
                values["description"] = row["description"]  # most files say nothing of it
            if row is not None and row["parent_id"] is None and task.parent_source_id in of_project:
                values["parent_id"] = None  # to files everything is below the row that sums up the project
            if row is not None and not task.is_manual and (task.start, task.finish) in scheduled.get(row["id"], ()):
                values |= {name: row[name] for name in PLANNED}  # an export tells where it lies, as we know already
            if approved is not None:
                held = (
                    dict.fromkeys(BASELINE_COLUMNS) if row is None else {name: row[name] for name in BASELINE_COLUMNS}
                )
                differs |= task.baseline is not None and any(values[name] != held[name] for name in BASELINE_COLUMNS)
                values |= held
            stated = task.percent_complete > 0 or task.actual_cost > 0 or task.actual_start is not None
            pushed = None if row is None else row["progress_at"]
            if row is not None and pushed is not None and pushed > progress_at:
                # What another system stated after the file's status date stands.
                values |= {name: row[name] for name in PROGRESS_COLUMNS}
            else:
                # Without a status date the same file again must not look different.
                known = pushed if self.plan.status_date is None else None
                values["progress_at"] = (known or progress_at) if stated else pushed
            wanted[task.source_id] = (task.source_id, values)
        if differs:
            self.merged.note("baseline", "0", "skipped", reason=OVERRULED)
        rows_before = {row["id"]: row for row in everything}
        await settle_custom_fields(self, wanted, present)
        stays = {present[key]["id"] for key in wanted if key in present}
        leaving = leaving_of(self, rows_before, stays)
        here = {key: row for key, row in rows_before.items() if key not in leaving}
        await settle_techniques(self, wanted, identifiers, here)
        await let_go(self, rows_before, stays, leaving)
        return await self.rows(
            TASK, present, wanted, same=same_column, identify=identifiers, may_go=lambda row: bool(row["is_imported"])
        )

    async def dependencies(self, tasks: Mapping[Hashable, UUID]) -> None:
        """Merge the links; one is told by its two tasks and its type."""
        if self.is_silent(DEPENDENCY):
            return
        wanted: dict[Hashable, tuple[str, Row]] = {}
        for link in self.plan.links:
            predecessor, successor = tasks[link.predecessor], tasks[link.successor]
            wanted[predecessor, successor, str(link.type)] = (
                f"{link.predecessor}>{link.successor}",
                {
                    "predecessor_id": predecessor,
                    "successor_id": successor,
                    "type": str(link.type),
                    "lag": link.lag,
                    "lag_unit": str(link.lag_unit),
                    "lag_calendar": None if link.lag_calendar is None else str(link.lag_calendar),
                },
            )
        present = await self.present(DEPENDENCY, lambda row: (row["predecessor_id"], row["successor_id"], row["type"]))
        rows = await repository.rows(self.tx, TASK, self.merged.project_id)
        names = {row["id"]: row["source_id"] or row["id"] for row in rows}
        unread = self.unread("task")
        unclear = {name[1:] for name in self.unread("dependency") if name.startswith(">")}
        stated = set(tasks.values()) | {row["id"] for row in rows if row["is_imported"]}

        def may_go(row: Record) -> bool:
            ends = {row["predecessor_id"], row["successor_id"]}
            # What hangs on tasks that no file states, or on cells that could not be read, is not gone.
            is_known = ends <= stated and names.get(row["successor_id"]) not in unclear
            return is_known and not unread & {names.get(end) for end in ends}

        label = link_name({row["id"]: row for row in rows})
        await self.rows(DEPENDENCY, present, wanted, label=label, may_go=may_go)

    async def resources(self, calendars: Mapping[Hashable, UUID]) -> Mapping[Hashable, UUID]:
        """Merge the resources; those of a table are told by their names, and none is gone for not being named."""
        if self.plan.statements is not None:
            return await self._named_resources()
        wanted: dict[Hashable, tuple[str, Row]] = {
            resource.source_id: (
                resource.source_id,
                {
                    "source_id": resource.source_id,
                    "name": resource.name,
                    "type": str(resource.type),
                    "is_equipment": resource.is_equipment,
                    "email": resource.email,
                    "max_units": resource.max_units,
                    "calendar_id": calendars.get(resource.calendar_source_id),
                    "standard_rate": self.rate(resource.standard_rate),
                    "overtime_rate": self.rate(resource.overtime_rate),
                    "cost_per_use": self.money(resource.cost_per_use),
                },
            )
            for resource in self.plan.resources
        }
        return await self.rows(PLAN_RESOURCE, await self.present(PLAN_RESOURCE, lambda row: row["source_id"]), wanted)

    async def _named_resources(self) -> Mapping[Hashable, UUID]:
        present = await self.present(PLAN_RESOURCE, lambda row: row["name"].casefold())
        missing: dict[Hashable, tuple[str, Row]] = {
            each.name.casefold(): (
                each.source_id,
                {"source_id": each.source_id, "name": each.name, "type": str(each.type), "max_units": each.max_units},
            )
            for each in self.plan.resources
            if each.name.casefold() not in present
        }
        made = await self.rows(PLAN_RESOURCE, present, missing, may_go=lambda _row: False)
        known = {name: row["id"] for name, row in present.items()} | made
        return {each.source_id: known[each.name.casefold()] for each in self.plan.resources}

    async def assignments(self, tasks: Mapping[Hashable, UUID], resources: Mapping[Hashable, UUID]) -> None:
        """Merge the assignments."""
        if self.is_silent(ASSIGNMENT):
            return
        wanted: dict[Hashable, tuple[str, Row]] = {
            assignment.source_id: (
                assignment.source_id,
                {
                    "source_id": assignment.source_id,
                    "task_id": tasks[assignment.task_source_id],
                    "resource_id": resources.get(assignment.resource_source_id),
                    "units": assignment.units,
                    "work_minutes": assignment.work_minutes,
                    "actual_work_minutes": assignment.actual_work_minutes,
                    "remaining_work_minutes": assignment.remaining_work_minutes,
                    "cost": self.money(assignment.cost),
                    "actual_cost": self.money(assignment.actual_cost),
                    "planned_start": assignment.start,
                    "planned_finish": assignment.finish,
                },
            )
            for assignment in self.plan.assignments
        }
        rows = await repository.rows(self.tx, TASK, self.merged.project_id)
        unread = self.unread("task") | self.unread("assignment")
        unclear = {row["id"] for row in rows if row["source_id"] in unread}
        present = await self.present(ASSIGNMENT, lambda row: row["source_id"])
        if self.plan.statements is not None:
            # A table tells a share by its task and its resource.
            wanted = {(values["task_id"], values["resource_id"]): (name, values) for name, values in wanted.values()}
            present = shares_told(present.values(), wanted)
        await self.rows(ASSIGNMENT, present, wanted, may_go=lambda row: row["task_id"] not in unclear)
