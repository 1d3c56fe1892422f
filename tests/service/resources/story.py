"""Plans told as projects tells them: the data of its events, checked by its own classes, and how they take effect."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel

from services.projects.domain.conventions import MICROSOFT_PROJECT
from services.projects.domain.events import EVENTS, PlanImported, SchedulePublished
from services.projects.domain.plan import Assignment, Plan, Resource, ResourceType, Task
from services.projects.domain.schedule import critical_path
from services.resources.consumers import SUBSCRIPTIONS
from shared.db import Context, Database
from shared.events import Received
from shared.messaging import ReadEvent
from shared.working_time import WorkingCalendar, to_json

BY_TYPE = {subscription.type: subscription for subscription in SUBSCRIPTIONS["projects"]}
PRODUCED: Mapping[str, type[BaseModel]] = {event.type: event for event in EVENTS}
STAMP = "2026-01-05T10:00:00.000000Z"
DAY = ((480, 720), (780, 1020))
STANDARD = WorkingCalendar("1", "Standard", (DAY, DAY, DAY, DAY, DAY, (), ()))


def moment(text: str) -> datetime:
    """A naive local date-time such as `2026-03-02 08:00`."""
    return datetime.fromisoformat(text)


def task(uid: str, start: str | None, finish: str | None, *, is_active: bool = True) -> Task:
    """A task with planned dates."""
    dates = [None if text is None else moment(text) for text in (start, finish)]
    return Task(uid, int(uid), f"Task {uid}", start=dates[0], finish=dates[1], is_active=is_active)


def person(
    uid: str,
    name: str | None = None,
    *,
    type: ResourceType = ResourceType.WORK,  # noqa: A002 - the field's name
    max_units: Decimal = Decimal(1),
    calendar: str | None = None,
) -> Resource:
    """A resource, of type work unless told otherwise."""
    return Resource(
        uid,
        name or f"Person {uid}",
        type,
        max_units=max_units,
        calendar_source_id=calendar,
        standard_rate=Decimal("80.00"),
        overtime_rate=Decimal("120.50"),
    )


def assignment(uid: str, task_uid: str, resource_uid: str | None, minutes: int) -> Assignment:
    """An assignment of so many minutes."""
    return Assignment(uid, task_uid, resource_uid, work_minutes=minutes, remaining_work_minutes=minutes)


def plan(
    tasks: Sequence[Task],
    resources: Sequence[Resource],
    assignments: Sequence[Assignment],
    calendars: Sequence[WorkingCalendar] = (STANDARD,),
) -> Plan:
    """A small plan."""
    return Plan(
        source_guid=None,
        name="Quay",
        currency="EUR",
        start=moment("2026-03-02 08:00"),
        status_date=None,
        calendar_source_id="1",
        calendars=tuple(calendars),
        tasks=tuple(tasks),
        links=(),
        resources=tuple(resources),
        assignments=tuple(assignments),
    )


Told = tuple[str, dict[str, Any]]
"""An event's type and data."""


