"""What events do to what is known: newest versions win, half schedules do not count, load follows."""

import random
from typing import Any

import orjson
import pytest

from services.projects.domain.plan import Plan
from services.resources.service.load import bring_up_to_date, load_of_resource, work_load
from shared.errors import NotFound, ProjectionBehind
from shared.testing.capture import recorded
from tests.service.resources.story import Listener, Project, Told, assignment, moment, person, plan, task

PLAN = plan(
    [task("1", "2026-03-02 08:00", "2026-03-03 17:00"), task("2", "2026-03-03 08:00", "2026-03-03 17:00")],
    [person("1"), person("2")],
    [assignment("1", "1", "1", 960), assignment("2", "2", "1", 240), assignment("3", "2", "2", 480)],
)
APRIL = {"1": (moment("2026-04-01 08:00"), moment("2026-04-02 17:00"))}


async def load(listener: Listener, project: Project, resource: str = "1") -> dict[str, Any]:
    """A resource's load as a reader sees it."""
    identifier = project.part("resource", resource)
    assert identifier is not None
    async with listener.database.transaction(listener.context) as tx:
        found: dict[str, Any] = orjson.loads(await load_of_resource(tx, identifier, None, None, None))
    return found


async def booked(listener: Listener, project: Project, resource: str = "1") -> dict[str, int]:
    """Minutes by day of a resource."""
    days = (await load(listener, project, resource))["days"]
    return {day["date"]: day["booked_minutes"] for day in days if day["booked_minutes"]}


async def dump(listener: Listener, *tables: str) -> list[list[str]]:
    """All rows of tables."""
    async with listener.database.transaction(listener.context) as tx:
        return [
            [row["r"] for row in await tx.fetch(f"select row_to_json(t)::text as r from {table} t order by 1")]
            for table in tables
        ]


KNOWN = ("project", "calendar", "resource", "task", "assignment", "schedule_item", "schedule_chunk")


async def test_planned_dates_count_until_a_schedule_comes(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    assert await booked(quiet, project) == {"2026-03-02": 480, "2026-03-03": 720}
    await quiet.hear(*project.dated(APRIL))
    assert await booked(quiet, project) == {"2026-03-03": 240, "2026-04-01": 480, "2026-04-02": 480}


async def test_a_task_that_is_no_longer_scheduled_falls_back_to_its_planned_dates(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN), *project.dated(APRIL), *project.dated({}, removed=["1"]))
    assert await booked(quiet, project) == {"2026-03-02": 480, "2026-03-03": 720}


