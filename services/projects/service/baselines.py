"""Use cases of baselines: asked for by one, decided by another, and what the plan looks like beside them."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.projects import repository
from services.projects.domain.approval import Change
from services.projects.domain.baselines import ALLOWED, BaselineStatus, Figures, Variance, variance
from services.projects.entities import BASELINE, TASK
from services.projects.errors import BaselineDecided, NothingToBaseline, NotOwnRequest, OwnRequest, ScheduleHasProblem
from services.projects.repository import baselines as rows
from services.projects.service.approval import check_limit
from services.projects.service.changes import PlanChanges
from services.projects.service.life_cycle import changeable_project, check_changeable
from services.projects.service.plans import project_calendar
from services.projects.service.projects import request_schedule
from services.projects.service.schedules import refresh_if_asked
from shared import entity
from shared.auth import Principal
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import NotFound
from shared.strict_json import dumps
from shared.types import as_uuid
from shared.working_time import WorkingTime, minute_of

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

    Raises NothingToBaseline, and ScheduleHasProblem while the plan cannot be scheduled.
    """
    project = await changeable_project(tx, reference, own_only)
    project_id: UUID = project["id"]
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
    moved = variance(_total(before, calendar), _total(row, calendar), calendar)
    await check_limit(tx, principal, Change(project["currency"], moved.cost, moved.finish_minutes or 0))
    status = {"status": BaselineStatus.SUPERSEDED}
    await entity.update(tx, BASELINE, before["id"], status, expected=before["version"], fact="superseded")
    kept = dumps(_variance_json(moved, project["currency"])).decode()
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


@dataclass(frozen=True, slots=True)
class Compared:
    """A page of a plan beside a baseline."""

    document: dict[str, object]
    """The answer but for its cursor."""
    following: tuple[int, UUID] | None
    """Where the next page begins."""


async def compare(
    tx: Transaction,
    project: asyncpg.Record,
    baseline: asyncpg.Record,
    *,
    limit: int,
    after: tuple[int, UUID],
    leaves_only: bool,
) -> Compared:
    """Return a page of tasks as they stand to a baseline, with the total of the plan."""
    zone, currency = ZoneInfo(project["time_zone"]), project["currency"]
    calendar = await project_calendar(tx, project)
    await tx.join_by_hash()
    present = await rows.present_total(tx, project["id"])
    found = await rows.compared(
        tx, project["id"], baseline["id"], limit=limit + 1, after=after, leaves_only=leaves_only
    )
    page = found[:limit]
    was, now = _total(baseline, calendar), _total(present, calendar)
    total = {
        "baseline": _figures_json(was, zone, currency),
        "present": _figures_json(now, zone, currency),
        "variance": _variance_json(variance(was, now, calendar), currency),
    }
    document: dict[str, object] = {
        "baseline": {"id": baseline["id"], "name": baseline["name"], "status": baseline["status"]},
        "schedule_revision": present["revision"],
        "time_zone": project["time_zone"],
        "total": total,
        "items": [_item(row, calendar, zone, currency) for row in page],
    }
    last = page[-1] if len(found) > limit else None
    return Compared(document, None if last is None else (last["position"], last["id"]))


NOTHING: Final = Figures(None, None, 0, 0, Decimal(0))


def _item(row: asyncpg.Record, calendar: WorkingTime, zone: ZoneInfo, currency: str) -> dict[str, object]:
    was, now = _side(row, "b_"), _side(row, "t_")
    presence = "added" if was is None else "removed" if now is None else "both"
    return {
        "task_id": row["id"],
        "name": row["name"],
        "work_breakdown_structure": row["work_breakdown_structure"],
        "is_summary": row["is_summary"],
        "presence": presence,
        "baseline": None if was is None else _figures_json(was, zone, currency),
        "present": None if now is None else _figures_json(now, zone, currency),
        "variance": _variance_json(variance(was or NOTHING, now or NOTHING, calendar), currency),
    }


def _side(row: asyncpg.Record, prefix: str) -> Figures | None:
    if not row[f"{prefix}there"]:
        return None
    names = ("start", "finish", "duration_minutes", "work_minutes", "cost")
    return Figures(*(row[prefix + name] for name in names))


def _total(row: asyncpg.Record, calendar: WorkingTime) -> Figures:
    start, finish = row["start"], row["finish"]
    duration = 0
    if start is not None and finish is not None:
        duration = calendar.working_minutes(minute_of(start), minute_of(finish))
    return Figures(start, finish, duration, row["work_minutes"], row["cost"])


def _figures_json(figures: Figures, zone: ZoneInfo, currency: str) -> dict[str, object]:
    return {
        "start": _local(figures.start, zone),
        "finish": _local(figures.finish, zone),
        "duration_minutes": figures.duration_minutes,
        "work_minutes": figures.work_minutes,
        "cost": {"amount": str(figures.cost), "currency": currency},
    }


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.replace(tzinfo=zone).isoformat()


def _variance_json(moved: Variance, currency: str) -> dict[str, object]:
    document: dict[str, object] = asdict(moved)
    document["cost"] = {"amount": str(moved.cost), "currency": currency}
    return document


def page_of(compared: Compared, cursor: str | None) -> bytes:
    """Return the answer as JSON."""
    return dumps({**compared.document, "next_cursor": cursor})
