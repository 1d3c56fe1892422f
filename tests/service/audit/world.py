"""Plans that projects tells of, the copies that kpi and resources keep, and hands that tamper with them."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from services.kpi import consumers as kpi_consumers
from services.kpi.service.evaluation import EVALUATE, evaluate
from services.local.nats import NatsServer
from services.local.postgres import ServiceDatabase
from services.projects.main import AUDITED
from services.projects.service import projects, schedules
from services.resources import consumers as resources_consumers
from services.resources.service.load import work_load
from services.resources.service.plans import LOAD
from shared.audit.answers import Answers
from shared.audit.examination import Examiner
from shared.audit.owner import Owner
from shared.audit.projection import Rows, rows_of
from shared.audit.rebuild import Progress, Wanted, rebuild
from shared.audit.rounds import Audit, Pace
from shared.auth import Principal
from shared.bus import Bus
from shared.consumer import Consumer
from shared.db import Context, Database
from shared.lifecycle import Loop
from shared.relay import Relay
from shared.telemetry import REGISTRY
from shared.testing.eventually import eventually
from shared.worker import Handler, Worker
from tests.service.audit.hands import PROJECTIONS, tamper
from tests.service.kpi.story import Story, fortnight, instant, plan
from tests.service.resources.story import assignment, person

WORK: Final[Mapping[str, Mapping[str, Handler]]] = {"kpi": {EVALUATE: evaluate}, "resources": {LOAD: work_load}}
SUBSCRIPTIONS: Final = {"kpi": kpi_consumers.SUBSCRIPTIONS, "resources": resources_consumers.SUBSCRIPTIONS}
NOBODY: Final = Principal(UUID(int=0), "nobody")
EVERYTHING: Final = Pace(patience=0.0, contents=10**6, contents_seconds=60.0)
"""A round that leaves nothing for later."""


@dataclass
class Sides:
    """The databases and connections of an owner and its projections."""

    broker: NatsServer
    urls: Mapping[str, ServiceDatabase]
    databases: Mapping[str, Database]
    buses: Mapping[str, Bus]
    consumers: dict[str, Consumer] = field(default_factory=dict)

    @property
    def projections(self) -> Sequence[str]:
        """The services that keep a projection."""
        return tuple(PROJECTIONS)

    def loops(self) -> list[Loop]:
        """Everything that runs in the background, but for the audits."""
        owner = self.databases["projects"]
        bus = self.buses["projects"]
        relay_url = self.urls["projects"].relay
        loops: list[Loop] = [
            Relay(relay_url, bus, producer="projects", signal=owner.signal("outbox")),
            Answers(owner, relay_url, bus, service="projects", entities=AUDITED),
        ]
        for service in PROJECTIONS:
            consumer = Consumer(
                self.databases[service],
                self.buses[service],
                service=service,
                producer="projects",
                subscriptions=SUBSCRIPTIONS[service]["projects"],
                gap_seconds=1.0,
            )
            self.consumers[service] = consumer
            handlers = {**WORK[service], **consumer.handlers}
            loops += [consumer, Worker(self.databases[service], self.urls[service].relay, handlers)]
        return loops

    def examiner(self, service: str) -> Examiner:
        """What compares a service's aggregates."""
        owner = Owner(self.buses[service], "projects")
        return Examiner(self.databases[service], self.consumers[service], PROJECTIONS[service], owner)

    def audit(self, service: str, pace: Pace = EVERYTHING) -> Audit:
        """A service's audit; nobody runs it."""
        return Audit(self.examiner(service), self.urls[service].relay, pace=pace)

    async def rebuilt(
        self, service: str, organization: UUID, aggregate: UUID | None = None, *, repair: bool = True
    ) -> Progress:
        """Rebuild an organization's part of a projection."""
        wanted = Wanted(organization, aggregate)
        steps = rebuild(self.examiner(service), self.urls[service].relay, wanted, repair=repair)
        return ([Progress()] + [step async for step in steps])[-1]


