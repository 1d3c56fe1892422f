"""People who write without a pause, and a ledger of what they were told."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2

from tests.system.instance import DIRECTOR, System

JSON: Final = {"content-type": "application/json"}
MERGE_PATCH: Final = {"content-type": "application/merge-patch+json"}
BATCH: Final = {"content-type": "application/cloudevents-batch+json"}
SOURCE: Final = "/chaos"
BEGIN: Final = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)
TRY_SECONDS: Final = 5.0
INSISTS_SECONDS: Final = 60.0
"""How long a caller with an Idempotency-Key, or a sender of events, repeats a request that was not answered."""


class Outcome(StrEnum):
    """What the writer knows of a write."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass
class Ledger:
    """Every write by its name, and what its writer knows of it."""

    tasks: dict[str, Outcome] = field(default_factory=dict)
    """Tasks by their names."""
    events: dict[str, Outcome] = field(default_factory=dict)
    """Pushed events by their ids."""
    descriptions: dict[str, list[tuple[str, Outcome]]] = field(default_factory=dict)
    """Task id -> what it was told to be described as, one after the other."""
    answers: list[tuple[float, str, int]] = field(default_factory=list)
    """When each answer came, to which method and service, and its status; 0 for a connection that ended."""

    def count(self, outcome: Outcome) -> int:
        """The number of writes with an outcome."""
        described = [o for told in self.descriptions.values() for _, o in told]
        return [*self.tasks.values(), *self.events.values(), *described].count(outcome)

    def failures(self) -> int:
        """Answers that a caller has to take as a failure of ours."""
        return sum(1 for _, _, status in self.answers if status == 0 or status >= 500)

    def outages(self) -> list[float]:
        """Seconds of each time in which nothing of a kind got through, from its first failure to the next success."""
        spans = []
        since: dict[str, float] = {}
        for at, kind, status in self.answers:
            if status == 0 or status >= 500:
                since.setdefault(kind, at)
            elif status < 300 and kind in since:
                spans.append(at - since.pop(kind))
        return spans


@dataclass
class Writers:
    """Writers of one organization; each is a loop of its own."""

    client: httpx2.AsyncClient
    headers: dict[str, str]
    project_id: str
    leaves: list[str]
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    pause: float = 0.05
    is_over: bool = False

    async def send(self, method: str, path: str, headers: dict[str, str], body: object) -> httpx2.Response | None:
        """Send a request once; None when the connection ended without an answer."""
        kind = path.split("/")[2]
        content = None if body is None else json.dumps(body).encode()
        try:
            answer = await self.client.request(method, path, content=content, headers={**self.headers, **headers})
        except httpx2.TransportError:
            self.ledger.answers.append((time.monotonic(), kind, 0))
            return None
        self.ledger.answers.append((time.monotonic(), kind, answer.status_code))
        return answer

    async def insist(self, method: str, path: str, headers: dict[str, str], body: object) -> httpx2.Response | None:
        """Send the same request until there is an answer that says what became of it."""
        deadline = time.monotonic() + INSISTS_SECONDS
        while time.monotonic() < deadline:
            answer = await self.send(method, path, headers, body)
            if answer is not None and answer.status_code < 500 and answer.status_code != 409:
                return answer
            await asyncio.sleep(0.2)
        return None

    async def create_tasks(self, name: str) -> None:
        """Create one task after another; every other with an Idempotency-Key, which is repeated until answered."""
        turn = 0
        while not self.is_over:
            turn += 1
            task = f"{name}-{turn}"
            self.ledger.tasks[task] = Outcome.UNKNOWN
            body = {"name": task, "duration_minutes": 480}
            path = f"/v1/projects/{self.project_id}/tasks"
            if turn % 2:
                answer = await self.insist("POST", path, {**JSON, "idempotency-key": f"{name}-{turn}"}, body)
            else:
                answer = await self.send("POST", path, JSON, body)
            self.ledger.tasks[task] = outcome(answer)
            if answer is not None and answer.status_code == 201 and turn % 5 == 0:
                await self.describe(answer.json()["id"], answer.headers["etag"])
            await asyncio.sleep(self.pause * self.chance.uniform(0.5, 1.5))

    async def describe(self, task_id: str, etag: str) -> None:
        """Change a task's description twice, each time at the version that is known."""
        told = self.ledger.descriptions.setdefault(task_id, [])
        for text in ("first", "second"):
            told.append((text, Outcome.UNKNOWN))
            answer = await self.send(
                "PATCH",
                f"/v1/projects/{self.project_id}/tasks/{task_id}",
                {**MERGE_PATCH, "if-match": etag},
                {"description": text},
            )
            told[-1] = (text, outcome(answer))
            if answer is None or answer.status_code != 200:
                return
            etag = answer.headers["etag"]

    async def push_events(self, number: int) -> None:
        """Push batches of progress; a batch that was not answered is sent again as it is."""
        turn = 0
        while not self.is_over:
            turn += 1
            events = [self._event(number, turn * 10 + place) for place in range(self.chance.randint(1, 5))]
            names = [str(event["id"]) for event in events]
            self.ledger.events |= dict.fromkeys(names, Outcome.UNKNOWN)
            answer = await self.insist("POST", "/v1/ingest/events", BATCH, events)
            self.ledger.events |= dict.fromkeys(names, outcome(answer))
            await asyncio.sleep(4 * self.pause * self.chance.uniform(0.5, 1.5))

    def _event(self, number: int, turn: int) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": SOURCE,
            "type": "pmo.inbound.task.progressed.v1",
            "data": {
                "project": {"id": self.project_id},
                "task": {"source_id": self.leaves[number % len(self.leaves)]},
                "percent_complete": min(99.0, round(5 + turn / 100, 2)),
                "actual_cost": {"amount": f"{1000 + turn}.00", "currency": "EUR"},
                "at": (BEGIN + timedelta(seconds=turn)).isoformat(),
            },
        }


def outcome(answer: httpx2.Response | None) -> Outcome:
    """What an answer tells of its write; a 5xx tells nothing."""
    if answer is None or answer.status_code >= 500:
        return Outcome.UNKNOWN
    return Outcome.ACKNOWLEDGED if answer.status_code < 300 else Outcome.REFUSED


@asynccontextmanager
async def writing(
    system: System, organization: UUID, project_id: str, leaves: list[str], *, seed: int, pause: float = 0.05
) -> AsyncIterator[Writers]:
    """Write while the block runs; what was begun is brought to its end."""
    headers = system.as_(organization, DIRECTOR).authorization
    async with httpx2.AsyncClient(base_url=system.base_url, timeout=TRY_SECONDS, trust_env=False) as client:
        writers = Writers(client, headers, project_id, leaves, random.Random(seed), pause=pause)
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(writers.create_tasks(f"task-{uuid4().hex[:6]}-{number}"))
                group.create_task(writers.push_events(number))
            try:
                yield writers
            finally:
                writers.is_over = True
