"""Use cases of baselines: asked for by one, decided by another, and what the plan looks like beside them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.domain.approval import Change
from services.projects.domain.baselines import ALLOWED, BaselineStatus, variance
from services.projects.entities import BASELINE, TASK
from services.projects.errors import (
    BaselineDecided,
    BaselineNameTaken,
    NothingToBaseline,
    NotOwnRequest,
    OwnRequest,
    ScheduleHasProblem,
)
from services.projects.repository import baselines as rows
from services.projects.service.approval import check_limit
from services.projects.service.changes import PlanChanges
from services.projects.service.life_cycle import changeable_project, check_changeable
from services.projects.service.plans import project_calendar
from services.projects.service.projects import request_schedule
from services.projects.service.schedules import refresh_if_asked
from services.projects.service.variance import total_of, variance_json
from shared import entity
from shared.auth import Principal
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import NotFound
from shared.strict_json import dumps
from shared.types import as_uuid

CURRENT: Final = "current"
ORIGINAL: Final = "original"
BASELINE_COLUMNS: Final = (
    "baseline_start",
    "baseline_finish",
    "baseline_duration_minutes",
    "baseline_work_minutes",
    "baseline_cost",
)
"""What a task itself knows of the baseline in force: earned value is measured against it."""


async def request_baseline(tx: Transaction, reference: str, own_only: str | None, name: str, reason: str) -> Written:
    """Take the present plan as a baseline that somebody else may approve.

    Raises BaselineNameTaken, NothingToBaseline, and ScheduleHasProblem while the plan cannot be scheduled.
    """
    project = await changeable_project(tx, reference, own_only)
    project_id: UUID = project["id"]
    if await rows.is_named(tx, project_id, name):
        raise BaselineNameTaken
    await refresh_if_asked(tx, project_id)
    await tx.join_by_hash()
    present = await rows.present_total(tx, project_id)
    if present["problem"] is not None:
        raise ScheduleHasProblem(present["problem"])
    if present["start"] is None:
        raise NothingToBaseline
    written = await entity.create(
        tx.because(reason),
        BASELINE,
        {
            "project_id": project_id,
            "name": name,
            "status": BaselineStatus.REQUESTED,
            "reason": reason,
            "requested_by": tx.context.actor,
            "schedule_revision": present["revision"],
            "start": present["start"],
            "finish": present["finish"],
            "tasks": present["tasks"],
            "work_minutes": present["work_minutes"],
            "cost": present["cost"],
        },
        fact="requested",
    )
    await rows.take(tx, project_id, written.id)
    return written


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a baseline, and why."""

    status: BaselineStatus
    reason: str
    principal: Principal


async def decide_baseline(
    tx: Transaction, reference: str, own_only: str | None, baseline_id: UUID, expected: int, decision: Decision
) -> Written:
    """Approve, reject or withdraw a baseline. Who asked for it may withdraw it, and nobody else may; others decide.

    An approved one takes the place of the one in force, which stays, with what it had to say of the new one. Raises
    BaselineDecided, OwnRequest, NotOwnRequest, AboveLimit.
    """
    project = await repository.locked_project(tx, reference, own_only)
    row = await rows.baseline_row(tx, project["id"], baseline_id)
    must_be(row["version"], expected)
    if decision.status not in ALLOWED[BaselineStatus(row["status"])]:
        raise BaselineDecided(f"It is {row['status']}.")
    is_own, withdrawn = row["requested_by"] == tx.context.actor, decision.status is BaselineStatus.WITHDRAWN
    if is_own is not withdrawn:
        raise NotOwnRequest if withdrawn else OwnRequest
    tx = tx.because(decision.reason)
    fields: dict[str, object] = {
        "status": decision.status,
        "decided_by": tx.context.actor,
        "decided_at": datetime.now(UTC),
        "decision_reason": decision.reason,
    }
    if decision.status is BaselineStatus.APPROVED:
        check_changeable(project["status"])
        fields |= await _supersede(tx, project, row, decision.principal)
    written = await entity.update(tx, BASELINE, baseline_id, fields, expected=expected, fact=decision.status)
    if decision.status is not BaselineStatus.APPROVED:
        return written
    return await _put_in_force(tx, project["id"], baseline_id, written)


async def _supersede(
    tx: Transaction, project: asyncpg.Record, row: asyncpg.Record, principal: Principal
) -> dict[str, object]:
    """Let the baseline in force, if any, make way; returns what the new one keeps of it. Raises AboveLimit."""
    before = await rows.in_force(tx, project["id"])
    if before is None:
        await check_limit(tx, principal, Change(project["currency"], row["cost"], 0))
        return {}
    calendar = await project_calendar(tx, project)
    moved = variance(total_of(before, calendar), total_of(row, calendar), calendar)
    await check_limit(tx, principal, Change(project["currency"], moved.cost, moved.finish_minutes or 0))
    status = {"status": BaselineStatus.SUPERSEDED}
    await entity.update(tx, BASELINE, before["id"], status, expected=before["version"], fact="superseded")
    kept = dumps(variance_json(moved, project["currency"])).decode()
    return {"replaces_id": before["id"], "replaced_variance": kept}


async def _put_in_force(tx: Transaction, project_id: UUID, baseline_id: UUID, written: Written) -> Written:
    """Give the tasks their figures of the baseline; those that it does not hold have none."""
    changes = PlanChanges(project_id)
    await tx.join_by_hash()
    changed = await rows.tasks_unlike(tx, project_id, baseline_id)
    columns = ["id", *BASELINE_COLUMNS]
    await changes.update(tx, TASK, columns, [[row[name] for name in columns] for row in changed])
    position = await changes.record(tx)
    await request_schedule(tx, project_id)
    return written if position is None else Written(written.id, written.version, written.image, position)


async def named_baseline(tx: Transaction, project_id: UUID, name: str) -> asyncpg.Record:
    """Return a baseline by id, the one in force (`current`), or the first that ever was (`original`)."""
    if name == CURRENT:
        found = await rows.in_force(tx, project_id)
    elif name == ORIGINAL:
        found = await rows.first_in_force(tx, project_id)
    else:
        identifier = as_uuid(name)
        if identifier is None:
            raise NotFound("There is no such baseline.")
        return await rows.baseline_row(tx, project_id, identifier)
    if found is None:
        raise NotFound("No baseline of the project was approved.")
    return found
