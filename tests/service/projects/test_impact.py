"""What a slip would do: the same as it does when it happens, and nothing before."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from shared.testing.http import Api
from tests.service.projects.test_project_links import PATCH, Party


@pytest.fixture
async def chain(director: httpx2.AsyncClient) -> list[Party]:
    """Three projects that follow each other; the last has a milestone with a deadline."""
    quay, cranes, opening = [await Party.make(director, name) for name in ("Quay", "Cranes", "Opening")]
    deadline = "2026-01-13T17:00:00Z"
    await opening.task("party", duration_minutes=0, is_milestone=True, deadline=deadline)
    await opening.depend("b", "party")
    assert (await quay.link("b", cranes, "a")).status_code == 201
    assert (await cranes.link("b", opening, "a")).status_code == 201
    await opening.starts_at("party", "01-12T17:00")
    return [quay, cranes, opening]


async def impact(party: Party, task: str, minutes: int) -> dict[str, Any]:
    """Ask for it; the answer by the projects' names."""
    body = {"task_id": party.tasks[task], "slip_minutes": minutes}
    answer = await party.client.post(f"{party.path}/impact", json=body)
    assert answer.status_code == 200, answer.text
    return {found["name"]: found for found in answer.json()["projects"]}


async def test_what_is_told_of_a_slip_is_what_it_does(chain: list[Party]) -> None:
    quay, cranes, opening = chain
    before = [await party.dates() for party in chain]
    told = await impact(quay, "a", 960)
    assert [await party.dates() for party in chain] == before
    assert list(told) == ["Quay", "Cranes", "Opening"]
    assert {name: found["finish_moved_minutes"] for name, found in told.items()} == dict.fromkeys(told, 960)
    assert (told["Opening"]["moved_tasks"], told["Opening"]["moved_milestones"]) == (3, 1)
    assert (told["Quay"]["missed_deadlines"], told["Opening"]["missed_deadlines"]) == (0, 1)
    one = f"{quay.path}/tasks/{quay.tasks['a']}"
    tag = {"if-match": (await quay.client.get(one)).headers["etag"], **PATCH}
    slip = {"constraint_type": "start_no_earlier_than", "constraint_date": "2026-01-07T08:00:00Z"}
    assert (await quay.client.patch(one, json=slip, headers=tag)).status_code == 200
    for party, name in ((quay, "Quay"), (cranes, "Cranes"), (opening, "Opening")):
        for task in told[name]["tasks"]:
            await party.starts_at(task["name"], task["start_after"][5:16])


async def test_a_slip_within_the_float_moves_nobody_else(chain: list[Party]) -> None:
    quay, _, _ = chain
    await quay.task("aside")
    told = await impact(quay, "aside", 480)
    assert list(told) == ["Quay"]
    assert (told["Quay"]["moved_tasks"], told["Quay"]["finish_moved_minutes"]) == (1, 0)


async def test_of_projects_that_one_may_not_see_only_how_much_is_told(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    manager = service.as_(organization, "project_manager", subject="manager")
    mine, theirs = await Party.make(manager, "Mine"), await Party.make(director, "Theirs")
    as_director = Party(director, mine.project, mine.tasks)
    assert (await as_director.link("b", theirs, "a")).status_code == 201
    await theirs.starts_at("a", "01-07T08:00")
    told = await impact(mine, "b", 480)
    assert (told["Theirs"]["moved_tasks"], told["Theirs"]["tasks"]) == (2, None)
    assert [task["name"] for task in told["Mine"]["tasks"]] == ["b"]
    body = {"task_id": theirs.tasks["a"], "slip_minutes": 480}
    assert (await manager.post(f"{mine.path}/impact", json=body)).status_code == 404
    assert (await manager.post(f"{theirs.path}/impact", json=body)).status_code == 404


async def test_a_slip_comes_back_to_its_own_project(chain: list[Party]) -> None:
    quay, cranes, _ = chain
    await quay.task("z")
    assert (await cranes.link("b", quay, "z")).status_code == 201
    await quay.starts_at("z", "01-09T08:00")
    told = await impact(quay, "a", 480)
    assert {task["name"]: task["start_after"][5:16] for task in told["Quay"]["tasks"]}["z"] == "01-12T08:00"
