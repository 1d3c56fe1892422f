"""Use cases of assessing requests: what each assessor says, by which criteria, and the score that it comes to."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
import orjson

from services.projects.domain.hierarchy import FieldStatus
from services.projects.domain.intake import ASSESSED, Criterion, Direction, IntakeStatus, weighted_score
from services.projects.entities import INTAKE_ASSESSMENT, INTAKE_CRITERION, INTAKE_REQUEST
from services.projects.errors import AssessmentExists, InUse, KeyTaken, OwnRequest, ReferenceInvalid
from services.projects.repository import hierarchy
from services.projects.repository import intake as rows
from services.projects.service.intake import check_assessable, locked_request
from shared import entity, worker
from shared.concurrency import must_be
from shared.db import Context, Database, Transaction
from shared.entity import Written
from shared.errors import FieldError, Forbidden, NotFound, ValidationFailed

RESCORE: Final = "rescore"
"""The kind of pending work that brings the scores of undecided requests up to date with the criteria."""


def _criterion(row: asyncpg.Record) -> Criterion:
    return Criterion(row["id"], row["weight"], row["minimum"], row["maximum"], Direction(row["direction"]))


async def _checked(tx: Transaction, scores: Sequence[Mapping[str, object]]) -> str:
    """Return scores as they are kept; raises ValidationFailed with all mistakes, ReferenceInvalid for no criterion."""
    known = {row["id"]: _criterion(row) for row in await rows.criteria(tx)}
    unknown, errors = [], []
    seen: set[object] = set()
    for number, one in enumerate(scores):
        criterion = known.get(UUID(str(one["criterion_id"])))
        place, score = f"/scores/{number}", one["score"]
        if criterion is None:
            unknown.append(FieldError(f"{place}/criterion_id", "unknown_reference", "names no criterion in use"))
        elif criterion.id in seen:
            errors.append(FieldError(f"{place}/criterion_id", "repeated", "is scored twice"))
        elif not isinstance(score, Decimal) or not criterion.minimum <= score <= criterion.maximum:
            scale = f"must lie from {criterion.minimum} to {criterion.maximum}"
            errors.append(FieldError(f"{place}/score", "beyond_scale", scale))
        seen.add(one["criterion_id"])
    if unknown:
        raise ReferenceInvalid(errors=unknown)
    if errors:
        raise ValidationFailed(errors=errors)
    return orjson.dumps(list(scores), default=float).decode()


async def assess_request(tx: Transaction, reference: str, scores: Sequence[Mapping[str, object]], note: str) -> Written:
    """Say what one holds of a request; raises OwnRequest for who asked for it, AssessmentExists the second time."""
    row = await locked_request(tx, reference, None)
    check_assessable(row)
    if tx.context.actor == row["requester"]:
        raise OwnRequest
    fields = {
        "request_id": row["id"],
        "request_version": row["version"],
        "assessor": tx.context.actor,
        "scores": await _checked(tx, scores),
        "note": note,
    }
    try:
        written = await entity.create(tx, INTAKE_ASSESSMENT, fields)
    except asyncpg.UniqueViolationError as error:
        raise AssessmentExists from error
    return await _rescored(tx, row, written)


async def update_assessment(
    tx: Transaction, reference: str, assessment_id: UUID, expected: int, changes: Mapping[str, object]
) -> Written:
    """Change what one has said, or say it again of the request as it is now; raises Forbidden for another's."""
    row = await locked_request(tx, reference, None)
    present = await rows.assessment_row(tx, row["id"], assessment_id)
    must_be(present["version"], expected)
    if not changes:
        return await entity.unchanged(tx, INTAKE_ASSESSMENT, assessment_id)
    check_assessable(row)
    if present["assessor"] != tx.context.actor:
        raise Forbidden("Only the assessor changes an assessment.")
    fields = {**changes, "request_version": row["version"]}
    scores = fields.get("scores")
    if isinstance(scores, list):
        fields["scores"] = await _checked(tx, scores)
    written = await entity.update(tx, INTAKE_ASSESSMENT, assessment_id, fields, expected=expected)
    return await _rescored(tx, row, written)


async def _rescored(tx: Transaction, row: asyncpg.Record, written: Written) -> Written:
    """Bring the request's score up to date; what was written is then to be seen at that position."""
    scored = await _score(tx, row)
    return written if scored is None else Written(written.id, written.version, written.image, scored.position)


async def _score(tx: Transaction, row: asyncpg.Record) -> Written | None:
    said = await rows.assessments(tx, row["id"])
    current = [_scores(each) for each in said if each["request_version"] >= row["content_version"]]
    score = weighted_score([_criterion(each) for each in await rows.criteria(tx)], current)
    fields = {
        "score": score.points,
        "score_coverage": score.coverage,
        "assessments": len(said),
        "outdated_assessments": len(said) - len(current),
    }
    if all(row[name] == value for name, value in fields.items()):
        return None
    return await entity.update(tx, INTAKE_REQUEST, row["id"], fields, expected=row["version"], fact="scored")


def _scores(row: asyncpg.Record) -> dict[UUID, Decimal]:
    return {UUID(each["criterion_id"]): Decimal(str(each["score"])) for each in orjson.loads(row["scores"])}


async def rescore(database: Database, context: Context, _key: str) -> None:
    """Work of kind `rescore`: bring the scores of undecided requests up to date, each in a transaction of its own."""
    async with database.transaction(context, read_only=True) as tx:
        waiting = await rows.undecided(tx)
    for request_id in waiting:
        async with database.transaction(context) as tx:
            try:
                row = await locked_request(tx, str(request_id), None)
            except NotFound:
                continue
            if IntakeStatus(row["status"]) in ASSESSED:
                await _score(tx, row)


async def create_criterion(tx: Transaction, values: Mapping[str, object]) -> Written:
    """Add something to assess requests by; raises KeyTaken, ValidationFailed."""
    _check_scale(values)
    try:
        written = await entity.create(tx, INTAKE_CRITERION, {**values, "status": FieldStatus.ACTIVE})
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error
    await worker.request(tx, RESCORE, "criteria")
    return written


async def update_criterion(tx: Transaction, reference: str, expected: int, changes: Mapping[str, object]) -> Written:
    """Change a criterion; the scores of undecided requests follow, those of decided ones stay."""
    row = await hierarchy.locked(tx, INTAKE_CRITERION, reference)
    must_be(row["version"], expected)
    if not changes:
        return await entity.unchanged(tx, INTAKE_CRITERION, row["id"])
    _check_scale({**dict(row), **changes})
    try:
        written = await entity.update(tx, INTAKE_CRITERION, row["id"], changes, expected=expected)
    except asyncpg.UniqueViolationError as error:
        raise KeyTaken from error
    await worker.request(tx, RESCORE, "criteria")
    return written


async def delete_criterion(tx: Transaction, reference: str, expected: int) -> Written:
    """Delete a criterion that nobody has scored by; raises InUse."""
    row = await hierarchy.locked(tx, INTAKE_CRITERION, reference)
    must_be(row["version"], expected)
    if await rows.is_criterion_used(tx, row["id"]):
        raise InUse("Requests are scored by it; retire it instead.")
    written = await entity.delete(tx, INTAKE_CRITERION, row["id"], expected=expected)
    await worker.request(tx, RESCORE, "criteria")
    return written


def _check_scale(values: Mapping[str, object]) -> None:
    low, high = values["minimum"], values["maximum"]
    if isinstance(low, Decimal) and isinstance(high, Decimal) and low >= high:
        raise ValidationFailed(errors=[FieldError("/minimum", "range", "must be less than the maximum")])