@dataclass
class Project:
    """A project as projects knows it: ids, versions and the events that tell of it."""

    id: UUID = field(default_factory=uuid4)
    owner: str = "pm@example.org"
    zone: str = "Europe/Amsterdam"
    key: str = "PRJ-1"
    version: int = 1
    item_version: int = 1
    revision: int = 0

    def part(self, kind: str, source_id: str | None) -> UUID | None:
        """The id of a part of the plan."""
        return None if source_id is None else uuid5(self.id, f"{kind} {source_id}")

    def local(self, when: datetime | None) -> str | None:
        """A local date-time with its offset, as images carry it."""
        return None if when is None else when.replace(tzinfo=ZoneInfo(self.zone)).isoformat()

    def image(self, calendar: str | None = "1") -> dict[str, object]:
        """The project's image."""
        return {
            "id": self.id,
            "version": self.version,
            "key": self.key,
            "name": "Quay",
            "description": "",
            "status": "active",
            "owner": self.owner,
            "currency": "EUR",
            "time_zone": self.zone,
            "start": "2026-03-02T08:00:00+01:00",
            "status_date": None,
            "source_id": None,
            "planned_finish": None,
            "must_finish": None,
            "conventions": asdict(MICROSOFT_PROJECT),
            "calendar_id": self.part("calendar", calendar),
            "minutes_per_day": 480,
            "code_mask": "1.1",
            "is_template": False,
            "default_ev_technique": "percent_complete",
            "programme_id": None,
            "customer_id": None,
            "sponsor": None,
            "health": None,
            "categories": [],
            "custom_fields": {},
            "created_at": STAMP,
            "updated_at": STAMP,
        }

    def told(self, fact: str, **image: object) -> Told:
        """A project event."""
        after = None if fact == "deleted" else self.image() | image
        data: dict[str, object] = {"id": self.id, "version": self.version, "changed": [], "after": after}
        return _told(f"pmo.projects.project.{fact}.v1", data)

    def task_told(self, fact: str, given: Task, version: int) -> Told:
        """A task event."""
        after = None if fact == "deleted" else self.task_image(given, version)
        data: dict[str, object] = {
            "id": self.part("task", given.source_id),
            "version": version,
            "changed": [],
            "after": after,
        }
        return _told(f"pmo.projects.task.{fact}.v1", data)

    def imported(self, given: Plan, *, chunk: int = 50) -> list[Told]:
        """The chunks of an import."""
        items = [*self._items(given)]
        pieces = [items[n : n + chunk] for n in range(0, len(items), chunk)] or [[]]
        return [
            _told(
                PlanImported.type,
                {
                    "import_id": uuid5(self.id, "import"),
                    "project": self.image(given.calendar_source_id),
                    "chunk": number,
                    "chunks": len(pieces),
                    "progress_at": STAMP,
                    "items": piece,
                },
            )
            for number, piece in enumerate(pieces, 1)
        ]

    def scheduled(self, given: Plan, *, chunk: int = 50) -> list[Told]:
        """The chunks of the schedule that the critical path method makes of a plan."""
        schedule = critical_path(given)
        dates = {t.source_id: (t.early_start, t.early_finish) for t in schedule.tasks}
        return self.dated(dates, chunk=chunk)

    def dated(
        self,
        dates: Mapping[str, tuple[datetime, datetime]],
        *,
        chunk: int = 50,
        removed: Iterable[str] = (),
    ) -> list[Told]:
        """The chunks of the next schedule, which gives these tasks these dates."""
        self.revision += 1
        items = [
            {
                "task_id": self.part("task", uid),
                "early_start": self.local(start),
                "early_finish": self.local(finish),
                "late_start": self.local(start),
                "late_finish": self.local(finish),
                "total_float_minutes": 0,
                "free_float_minutes": 0,
                "is_critical": True,
            }
            for uid, (start, finish) in dates.items()
        ]
        pieces = [items[n : n + chunk] for n in range(0, len(items), chunk)] or [[]]
        gone = [self.part("task", uid) for uid in removed]
        return [
            _told(
                SchedulePublished.type,
                {
                    "project_id": self.id,
                    "revision": self.revision,
                    "time_zone": self.zone,
                    "project_start": None,
                    "project_finish": None,
                    "chunk": number,
                    "chunks": len(pieces),
                    "items": piece,
                    "removed": gone if number == len(pieces) else [],
                },
            )
            for number, piece in enumerate(pieces, 1)
        ]

    def item(self, kind: str, source_id: str, after: object, *, version: int = 0, action: str = "created") -> object:
        """An item of an import."""
        return {
            "kind": kind,
            "id": self.part(kind, source_id),
            "version": version or self.item_version,
            "action": action,
            "after": after,
        }

    def _items(self, given: Plan) -> Iterable[object]:
        for calendar in given.calendars:
            yield self.item("calendar", calendar.source_id, self.calendar_image(calendar))
        for each in given.resources:
            yield self.item("resource", each.source_id, self.resource_image(each))
        for each_task in given.tasks:
            yield self.item("task", each_task.source_id, self.task_image(each_task, self.item_version))
        for each_assignment in given.assignments:
            yield self.item("assignment", each_assignment.source_id, self.assignment_image(each_assignment))

    def _head(self, kind: str, source_id: str, version: int = 0) -> dict[str, object]:
        return {
            "id": self.part(kind, source_id),
            "version": version or self.item_version,
            "project_id": self.id,
            "source_id": source_id,
            "created_at": STAMP,
            "updated_at": STAMP,
        }

    def calendar_image(self, given: WorkingCalendar) -> dict[str, object]:
        """A calendar's image."""
        return self._head("calendar", given.source_id) | {
            "name": given.name,
            "base_calendar_id": None,
            "organization_calendar_id": None,
            "definition": to_json(given),
            "rules": None,
        }

    def resource_image(self, given: Resource) -> dict[str, object]:
        """A resource's image."""
        return self._head("resource", given.source_id) | {
            "name": given.name,
            "type": given.type,
            "is_equipment": given.is_equipment,
            "email": given.email,
            "max_units": float(given.max_units),
            "calendar_id": self.part("calendar", given.calendar_source_id),
            "standard_rate": _money(given.standard_rate),
            "overtime_rate": _money(given.overtime_rate),
            "cost_per_use": _money(given.cost_per_use),
        }

    def task_image(self, given: Task, version: int) -> dict[str, object]:
        """A task's image."""
        return self._head("task", given.source_id, version) | {
            "parent_id": None,
            "position": given.position,
            "name": given.name,
            "description": "",
            "work_breakdown_structure": given.wbs,
            "has_fixed_code": False,
            "outline_level": given.outline_level,
            "is_summary": given.is_summary,
            "is_milestone": given.is_milestone,
            "is_active": given.is_active,
            "is_manual": given.is_manual,
            "priority": given.priority,
            "duration_minutes": given.duration_minutes,
            "is_elapsed_duration": given.is_elapsed_duration,
            "activity_type": given.activity_type,
            "is_fixed_duration": given.is_fixed_duration,
            "is_fixed_work": given.is_fixed_work,
            "calendar_id": None,
            "ignores_resource_calendar": given.ignores_resource_calendar,
            "constraint_type": given.constraint_type,
            "constraint_date": None,
            "secondary_constraint_type": given.secondary_constraint_type,
            "secondary_constraint_date": None,
            "expected_finish": None,
            "leveling_delay_minutes": given.leveling_delay_minutes,
            "deadline": None,
            "planned_start": self.local(given.start),
            "planned_finish": self.local(given.finish),
            "percent_complete": 0.0,
            "physical_percent_complete": 0.0,
            "uses_physical_percent": False,
            "percent_work_complete": 0.0,
            "percent_complete_type": "duration",
            "units_done": 0.0,
            "ev_technique": None,
            "actual_start": None,
            "actual_finish": None,
            "actual_duration_minutes": 0,
            "remaining_duration_minutes": given.duration_minutes,
            "work_minutes": 0,
            "actual_work_minutes": 0,
            "remaining_work_minutes": 0,
            "cost": _money(Decimal(0)),
            "actual_cost": _money(Decimal(0)),
            "baseline_start": None,
            "baseline_finish": None,
            "baseline_duration_minutes": None,
            "baseline_work_minutes": None,
            "baseline_cost": None,
            "progress_at": None,
            "custom_fields": {},
        }

    def assignment_image(self, given: Assignment) -> dict[str, object]:
        """An assignment's image."""
        return self._head("assignment", given.source_id) | {
            "task_id": self.part("task", given.task_source_id),
            "resource_id": self.part("resource", given.resource_source_id),
            "units": float(given.units),
            "work_minutes": given.work_minutes,
            "actual_work_minutes": given.actual_work_minutes,
            "remaining_work_minutes": given.remaining_work_minutes,
            "cost": _money(Decimal(0)),
            "actual_cost": _money(Decimal(0)),
            "planned_start": None,
            "planned_finish": None,
        }


