"""Many changes of a plan in one request: taken one after the other, written together, told as one event.

The plan's outline and links are held in memory while the steps are taken, each seeing what those before it did; a step
that cannot be taken leaves no trace. What is left in the end is written with a few statements, however many steps.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.projects import repository
from services.projects.domain.loops import loop_through
from services.projects.entities import ASSIGNMENT, DEPENDENCY, TASK
from services.projects.errors import BatchRefused, DependencyCycle
from services.projects.repository import outlines
from services.projects.service import custom_fields
from services.projects.service.batch_steps import Outcome, PlanInMemory, Step, Taking, refused
from services.projects.service.changes import PlanChanges
from services.projects.service.life_cycle import changeable_project
from services.projects.service.loops import Beyond, beyond, cycle
from services.projects.service.outlines import Fields, update_rows
from services.projects.service.progress import ProgressBatch, tasks_to_state
from services.projects.service.projects import request_schedule
from services.projects.service.task_calendars import task_calendars
from services.projects.service.techniques import measured_by
from shared.db import Transaction
from shared.entity import Entity
from shared.errors import FieldError

MOST_LOOPS: Final = 20
"""So many loops are looked for one by one; a batch that closes more is refused as a whole."""
MOST_ERRORS: Final = 100


async def run_batch(
    tx: Transaction, reference: str, own_only: str | None, steps: Sequence[Step], *, atomic: bool, at: str = "/items/{}"
) -> tuple[list[Outcome], str]:
    """Take steps and write what they change; returns what became of each, and the position of the whole.

    Atomic: raises BatchRefused if one cannot be taken. Otherwise those that can be are. `at` is where a step stands in
    the body, by its number.
    """
    project = await changeable_project(tx, reference, own_only)
    project_id: UUID = project["id"]
    plan = PlanInMemory(
        project,
        await outlines.task_places(tx, project_id),
        await outlines.links(tx, project_id),
        await outlines.calendar_ids(tx, project_id),
        await custom_fields.definitions(tx, TASK),
    )
    taking = Taking(tx, plan)
    outcomes = []
    for number, step in enumerate(steps):
        outcomes.append(taking.take(number, step))
        if number % 200 == 199:
            await asyncio.sleep(0)
    if plan.new_links or plan.moved:
        closing = _Closing(tx, own_only, plan, at)
        await closing.refuse(await beyond(tx, project_id), steps, outcomes)
    if atomic:
        _all_or_nothing(outcomes)
    await _write(tx, plan, outcomes)
    version = await repository.position(tx, project_id)
    return outcomes, f"projects:{project_id}@{version}"


@dataclass(frozen=True, slots=True)
class _Closing:
    """What steps close loops in a plan, for a caller."""

    tx: Transaction
    own_only: str | None
    plan: PlanInMemory
    at: str

    async def refuse(self, others: Beyond, steps: Sequence[Step], outcomes: list[Outcome]) -> None:
        """Refuse the links that close loops, the last of each loop; a move that does refuses the batch."""
        plan = self.plan
        parents = {**plan.outline.parents(), **others.parents}
        crossing = {pair for pair in others.pairs if parents.keys() >= set(pair)}  # the others' tasks here may be gone
        loop: Sequence[UUID] | None = ()
        for _ in range(MOST_LOOPS):
            pairs = crossing | {(link.predecessor_id, link.successor_id) for link in plan.links.values()}
            new = {key: (plan.links[key].predecessor_id, plan.links[key].successor_id) for key in plan.new_links}
            moved = [key for key in plan.moved if key in parents]
            loop = loop_through(parents, pairs, added=list(new.values()), moved=moved)
            if loop is None:
                return
            inside = set(loop)
            closing = [key for key, (before, after) in new.items() if {before, after} <= inside]
            if not closing:
                number = max(plan.moved[key] for key in moved if key in inside)
                raise await self._cycle(loop, self.at.format(number) + _place(steps[number]))
            key = max(closing, key=plan.step_of_link.__getitem__)
            number = plan.step_of_link[key]
            outcomes[number] = refused(await self._cycle(loop, "/successor_id"), steps[number])
            plan.drop_link(key)
        raise await self._cycle(loop or (), "/items")

    async def _cycle(self, loop: Sequence[UUID], pointer: str) -> DependencyCycle:
        new = {key: str(fields["name"]) for key, fields in self.plan.new_tasks.items()}
        return await cycle(self.tx, self.own_only, loop, pointer, new)


def _place(move: Step) -> str:
    """Return what of a move says where to: by that it closes a loop."""
    return next(f"/{name}" for name in ("parent_id", "before_id", "after_id") if move.values.get(name) is not None)


def _all_or_nothing(outcomes: Sequence[Outcome]) -> None:
    errors: list[FieldError] = []
    failed = 0
    for number, outcome in enumerate(outcomes):
        if outcome.problem is None:
            continue
        failed += 1
        given = outcome.problem.errors or (FieldError("", outcome.problem.code, outcome.problem.detail),)
        errors += [FieldError(f"/items/{number}{one.pointer}", outcome.problem.code, one.detail) for one in given]
    if failed:
        raise BatchRefused(f"{failed} of {len(outcomes)} items cannot be done.", errors=errors[:MOST_ERRORS])


async def _write(tx: Transaction, plan: PlanInMemory, outcomes: Sequence[Outcome]) -> None:
    changes = PlanChanges(plan.project["id"])
    settled = plan.outline.settle()
    gone = list(plan.gone_tasks)
    await changes.delete(tx, DEPENDENCY, list(plan.gone_links))
    if gone:
        await changes.delete(tx, ASSIGNMENT, await outlines.assignments_of(tx, plan.project["id"], gone))
    await changes.delete(tx, TASK, gone)
    updates: dict[UUID, Fields] = {}
    for source in (plan.task_changes, settled):
        for key, fields in source.items():
            if key not in plan.new_tasks:
                updates.setdefault(key, {}).update(fields)
    for key in measured_by(plan.rows.values(), plan.gone_tasks):
        updates.setdefault(key, {}).setdefault("ev_technique", None)
    await update_rows(tx, changes, TASK, updates)
    created = {key: fields | settled[key] for key, fields in plan.new_tasks.items()}
    await _create(tx, changes, TASK, plan.project["id"], created)
    await update_rows(tx, changes, DEPENDENCY, plan.link_changes)
    await _create(tx, changes, DEPENDENCY, plan.project["id"], plan.new_links)
    await _state_progress(tx, plan, changes)
    await changes.record(tx)
    await request_schedule(tx, plan.project["id"])
    versions = dict.fromkeys((*plan.new_tasks, *plan.new_links), 1)
    touched = {*updates, *plan.progress}
    versions |= await outlines.versions(tx, "task", list(touched)) if touched else {}
    versions |= await outlines.versions(tx, "dependency", list(plan.link_changes)) if plan.link_changes else {}
    for outcome in outcomes:
        if outcome.problem is None and outcome.id is not None:
            known = plan.rows.get(outcome.id) or plan.link_rows.get(outcome.id)
            outcome.version = versions.get(outcome.id, 1 if known is None else known["version"])


async def _create(
    tx: Transaction, changes: PlanChanges, kind: Entity, project_id: UUID, rows: Mapping[UUID, Fields]
) -> None:
    if rows:
        names = tuple(next(iter(rows.values())))
        values = [(key, project_id, *(fields[name] for name in names)) for key, fields in rows.items()]
        await changes.create(tx, kind, ("id", "project_id", *names), values)


async def _state_progress(tx: Transaction, plan: PlanInMemory, changes: PlanChanges) -> None:
    """Note what was stated of progress among what was changed."""
    if not plan.progress:
        return
    project_id = plan.project["id"]
    dated = await tasks_to_state(tx, project_id, "id", plan.progress)
    is_of_dates = any(progress.is_of_dates for progress in plan.progress.values())
    batch = ProgressBatch(await task_calendars(tx, [project_id] if is_of_dates else []))
    for key, progress in plan.progress.items():
        batch.take(dated[key], progress, tx.context)
    await batch.write_into(tx, changes)
