"""The operations that take a JSON body, with bodies that they accept, and places to put something else into these."""

import copy
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from tests.system.instance import JSON, MERGE_PATCH, Caller

CLOUD_EVENT: Final = "application/cloudevents+json"

_HOLE: Final = "a hole for a raw value"


@dataclass(frozen=True, slots=True)
class Plan:
    """A project and a task in it."""

    project: str
    task: str

    @classmethod
    def make(cls, caller: Caller) -> "Plan":
        """Create both."""
        project = caller("POST", "/v1/projects", json={"name": "Attacked", "currency": "EUR"})
        assert project.status_code == 201, project.text
        identifier = project.json()["id"]
        task = caller("POST", f"/v1/projects/{identifier}/tasks", json={"name": "Attacked"})
        assert task.status_code == 201, task.text
        return cls(identifier, task.json()["id"])

    def state(self, caller: Caller) -> list[object]:
        """What there is in the organization."""
        lists = ("/v1/projects", f"/v1/projects/{self.project}/tasks", "/v1/api-clients", "/v1/ingest/events")
        answers = [caller("GET", f"{path}?include_total=true") for path in lists]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json()["items"] for answer in answers]


@dataclass(frozen=True, slots=True)
class Write:
    """An operation with a JSON body."""

    name: str
    method: str
    path: str
    body: Mapping[str, object]
    media_type: str = JSON

    def send(
        self, caller: Caller, plan: Plan, content: bytes, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Send a body as it is."""
        path = self.path.format(project=plan.project, task=plan.task)
        given = {"content-type": self.media_type, **({"if-match": '"1"'} if self.method == "PATCH" else {})}
        given |= headers or {}
        return caller(self.method, path, content=content, headers={k: v for k, v in given.items() if v})

    def with_(self, place: Sequence[str], raw: str) -> bytes:
        """The body with this JSON text at a place."""
        body = copy.deepcopy(dict(self.body))
        put(body, place, _HOLE)
        return json.dumps(body).replace(f'"{_HOLE}"', raw).encode("utf-8", "surrogatepass")

    @property
    def valid(self) -> bytes:
        """A body that it accepts."""
        return json.dumps(self.body).encode()

    def __str__(self) -> str:
        return self.name


def put(body: dict[str, object], place: Sequence[str], value: object) -> None:
    """Put a value at a place, making the objects on the way."""
    *way, last = place
    for name in way:
        inner = body.setdefault(name, {})
        assert isinstance(inner, dict)
        body = inner
    body[last] = value


CREATE_PROJECT: Final = Write("create_project", "POST", "/v1/projects", {"name": "New"})
UPDATE_PROJECT: Final = Write("update_project", "PATCH", "/v1/projects/{project}", {"name": "Other"}, MERGE_PATCH)
CREATE_TASK: Final = Write("create_task", "POST", "/v1/projects/{project}/tasks", {"name": "New"})
UPDATE_TASK: Final = Write(
    "update_task", "PATCH", "/v1/projects/{project}/tasks/{task}", {"percent_complete": 10}, MERGE_PATCH
)
CREATE_DEPENDENCY: Final = Write(
    "create_dependency",
    "POST",
    "/v1/projects/{project}/dependencies",
    {"predecessor_id": str(uuid.UUID(int=1)), "successor_id": str(uuid.UUID(int=2))},
)
UPDATE_DEPENDENCY: Final = Write(
    "update_dependency", "PATCH", "/v1/projects/{project}/dependencies/{task}", {"lag": 10}, MERGE_PATCH
)
CREATE_LINK: Final = Write(
    "create_project_link",
    "POST",
    "/v1/projects/{project}/links",
    {
        "predecessor_id": str(uuid.UUID(int=1)),
        "successor_project_id": str(uuid.UUID(int=2)),
        "successor_id": str(uuid.UUID(int=3)),
        "hardness": "soft",
    },
)
UPDATE_LINK: Final = Write(
    "update_project_link", "PATCH", "/v1/projects/{project}/links/{task}", {"lag": 10}, MERGE_PATCH
)
DECIDE_LINK: Final = Write(
    "decide_project_link",
    "POST",
    "/v1/projects/{project}/links/{task}/decisions",
    {"decision": "refused", "reason": "New"},
)
WITHDRAW_LINK: Final = Write(
    "withdraw_project_link", "POST", "/v1/projects/{project}/links/{task}/withdrawal", {"reason": "New"}
)
PREVIEW_IMPACT: Final = Write(
    "preview_impact", "POST", "/v1/projects/{project}/impact", {"task_id": str(uuid.UUID(int=1)), "slip_minutes": 480}
)
REQUEST_BASELINE: Final = Write(
    "request_baseline", "POST", "/v1/projects/{project}/baselines", {"name": "New", "reason": "New"}
)
DECIDE_BASELINE: Final = Write(
    "decide_baseline",
    "POST",
    "/v1/projects/{project}/baselines/{task}/decisions",
    {"decision": "rejected", "reason": "New"},
)
WITHDRAW_BASELINE: Final = Write(
    "withdraw_baseline", "POST", "/v1/projects/{project}/baselines/{task}/withdrawal", {"reason": "New"}
)
TRANSITION_PROJECT: Final = Write(
    "transition_project", "POST", "/v1/projects/{project}/transitions", {"to": "proposed"}
)
ASSESS_SCHEDULE: Final = Write("assess_schedule", "POST", "/v1/projects/{project}/schedule-assessments", {})
CHANGE_TASKS: Final = Write(
    "change_tasks",
    "POST",
    "/v1/projects/{project}/tasks/batch",
    {"mode": "atomic", "items": [{"action": "create_task", "task": {"name": "New"}}]},
)
STATE_PROGRESS: Final = Write(
    "state_progress_of_tasks",
    "POST",
    "/v1/projects/{project}/progress/batch",
    {
        "mode": "atomic",
        "items": [{"task": {"source_id": "12"}, "at": "2026-03-31T17:00:00+02:00", "percent_complete": 10}],
    },
)
MOVE_TASK: Final = Write("move_task", "POST", "/v1/projects/{project}/tasks/{task}/move", {})
COPY_TASKS: Final = Write(
    "copy_tasks", "POST", "/v1/projects/{project}/tasks/copy", {"source_project_id": str(uuid.UUID(int=1))}
)
CREATE_CALENDAR: Final = Write("create_calendar", "POST", "/v1/projects/{project}/calendars", {"name": "New"})
INHERIT_CALENDAR: Final = Write(
    "inherit_calendar",
    "POST",
    "/v1/projects/{project}/calendars/inherited",
    {"organization_calendar_id": str(uuid.UUID(int=1))},
)
UPDATE_CALENDAR: Final = Write(
    "update_calendar", "PATCH", "/v1/projects/{project}/calendars/{task}", {"name": "Other"}, MERGE_PATCH
)
CREATE_API_CLIENT: Final = Write("create_api_client", "POST", "/v1/api-clients", {"name": "New", "scopes": ["read"]})
INGEST: Final = Write(
    "ingest",
    "POST",
    "/v1/ingest/events",
    {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=1)),
        "source": "https://attacker.example",
        "type": "pmo.inbound.task.progressed.v1",
        "data": {
            "project": {"source_id": "nowhere"},
            "task": {"source_id": "nothing"},
            "percent_complete": 10,
            "at": "2026-03-31T17:00:00+02:00",
        },
    },
    CLOUD_EVENT,
)

OF_PLANS: Final = (
    CREATE_PROJECT,
    UPDATE_PROJECT,
    CREATE_TASK,
    UPDATE_TASK,
    CREATE_DEPENDENCY,
    UPDATE_DEPENDENCY,
    CREATE_LINK,
    UPDATE_LINK,
    DECIDE_LINK,
    WITHDRAW_LINK,
    PREVIEW_IMPACT,
    REQUEST_BASELINE,
    DECIDE_BASELINE,
    WITHDRAW_BASELINE,
    TRANSITION_PROJECT,
    ASSESS_SCHEDULE,
    CHANGE_TASKS,
    STATE_PROGRESS,
    MOVE_TASK,
    COPY_TASKS,
    CREATE_CALENDAR,
    UPDATE_CALENDAR,
    INHERIT_CALENDAR,
)
"""Writes of what an organization keeps apart from others."""

WRITES: Final = (CREATE_PROJECT, UPDATE_PROJECT, CREATE_TASK, UPDATE_TASK, CREATE_API_CLIENT, INGEST)

Place = tuple[Write, tuple[str, ...]]

NAMES: Final[tuple[Place, ...]] = (
    (CREATE_PROJECT, ("name",)),
    (CREATE_PROJECT, ("source_id",)),
    (CREATE_PROJECT, ("owner",)),
    (UPDATE_PROJECT, ("name",)),
    (CREATE_TASK, ("name",)),
    (UPDATE_TASK, ("name",)),
    (CREATE_API_CLIENT, ("name",)),
    (INGEST, ("data", "task", "source_id")),
)
"""Texts of one line."""

TEXTS: Final[tuple[Place, ...]] = (*NAMES, (CREATE_PROJECT, ("description",)), (CREATE_TASK, ("description",)))
"""All texts."""

INTEGERS: Final[tuple[Place, ...]] = (
    (CREATE_TASK, ("duration_minutes",)),
    (CREATE_TASK, ("priority",)),
    (UPDATE_TASK, ("work_minutes",)),
    (INGEST, ("data", "remaining_work_minutes")),
)

PERCENTAGES: Final[tuple[Place, ...]] = ((UPDATE_TASK, ("percent_complete",)), (INGEST, ("data", "percent_complete")))

NUMBERS: Final[tuple[Place, ...]] = (*INTEGERS, *PERCENTAGES)

MONEY: Final[tuple[Place, ...]] = (
    (CREATE_TASK, ("cost",)),
    (UPDATE_TASK, ("actual_cost",)),
    (INGEST, ("data", "actual_cost")),
)

INSTANTS: Final[tuple[Place, ...]] = (
    (CREATE_PROJECT, ("start",)),
    (UPDATE_PROJECT, ("status_date",)),
    (CREATE_TASK, ("constraint_date",)),
    (UPDATE_TASK, ("deadline",)),
    (CREATE_API_CLIENT, ("expires_at",)),
    (INGEST, ("time",)),
    (INGEST, ("data", "at")),
)


def place_name(place: Place) -> str:
    """How a place is called in a test's id."""
    write, way = place
    return f"{write.name}.{'.'.join(way)}"
