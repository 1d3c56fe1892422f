"""Use cases of requests for projects: submitted by one, assessed by several, decided by somebody else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from services.projects.domain.intake import ALLOWED, ASSESSED, OPEN, IntakeStatus
from services.projects.domain.project import ProjectStatus
from services.projects.entities import CUSTOMER, INTAKE_REQUEST
from services.projects.errors import (
    CurrencyMismatch,
    IntakeDecided,
    IntakeNotSubmitted,
    IntakeSubmitted,
    KeyTaken,
    NotAssessed,
    NotOwnRequest,
    OwnRequest,
    ReferenceInvalid,
)
from services.projects.repository import hierarchy
from services.projects.repository import intake as rows
from services.projects.repository.keys import next_key
from services.projects.service import custom_fields
from services.projects.service.organization_calendars import begin_with_default
from services.projects.service.projects import create_project
from services.projects.service.statements import quantum
from shared import entity
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Written
from shared.errors import Conflict, FieldError, ValidationFailed
from shared.types import Money

AMOUNTS: Final = ("estimated_cost", "estimated_benefit")
USUAL_CURRENCY: Final = "EUR"
MORNING: Final = time(8)
"""When a project begins on the day that was asked for."""


async def locked_request(tx: Transaction, reference: str, own_only: str | None) -> asyncpg.Record:
    """Return a request, holding off all other writers of it and its assessments; raises NotFound."""
    return await hierarchy.locked(tx, INTAKE_REQUEST, reference, rows.REQUESTED, own_only)


async def _settled(tx: Transaction, given: Mapping[str, object], present: Mapping[str, object]) -> dict[str, object]:
    """Return the columns for fields that are given, beside those that there are."""
    fields = {name: value for name, value in given.items() if name not in AMOUNTS}
    known = await custom_fields.definitions(tx, INTAKE_REQUEST)
    if not present:
        custom_fields.settle_new(known, fields)
    elif "custom_fields" in fields:
        custom_fields.settle(known, fields, present["custom_fields"])
    customer = fields.get("customer_id")
    if customer is not None and not await hierarchy.exists(tx, CUSTOMER, customer):
        detail = "names no customer of this organization"
        raise ReferenceInvalid(errors=[FieldError("/customer_id", "unknown_reference", detail)])
    begin, end = ({**present, **fields}.get(name) for name in ("desired_start", "desired_finish"))
    if isinstance(begin, date) and isinstance(end, date) and end < begin:
        raise ValidationFailed(errors=[FieldError("/desired_finish", "range", "lies before the desired start")])
    return fields | _amounts(given, present)


def _amounts(given: Mapping[str, object], present: Mapping[str, object]) -> dict[str, object]:
    named = {name: given[name] for name in AMOUNTS if name in given}
    kept = [name for name in AMOUNTS if name not in named and present.get(name) is not None]
    currency = present.get("currency") if kept else None
    fields: dict[str, object] = {}
    for name, money in named.items():
        if not isinstance(money, Money):
            fields[name] = None
            continue
        currency = currency or money.currency
        if money.currency != currency:
            raise CurrencyMismatch(errors=[FieldError(f"/{name}/currency", "currency_mismatch", f"must be {currency}")])
        fields[name] = money.amount.quantize(quantum(money.currency))
    return fields | ({"currency": currency} if named else {})


async def create_request(tx: Transaction, values: Mapping[str, object]) -> Written:
    """Make a request as a draft; a key is made if none is given. Raises KeyTaken."""
    fields = await _settled(tx, values, {})
    fields["status"] = IntakeStatus.DRAFT
    fields["key"] = fields.get("key") or await next_key(tx, INTAKE_REQUEST)
    try:
        return await entity.create(tx, INTAKE_REQUEST, fields)
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error


async def update_request(
    tx: Transaction, reference: str, own_only: str | None, expected: int, changes: Mapping[str, object]
) -> Written:
    """Change a request that is not decided; what assessors have said of it as it was is outdated by that."""
    row = await locked_request(tx, reference, own_only)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, INTAKE_REQUEST, row["id"])
    if IntakeStatus(row["status"]) not in OPEN:
        raise IntakeDecided(f"It is {row['status']}.")
    fields = await _settled(tx, changes, dict(row))
    outdated: dict[str, object] = {}
    if row["assessments"] and any(_differs(row[name], value) for name, value in fields.items()):
        outdated = {"content_version": expected + 1, "outdated_assessments": row["assessments"]}
        outdated |= {"score": None, "score_coverage": None}
    return await entity.update(
        tx, INTAKE_REQUEST, row["id"], fields | outdated, expected=expected, changed=[*changes, *outdated]
    )


def _differs(old: object, new: object) -> bool:
    is_json = isinstance(old, str) and isinstance(new, str) and old.startswith("{")
    return bool(orjson.loads(str(old)) != orjson.loads(str(new))) if is_json else old != new


_REFUSED: Final[Mapping[IntakeStatus, type[Conflict]]] = {
    IntakeStatus.DRAFT: IntakeNotSubmitted,
    IntakeStatus.SUBMITTED: IntakeSubmitted,
}
"""Why something cannot be done in a state; in all others it is decided."""


def _check_move(row: asyncpg.Record, wanted: IntakeStatus) -> None:
    present = IntakeStatus(row["status"])
    if wanted not in ALLOWED[present]:
        following = ", ".join(sorted(ALLOWED[present])) or "nothing"
        raise _REFUSED.get(present, IntakeDecided)(f"It is {present}, which may be followed by: {following}.")


async def submit_request(tx: Transaction, reference: str, own_only: str | None, expected: int) -> Written:
    """Hand a draft in, or one that was deferred again."""
    row = await locked_request(tx, reference, own_only)
    must_be(row["version"], expected)
    _check_move(row, IntakeStatus.SUBMITTED)
    fields = {"status": IntakeStatus.SUBMITTED, "submitted_by": tx.context.actor, "submitted_at": datetime.now(UTC)}
    return await entity.update(tx, INTAKE_REQUEST, row["id"], fields, expected=expected, fact="submitted")


async def withdraw_request(
    tx: Transaction, reference: str, own_only: str | None, expected: int, reason: str
) -> Written:
    """Take a request back: who asked for it, or who submitted it. Raises NotOwnRequest for anybody else."""
    row = await locked_request(tx, reference, own_only)
    must_be(row["version"], expected)
    _check_move(row, IntakeStatus.WITHDRAWN)
    if not _is_own(tx, row):
        raise NotOwnRequest
    fields = {"status": IntakeStatus.WITHDRAWN}
    return await entity.update(
        tx.because(reason), INTAKE_REQUEST, row["id"], fields, expected=expected, fact="withdrawn"
    )


def _is_own(tx: Transaction, row: asyncpg.Record) -> bool:
    return tx.context.actor in {row["requester"], row["submitted_by"]}


@dataclass(frozen=True, slots=True)
class NewProject:
    """What the project has that an approved request becomes, beside what the request says."""

    status: ProjectStatus = ProjectStatus.APPROVED
    owner: str | None = None
    programme_id: UUID | None = None
    time_zone: str = "UTC"
    custom_fields: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request, and why."""

    status: IntakeStatus
    reason: str
    project: NewProject


