"""Rounds of the audit: whatever was tampered with is found and repaired, and what is right is left alone."""

import random

import pytest

from shared.audit.rounds import Pace
from tests.service.audit.world import World, found, metric, stranger
from tests.service.kpi.story import fortnight, plan, task
from tests.service.kpi.test_techniques import technique

BOTH = pytest.mark.parametrize("service", ["kpi", "resources"])


@BOTH
async def test_a_healthy_projection_has_no_differences_though_it_is_compared_row_by_row(
    world: World, service: str
) -> None:
    await world.project()
    before, consumer = found(service), f"{service}-on-projects"
    compared = metric("pmo_audit_aggregates_total", consumer=consumer, depth="contents")
    await world.sides.audit(service).round()
    assert found(service) == before
    assert metric("pmo_audit_aggregates_total", consumer=consumer, depth="contents") > compared
    assert metric("pmo_audit_last_round_timestamp_seconds", consumer=consumer) > 0


async def test_what_kpi_keeps_of_the_past_is_what_the_log_tells_in_its_order(world: World) -> None:
    """Changes of tasks, of the project and by imports in turn: of each type alone they would tell another past."""
    project_id = await world.project()
    for kind, costs in (("zero_hundred", "1000.00"), ("fifty_fifty", "2000.00")):
        await world.story.patch(project_id, default_ev_technique=kind)
        await world.story.change_task(project_id, "1", ev_technique=technique(kind))
        rows = (task("1", "2026-03-02T08:00", "2026-03-06T17:00", costs, percent=60), fortnight()[1])
        await world.story.bring(plan(rows, status=None), project_id)
        await world.story.patch(project_id, default_ev_technique="none")
    await world.level()
    kept = await world.ask("kpi", "select count(*) from task_past where project_id = $1", project_id)
    assert kept[0] >= (5,)
    before = found("kpi")
    await world.sides.audit("kpi").round()
    assert found("kpi") == before


@BOTH
@pytest.mark.parametrize("seed", range(3))
async def test_every_row_that_was_tampered_with_is_found_and_repaired(world: World, service: str, seed: int) -> None:
    for _ in range(3):
        await world.project()
    audit = world.sides.audit(service)
    for _ in range(2):  # what other tests left behind in their organizations is found before anything is counted
        await audit.round()
    right, before = await world.rows(service), found(service)
    deeds = await world.tamper(service, 12, random.Random(seed))
    await audit.round()
    assert found(service) - before == len(deeds), deeds
    assert await world.rows(service) == right
    await audit.round()
    assert found(service) - before == len(deeds), "a second round finds nothing"


@BOTH
async def test_a_row_that_hangs_on_the_wrong_project_is_put_back_in_one_round(world: World, service: str) -> None:
    one, other = await world.project(), await world.project()
    right = await world.rows(service)
    for wrong, of in ((one, other), (other, one)):
        async with world.hands(service) as connection:
            moved = "update task set project_id = $1 where id = (select id from task where project_id = $2 limit 1)"
            assert await connection.execute(moved, wrong, of) == "UPDATE 1"
        await world.sides.audit(service).round()
        assert await world.rows(service) == right


@BOTH
async def test_what_hangs_on_a_project_that_nobody_knows_goes(world: World, service: str) -> None:
    project_id = await world.project()
    right, nobody = await world.rows(service), stranger()
    async with world.hands(service) as connection:
        columns = {"id": "gen_random_uuid()", "project_id": f"'{nobody}'::uuid"}
        names = [row[0] for row in await connection.fetch("select attname from pg_attribute"
                 " where attrelid = 'task'::regclass and attnum > 0")]  # fmt: skip
        values = ", ".join(columns.get(name, name) for name in names)
        await connection.execute(
            f"insert into task ({', '.join(names)}) select {values} from task where project_id = $1", project_id
        )
        await connection.execute(
            "insert into consumer_position (organization_id, producer, aggregate_id, version)"
            " values ($1, 'projects', $2, 7)",
            world.organization,
            nobody,
        )
    await world.sides.audit(service, Pace(patience=60.0)).round()
    assert await world.ask(service, "select count(*) > 0 from task where project_id = $1", nobody) == [(True,)]
    audit = world.sides.audit(service)
    await audit.round()
    assert await world.ask(service, "select count(*) from task where project_id = $1", nobody) == [(0,)]
    assert await world.ask(service, "select count(*) from consumer_position where aggregate_id = $1", nobody) == [(0,)]
    assert await world.rows(service) == right


@BOTH
async def test_a_projection_that_was_emptied_with_its_positions_is_filled_again(world: World, service: str) -> None:
    for _ in range(2):
        await world.project()
    right = await world.rows(service)
    async with world.hands(service) as connection:
        for kept in world.sides.examiner(service).projection.tables:
            await connection.execute(f"delete from {kept.name}")
        await connection.execute("delete from consumer_position")
    await world.sides.audit(service).round()
    assert await world.rows(service) == right
    await world.level()


