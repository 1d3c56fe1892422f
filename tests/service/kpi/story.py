"""Plans told as projects tells them: its own use cases write the events, the handlers of kpi hear them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from pydantic import BaseModel

from services.kpi.consumers import SUBSCRIPTIONS
from services.kpi.repository import reading
from services.kpi.service.metrics import Kpis, metrics_at
from services.projects import repository
from services.projects.domain.plan import Baseline, Plan, Task
from services.projects.domain.progress import Progress
from services.projects.domain.project import ProjectStatus
from services.projects.service import merging, projects, tasks
from services.projects.service.progress import ProgressBatch
from services.projects.service.stating import Stated, state_progress
from shared.auth import Principal
from shared.db import Context, Database, Transaction
from shared.events import Received, envelope, subject_of
from shared.messaging import ReadEvent, Subscription
from shared.working_time import Shifts, WorkingCalendar

BY_TYPE: Final[Mapping[str, Subscription[Any]]] = {each.type: each for each in SUBSCRIPTIONS["projects"]}
DAY: Final[Shifts] = ((480, 720), (780, 1020))
STANDARD: Final = WorkingCalendar("1", "Standard", (DAY, DAY, DAY, DAY, DAY, (), ()))
NIGHTS: Final = WorkingCalendar("1", "Nights", (((0, 360),),) * 7)
NOBODY: Final = Principal(UUID(int=0), "nobody")
KEPT: Final = ("project", "calendar", "task", "progress", "project_past", "calendar_past", "task_past")
STATUS: Final = "2026-03-06T17:00"


def moment(text: str) -> datetime:
    """A naive local date-time such as `2026-03-02T08:00`."""
    return datetime.fromisoformat(text)


def instant(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def task(
    uid: str,
    start: str | None,
    finish: str | None,
    cost: str | None,
    *,
    percent: int = 0,
    spent: str = "0",
    **more: Any,
) -> Task:
    """A task with a baseline (none if it has neither dates nor cost) and progress."""
    baseline = None
    if start or finish or cost:
        dates = [None if text is None else moment(text) for text in (start, finish)]
        baseline = Baseline(dates[0], dates[1], 0, 0, None if cost is None else Decimal(cost))
    return Task(
        uid,
        int(uid),
        f"Task {uid}",
        percent_complete=Decimal(percent),
        actual_cost=Decimal(spent),
        baseline=baseline,
        **more,
    )


def fortnight(one: int = 60, other: int = 0, spent: str = "7000.00") -> tuple[Task, ...]:
    """Two weeks of work for 10,000 each, one after the other: 2,000 a day from Monday 2 March 2026."""
    return (
        task("1", "2026-03-02T08:00", "2026-03-06T17:00", "10000.00", percent=one, spent=spent),
        task("2", "2026-03-09T08:00", "2026-03-13T17:00", "10000.00", percent=other),
    )


def plan(
    rows: Sequence[Task] | None = None,
    *,
    status: str | None = STATUS,
    calendars: Sequence[WorkingCalendar] = (STANDARD,),
    currency: str = "EUR",
) -> Plan:
    """A small plan; the fortnight unless told otherwise."""
    return Plan(
        source_guid=None,
        name="Quay",
        currency=currency,
        start=moment("2026-03-02T08:00"),
        status_date=None if status is None else moment(status),
        calendar_source_id="1",
        calendars=tuple(calendars),
        tasks=tuple(fortnight() if rows is None else rows),
        links=(),
    )


@dataclass
class Story:
    """An organization in both services: what is done in `projects`, kpi hears with `tell`.

    An event is dated by the story's clock when it is first read, so that a story of months is told in a moment.
    """

    projects: Database
    kpi: Database
    organization: UUID
    clock: datetime = field(default_factory=lambda: instant(STATUS))
    told: dict[UUID, int] = field(default_factory=dict)
    times: dict[UUID, datetime] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """On whose behalf projects works."""
        return Context(self.organization, "pm@example.org", "request-1")

    async def create(self, *, zone: str = "UTC", currency: str = "EUR", **values: object) -> UUID:
        """Create a project."""
        fields = {"name": "Quay", "status": "active", "owner": "pm@example.org", "currency": currency, **values}
        async with self.projects.transaction(self.context) as tx:
            written = await projects.create_project(tx, fields, time_zone=zone, start=instant(STATUS), status=None)
        return written.id

    async def bring(self, given: Plan, project_id: UUID | None = None) -> UUID:
        """Import a plan."""
        async with self.projects.transaction(self.context) as tx:
            merged = await merging.merge_plan(
                tx, given, project_id, uuid4(), merging.New(uuid4().hex, None, ProjectStatus.ACTIVE)
            )
        return merged.project_id

    async def push(
        self,
        project_id: UUID,
        uid: str,
        at: datetime,
        percent: int | None = None,
        spent: str | None = None,
        **more: Any,
    ) -> None:
        """State progress of a task."""
        async with self.projects.transaction(self.context) as tx:
            task_id = await self._task(tx, project_id, uid)
            cost = None if spent is None else Decimal(spent)
            await repository.lock_aggregates(tx, {project_id})
            found = await repository.tasks_with_dates(tx, "id", {(project_id, task_id)})
            batch = ProgressBatch()
            stated = Progress(at, None if percent is None else Decimal(percent), cost, **more)
            batch.take(found[project_id, task_id], stated, tx.context)
            await batch.write(tx)

    async def state(self, project_id: UUID, *items: Stated) -> None:
        """State progress of many tasks at once."""
        async with self.projects.transaction(self.context) as tx:
            await state_progress(tx, str(project_id), None, items, atomic=True)

    async def change_task(self, project_id: UUID, uid: str, **changes: object) -> None:
        """Change a task."""
        async with self.projects.transaction(self.context) as tx:
            task_id = await self._task(tx, project_id, uid)
            version = await tx.fetchint("select version from task where id = $1", task_id)
            await tasks.update_task(tx, str(project_id), None, task_id, version, changes)

    async def task_id(self, project_id: UUID, uid: str) -> UUID:
        """Our id of a task."""
        async with self.projects.transaction(self.context) as tx:
            return await self._task(tx, project_id, uid)

    async def patch(self, project_id: UUID, **changes: object) -> None:
        """Change a project."""
        async with self.projects.transaction(self.context) as tx:
            version = await tx.fetchint("select version from project where id = $1", project_id)
            await projects.update_project(tx, str(project_id), None, version, NOBODY, changes)

    async def delete_task(self, project_id: UUID, uid: str) -> None:
        """Delete a task."""
        async with self.projects.transaction(self.context) as tx:
            task_id = await self._task(tx, project_id, uid)
            version = await tx.fetchint("select version from task where id = $1", task_id)
            await tasks.delete_task(tx, str(project_id), None, task_id, version)

    async def delete(self, project_id: UUID) -> None:
        """Delete a project."""
        async with self.projects.transaction(self.context) as tx:
            version = await tx.fetchint("select version from project where id = $1", project_id)
            await projects.delete_project(tx, str(project_id), None, version, NOBODY)

    async def events(self, project_id: UUID, after: int = 0) -> list[Received]:
        """What projects has published of a project, read as a consumer reads it."""
        async with self.projects.transaction(self.context) as tx:
            rows = await tx.fetch(
                "select *, data::text as text from event_log"
                " where organization_id = $1 and aggregate_id = $2 and version > $3 order by version",
                self.organization,
                project_id,
                after,
            )
        return [
            Received.parse(
                subject_of(row["type"], self.organization, project_id),
                envelope(
                    id=row["id"],
                    type=row["type"],
                    organization_id=self.organization,
                    aggregate_id=project_id,
                    version=row["version"],
                    entity_id=row["entity_id"],
                    time=self.times.setdefault(row["id"], self.clock),
                    actor=row["actor"],
                    correlation_id=row["correlation_id"],
                    causation_id=row["causation_id"],
                    traceparent=row["traceparent"],
                    data=row["text"],
                ),
            )
            for row in rows
        ]

    async def tell(self, project_id: UUID) -> None:
        """Let kpi hear what it has not heard yet."""
        events = await self.events(project_id, self.told.get(project_id, 0))
        self.told[project_id] = max([self.told.get(project_id, 0), *(event.version for event in events)])
        await self.hear(events)

    async def hear(self, events: Iterable[Received]) -> None:
        """Hand events to the handlers as a consumer does: runs of one type at once, all in one transaction."""
        async with self.kpi.transaction(Context(self.organization, "service:kpi")) as tx:
            run: list[ReadEvent[BaseModel]] = []
            handler: Subscription[Any] | None = None
            for event in events:
                subscription = BY_TYPE.get(event.type)
                if subscription is None:
                    continue
                if handler is not None and subscription is not handler:
                    await handler.handle(tx, run)
                    run = []
                handler = subscription
                run.append(ReadEvent(event, subscription.reader.model_validate(event.data)))
            if handler is not None:
                await handler.handle(tx, run)

    async def kpis(self, project_id: UUID, as_of: datetime | None = None, now: datetime | None = None) -> Kpis:
        """What kpi makes of it."""
        async with self.kpi.transaction(Context(self.organization, "someone"), read_only=True) as tx:
            return await metrics_at(tx, str(project_id), None, as_of, now or datetime.now(UTC))

    async def figures(self, project_id: UUID, *names: str, as_of: datetime | None = None) -> list[str | None]:
        """Values or reasons of metrics."""
        found = (await self.kpis(project_id, as_of)).metrics
        return [shown["value"] or shown["reason"] for shown in (found[name].as_json() for name in names)]

    async def rows(self, table: str, project_id: UUID) -> list[dict[str, object]]:
        """What is kept of a project, without what depends on when it was heard."""
        key = "id" if table == "project" else "project_id"
        async with self.kpi.transaction(Context(self.organization, "someone"), read_only=True) as tx:
            found = await tx.fetch(
                f"select row_to_json(t)::text as row from (select * from {table} where {key} = $1) t order by 1",
                project_id,
            )
        rows: list[dict[str, object]] = [orjson.loads(row["row"]) for row in found]
        for row in rows:
            row.pop("plan", None)
        return rows

    async def plan_of(self, project_id: UUID) -> UUID:
        """The state of a project's plan."""
        async with self.kpi.transaction(Context(self.organization, "someone"), read_only=True) as tx:
            return (await reading.project(tx, str(project_id))).plan

    async def clear(self) -> None:
        """Forget all that kpi keeps of the organization."""
        async with self.kpi.transaction(Context(self.organization, "someone")) as tx:
            for table in KEPT:
                await tx.execute(f"delete from {table} where organization_id = $1", self.organization)

    async def kept(self, project_id: UUID) -> list[list[dict[str, object]]]:
        """All that is kept of a project."""
        return [await self.rows(table, project_id) for table in KEPT]

    async def _task(self, tx: Transaction, project_id: UUID, uid: str) -> UUID:
        row = await tx.fetchrow("select id from task where project_id = $1 and source_id = $2", project_id, uid)
        assert row is not None
        identifier: UUID = row["id"]
        return identifier


def later(hours: float = 1, since: str = STATUS) -> datetime:
    """An instant so many hours after the status date."""
    return instant(since) + timedelta(hours=hours)


Tell = Callable[[Story], object]
