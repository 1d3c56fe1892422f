"""A plan that a process keeps is never another than the one that the database holds."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

import httpx2
import pytest

from services.projects import repository
from services.projects.repository import plan_events
from services.projects.service.kept_plans import ChangedPlan, KeptPlan, known_plan
from services.projects.service.plans import PlanRows, plan_rows
from services.projects.service.schedule_changes import COLUMNS, items_of
from services.projects.service.schedules import compute_schedule, recompute, refresh_if_asked
from services.projects.settings import Settings
from shared.db import Context, Database, Transaction
from tests.service.projects.test_batches import link, send, task
from tests.service.projects.test_dependencies import PATCH, Story
from tests.service.projects.test_structure import move


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """Tasks a, b, c, and a summary s of s1 and s2."""
    return await Story.make(director)


class Replica:
    """Another process of the service: with a memory of its own, and no part in the writes."""

    def __init__(self, database: Database, organization: UUID, story: Story) -> None:
        self.database = database
        self.context = Context(organization, "test")
        self.project = UUID(story.path.split("/")[3])

    async def schedule(self) -> None:
        """Bring the schedule up to date, and keep the plan."""
        await recompute(self.database, self.context, str(self.project))

    def kept(self) -> KeptPlan | None:
        """What it keeps."""
        return self.database.memory.get(("plan", self.context.organization_id, self.project), KeptPlan)

    async def known(self) -> PlanRows | ChangedPlan:
        """What it knows of the plan now; it is the same as what the database holds."""
        async with self.database.transaction(self.context, read_only=True, snapshot=True) as tx:
            project = await repository.project_row(tx, str(self.project), None)
            known = await known_plan(tx, project)
            assert known.plan() == (await plan_rows(tx, project)).plan()
            return known


@pytest.fixture
async def replica(settings: Settings, organization: UUID, story: Story) -> AsyncIterator[Replica]:
    """A replica that has just scheduled the story's plan."""
    database = await Database.connect(settings.database_url, size=3)
    try:
        made = Replica(database, organization, story)
        await made.schedule()
        yield made
    finally:
        await database.close()


async def stored_as_computed_anew(settings: Settings, replica: Replica) -> int:
    """Hold the stored schedule against one that a process computes which has kept nothing; returns the tasks."""
    database = await Database.connect(settings.database_url, size=1)
    try:
        async with database.transaction(replica.context, read_only=True, snapshot=True) as tx:
            computed = await compute_schedule(tx, replica.project)
            assert computed.known is None
            found = await tx.fetch(
                f"select id, {', '.join(COLUMNS)} from schedule_item where project_id = $1", replica.project
            )
        assert items_of(found) == computed.items
        return len(found)
    finally:
        await database.close()


async def change(story: Story, of: str, **fields: object) -> None:
    """Change a task as it is now, whoever else does."""
    path = f"{story.path}/tasks/{story.ids[of]}"
    for _ in range(50):
        etag = (await story.client.get(path)).headers["etag"]
        answer = await story.client.patch(path, json=fields, headers={"if-match": etag, **PATCH})
        if answer.status_code != 412:
            break
    assert answer.status_code == 200, answer.text


async def test_what_tasks_and_links_become_is_known_without_reading_the_plan_again(
    story: Story, replica: Replica, settings: Settings
) -> None:
    steps: list[Callable[[], Awaitable[object]]] = [
        lambda: change(story, "a", duration_minutes=960),
        lambda: change(story, "b", name="Bollards", percent_complete=40),
        lambda: story.link("a", "b"),
        lambda: story.task("d"),
        lambda: story.task("a1", "a"),
        lambda: send(story, task("e", "e", duration_minutes=60), link(story.ids["c"], "#e")),
        lambda: move(story, "s", before_id="a"),
        lambda: move(story, "b", parent_id="s"),
        lambda: story.client.delete(f"{story.path}/tasks/{story.ids['c']}", headers={"if-match": '"1"'}),
    ]
    for number, step in enumerate(steps):
        await step()
        known = await replica.known()
        assert isinstance(known, ChangedPlan), number
        if number % 2:
            await replica.schedule()
    await replica.schedule()
    assert await stored_as_computed_anew(settings, replica) == 8


async def test_what_else_a_plan_is_made_of_is_read_again(story: Story, replica: Replica) -> None:
    etag = (await story.client.get(story.path)).headers["etag"]
    body = {"start": "2026-02-02T08:00:00Z"}
    assert (await story.client.patch(story.path, json=body, headers={"if-match": etag, **PATCH})).status_code == 200
    assert isinstance(await replica.known(), PlanRows)
    await replica.schedule()
    assert isinstance(await replica.known(), ChangedPlan)
    made = await story.client.post(f"{story.path}/calendars", json={"name": "Nights", "week": WEEK})
    assert made.status_code == 201, made.text
    assert isinstance(await replica.known(), PlanRows)