@BOTH
async def test_a_position_that_is_wrong_is_put_right_and_the_projection_goes_on(world: World, service: str) -> None:
    project_id = await world.project()
    for wrong in ("version + 5", "version - 3"):
        before = found(service)
        async with world.hands(service) as connection:
            await connection.execute(f"update consumer_position set version = {wrong}")
        await world.sides.audit(service).round()
        assert found(service) - before == 1
        await world.level()
        await world.story.patch(project_id, name=f"Quay {wrong}")
        await world.level()


@BOTH
async def test_events_that_the_broker_lost_come_from_the_owner(world: World, service: str) -> None:
    project_id = await world.project()
    lost = await world.unheard(project_id, "Nobody heard")
    audit = world.sides.audit(service)
    await audit.round()
    kept = "select version from consumer_position where aggregate_id = $1"
    assert await world.ask(service, kept, project_id) == [(lost,)]
    assert (await world.sides.rebuilt(service, world.organization, repair=False)).differing == 0


async def test_projections_follow_an_owner_that_was_restored_from_an_older_backup(world: World) -> None:
    project_id = await world.project()
    right = {service: await world.rows(service) for service in world.sides.projections}
    saved, position = await world.saved(project_id)
    for turn in range(3):
        await world.story.patch(project_id, owner=f"Somebody {turn}")
    await world.level()
    await world.restore(project_id, saved, position)
    for service in world.sides.projections:
        assert await world.rows(service) != right[service]
        await world.sides.audit(service).round()
        assert await world.rows(service) == right[service]
    await world.story.patch(project_id, owner="Somebody else")
    await world.level()
    for service in world.sides.projections:
        kept = "select owner from project where id = $1"
        assert await world.ask(service, kept, project_id) == [("Somebody else",)]


@BOTH
async def test_deleted_projects_stay_deleted(world: World, service: str) -> None:
    project_id = await world.project()
    await world.story.delete(project_id)
    await world.level()
    right = await world.rows(service)
    async with world.hands(service) as connection:
        await connection.execute("update project set is_deleted = false where id = $1", project_id)
    await world.sides.audit(service).round()
    assert await world.rows(service) == right
    assert await world.ask(service, "select is_deleted from project where id = $1", project_id) == [(True,)]


async def test_what_is_computed_of_a_projection_is_computed_anew_after_a_repair(world: World) -> None:
    project_id = await world.project()
    load = "select id, booked_minutes, digest from resource_load order by id"
    booked = await world.ask("resources", load)
    async with world.hands("resources") as connection:
        await connection.execute("update assignment set work_minutes = 1")
        await connection.execute("update resource_load set booked_minutes = 1, digest = ''")
    metrics = "select metrics::text from evaluation where id = $1"
    evaluated = await world.ask("kpi", metrics, project_id)
    async with world.hands("kpi") as connection:
        await connection.execute("update progress set percent = 0")
        await connection.execute("update evaluation set metrics = '{}'")
    for service in ("kpi", "resources"):
        await world.sides.audit(service).round()
    await world.level()
    assert await world.ask("resources", load) == booked
    assert await world.ask("kpi", metrics, project_id) == evaluated


async def test_a_projection_is_left_alone_when_its_events_cannot_be_projected(world: World) -> None:
    project_id = await world.project()
    right = await world.rows("kpi")
    failed = metric("pmo_audit_failed_total", consumer="kpi-on-projects")
    async with world.hands("projects") as owner:
        await owner.execute("update event_log set data = '{}' where aggregate_id = $1 and version = 1", project_id)
    await world.sides.audit("kpi").round()
    assert metric("pmo_audit_failed_total", consumer="kpi-on-projects") == failed + 1
    assert await world.rows("kpi") == right
    async with world.hands("projects") as owner:
        await owner.execute("delete from event_log where aggregate_id = $1 and version = 1", project_id)
    await world.sides.audit("kpi").round()
    assert metric("pmo_audit_failed_total", consumer="kpi-on-projects") == failed + 2
    assert await world.rows("kpi") == right


async def test_only_so_many_are_compared_by_content_in_a_round_and_all_in_turn(world: World) -> None:
    projects = [await world.project() for _ in range(3)]
    audit = world.sides.audit("kpi", Pace(contents=1, patience=60.0))
    async with world.hands("kpi") as connection:
        await connection.execute("update task set baseline_cost = 1 where is_leaf")
    wrong = "select count(distinct project_id) from task where is_leaf and baseline_cost = 1"
    left = [len(projects)]
    for _ in range(500):
        await audit.round()
        left.append(int(str((await world.ask("kpi", wrong))[0][0])))
        assert left[-2] - left[-1] <= 1, "at most one a round"
        if left[-1] == 0:
            break
    assert left[-1] == 0