def _money(amount: Decimal | None) -> dict[str, str] | None:
    return None if amount is None else {"amount": f"{amount:.2f}", "currency": "EUR"}


def _told(kind: str, data: dict[str, Any]) -> Told:
    """Check the data against what projects says it publishes."""
    plain = orjson.loads(orjson.dumps(data))
    PRODUCED[kind].model_validate(plain)
    return kind, plain


@dataclass
class Listener:
    """The service's handlers in a database, as its consumer calls them."""

    database: Database
    organization: UUID

    @property
    def context(self) -> Context:
        """The organization."""
        return Context(self.organization, "service:resources")

    async def hear(self, *told: Told) -> None:
        """Let events take effect, each in a transaction of its own."""
        for kind, data in told:
            subscription = BY_TYPE[kind]
            read = subscription.reader.model_validate(data)
            async with self.database.transaction(self.context) as tx:
                await subscription.handle(tx, [ReadEvent(self._received(kind, data), read)])

    def _received(self, kind: str, data: dict[str, Any]) -> Received:
        root = data.get("project_id") or (data.get("project") or data.get("after") or {}).get("project_id")
        root = root or (data.get("project") or {}).get("id") or data.get("root") or data["id"]
        now = datetime.now(UTC)
        return Received(uuid4(), kind, "projects", self.organization, UUID(str(root)), 1, now, "user", "", "", "", data)