WEEK = {"monday": [{"start": "08:00", "finish": "12:00"}]}


async def test_a_database_that_was_restored_is_read_again(replica: Replica) -> None:
    memory = replica.database.memory
    key = ("plan", replica.context.organization_id, replica.project)
    kept = replica.kept()
    assert kept is not None
    memory.keep(key, replace(kept, event_id=uuid4()), len(kept))
    assert isinstance(await replica.known(), PlanRows)
    memory.keep(key, replace(kept, version=kept.version + 100), len(kept))
    assert isinstance(await replica.known(), PlanRows)


async def test_what_was_rolled_back_is_not_kept(story: Story, replica: Replica) -> None:
    await change(story, "a", duration_minutes=60)
    before = replica.kept()

    async def slip(tx: Transaction) -> None:
        await tx.execute("update task set duration_minutes = 4800 where id = $1", UUID(story.ids["a"]))
        await refresh_if_asked(tx, replica.project)
        assert tx.kept
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        async with replica.database.transaction(replica.context) as tx:
            await slip(tx)
    assert replica.kept() is before
    assert isinstance(await replica.known(), ChangedPlan)


async def many(story: Story) -> list[str]:
    """Add forty tasks in five branches, in chains that end long before the project does; returns their names."""
    await change(story, "a", duration_minutes=480 * 200)
    items = []
    for branch in range(5):
        items.append(task(f"branch {branch}", f"b{branch}"))
        for number in range(8):
            ref = f"{branch}-{number}"
            items.append(task(ref, ref, parent_id=f"#b{branch}", duration_minutes=60 * (number + 1), work_minutes=480))
            if number:
                items.append(link(f"#{branch}-{number - 1}", f"#{ref}", lag=60 * number))
    answer = await send(story, *items)
    assert answer.status_code == 200, answer.text
    page = (await story.client.get(f"{story.path}/tasks", params={"limit": 200})).json()
    story.ids |= {item["name"]: item["id"] for item in page["items"]}
    return [name for name in story.ids if "-" in name]


async def test_a_change_of_one_task_is_revised_and_stored_as_if_all_were_computed(
    story: Story, replica: Replica, settings: Settings
) -> None:
    names = await many(story)
    await replica.schedule()
    for number, name in enumerate(names[::7], 1):
        await change(story, name, duration_minutes=60 * (number + 5), percent_complete=10 * number)
        await replica.schedule()
        kept = replica.kept()
        assert kept is not None
        assert kept.revisions == number
        assert await stored_as_computed_anew(settings, replica) == 51


async def test_many_writers_and_two_processes_end_with_the_schedule_that_one_computes_anew(
    story: Story, replica: Replica, settings: Settings
) -> None:
    chance = random.Random(7)
    names = await many(story)
    done, revisions = asyncio.Event(), list[int]()

    async def write(own: random.Random) -> None:
        for number in range(12):
            kind = own.random()
            if kind < 0.6:
                await change(story, own.choice(names), duration_minutes=60 * own.randint(1, 40))
            elif kind < 0.7:
                await change(story, own.choice(names), deadline="2026-02-02T17:00:00Z")
            elif kind < 0.8:
                await story.link(*own.sample(names, 2), lag=60 * own.randint(-4, 4))  # some would close a loop
            elif kind < 0.85:
                await story.task(f"{number} {own.random()}", "s")
            elif kind < 0.9:
                await send(story, task("more", duration_minutes=300), mode="partial")
            else:
                await story.client.get(f"{story.path}/schedule")

    async def follow() -> None:
        while not done.is_set():
            await replica.schedule()
            kept = replica.kept()
            revisions.append(0 if kept is None else kept.revisions)

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(random.Random(chance.random())) for _ in range(4)))
    done.set()
    await following
    assert max(revisions) > 0
    assert isinstance(await replica.known(), ChangedPlan)
    await story.client.get(f"{story.path}/schedule")
    await replica.schedule()
    assert await stored_as_computed_anew(settings, replica) > 50


async def test_the_last_event_is_the_projects_own(replica: Replica) -> None:
    async with replica.database.transaction(replica.context, read_only=True) as tx:
        version, identifier = await plan_events.last_event(tx, replica.project)
        assert version == await repository.position(tx, replica.project) > 0
        (event,) = await plan_events.events_from(tx, replica.project, version, most=5)
        assert event["id"] == identifier
        assert await plan_events.last_event(tx, uuid4()) == (0, None)
