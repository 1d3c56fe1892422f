"""Use cases of links between projects: hard ones of who plans both, soft ones offered by one side to the other."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.domain.project_links import ALLOWED, Hardness, LinkState
from services.projects.entities import PROJECT_LINK
from services.projects.errors import ProjectLinkDecided, ProjectLinkExists, ReferenceInvalid
from services.projects.repository import project_links as rows
from services.projects.service.life_cycle import check_changeable
from services.projects.service.loops import refuse_loop
from services.projects.service.projects import request_schedule
from services.projects.service.propagation import ask_for_schedules
from shared import entity
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import FieldError, Forbidden, ValidationFailed


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a soft link, and why."""

    state: LinkState
    reason: str


async def create_link(tx: Transaction, reference: str, own_only: str | None, values: Mapping[str, object]) -> Written:
    """Link a task of a project to one of another. A hard link is in force at once, a soft one is offered.

    Raises ReferenceInvalid, Forbidden, ProjectClosed, DependencyCycle or ProjectLinkExists.
    """
    before = await repository.project_row(tx, reference, own_only)
    first, second = UUID(str(before["id"])), UUID(str(values["successor_project_id"]))
    if first == second:
        detail = "is the same project; its own tasks are linked by dependencies"
        raise ValidationFailed(errors=[FieldError("/successor_project_id", "same_project", detail)])
    await repository.lock_aggregates(tx, {first, second})
    projects = await rows.owners(tx, {first, second})
    if second not in projects:
        raise _unknown("/successor_project_id", "names no project")
    is_hard = values["hardness"] == Hardness.HARD
    _may_plan(projects, own_only, {first, second} if is_hard else {first})
    check_changeable(projects[second]["status"])
    for name, project in (("predecessor_id", first), ("successor_id", second)):
        if not await rows.is_task(tx, project, UUID(str(values[name]))):
            raise _unknown(f"/{name}", "names no task of that project")
    ends = (first, UUID(str(values["predecessor_id"]))), (second, UUID(str(values["successor_id"])))
    await refuse_loop(tx, own_only, *ends)
    fields = {name: value for name, value in values.items() if name != "successor_project_id"}
    fields |= {
        "project_id": second,
        "predecessor_project_id": first,
        "state": LinkState.ACCEPTED if is_hard else LinkState.OFFERED,
        "requested_by": tx.context.actor,
    }
    try:
        written = await entity.create(
            tx.because(str(values["reason"])), PROJECT_LINK, fields, fact="created" if is_hard else "offered"
        )
    except asyncpg.UniqueViolationError as error:
        raise ProjectLinkExists from error
    if is_hard:
        await request_schedule(tx, second, delay=0)
    return written


async def decide_link(
    tx: Transaction, reference: str, own_only: str | None, link_id: UUID, expected: int, decision: Decision
) -> Written:
    """Accept or refuse a soft link for the successor's project, or withdraw it for the predecessor's.

    Raises ProjectLinkDecided, Forbidden, ProjectClosed or DependencyCycle.
    """
    row, projects = await _changed(tx, reference, own_only, link_id, expected)
    withdrawn = decision.state is LinkState.WITHDRAWN
    _may_plan(projects, own_only, {row["predecessor_project_id"] if withdrawn else row["project_id"]})
    if row["hardness"] == Hardness.HARD or decision.state not in ALLOWED[LinkState(row["state"])]:
        raise ProjectLinkDecided(f"It is {row['hardness']} and {row['state']}.")
    if decision.state is LinkState.ACCEPTED:
        ends = (row["predecessor_project_id"], row["predecessor_id"]), (row["project_id"], row["successor_id"])
        await refuse_loop(tx, own_only, *ends)
    fields = {
        "state": decision.state,
        "decided_by": tx.context.actor,
        "decided_at": datetime.now(UTC),
        "decision_reason": decision.reason,
    }
    reasoned = tx.because(decision.reason)
    written = await entity.update(reasoned, PROJECT_LINK, link_id, fields, expected=expected, fact=decision.state)
    if LinkState.ACCEPTED in {decision.state, LinkState(row["state"])}:
        await request_schedule(tx, row["project_id"], delay=0)
    return written


async def update_link(
    tx: Transaction,
    reference: str,
    own_only: str | None,
    link_id: UUID,
    expected: int,
    changes: Mapping[str, object],
) -> Written:
    """Change type or lag; a soft link is offered anew by that, and out of force until it is accepted again."""
    row, projects = await _changed(tx, reference, own_only, link_id, expected)
    _may_plan(projects, own_only, _makers(row))
    if not changes:
        return await entity.unchanged(tx, PROJECT_LINK, link_id)
    if row["state"] not in {LinkState.OFFERED, LinkState.ACCEPTED}:
        raise ProjectLinkDecided(f"It is {row['state']}.")
    fields, fact = dict(changes), "updated"
    if row["hardness"] == Hardness.SOFT:
        nobody = {"decided_by": None, "decided_at": None, "decision_reason": None}
        fields |= {"state": LinkState.OFFERED, "requested_by": tx.context.actor, **nobody}
        fact = "offered"
    try:
        written = await entity.update(tx, PROJECT_LINK, link_id, fields, expected=expected, fact=fact)
    except asyncpg.UniqueViolationError as error:
        raise ProjectLinkExists from error
    if row["state"] == LinkState.ACCEPTED:
        await request_schedule(tx, row["project_id"], delay=0)
    return written


async def delete_link(tx: Transaction, reference: str, own_only: str | None, link_id: UUID, expected: int) -> Written:
    """Remove a link; what followed it is scheduled anew, and what it bounded."""
    row, projects = await _changed(tx, reference, own_only, link_id, expected)
    _may_plan(projects, own_only, _makers(row))
    written = await entity.delete(tx, PROJECT_LINK, link_id, expected=expected)
    if row["state"] == LinkState.ACCEPTED:
        await ask_for_schedules(tx, {row["project_id"], row["predecessor_project_id"]})
    return written


async def _changed(
    tx: Transaction, reference: str, own_only: str | None, link_id: UUID, expected: int
) -> tuple[asyncpg.Record, Mapping[UUID, asyncpg.Record]]:
    """Return a link that is about to change, and its projects, holding off other writers of the successor's."""
    seen = await repository.project_row(tx, reference, own_only)
    row = await rows.link_row(tx, seen["id"], link_id)
    await repository.lock_aggregate(tx, row["project_id"])
    row = await rows.link_row(tx, seen["id"], link_id)
    must_be(row["version"], expected)
    projects = await rows.owners(tx, {row["project_id"], row["predecessor_project_id"]})
    check_changeable(projects[row["project_id"]]["status"])
    return row, projects


def _makers(row: asyncpg.Record) -> set[UUID]:
    """Return the projects whose plan one has to be allowed to change to have made a link."""
    both = {row["predecessor_project_id"], row["project_id"]}
    return both if row["hardness"] == Hardness.HARD else {row["predecessor_project_id"]}


def _may_plan(projects: Mapping[UUID, asyncpg.Record], own_only: str | None, needed: Collection[UUID]) -> None:
    if own_only is not None and any(one not in projects or projects[one]["owner"] != own_only for one in needed):
        raise Forbidden("It takes the right to plan the project at the other end too, or of the other end.")


def _unknown(pointer: str, detail: str) -> ReferenceInvalid:
    return ReferenceInvalid(errors=[FieldError(pointer, "unknown_reference", detail)])