async def decide_request(tx: Transaction, reference: str, expected: int, decision: Decision) -> Written:
    """Approve, reject or defer a submitted request; an approved one becomes a project in the same transaction.

    Raises OwnRequest for who asked for it or submitted it, and NotAssessed for an approval that nobody has scored
    though there are criteria.
    """
    row = await locked_request(tx, reference, None)
    must_be(row["version"], expected)
    _check_move(row, decision.status)
    if _is_own(tx, row):
        raise OwnRequest
    fields: dict[str, object] = {
        "status": decision.status,
        "decided_by": tx.context.actor,
        "decided_at": datetime.now(UTC),
        "decision_reason": decision.reason,
    }
    reasoned = tx.because(decision.reason)
    if decision.status is IntakeStatus.APPROVED:
        if row["score"] is None and await rows.criteria(tx):
            raise NotAssessed
        fields["project_id"] = await _become_project(reasoned, row, decision.project)
    return await entity.update(reasoned, INTAKE_REQUEST, row["id"], fields, expected=expected, fact=decision.status)


async def _become_project(tx: Transaction, row: asyncpg.Record, project: NewProject) -> UUID:
    start = row["desired_start"]
    written = await create_project(
        tx,
        {
            "name": row["title"],
            "description": row["description"],
            "status": project.status,
            "owner": project.owner or row["requester"],
            "customer_id": row["customer_id"],
            "programme_id": project.programme_id,
            "currency": row["currency"] or USUAL_CURRENCY,
            "custom_fields": project.custom_fields or {},
        },
        time_zone=project.time_zone,
        start=None if start is None else datetime.combine(start, MORNING, ZoneInfo(project.time_zone)),
        status=None,
    )
    return (await begin_with_default(tx, written)).id


def check_assessable(row: asyncpg.Record) -> None:
    """Raise IntakeNotSubmitted for a draft, IntakeDecided for a request that is decided already."""
    present = IntakeStatus(row["status"])
    if present not in ASSESSED:
        raise _REFUSED.get(present, IntakeDecided)(f"It is {present}.")
