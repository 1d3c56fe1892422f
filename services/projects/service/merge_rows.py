"""What merging does to the rows of any kind, and how the tasks of a file are recognized."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from services.projects import repository
from services.projects.domain.plan import Plan, Task
from services.projects.service.breathing import breathe
from services.projects.service.changes import plan_item
from services.projects.service.columns import Row
from services.projects.service.report import Merged
from shared import entity
from shared.db import Transaction
from shared.entity import Entity

Record = asyncpg.Record

KINDS: Final = {"link": "dependency"}  # what the reader of files calls otherwise


def recognized(tasks: Sequence[Task], rows: Sequence[Record]) -> dict[Hashable, Record]:
    """Return the rows by the file's ids of their tasks; those that the file does not hold by their own ids.

    A row whose identifier the file does not hold is recognized by our id, which exports carry as its GUID: made here,
    or exported under another number because the format has no place for its own.
    """
    in_file = {task.source_id for task in tasks}
    by_source = {row["source_id"]: row for row in rows if row["source_id"] is not None}
    renamed = {str(row["id"]): row for row in rows if row["source_id"] is None or row["source_id"] not in in_file}
    found: dict[Hashable, Record] = {}
    claimed: set[UUID] = set()
    for task in tasks:
        row = renamed.pop(task.guid or "", None) or by_source.get(task.source_id)
        if row is not None:
            found[task.source_id] = row
            claimed.add(row["id"])
    return found | {row["id"]: row for row in rows if row["id"] not in claimed and row["source_id"] is not None}


def shares_told(rows: Iterable[Record], wanted: Mapping[Hashable, tuple[str, Row]]) -> dict[Hashable, Record]:
    """Return by task and resource the shares that a table can tell; those of nobody it cannot, and they stay.

    Several of a resource in one task are told by their sum: while it is theirs they stay, else one is left of them.
    """
    together: dict[Hashable, list[Record]] = {}
    for row in rows:
        if row["resource_id"] is not None:
            together.setdefault((row["task_id"], row["resource_id"]), []).append(row)
    found: dict[Hashable, Record] = {}
    for key, (first, *others) in together.items():
        found[key] = first
        values = wanted[key][1] if key in wanted else {}
        if others and values.get("units") == sum(row["units"] for row in (first, *others)):
            values["units"] = first["units"]
        else:
            found |= {(key, row["id"]): row for row in others}
    return found


class RowMerge:
    """A merge under way: what is new or different is written, what came from a file and is gone is deleted."""

    def __init__(self, tx: Transaction, merged: Merged, plan: Plan) -> None:
        self.tx = tx
        self.merged = merged
        self.plan = plan
        self.lost: dict[UUID, Row] = {}
        """What rows lose because of what is gone, whether or not the file speaks of it."""

    def unread(self, kind: str) -> set[str]:
        """Return what the file holds of a kind but could not be read: it is not gone."""
        return {s.source_id for s in self.plan.skipped if KINDS.get(s.kind, s.kind) == kind}

    def settled(self, kind: Entity, row: Record | None, source_id: str, values: Row) -> Row:
        """Return a row's values, those that the file does not state, or that have not changed, as they are."""
        if row is None or self.plan.statements is None:
            return values
        taken: set[str] = set()
        for each in self.plan.statements.get(kind.name, ()):
            if any(row[name] != values[name] and (source_id, name) not in self.plan.inferred for name in each.stated):
                taken |= each.stated | each.derived
        kept = {name: value if name in taken else row[name] for name, value in values.items()}
        return kept | self.lost.get(row["id"], {})

    def states(self, kind: Entity, column: str) -> bool:
        """Whether a table has a column of its own for one of a kind of row."""
        return any(column in each.stated for each in (self.plan.statements or {}).get(kind.name, ()))

    def is_silent(self, kind: Entity) -> bool:
        """Whether the file says nothing of a kind of row."""
        return self.plan.statements is not None and kind.name not in self.plan.statements

    async def rows(
        self,
        kind: Entity,
        present: Mapping[Hashable, Record],
        wanted: Mapping[Hashable, tuple[str, Row]],
        *,
        same: Callable[[str, object, object], bool] = lambda _name, old, new: old == new,
        identify: Mapping[Hashable, UUID] = MappingProxyType({}),
        may_go: Callable[[Record], bool] = lambda _row: True,
        label: Callable[[Record], str] = lambda row: str(row["source_id"]),
    ) -> dict[Hashable, UUID]:
        """Write what is new or different of a kind, delete what came from a file and is gone; returns ids by key."""
        identifiers: dict[Hashable, UUID] = {}
        write: list[tuple[UUID, Row]] = []
        actions: dict[UUID, str] = {}
        for number, (key, (source_id, stated)) in enumerate(wanted.items()):
            await breathe(number)
            row = present.get(key)
            values = self.settled(kind, row, source_id, stated)
            if row is None:
                identifier, action = identify.get(key) or uuid7(), "created"
            else:
                identifier = row["id"]
                equal = all(same(name, row[name], value) for name, value in values.items())
                action = "unchanged" if equal else "updated"
            identifiers[key] = identifier
            if action != "unchanged":
                write.append((identifier, values))
            actions[identifier] = action
            self.merged.note(kind.name, source_id, action, identifier)
        unread = self.unread(kind.name)
        gone = {
            row["id"]: label(row)
            for key, row in present.items()
            if key not in wanted and label(row) not in unread and may_go(row)
        }
        for action in ("created", "updated"):
            await self._write(kind, [w for w in write if actions[w[0]] == action], action)
        await self.delete(kind, gone)
        return identifiers

    async def delete(self, kind: Entity, gone: Mapping[UUID, str]) -> None:
        """Delete rows, each called as told."""
        for identifier, version in await entity.delete_many(self.tx, kind, list(gone)):
            self.merged.note(kind.name, gone[identifier], "deleted", identifier)
            self._item(kind, identifier, version, "deleted", None)

    async def _write(self, kind: Entity, rows: Sequence[tuple[UUID, Row]], action: str) -> None:
        if not rows:
            return
        columns = ["id", "project_id", *rows[0][1]]
        values = [(identifier, self.merged.project_id, *row.values()) for identifier, row in rows]
        order = {identifier: number for number, (identifier, _) in enumerate(rows)}
        images = await entity.write_many(self.tx, kind, columns, values, action=action)
        for number, image in enumerate(sorted(images, key=lambda image: order[image.id])):
            await breathe(number)
            self._item(kind, image.id, image.version, action, image.image)

    def _item(self, kind: Entity, identifier: UUID, version: int, action: str, image: str | None) -> None:
        self.merged.items.append(plan_item(kind.name, identifier, version, action, image))

    async def present(self, kind: Entity, key: Callable[[Record], Hashable]) -> dict[Hashable, Record]:
        """Return the rows of a kind that came from a file, by the file's identifiers."""
        rows = await repository.rows(self.tx, kind, self.merged.project_id)
        return {name: row for row in rows if (name := key(row)) is not None}
