"""Events that other systems pushed: applied to the task they name, or answered with the reason why not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.projects import repository
from services.projects.domain.events import InboundApplied, InboundRejected
from services.projects.domain.progress import Progress
from services.projects.service.life_cycle import check_changeable
from services.projects.service.progress import ProgressBatch
from services.projects.service.statements import AHEAD, IN_THE_FUTURE, amount_in, is_ahead, local_of_statement
from services.projects.service.task_calendars import task_calendars
from shared import messaging
from shared.db import Context, Transaction
from shared.errors import Problem
from shared.messaging import AddressedEvent, NewEvent, Reader, ReadEvent, caused_by
from shared.strict_json import dumps
from shared.types import Instant, Money, Percent

Tasks = Mapping[str, Mapping[tuple[UUID, object], asyncpg.Record]]
"""By the column that names them: (project, name) -> the task's row with its dates."""


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
    percent_work_complete: Percent | None = None
    physical_percent_complete: Percent | None = None
    units_done: Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=4)] | None = None
    actual_start: Instant | None = None
    actual_finish: Instant | None = None
    remaining_duration_minutes: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    actual_work_minutes: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None


class Rejected(Exception):
    """The event cannot take effect."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


TYPE = "pmo.inbound.task.progressed.v1"


@dataclass(slots=True)
class _Entry:
    """One pushed event on its way: what it states, then its fact; or why it cannot take effect."""

    context: Context
    accepted: AcceptedEvent
    stated: TaskProgressed | None = None
    project: asyncpg.Record | None = None
    fact: UUID | None = None
    code: str = ""
    detail: str = ""

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Take what the block raises as the reason why the event has no effect."""
        try:
            yield
        except Rejected as rejected:
            self.code, self.detail = rejected.code, rejected.detail
        except ValidationError as error:
            first = error.errors()[0]
            self.code, self.detail = "validation", f"{'/'.join(map(str, first['loc']))}: {first['msg']}"
        except Problem as problem:
            told = [f"{error.pointer}: {error.detail}" for error in problem.errors]
            self.code, self.detail = problem.code, problem.detail or "; ".join(told)


async def apply_inbound(tx: Transaction, events: Sequence[ReadEvent[AcceptedEvent]]) -> None:
    """Apply pushed events in their order; each is answered with an event of its own."""
    entries = [_Entry(caused_by(tx, one.event).context, one.data) for one in events]
    for entry in entries:
        with entry.refusing():
            entry.stated = _read(entry.accepted)
    await _find_projects(tx, entries)
    await repository.lock_aggregates(tx, {entry.project["id"] for entry in entries if entry.project is not None})
    tasks = await _find_tasks(tx, entries)
    batch = ProgressBatch(await task_calendars(tx, _stating_dates(entries)))
    for entry in entries:
        if entry.stated is not None and entry.project is not None:
            with entry.refusing():
                entry.fact = _take(batch, entry.stated, entry.project, tasks, entry)
    seen = await batch.write(tx)
    await messaging.record_each(tx, [_answer(entry, seen) for entry in entries])


def _read(accepted: AcceptedEvent) -> TaskProgressed:
    if accepted.type != TYPE:
        raise Rejected("unknown_type", f"{accepted.type} is not a type that is applied here.")
    return TaskProgressed.model_validate(accepted.data)


def _named(reference: BaseModel, what: str) -> tuple[str, object]:
    """Return by which column a reference names something, and the name."""
    for column in ("id", "key", "source_id"):
        value = getattr(reference, column, None)
        if value is not None:
            return column, value
    raise Rejected("validation", f"{what}: one of {', '.join(type(reference).model_fields)} is needed.")


async def _find_projects(tx: Transaction, entries: Sequence[_Entry]) -> None:
    names: dict[str, set[object]] = {}
    wanted: list[tuple[_Entry, str, object]] = []
    for entry in entries:
        if entry.stated is not None:
            with entry.refusing():
                column, name = _named(entry.stated.project, "project")
                names.setdefault(column, set()).add(name)
                wanted.append((entry, column, name))
    found = {column: await repository.find_projects(tx, column, values) for column, values in names.items()}
    for entry, column, name in wanted:
        entry.project = found[column].get(name)
        if entry.project is None:
            entry.code, entry.detail = "unknown_project", f"No project has this {column}."


def _stating_dates(entries: Sequence[_Entry]) -> set[UUID]:
    """Return the projects of which something tells when tasks began or ended."""
    return {
        entry.project["id"]
        for entry in entries
        if entry.project is not None and entry.stated is not None
        if (entry.stated.actual_start or entry.stated.actual_finish) is not None
    }


async def _find_tasks(tx: Transaction, entries: Sequence[_Entry]) -> Tasks:
    names: dict[str, set[tuple[UUID, object]]] = {}
    for entry in entries:
        if entry.stated is not None and entry.project is not None:
            with suppress(Rejected):
                column, name = _named(entry.stated.task, "task")
                names.setdefault(column, set()).add((entry.project["id"], name))
    return {column: await repository.tasks_with_dates(tx, column, named) for column, named in names.items()}


def _take(batch: ProgressBatch, stated: TaskProgressed, project: asyncpg.Record, tasks: Tasks, entry: _Entry) -> UUID:
    column, name = _named(stated.task, "task")
    task = tasks[column].get((project["id"], name))
    if task is None:
        raise Rejected("unknown_task", f"No task of the project has this {column}.")
    check_changeable(task["project_status"])
    if is_ahead(stated.at, project, datetime.now(UTC)):
        raise Rejected(IN_THE_FUTURE, f"at: {AHEAD}.")
    cost = amount_in(stated.actual_cost, project["currency"], "/actual_cost/currency")
    source = entry.accepted.source
    zone = project["time_zone"]
    progress = Progress(
        stated.at,
        stated.percent_complete,
        cost,
        stated.remaining_work_minutes,
        source,
        stated.percent_work_complete,
        stated.physical_percent_complete,
        stated.units_done,
        None if stated.actual_start is None else local_of_statement(stated.actual_start, zone),
        None if stated.actual_finish is None else local_of_statement(stated.actual_finish, zone),
        remaining_duration_minutes=stated.remaining_duration_minutes,
        actual_work_minutes=stated.actual_work_minutes,
        local_at=local_of_statement(stated.at, zone),
    )
    return batch.take(task, progress, entry.context)


def _answer(entry: _Entry, seen: Mapping[UUID, int]) -> AddressedEvent:
    inbound_id = entry.accepted.inbound_id
    if entry.fact is None or entry.project is None:
        data = dumps({"inbound_id": inbound_id, "code": entry.code, "detail": entry.detail})
        return AddressedEvent(inbound_id, NewEvent(InboundRejected.type, inbound_id, data), entry.context)
    project_id: UUID = entry.project["id"]
    position = messaging.position("projects", project_id, seen[entry.fact])
    data = dumps({"inbound_id": inbound_id, "position": position})
    return AddressedEvent(project_id, NewEvent(InboundApplied.type, inbound_id, data), entry.context)