@dataclass
class World:
    """An organization in all three."""

    sides: Sides
    organization: UUID

    @property
    def story(self) -> Story:
        """What is done in projects."""
        return Story(self.sides.databases["projects"], self.sides.databases["kpi"], self.organization)

    @asynccontextmanager
    async def hands(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection that may do anything to the organization's rows in a service."""
        connection = await asyncpg.connect(self.sides.urls[service].owner)
        try:
            await connection.execute("select set_config('app.organization', $1, false)", str(self.organization))
            yield connection
        finally:
            await connection.close()

    async def project(self, status: str = "2026-03-06T17:00") -> UUID:
        """A project with a plan, people, a schedule, progress, and tombstones; both projections have it."""
        story = self.story
        people = [person("1"), person("2")]
        works = [assignment("1", "1", "1", 1440), assignment("2", "2", "2", 960)]
        full = replace(plan(status=status), resources=tuple(people), assignments=tuple(works))
        project_id = await story.bring(full)
        await self.schedule(project_id)
        await story.push(project_id, "1", instant("2026-03-07T10:00"), 70, "8000")
        await story.push(project_id, "2", instant("2026-03-08T10:00"), 20)
        third = replace(full, tasks=(*fortnight(), replace(fortnight()[1], source_id="3", position=3, name="Third")))
        await story.bring(third, project_id)
        await self.schedule(project_id)
        await story.delete_task(project_id, "3")
        await self.level()
        return project_id

    async def schedule(self, project_id: UUID) -> None:
        """Have a project's schedule published."""
        async with self.sides.databases["projects"].transaction(self.story.context) as tx:
            await schedules.publish_schedule(tx, project_id)

    async def unheard(self, project_id: UUID, name: str) -> int:
        """Change a project, and lose the event on the way to the broker; returns its version."""
        async with self.sides.databases["projects"].transaction(self.story.context) as tx:
            version = await tx.fetchint("select version from project where id = $1", project_id)
            await projects.update_project(tx, str(project_id), None, version, NOBODY, {"name": name})
            await tx.execute("delete from outbox_pending where aggregate_id = $1", project_id)
            return await tx.fetchint("select version from aggregate where id = $1", project_id)

    async def saved(self, project_id: UUID) -> tuple[int, int]:
        """What a backup would have of a project: its version, and that of its aggregate."""
        ((version, position),) = await self.ask(
            "projects",
            "select p.version, a.version from project p join aggregate a on a.id = p.id where p.id = $1",
            project_id,
        )
        assert isinstance(version, int)
        assert isinstance(position, int)
        return version, position

    async def restore(self, project_id: UUID, version: int, position: int) -> None:
        """Bring a project whose owner alone was changed back to what it was."""
        async with self.hands("projects") as hands, hands.transaction():
            await hands.execute("delete from event_log where aggregate_id = $1 and version > $2", project_id, position)
            await hands.execute("delete from history where entity_id = $1 and version > $2", project_id, version)
            await hands.execute("update aggregate set version = $2 where id = $1", project_id, position)
            await hands.execute(
                "update project set version = $2, owner = 'pm@example.org' where id = $1", project_id, version
            )

    async def ask(self, service: str, sql: str, *values: object) -> list[tuple[object, ...]]:
        """The rows of a query on the organization's rows."""
        async with self.hands(service) as connection:
            return [tuple(row) for row in await connection.fetch(sql, *values)]

    async def level(self) -> None:
        """Wait until the projections are where their owner is, and nothing is left to do."""

        async def check() -> bool:
            owner = await self.ask("projects", "select id, version from aggregate where version > 0 order by id")
            for service in PROJECTIONS:
                kept = "select aggregate_id, version from consumer_position where not waiting order by 1"
                assert await self.ask(service, kept) == owner, service
                assert await self.ask(service, "select count(*) from work_pending") == [(0,)], service
            return True

        await eventually(check, seconds=30)

    async def rows(self, service: str) -> dict[UUID, Rows]:
        """Everything that is compared, by aggregate."""
        found: dict[UUID, Rows] = {}
        roots = await self.ask("projects", "select id from aggregate")
        async with self.sides.databases[service].transaction(Context(self.organization, "test")) as tx:
            for (root,) in roots:
                assert isinstance(root, UUID)
                found[root] = await rows_of(tx, PROJECTIONS[service], root)
        return found

    async def tamper(self, service: str, times: int, chance: random.Random) -> list[str]:
        """Change, delete, revive and add so many random rows, none twice; returns what was done."""
        async with self.hands(service) as connection:
            return await tamper(connection, service, times, chance)


def metric(name: str, **labels: str) -> float:
    """The present value of a metric."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def found(service: str) -> float:
    """How many differences were counted for a service's projection."""
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == "pmo_audit_differences_total" and sample.labels["consumer"] == f"{service}-on-projects"
    )


def stranger() -> UUID:
    """An aggregate that nobody knows."""
    return uuid4()
