"""The steps of a batch: what each changes of a plan held in memory, and why it cannot be taken."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from services.projects.domain.custom_fields import Definition
from services.projects.domain.ev_techniques import as_technique
from services.projects.domain.outline import NoPlace
from services.projects.domain.progress import Progress
from services.projects.errors import (
    DependencyExists,
    MoveNotPossible,
    ReferenceInvalid,
    TaskHasChildren,
    TaskSourceTaken,
)
from services.projects.service import custom_fields
from services.projects.service.dependencies import check_lag
from services.projects.service.outlines import Fields, outline_of
from services.projects.service.task_bounds import check_parent
from services.projects.service.tasks import changed_task, new_task, stated_progress
from services.projects.service.techniques import check_technique
from shared.concurrency import must_be
from shared.db import Transaction
from shared.errors import FieldError, NotFound, PreconditionFailed, Problem
from shared.types import Money

Reference = UUID | str
"""An id, or `#name` of what an earlier step creates."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change asked for; `values` are checked, references in them are still to be looked up."""

    action: str
    values: Mapping[str, object] = field(default_factory=dict)
    id: UUID | None = None
    version: int = 0
    ref: str | None = None
    cost: Money | None = None
    with_subtasks: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of a step."""

    status: int = 200
    id: UUID | None = None
    version: int | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class _Link:
    predecessor_id: UUID
    successor_id: UUID
    type: str


class PlanInMemory:
    """A plan under change in memory."""

    def __init__(
        self,
        project: asyncpg.Record,
        tasks: Sequence[asyncpg.Record],
        links: Sequence[asyncpg.Record],
        calendars: Collection[UUID],
        own_fields: Sequence[Definition],
    ) -> None:
        self.project = project
        self.calendars = calendars
        self.custom_fields = own_fields
        self.rows = {row["id"]: row for row in tasks}
        self.outline = outline_of(tasks, project["code_mask"])
        self.sources = {row["source_id"] for row in tasks if row["source_id"] is not None}
        self.link_rows = {row["id"]: row for row in links}
        self.links: dict[UUID, _Link] = {
            row["id"]: _Link(row["predecessor_id"], row["successor_id"], row["type"]) for row in links
        }
        self.pairs: dict[_Link, UUID] = {link: key for key, link in self.links.items()}
        self.new_tasks: dict[UUID, Fields] = {}
        self.task_changes: dict[UUID, Fields] = {}
        self.gone_tasks: set[UUID] = set()
        self.new_links: dict[UUID, Fields] = {}
        self.link_changes: dict[UUID, Fields] = {}
        self.gone_links: set[UUID] = set()
        self.progress: dict[UUID, Progress] = {}
        self.moved: dict[UUID, int] = {}
        self.step_of_link: dict[UUID, int] = {}

    def drop_link(self, key: UUID) -> None:
        """Take a link out."""
        self.pairs.pop(self.links.pop(key), None)
        self.link_changes.pop(key, None)
        if self.new_links.pop(key, None) is None:
            self.gone_links.add(key)


class Taking:
    """Takes steps one after the other."""

    def __init__(self, tx: Transaction, plan: PlanInMemory) -> None:
        self.tx = tx
        self.plan = plan
        self.refs: dict[str, UUID] = {}
        self._by_action: Mapping[str, Callable[[int, Step], UUID | None]] = {
            "create_task": self._create_task,
            "update_task": self._update_task,
            "move_task": self._move_task,
            "delete_task": self._delete_task,
            "create_dependency": self._create_dependency,
            "update_dependency": self._update_dependency,
            "delete_dependency": self._delete_dependency,
        }

    def take(self, number: int, step: Step) -> Outcome:
        """Take a step, or tell why it cannot be taken."""
        if step.ref is not None and step.ref in self.refs:
            detail = "an earlier item has this ref"
            return refused(ReferenceInvalid(errors=[FieldError("/ref", "repeated_ref", detail)]), step)
        try:
            identifier = self._by_action[step.action](number, step)
        except Problem as problem:
            return refused(problem, step)
        if step.ref is not None and identifier is not None:
            self.refs[step.ref] = identifier
        created, deleted = step.action.startswith("create_"), step.action.startswith("delete_")
        return Outcome(201 if created else 204 if deleted else 200, identifier)

    def _known(self, values: Mapping[str, object], name: str) -> UUID | None:
        """Return the task that a reference names; raises ReferenceInvalid."""
        given = values.get(name)
        if given is None:
            return None
        key = self.refs.get(given[1:]) if isinstance(given, str) else given
        if not isinstance(key, UUID) or key not in self.plan.outline:
            detail = "names no task of this project" + (" that an earlier item creates" * isinstance(given, str))
            raise ReferenceInvalid(errors=[FieldError(f"/{name}", "unknown_reference", detail)])
        return key

    def _parent(self, key: UUID | None) -> UUID | None:
        """Return the task that others are put below; raises TaskUnderWay."""
        if key is not None and (row := self.plan.rows.get(key)) is not None:
            check_parent(row)
        return key

    def _check_calendar(self, fields: Mapping[str, object]) -> None:
        if fields.get("calendar_id") not in {None, *self.plan.calendars}:
            detail = "names no calendar of this project"
            raise ReferenceInvalid(errors=[FieldError("/calendar_id", "unknown_reference", detail)])

    def _present(self, step: Step) -> asyncpg.Record:
        row = self.plan.rows.get(step.id)
        if row is None or row["id"] in self.plan.gone_tasks:
            raise NotFound
        must_be(row["version"], step.version)
        return row

    def _updated_once(self, row: asyncpg.Record, changes: Mapping[UUID, Fields]) -> None:
        """Raise PreconditionFailed if an earlier step updates a row: what is checked holds for the row as it was."""
        if row["id"] in changes:
            raise PreconditionFailed("An earlier item updates this already: put both into one.")

    def _create_task(self, _number: int, step: Step) -> UUID:
        plan = self.plan
        fields = new_task(plan.project, plan.custom_fields, step.values, step.cost)
        self._check_calendar(fields)
        check_technique(plan.rows, plan.task_changes, None, as_technique(step.values.get("ev_technique")))
        parent = self._parent(self._known(fields, "parent_id"))
        source = fields.get("source_id")
        if source is not None and source in plan.sources:
            raise TaskSourceTaken
        code = fields.pop("work_breakdown_structure", None)
        key: UUID = uuid7()
        try:
            plan.outline.add(key, parent, None if code is None else str(code))
        except NoPlace as error:
            raise MoveNotPossible(f"{str(error).capitalize()}.") from error
        plan.sources.add(source)
        plan.new_tasks[key] = fields
        return key

    def _update_task(self, _number: int, step: Step) -> UUID:
        plan, row = self.plan, self._present(step)
        self._updated_once(row, plan.task_changes)
        fields = changed_task(plan.project, row, step.values)
        self._check_calendar(fields)
        if "custom_fields" in fields:
            custom_fields.settle(plan.custom_fields, fields, row["custom_fields"])
        if (technique := as_technique(step.values.get("ev_technique"))) is not None:
            check_technique(plan.rows, plan.task_changes, row["id"], technique)
        progress = stated_progress(self.tx, plan.project, row, step.values)
        if "work_breakdown_structure" in fields:
            code = fields.pop("work_breakdown_structure")
            plan.outline.fix_code(row["id"], None if code is None else str(code))
        if progress is not None:
            plan.progress[row["id"]] = progress
        plan.task_changes.setdefault(row["id"], {}).update(fields)
        return UUID(str(row["id"]))

    def _move_task(self, number: int, step: Step) -> UUID:
        plan, row = self.plan, self._present(step)
        parent, before, after = (self._known(step.values, name) for name in ("parent_id", "before_id", "after_id"))
        if parent is None and (beside := before or after) is not None:
            parent = plan.outline[beside].parent
        self._parent(parent)
        try:
            plan.outline.move([row["id"]], parent, before=before, after=after)
        except NoPlace as error:
            raise MoveNotPossible(f"{str(error).capitalize()}.") from error
        plan.moved[row["id"]] = number
        return UUID(str(row["id"]))

    def _delete_task(self, _number: int, step: Step) -> None:
        plan, row = self.plan, self._present(step)
        branch = plan.outline.branch(row["id"])
        if len(branch) > 1 and not step.with_subtasks:
            raise TaskHasChildren(f"{len(branch) - 1} tasks are below it.")
        for key in reversed(branch):
            plan.outline.remove(key)
            plan.task_changes.pop(key, None)
            plan.progress.pop(key, None)
            if plan.new_tasks.pop(key, None) is None:
                plan.gone_tasks.add(key)
                plan.sources.discard(plan.rows[key]["source_id"])
        inside = set(branch)
        for key, link in list(plan.links.items()):
            if link.predecessor_id in inside or link.successor_id in inside:
                plan.drop_link(key)

    def _create_dependency(self, number: int, step: Step) -> UUID:
        plan = self.plan
        check_lag(step.values["lag"], step.values["lag_unit"])
        before, after = (self._known(step.values, name) for name in ("predecessor_id", "successor_id"))
        assert before is not None
        assert after is not None
        if before == after:
            detail = "a task cannot depend on itself"
            raise ReferenceInvalid(errors=[FieldError("/successor_id", "self_dependency", detail)])
        link = _Link(before, after, str(step.values["type"]))
        if link in plan.pairs:
            raise DependencyExists
        key: UUID = uuid7()
        plan.links[key], plan.pairs[link], plan.step_of_link[key] = link, key, number
        plan.new_links[key] = {**step.values, "predecessor_id": before, "successor_id": after}
        return key

    def _linked(self, step: Step) -> asyncpg.Record:
        row = self.plan.link_rows.get(step.id)
        if row is None or row["id"] not in self.plan.links:
            raise NotFound
        must_be(row["version"], step.version)
        return row

    def _update_dependency(self, _number: int, step: Step) -> UUID:
        plan, row = self.plan, self._linked(step)
        self._updated_once(row, plan.link_changes)
        values = step.values
        check_lag(values.get("lag", row["lag"]), values.get("lag_unit", row["lag_unit"]))
        link = _Link(row["predecessor_id"], row["successor_id"], str(values.get("type", row["type"])))
        if plan.pairs.get(link, row["id"]) != row["id"]:
            raise DependencyExists
        plan.pairs.pop(plan.links[row["id"]], None)
        plan.links[row["id"]], plan.pairs[link] = link, row["id"]
        plan.link_changes.setdefault(row["id"], {}).update(values)
        return UUID(str(row["id"]))

    def _delete_dependency(self, _number: int, step: Step) -> None:
        self.plan.drop_link(self._linked(step)["id"])


def refused(problem: Problem, step: Step) -> Outcome:
    """Return the outcome of a step that cannot be taken."""
    return Outcome(problem.status, step.id, None, problem)
