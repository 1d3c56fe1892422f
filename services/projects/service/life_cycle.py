"""Use cases of the life cycle: which moves there are, who may make them, and what stands in their way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from services.projects import repository
from services.projects.domain.project import DECIDED, OVER, Move, ProjectStatus, moves_from
from services.projects.entities import PROGRAMME, PROGRAMME_TRANSITION, PROJECT, PROJECT_TRANSITION
from services.projects.errors import OwnRequest, ProjectClosed, StatusMoveNotAllowed, StillOpen
from services.projects.repository import life_cycle as rows
from shared import entity
from shared.auth import Principal
from shared.concurrency import must_be
from shared.db import Transaction
from shared.entity import Entity, Written
from shared.errors import FieldError, Forbidden, ValidationFailed
from shared.permissions import Permission, Reach
from shared.strict_json import dumps

OpenItems = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A move that somebody asks for."""

    status: ProjectStatus
    reason: str | None
    override: bool = False
    reason_at: str = "/reason"
    """Where the reason should have been given."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A move that may be made, and what is left open by it."""

    move: Move
    still_open: OpenItems


FINAL: Final = "nothing"
FACTS: Final = {
    PROJECT.name: (PROJECT_TRANSITION, "project_id"),
    PROGRAMME.name: (PROGRAMME_TRANSITION, "programme_id"),
}
"""As what the moves of each are kept, and how they name what moved."""


async def changeable_project(tx: Transaction, reference: str, own_only: str | None) -> asyncpg.Record:
    """Return a project whose plan may change, holding off all other writers; raises NotFound or ProjectClosed."""
    row = await repository.locked_project(tx, reference, own_only)
    check_changeable(row["status"])
    return row


def check_changeable(status: str) -> None:
    """Raise ProjectClosed for a state in which a project's plan does not change any more."""
    if ProjectStatus(status) in OVER:
        raise ProjectClosed(f"The project is {status}.")


def may_begin(principal: Principal, status: ProjectStatus) -> None:
    """Raise Forbidden unless the caller may make something that begins in this state."""
    if status in DECIDED and principal.reach(Permission.PROJECT_APPROVE) is None:
        raise Forbidden(f"To begin as {status} needs the right to approve; begin as proposed.")


async def judge(tx: Transaction, kind: Entity, row: asyncpg.Record, principal: Principal, wanted: Wanted) -> Judged:
    """Return the move of a project or programme that is asked for, if the caller may make it now.

    Raises StatusMoveNotAllowed, Forbidden, OwnRequest, ValidationFailed or StillOpen.
    """
    present = ProjectStatus(row["status"])
    moves = {move.target: move for move in moves_from(present)}
    move = moves.get(wanted.status)
    if move is None:
        raise StatusMoveNotAllowed(f"{present} may be followed by: {', '.join(sorted(moves)) or FINAL}.")
    if not _granted(principal, move.permission, row):
        raise Forbidden(f"From {present} to {move.target} needs {move.permission}.")
    if wanted.override and not _granted(principal, Permission.PROJECT_OVERRIDE, row):
        raise Forbidden(f"To override what is still open needs {Permission.PROJECT_OVERRIDE}.")
    if move.by_another and await rows.brought_by(tx, kind, row["id"], present) == principal.subject:
        raise OwnRequest
    if (move.needs_reason or wanted.override) and wanted.reason is None:
        detail = f"from {present} to {move.target} needs a reason"
        raise ValidationFailed(errors=[FieldError(wanted.reason_at, "reason_needed", detail)])
    found = await rows.still_open(tx, kind, row["id"]) if move.closes else []
    if found and not wanted.override:
        raise StillOpen(errors=[FieldError("", str(one["kind"]), _told(one)) for one in found])
    return Judged(move, found)


def _told(one: Mapping[str, object]) -> str:
    first = one["first"]
    assert isinstance(first, list)
    more = ", …" if len(first) < int(str(one["count"])) else ""
    return f"{one['count']}: {', '.join(map(str, first))}{more}"


def _granted(principal: Principal, permission: Permission, row: asyncpg.Record) -> bool:
    reach = principal.reach(permission)
    return reach is Reach.ALL or (reach is Reach.OWN and row["owner"] == principal.subject)


async def record_move(tx: Transaction, kind: Entity, row: asyncpg.Record, judged: Judged, reason: str | None) -> None:
    """Keep a move of a project or programme as a fact with an event of its own."""
    move = judged.move
    fact, name = FACTS[kind.name]
    fields = {
        name: row["id"],
        "from_status": move.source,
        "to_status": move.target,
        "reason": reason,
        "moved_by": tx.context.actor,
        "is_override": bool(judged.still_open),
        "still_open": dumps(judged.still_open).decode(),
    }
    await entity.create(tx, fact, fields, fact="transitioned")


async def transition(
    tx: Transaction, kind: Entity, row: asyncpg.Record, expected: int, principal: Principal, wanted: Wanted
) -> Written:
    """Move a locked project or programme through its life cycle; the reason is kept with the move and in its history.

    Raises PreconditionFailed, or what `judge` does.
    """
    must_be(row["version"], expected)
    judged = await judge(tx, kind, row, principal, wanted)
    reasoned = tx.because(wanted.reason)
    await record_move(reasoned, kind, row, judged, wanted.reason)
    return await entity.update(reasoned, kind, row["id"], {"status": wanted.status}, expected=expected)


async def moves_of(tx: Transaction, kind: Entity, row: asyncpg.Record, principal: Principal) -> dict[str, object]:
    """Return where a project or programme can go from here, and what would keep the caller from each move."""
    present = ProjectStatus(row["status"])
    identifier: UUID = row["id"]
    items = []
    for move in moves_from(present):
        found = await rows.still_open(tx, kind, identifier) if move.closes else []
        refusal = None
        may_override = move.closes and _granted(principal, Permission.PROJECT_OVERRIDE, row)
        if not _granted(principal, move.permission, row):
            refusal, may_override = "forbidden", False
        elif move.by_another and await rows.brought_by(tx, kind, identifier, present) == principal.subject:
            refusal = "own_request"
        elif found:
            refusal = "still_open"
        items.append(
            {
                "to": move.target,
                "is_allowed": refusal is None or (refusal == "still_open" and may_override),
                "needs_reason": move.needs_reason,
                "refusal": refusal,
                "may_override": may_override,
                "still_open": found,
            }
        )
    return {"status": present, "items": items}