async def test_half_a_schedule_does_not_count(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    before = await load(quiet, project)
    late = {uid: (moment("2026-05-04 08:00"), moment("2026-05-04 17:00")) for uid in ("1", "2")}
    first, second = project.dated(late, chunk=1)
    await quiet.hear(first, first)
    assert await load(quiet, project) == before
    await quiet.hear(second)
    assert await booked(quiet, project) == {"2026-05-04": 1200}
    assert await dump(quiet, "schedule_chunk") == [[]]


@pytest.mark.parametrize("seed", range(4))
async def test_chunks_take_effect_once_in_any_order_and_however_often_they_come(quiet: Listener, seed: int) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    dates = {uid: (moment("2026-05-04 08:00"), moment("2026-05-04 17:00")) for uid in ("1", "2")}
    chunks = project.dated(dates, chunk=1) * 3
    random.Random(seed).shuffle(chunks)
    await quiet.hear(*chunks)
    assert await booked(quiet, project) == {"2026-05-04": 1200}


async def test_a_revision_that_is_completed_late_does_not_undo_a_later_one(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    may = {uid: (moment("2026-05-04 08:00"), moment("2026-05-04 17:00")) for uid in ("1", "2")}
    first, second = project.dated(may, chunk=1)
    await quiet.hear(first, *project.dated(APRIL), second)
    assert await booked(quiet, project) == {"2026-04-01": 480, "2026-04-02": 480, "2026-05-04": 240}


async def test_an_older_version_never_replaces_a_newer_one(quiet: Listener) -> None:
    project = Project()
    created = project.imported(PLAN)
    await quiet.hear(*created)
    project.version, project.item_version, project.owner = 2, 2, "new.owner"
    moved = plan(
        [task("1", "2026-06-01 08:00", "2026-06-02 17:00"), PLAN.tasks[1]],
        [person("1", "Renamed"), person("2")],
        [assignment("1", "1", "1", 480), assignment("2", "2", "2", 240), assignment("3", "2", "2", 480)],
    )
    await quiet.hear(*project.imported(moved))
    newest = await dump(quiet, *KNOWN)
    assert await booked(quiet, project) == {"2026-06-01": 240, "2026-06-02": 240}
    assert await booked(quiet, project, "2") == {"2026-03-03": 720}
    await quiet.hear(*created, project.task_told("updated", PLAN.tasks[0], 1))
    assert await dump(quiet, *KNOWN) == newest
    assert await booked(quiet, project) == {"2026-06-01": 240, "2026-06-02": 240}


@pytest.mark.parametrize("seed", range(4))
async def test_shuffled_and_repeated_events_lead_to_the_same_state(quiet: Listener, seed: int) -> None:
    project = Project()
    story: list[Told] = project.imported(PLAN, chunk=2)
    project.version, project.item_version = 2, 2
    story += project.imported(plan(PLAN.tasks[:1], PLAN.resources, PLAN.assignments[:2]), chunk=2)
    story += project.dated(APRIL) + project.dated({"2": (moment("2026-04-03 08:00"), moment("2026-04-03 17:00"))})
    story.append(project.task_told("updated", task("1", "2026-07-01 08:00", "2026-07-01 17:00"), 3))
    story.append(project.task_told("deleted", PLAN.tasks[1], 3))
    shuffled = story * 2
    random.Random(seed).shuffle(shuffled)
    await quiet.hear(*shuffled)
    assert await booked(quiet, project) == {"2026-04-01": 480, "2026-04-02": 480}
    assert await booked(quiet, project, "2") == {}


async def test_a_deleted_task_frees_who_was_assigned_and_does_not_come_back(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN), project.task_told("deleted", PLAN.tasks[0], 3))
    assert await booked(quiet, project) == {"2026-03-03": 240}
    await quiet.hear(project.task_told("updated", PLAN.tasks[0], 2))
    assert await booked(quiet, project) == {"2026-03-03": 240}


async def test_a_deactivated_task_books_nobody(quiet: Listener) -> None:
    project = Project()
    inactive = task("1", "2026-03-02 08:00", "2026-03-03 17:00", is_active=False)
    await quiet.hear(*project.imported(PLAN), *project.dated(APRIL), project.task_told("updated", inactive, 2))
    assert await booked(quiet, project) == {"2026-03-03": 240}


async def test_an_import_deletes_what_it_says_is_deleted(quiet: Listener) -> None:
    project = Project()
    (kind, data) = project.imported(PLAN)[0]
    await quiet.hear((kind, data))
    for item in data["items"]:
        if item["kind"] == "assignment":
            item |= {"version": 2, "action": "deleted", "after": None}
    await quiet.hear((kind, data))
    assert await booked(quiet, project) == {}
    assert (await load(quiet, project))["reason"] == "nothing_booked"


async def test_a_deleted_project_takes_everything_along_and_stays_away(quiet: Listener) -> None:
    project = Project()
    created = project.imported(PLAN)
    half = project.dated(APRIL, chunk=1)
    await quiet.hear(*created)
    await booked(quiet, project)
    project.version = 2
    await quiet.hear(project.told("deleted"), *created, *half)
    with pytest.raises(NotFound):
        await load(quiet, project)
    tables = ("calendar", "resource", "task", "assignment", "schedule_item", "schedule_chunk", "booking")
    loads = ("resource_load", "over_allocation", "stale_load")
    assert await dump(quiet, *tables, *loads) == [[]] * 10


async def test_another_project_calendar_changes_the_load_of_those_without_their_own(quiet: Listener) -> None:
    project = Project()
    weekend = plan([task("1", "2026-03-07 08:00", "2026-03-09 17:00")], [person("1")], [assignment("1", "1", "1", 960)])
    await quiet.hear(*project.imported(weekend))
    assert await booked(quiet, project) == {"2026-03-09": 960}
    kind, data = project.told("updated", calendar_id=None, version=2)
    await quiet.hear((kind, data | {"version": 2}))
    assert await booked(quiet, project) == {"2026-03-09": 960}
    project.version = 3
    around = {"kind": "calendar", "id": str(project.part("calendar", "9")), "version": 1, "action": "created"}
    week = [[[480, 720], [780, 1020]]] * 7
    image = {
        "id": around["id"],
        "version": 1,
        "project_id": str(project.id),
        "source_id": "9",
        "name": "Every day",
        "definition": {"source_id": "9", "name": "Every day", "base_source_id": None, "week": week, "exceptions": []},
        "created_at": "2026-01-05T10:00:00Z",
        "updated_at": "2026-01-05T10:00:00Z",
    }
    (kind, data) = project.imported(plan([], [], []))[0]
    data["items"] = [around | {"after": image}]
    data["project"]["calendar_id"] = around["id"]
    await quiet.hear((kind, data))
    assert await booked(quiet, project) == {"2026-03-07": 320, "2026-03-08": 320, "2026-03-09": 320}


@pytest.mark.parametrize(
    "broken", [{"base_source_id": "404", "week": [None] * 7}, {"base_source_id": "1"}, {"week": [[[900, 60]]] * 7}]
)
async def test_a_calendar_that_cannot_be_used_gives_way_to_the_usual_week(
    quiet: Listener, broken: dict[str, object]
) -> None:
    project = Project()
    given = plan(PLAN.tasks, [person("1", calendar="1")], PLAN.assignments[:1])
    (kind, data) = project.imported(given)[0]
    data["items"][0]["after"]["definition"] |= broken
    await quiet.hear((kind, data))
    assert await booked(quiet, project) == {"2026-03-02": 480, "2026-03-03": 480}


async def test_a_change_of_load_is_published_once(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    await work_load(quiet.database, quiet.context, str(project.id))
    await work_load(quiet.database, quiet.context, str(project.id))
    ((kind, data),) = await recorded(quiet.database, quiet.organization)
    ada, bo = sorted(str(project.part("resource", uid)) for uid in "12")
    assert kind == "pmo.resources.load.changed.v1"
    assert isinstance(data, dict)
    assert sorted(each["resource_id"] for each in data["changed"]) == [ada, bo]
    assert data | {"changed": None} == {
        "project_id": str(project.id),
        "changed": None,
        "removed": [],
        "booked_minutes": 1680,
        "over_allocated_minutes": 240,
        "over_allocated_resources": 1,
    }
    project.version, project.item_version = 2, 2
    await quiet.hear(*project.imported(PLAN))
    await work_load(quiet.database, quiet.context, str(project.id))
    assert len(await recorded(quiet.database, quiet.organization)) == 1
    await quiet.hear(*project.dated(APRIL))
    await load(quiet, project, "1")
    assert len(await recorded(quiet.database, quiet.organization)) == 2


async def test_the_worker_leaves_nothing_marked_and_a_reader_only_what_is_not_asked_for(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    await load(quiet, project, "1")
    (left,) = await dump(quiet, "stale_load")
    assert [orjson.loads(row)["id"] for row in left] == [str(project.part("resource", "2"))]
    await work_load(quiet.database, quiet.context, str(project.id))
    assert await dump(quiet, "stale_load") == [[]]


async def test_what_changes_while_load_is_computed_is_computed_again(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(PLAN))
    resource = project.part("resource", "1")
    assert resource is not None
    async with quiet.database.transaction(quiet.context) as writer:
        # A handler in the middle of its transaction: it has marked the resource and not committed.
        await writer.execute("update stale_load set marked_at = now() where id = $1", resource)
        await writer.execute("update assignment set work_minutes = 480, version = 2 where work_minutes = 960")
        assert await booked(quiet, project) == {"2026-03-02": 480, "2026-03-03": 720}
        await work_load(quiet.database, quiet.context, str(project.id))
    assert await booked(quiet, project) == {"2026-03-02": 240, "2026-03-03": 480}
    assert await dump(quiet, "stale_load") == [[]]


async def test_organizations_do_not_meet_even_with_equal_ids(quiet: Listener) -> None:
    project = Project()
    other = Listener(quiet.database, project.id)
    await quiet.hear(*project.imported(PLAN))
    await other.hear(*project.imported(plan(PLAN.tasks, PLAN.resources, [assignment("1", "1", "1", 60)])))
    assert await booked(quiet, project) == {"2026-03-02": 480, "2026-03-03": 720}
    assert await booked(other, project) == {"2026-03-02": 30, "2026-03-03": 30}
    await other.hear(project.told("deleted"))
    assert await booked(quiet, project) == {"2026-03-02": 480, "2026-03-03": 720}


def crowd(people: int, tasks: int = 1) -> Plan:
    """Everyone is assigned to every task, for twenty minutes more than a day."""
    many = [str(n) for n in range(1, people + 1)]
    days = [task(str(n), "2026-03-02 08:00", "2026-03-02 17:00") for n in range(1, tasks + 1)]
    works = [assignment(f"{each.source_id} {uid}", each.source_id, uid, 500) for each in days for uid in many]
    return plan(days, [person(uid) for uid in many], works)


async def test_the_worker_computes_in_portions_with_an_event_each(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(crowd(24, 100), chunk=500))
    await work_load(quiet.database, quiet.context, str(project.id))
    assert await dump(quiet, "stale_load") == [[]]
    events = await recorded(quiet.database, quiet.organization)
    assert [len(data["changed"]) for _, data in events if isinstance(data, dict)] == [10, 10, 4]


async def test_a_reader_leaves_to_the_worker_what_would_take_too_long(quiet: Listener) -> None:
    project = Project()
    await quiet.hear(*project.imported(crowd(401), chunk=500))
    context, identifier = quiet.context, project.part("resource", "7")
    with pytest.raises(ProjectionBehind):
        async with quiet.database.transaction(context) as tx:
            await bring_up_to_date(tx, project.id)
    async with quiet.database.transaction(context) as tx:
        await bring_up_to_date(tx, project.id, strictly=False)
        assert await tx.fetchint("select count(*) from resource_load") == 0
        await bring_up_to_date(tx, project.id, identifier)
        assert await tx.fetchint("select count(*) from resource_load") == 1
    async with quiet.database.transaction(context) as tx:
        await bring_up_to_date(tx, project.id)
        assert await tx.fetchint("select count(*) from over_allocation") == 401
