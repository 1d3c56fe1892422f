"""`pmo rebuild` as operators run it: beside a living projection, from nothing, and only to compare."""

import asyncio
import random
from pathlib import Path

import pytest

from services import run
from services.local.nats import NatsServer
from shared.audit.rebuild import Wanted
from shared.settings import SettingsError
from shared.testing.eventually import eventually
from tests.service.audit.world import World

BOTH = pytest.mark.parametrize("service", ["kpi", "resources"])


def environment(world: World, service: str) -> dict[str, str]:
    """The variables of the command."""
    return {
        "PMO_DATABASE_URL": world.sides.urls[service].app,
        "PMO_RELAY_DATABASE_URL": world.sides.urls[service].relay,
        "PMO_NATS_URL": world.sides.broker.url(service),
    }


async def rebuild(world: World, service: str, *, check: bool = False) -> bool:
    """Run the command for the test's organization."""
    wanted = Wanted(world.organization)
    return await run.rebuild(service, environment(world, service), wanted, repair=not check)


async def emptied(world: World, service: str, *, positions: bool) -> None:
    """Empty a projection."""
    async with world.hands(service) as hands:
        for kept in world.sides.examiner(service).projection.tables:
            await hands.execute(f"delete from {kept.name}")
        if positions:
            await hands.execute("delete from consumer_position")


@BOTH
@pytest.mark.parametrize("positions", [True, False], ids=["with positions", "without positions"])
async def test_what_is_rebuilt_from_empty_tables_equals_what_was(
    world: World, service: str, positions: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        await world.project()
    right = await world.rows(service)
    await emptied(world, service, positions=positions)
    assert not await rebuild(world, service, check=True)
    assert await world.ask(service, "select count(*) from task") == [(0,)], "to compare changes nothing"
    assert await rebuild(world, service)
    assert await world.rows(service) == right
    await world.level()
    assert await rebuild(world, service, check=True)
    said = [line for line in capsys.readouterr().err.splitlines() if "rows that differed" in line]
    assert "2 differed" in said[0]
    assert "rebuilt 2 aggregates" in said[1]
    assert "0 differed, rows that differed: none" in said[2]


@BOTH
async def test_a_rebuild_beside_writers_changes_nothing_and_loses_nothing(world: World, service: str) -> None:
    projects = [await world.project() for _ in range(2)]
    is_over = False

    async def write(number: int) -> None:
        turn = 0
        while not is_over:
            turn += 1
            await world.story.patch(projects[number], owner=f"owner {turn}")
            await world.schedule(projects[number])

    async with asyncio.TaskGroup() as group:
        for number in range(2):
            group.create_task(write(number))
        for _ in range(5):
            progress = await world.sides.rebuilt(service, world.organization)
            assert set(progress.differences) <= {"consumer_position", "project", "schedule_item"}, progress
            assert not progress.failed
            assert await rebuild(world, service, check=True), "what is under way is no difference"
        is_over = True
    await world.level()
    assert (await world.sides.rebuilt(service, world.organization)).differences == {}


@BOTH
async def test_it_repairs_what_was_tampered_with_and_tells_how_much(
    world: World, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.project()
    right = await world.rows(service)
    deeds = await world.tamper(service, 5, random.Random(7))
    async with world.hands(service) as hands:
        await hands.execute("update consumer_position set version = version + 3")
    progress = await world.sides.rebuilt(service, world.organization, repair=False)
    assert sum(progress.differences.values()) == len(deeds) + 1
    assert not await rebuild(world, service, check=True)
    assert await rebuild(world, service)
    assert await world.rows(service) == right
    assert "1 differed, rows that differed: " in capsys.readouterr().err.splitlines()[-1]
    await world.level()


async def test_one_project_alone_can_be_rebuilt(world: World) -> None:
    one, other = await world.project(), await world.project()
    right = await world.rows("kpi")
    await emptied(world, "kpi", positions=False)
    await run.rebuild("kpi", environment(world, "kpi"), Wanted(world.organization, one), repair=True)
    assert (await world.rows("kpi"))[one] == right[one]
    assert await world.ask("kpi", "select count(*) from task where project_id = $1", other) == [(0,)]


async def test_events_that_wait_are_done_with_by_a_rebuild(world: World) -> None:
    project_id = await world.project()
    await world.unheard(project_id, "Lost on the way")
    await world.story.patch(project_id, owner="Somebody")

    async def waits() -> bool:
        return await world.ask("kpi", "select count(*) from inbox_parked") == [(1,)]

    await eventually(waits)
    assert await rebuild(world, "kpi")
    assert await world.ask("kpi", "select count(*) from inbox_parked") == [(0,)]
    await world.level()
    assert await world.ask("kpi", "select owner from project where id = $1", project_id) == [("Somebody",)]


async def test_all_settings_that_are_missing_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        await run.rebuild("kpi", {}, Wanted(), repair=True)
    assert {mistake.partition(":")[0] for mistake in wrong.value.mistakes} == {
        "PMO_DATABASE_URL",
        "PMO_RELAY_DATABASE_URL",
        "PMO_NATS_URL",
    }


async def test_an_owner_that_does_not_answer_is_told(world: World, server_home: Path) -> None:
    silent = await NatsServer.start(server_home / "silent-nats")  # at the usual one another test's service may answer
    try:
        variables = {**environment(world, "kpi"), "PMO_NATS_URL": silent.url("kpi")}
        with pytest.raises(run.Interrupted, match="run the command again"):
            await run.rebuild("kpi", variables, Wanted(), repair=True)
    finally:
        await silent.stop()
