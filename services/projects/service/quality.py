"""Use cases of schedule quality."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.domain.quality import RULESET, Check, Thresholds, assess
from services.projects.entities import SCHEDULE_ASSESSMENT
from services.projects.errors import NothingScheduled
from services.projects.repository import quality as rows
from services.projects.service.projects import wall_time
from services.projects.service.schedules import refresh_if_asked, schedule_plan
from shared import entity
from shared.db import Transaction
from shared.entity import Written
from shared.strict_json import dumps


async def assess_schedule(
    tx: Transaction,
    project: asyncpg.Record,
    status_date: datetime | None,
    thresholds: Mapping[str, object],
) -> Written:
    """Assess a project's present schedule and keep what was found; raises NothingScheduled."""
    project_id: UUID = project["id"]
    await refresh_if_asked(tx, project_id)
    plan, schedule, problem = await schedule_plan(tx, project_id)
    if schedule is None:
        raise NothingScheduled(problem or "The project has no tasks.")
    status = wall_time(status_date, project["time_zone"], "/status_date") or project["status_date"]
    limits = replace(Thresholds(), **thresholds)  # type: ignore[arg-type]
    checks = await asyncio.to_thread(assess, plan, schedule, status, limits)
    revision = await tx.fetchint(
        "select version from schedule where organization_id = $1 and id = $2", tx.organization_id, project_id
    )
    await repository.lock_aggregate(tx, project_id)
    written = await entity.create(
        tx,
        SCHEDULE_ASSESSMENT,
        {
            "project_id": project_id,
            "ruleset": RULESET,
            "schedule_revision": revision,
            "status_date": status,
            "requested_by": tx.context.actor,
            "passed": sum(check.is_passed is True for check in checks),
            "failed": sum(check.is_passed is False for check in checks),
            "thresholds": dumps({name: _plain(value) for name, value in asdict(limits).items()}).decode(),
            "checks": dumps([_document(check) for check in checks]).decode(),
        },
    )
    offenders = [
        (check.code, UUID(each.task), None if each.successor is None else UUID(each.successor))
        for check in checks
        for each in check.offenders
    ]
    if offenders:
        await rows.keep_offenders(tx, written.id, offenders)
    return written


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value


def _document(check: Check) -> dict[str, object]:
    return {
        "number": check.number,
        "code": check.code,
        "unit": check.unit,
        "value": None if check.value is None else str(check.value),
        "reason": check.reason,
        "threshold": None if check.threshold is None else str(check.threshold),
        "at_least": check.at_least,
        "is_passed": check.is_passed,
        "population": check.population,
        "count": check.count,
    }
