"""Events that other systems pushed: applied to the task they name, or answered with the reason why not."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.projects.domain.events import InboundApplied, InboundRejected
from services.projects.service.tasks import Progress, amount_in, record_progress
from shared import messaging
from shared.db import Transaction
from shared.errors import Problem
from shared.messaging import Reader, ReadEvent, caused_by
from shared.strict_json import dumps
from shared.types import Instant, Money, Percent


class AcceptedEvent(Reader):
    """What the gateway took in."""

    inbound_id: UUID
    type: str
    source: str
    data: dict[str, object]


class _Loose(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _ProjectReference(_Loose):
    id: UUID | None = None
    key: str | None = None
    source_id: str | None = None


class _TaskReference(_Loose):
    id: UUID | None = None
    source_id: str | None = None


class TaskProgressed(_Loose):
    """Data of `pmo.inbound.task.progressed.v1`."""

    project: _ProjectReference
    task: _TaskReference
    percent_complete: Percent
    actual_cost: Money | None = None
    remaining_work_minutes: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    at: Instant


class Rejected(Exception):
    """The event cannot take effect."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


TYPE = "pmo.inbound.task.progressed.v1"


async def apply_inbound(tx: Transaction, events: Sequence[ReadEvent[AcceptedEvent]]) -> None:
    """Apply pushed events one after the other; each is answered with an event of its own."""
    for one in events:
        await _apply(caused_by(tx, one.event), one.data)


async def _apply(tx: Transaction, accepted: AcceptedEvent) -> None:
    try:
        if accepted.type != TYPE:
            raise Rejected("unknown_type", f"{accepted.type} is not a type that is applied here.")
        project_id, position = await _progress(tx, accepted)
    except Rejected as rejected:
        root, reason = accepted.inbound_id, rejected
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(map(str, first["loc"]))
        root, reason = accepted.inbound_id, Rejected("validation", f"{place}: {first['msg']}")
    except Problem as problem:
        root, reason = accepted.inbound_id, Rejected(problem.code, problem.detail)
    else:
        data = dumps({"inbound_id": accepted.inbound_id, "position": position})
        await messaging.record(
            tx, aggregate_id=project_id, type=InboundApplied.type, entity_id=accepted.inbound_id, data=data
        )
        return
    data = dumps({"inbound_id": accepted.inbound_id, "code": reason.code, "detail": reason.detail})
    await messaging.record(tx, aggregate_id=root, type=InboundRejected.type, entity_id=accepted.inbound_id, data=data)


async def _progress(tx: Transaction, accepted: AcceptedEvent) -> tuple[UUID, str]:
    """Record the progress that an event states; returns the project and the position of the effect."""
    stated = TaskProgressed.model_validate(accepted.data)
    project_id, currency = await _project(tx, stated.project)
    task_id = await _task(tx, project_id, stated.task)
    cost: Decimal | None = amount_in(stated.actual_cost, currency, "/actual_cost/currency")
    at: datetime = stated.at
    progress = Progress(at, stated.percent_complete, cost, stated.remaining_work_minutes, accepted.source)
    written = await record_progress(tx, project_id, task_id, progress)
    return project_id, written.position


async def _project(tx: Transaction, reference: _ProjectReference) -> tuple[UUID, str]:
    for column in ("id", "key", "source_id"):
        value = getattr(reference, column)
        if value is not None:
            row = await tx.fetchrow(
                f"select id, currency from project where organization_id = $1 and {column} = $2",
                tx.organization_id,
                value,
            )
            if row is None:
                raise Rejected("unknown_project", f"No project has this {column}.")
            return row["id"], row["currency"]
    raise Rejected("validation", "project: one of id, key, source_id is needed.")


async def _task(tx: Transaction, project_id: UUID, reference: _TaskReference) -> UUID:
    for column in ("id", "source_id"):
        value = getattr(reference, column)
        if value is not None:
            row = await tx.fetchrow(
                f"select id from task where organization_id = $1 and project_id = $2 and {column} = $3",
                tx.organization_id,
                project_id,
                value,
            )
            if row is None:
                raise Rejected("unknown_task", f"No task of the project has this {column}.")
            identifier: UUID = row["id"]
            return identifier
    raise Rejected("validation", "task: one of id, source_id is needed.")
