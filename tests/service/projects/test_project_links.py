"""Links between projects: what follows what, who has a say in it, and loops that cannot be made."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Context, Database
from shared.testing.capture import recorded
from shared.testing.eventually import eventually
from shared.testing.http import Api

PATCH = {"content-type": "application/merge-patch+json"}


class Party:
    """A project with two tasks of a day each, seen by one caller."""

    def __init__(self, client: httpx2.AsyncClient, project: str, tasks: Mapping[str, str]) -> None:
        self.client, self.project, self.tasks = client, project, dict(tasks)
        self.path = f"/v1/projects/{project}"

    @classmethod
    async def make(cls, client: httpx2.AsyncClient, name: str, **fields: str) -> "Party":
        """Create it: a before b."""
        body = {"name": name, "time_zone": "UTC", "start": "2026-01-05T08:00:00Z", **fields}
        made = await client.post("/v1/projects", json=body)
        assert made.status_code == 201, made.text
        party = cls(client, made.json()["id"], {})
        for task in ("a", "b"):
            await party.task(task)
        await party.depend("a", "b")
        return party

    async def task(self, name: str, **fields: object) -> None:
        """Add a task of a day."""
        answer = await self.client.post(f"{self.path}/tasks", json={"name": name, "duration_minutes": 480, **fields})
        assert answer.status_code == 201, answer.text
        self.tasks[name] = answer.json()["id"]

    async def depend(self, before: str, after: str) -> httpx2.Response:
        """Link two of its own tasks."""
        body = {"predecessor_id": self.tasks[before], "successor_id": self.tasks[after]}
        return await self.client.post(f"{self.path}/dependencies", json=body)

    async def link(self, before: str, other: "Party", after: str, **fields: object) -> httpx2.Response:
        """Let a task of another project follow one of this."""
        body = {
            "predecessor_id": self.tasks[before],
            "successor_project_id": other.project,
            "successor_id": other.tasks[after],
            "hardness": "hard",
            **fields,
        }
        return await self.client.post(f"{self.path}/links", json=body)

    async def last(self, task: str, minutes: int) -> None:
        """Let a task take so long."""
        one = f"{self.path}/tasks/{self.tasks[task]}"
        tag = {"if-match": (await self.client.get(one)).headers["etag"], **PATCH}
        assert (await self.client.patch(one, json={"duration_minutes": minutes}, headers=tag)).status_code == 200

    async def dates(self, name: str = "early_start") -> dict[str, str]:
        """When each task starts, by name, as month-day and time."""
        page = (await self.client.get(f"{self.path}/schedule")).json()
        assert page["problem"] is None, page["problem"]
        return {item["name"]: item[name][5:16] for item in page["items"]}

    async def links(self, **filters: str) -> list[dict[str, Any]]:
        """Its links with others."""
        page = await self.client.get(f"{self.path}/links", params=filters)
        assert page.status_code == 200, page.text
        items: list[dict[str, Any]] = page.json()["items"]
        return items

    async def starts_at(self, task: str, start: str) -> None:
        """Wait until a task starts then."""

        async def there() -> bool:
            return (await self.dates())[task] == start

        await eventually(there)


@pytest.fixture
async def chain(director: httpx2.AsyncClient) -> list[Party]:
    """Three projects."""
    return [await Party.make(director, name) for name in ("Quay", "Cranes", "Opening")]


async def test_dates_go_along_a_chain_of_projects(chain: list[Party]) -> None:
    quay, cranes, opening = chain
    assert (await quay.link("b", cranes, "a")).status_code == 201
    assert (await cranes.link("b", opening, "a", lag=480)).status_code == 201
    await cranes.starts_at("a", "01-07T08:00")
    await opening.starts_at("a", "01-12T08:00")
    await quay.last("a", 3 * 480)
    await opening.starts_at("b", "01-15T08:00")
    assert (await cranes.dates()) == {"a": "01-09T08:00", "b": "01-12T08:00"}
    (coming,), (going,) = await cranes.links(direction="incoming"), await cranes.links(direction="outgoing")
    assert (coming["bound"], coming["is_driving"]) == ("2026-01-08T17:00:00+00:00", True)
    assert going["bound"] == "2026-01-13T17:00:00+00:00"
    await quay.last("a", 480)
    await opening.starts_at("a", "01-12T08:00")


async def test_whatever_is_changed_and_read_at_once_the_chain_comes_to_rest_where_it_belongs(
    chain: list[Party],
) -> None:
    quay, cranes, opening = chain
    assert (await quay.link("b", cranes, "a")).status_code == 201
    assert (await cranes.link("b", opening, "a")).status_code == 201

    async def busy(party: Party, task: str, days: list[int]) -> None:
        for day in days:
            await party.last(task, day * 480)
            await party.dates()

    await asyncio.gather(
        busy(quay, "a", [5, 1, 4, 2]), busy(cranes, "a", [3, 1, 2]), busy(opening, "a", [2, 3, 1]),
        *(busy(party, "b", [2, 1]) for party in chain),
    )  # fmt: skip
    # Two days and one, then two days and one, from Monday the 5th.
    await opening.starts_at("a", "01-13T08:00")
    assert await cranes.dates() == {"a": "01-08T08:00", "b": "01-12T08:00"}
    assert await opening.dates() == {"a": "01-13T08:00", "b": "01-14T08:00"}


async def test_late_dates_and_floats_mind_who_waits_in_other_projects(chain: list[Party]) -> None:
    quay, cranes, opening = chain
    for party in chain:
        await party.task("free", duration_minutes=10 * 480)  # so that nothing else is critical
    link = (await quay.link("b", cranes, "a")).json()
    assert (await cranes.link("b", opening, "a", lag=480)).status_code == 201

    async def floats(party: Party) -> dict[str, int]:
        items = (await party.client.get(f"{party.path}/schedule")).json()["items"]
        return {item["name"]: item["total_float_minutes"] for item in items}

    async def has(party: Party, minutes: int) -> bool:
        return (await floats(party))["b"] == minutes

    # a, b, a, b, a day, a, b: seven days of ten, so that three are left to all of them.
    for party in chain:
        await eventually(partial(has, party, 3 * 480))
    (going,) = await quay.links(direction="outgoing")
    assert going["latest"] == "2026-01-12T08:00:00+00:00"
    await opening.last("b", 2 * 480)
    for party in chain:
        await eventually(partial(has, party, 2 * 480))
    assert (await quay.dates())["b"] == "01-06T08:00"

    path = f"{quay.path}/links/{link['id']}"
    tag = {"if-match": (await quay.client.get(path)).headers["etag"]}
    assert (await quay.client.delete(path, headers=tag)).status_code == 204
    await eventually(partial(has, quay, 8 * 480))
    await eventually(partial(has, cranes, 4 * 480))
    tag = {"if-match": (await opening.client.get(opening.path)).headers["etag"]}
    assert (await opening.client.delete(opening.path, headers=tag)).status_code == 204
    await eventually(partial(has, cranes, 8 * 480))


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"type": "start_to_start"}, "01-06T08:00"),
        ({"type": "finish_to_finish"}, "01-06T08:00"),
        ({"type": "finish_to_finish", "lag": 240}, "01-06T13:00"),
        ({"type": "start_to_finish", "lag": 960}, "01-07T08:00"),
        ({"lag": -240}, "01-06T13:00"),
        ({"lag": 1440, "lag_unit": "elapsed"}, "01-08T08:00"),
    ],
    ids=str,
)
async def test_a_link_has_a_type_and_a_lag(chain: list[Party], fields: dict[str, object], start: str) -> None:
    quay, cranes, _ = chain
    assert (await quay.link("b", cranes, "a", **fields)).status_code == 201
    await cranes.starts_at("a", start)


async def test_dates_go_from_one_time_zone_to_another(director: httpx2.AsyncClient) -> None:
    quay = await Party.make(director, "Quay")
    tokyo = await Party.make(director, "Tokyo", time_zone="Asia/Tokyo", start="2026-01-05T08:00:00+09:00")
    assert (await quay.link("a", tokyo, "a")).status_code == 201
    await tokyo.starts_at("a", "01-06T08:00")  # 17:00 in UTC is 02:00 of the next day there
    (link,) = await tokyo.links()
    assert link["bound"] == "2026-01-06T02:00:00+09:00"


async def test_a_summary_stands_for_all_that_is_below_it(chain: list[Party]) -> None:
    quay, cranes, _ = chain
    await cranes.task("a1", parent_id=cranes.tasks["a"])
    await cranes.task("a2", parent_id=cranes.tasks["a"])
    assert (await quay.link("b", cranes, "a")).status_code == 201
    await cranes.starts_at("a2", "01-07T08:00")
    assert (await cranes.dates())["a1"] == "01-07T08:00"


async def test_a_loop_through_projects_is_refused_and_named(chain: list[Party]) -> None:
    quay, cranes, opening = chain
    assert (await quay.link("b", cranes, "a")).status_code == 201
    assert (await cranes.link("b", opening, "a")).status_code == 201
    refused = await opening.link("b", quay, "a")
    assert (refused.status_code, refused.json()["code"]) == (409, "dependency_cycle")
    names = {id_: f"{n}{task}" for n, party in enumerate(chain) for task, id_ in party.tasks.items()}
    assert {names[error["detail"].split()[0]] for error in refused.json()["errors"]} == set(names.values())
    assert "PRJ-2 1 a > PRJ-2 2 b > PRJ-3 1 a" in refused.json()["detail"]
    assert (await opening.link("a", quay, "b")).status_code == 409  # a of opening waits for b of quay
    await opening.task("c")
    await quay.task("c")
    assert (await opening.link("c", quay, "c")).status_code == 201  # projects may go round, tasks may not
    closing = await opening.depend("b", "c")
    assert closing.status_code == 201
    inside = await quay.depend("c", "a")
    assert (inside.status_code, inside.json()["code"]) == (409, "dependency_cycle")
    item = {"predecessor_id": quay.tasks["c"], "successor_id": quay.tasks["a"]}
    items = [{"action": "create_dependency", "dependency": item}]
    batch = await quay.client.post(f"{quay.path}/tasks/batch", json={"mode": "atomic", "items": items})
    assert (batch.status_code, "dependency_cycle" in batch.text) == (409, True)


async def test_a_loop_tells_no_names_of_projects_that_the_caller_does_not_see(
    service: Api, organization: UUID, director: httpx2.AsyncClient
) -> None:
    giver = service.as_(organization, "project_manager", subject="giver")
    mine, hidden = await Party.make(giver, "Mine"), await Party.make(director, "Hidden", owner="somebody")
    await mine.task("c")
    seen = Party(director, mine.project, mine.tasks)
    assert (await seen.link("b", hidden, "a")).status_code == 201
    refused = await hidden.link("b", seen, "a")
    assert refused.json()["detail"] == "PRJ-1 1 a > PRJ-1 2 b > PRJ-2 1 a > PRJ-2 2 b > PRJ-1 1 a."
    assert (await hidden.link("b", seen, "c")).status_code == 201
    refused = await mine.depend("c", "a")
    assert (refused.status_code, refused.json()["code"]) == (409, "dependency_cycle")
    told = {error["detail"] for error in refused.json()["errors"]}
    ids = {name: mine.tasks[name] for name in ("a", "b", "c")}
    assert told == {
        *(f"{ids[name]} ({number} {name})" for number, name in enumerate(("a", "b", "c"), 1)),
        hidden.tasks["a"],
        hidden.tasks["b"],
    }


async def test_a_link_that_has_just_lost_its_task_is_in_nobodys_way(
    chain: list[Party], settings: Settings, organization: UUID
) -> None:
    quay, cranes, _ = chain
    for party in (quay, cranes):
        await party.task("c")
        await party.task("d")
    assert (await quay.link("b", cranes, "a")).status_code == 201
    assert (await cranes.link("c", quay, "d")).status_code == 201
    database = await Database.connect(settings.database_url, size=1)
    try:
        async with database.transaction(Context(organization, "test")) as tx:
            # The work that deletes the link is not asked for, so that it stays as it is for the moment between.
            await tx.execute(
                "delete from task where organization_id = $1 and id = $2", organization, UUID(cranes.tasks["c"])
            )
    finally:
        await database.close()
    answer = await quay.depend("a", "c")
    assert answer.status_code == 201, answer.text
    assert (await quay.depend("d", "a")).status_code == 201


async def test_of_links_that_close_a_loop_at_the_same_time_one_is_made(director: httpx2.AsyncClient) -> None:
    for _ in range(5):
        one, other = await Party.make(director, "One"), await Party.make(director, "Other")
        answers = await asyncio.gather(one.link("b", other, "a"), other.link("b", one, "a"))
        assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_soft_link_waits_for_the_word_of_the_other_side(
    service: Api, organization: UUID, settings: Settings
) -> None:
    giver = service.as_(organization, "project_manager", subject="giver")
    taker = service.as_(organization, "project_manager", subject="taker")
    quay, cranes = await Party.make(giver, "Quay"), await Party.make(taker, "Cranes")
    assert (await quay.link("b", cranes, "a")).status_code == 403  # hard: the other project is not the giver's
    offered = await quay.link("b", cranes, "a", hardness="soft", reason="The cranes stand on it.")
    assert (offered.status_code, offered.json()["state"]) == (201, "offered")
    here, there = offered.headers["location"], f"{cranes.path}/links/{offered.json()['id']}"
    assert (await cranes.dates())["a"] == "01-05T08:00"
    yes, no = {"decision": "accepted", "reason": "fits"}, {"decision": "refused", "reason": "too late for us"}
    assert (await giver.post(f"{here}/decisions", json=yes, headers={"if-match": '"1"'})).status_code == 403
    assert (
        await taker.post(f"{there}/withdrawal", json={"reason": "-"}, headers={"if-match": '"1"'})
    ).status_code == 403
    stranger = service.as_(organization, "project_manager", subject="stranger")
    assert (await stranger.get(there)).status_code == 404
    accepted = await taker.post(f"{there}/decisions", json=yes, headers={"if-match": '"1"'})
    assert (accepted.status_code, accepted.json()["decided_by"]) == (200, "taker")
    await cranes.starts_at("a", "01-07T08:00")
    changed = await giver.patch(here, json={"lag": 480}, headers={"if-match": '"2"', **PATCH})
    assert (changed.status_code, changed.json()["state"]) == (200, "offered")  # other terms need another word
    await cranes.starts_at("a", "01-05T08:00")
    assert (await taker.post(f"{there}/decisions", json=yes, headers={"if-match": '"3"'})).status_code == 200
    await cranes.starts_at("a", "01-08T08:00")
    assert (await taker.post(f"{there}/decisions", json=no, headers={"if-match": '"4"'})).json()["state"] == "refused"
    await cranes.starts_at("a", "01-05T08:00")
    again = await taker.post(f"{there}/decisions", json=yes, headers={"if-match": '"5"'})
    assert (again.status_code, again.json()["code"]) == (409, "project_link_decided")
    second = await quay.link("b", cranes, "a", hardness="soft")
    assert second.status_code == 201
    back = await giver.post(
        f"{second.headers['location']}/withdrawal", json={"reason": "mistake"}, headers={"if-match": '"1"'}
    )
    assert back.json()["state"] == "withdrawn"
    history = (await taker.get(f"{there}/history")).json()["items"]
    assert [(item["action"], item["reason"]) for item in history] == [
        ("refused", "too late for us"),
        ("accepted", "fits"),
        ("offered", None),
        ("accepted", "fits"),
        ("offered", "The cranes stand on it."),
    ]
    database = await Database.connect(settings.database_url, size=1)
    try:
        kinds = [kind for kind, _ in await recorded(database, organization) if ".project_link." in kind]
    finally:
        await database.close()
    facts = [kind.split(".")[3] for kind in kinds]
    assert facts == ["offered", "accepted", "offered", "accepted", "refused", "offered", "withdrawn"]


async def test_a_link_goes_with_its_task_or_its_project(chain: list[Party]) -> None:
    quay, cranes, opening = chain
    await quay.task("c")
    for before, party, after in (("b", cranes, "a"), ("c", cranes, "b"), ("b", opening, "a")):
        assert (await quay.link(before, party, after)).status_code == 201
    await cranes.starts_at("a", "01-07T08:00")
    one = f"{quay.path}/tasks/{quay.tasks['b']}"
    tag = {"if-match": (await quay.client.get(one)).headers["etag"]}
    assert (await quay.client.delete(one, headers=tag)).status_code == 204
    await cranes.starts_at("a", "01-05T08:00")
    await opening.starts_at("a", "01-05T08:00")

    async def left(count: int) -> bool:
        return len(await cranes.links()) == count and not await opening.links()

    await eventually(lambda: left(1))
    tag = {"if-match": (await quay.client.get(quay.path)).headers["etag"]}
    assert (await quay.client.delete(quay.path, headers=tag)).status_code == 204
    await eventually(lambda: left(0))


async def test_a_link_that_ends_with_its_successors_project_ends_with_an_event(
    chain: list[Party], settings: Settings, organization: UUID
) -> None:
    quay, cranes, _ = chain
    made = await quay.link("b", cranes, "a")
    link = made.json()["id"]
    tag = {"if-match": (await cranes.client.get(cranes.path)).headers["etag"], "PMO-Reason": "Not needed"}
    assert (await cranes.client.delete(cranes.path, headers=tag)).status_code == 204
    database = await Database.connect(settings.database_url, size=1)
    try:
        events = await recorded(database, organization)
    finally:
        await database.close()
    told = [kind for kind, data in events if data.get("id") == link or (data.get("before") or {}).get("id") == link]  # type: ignore[attr-defined]
    assert told[-1] == "pmo.projects.project_link.deleted.v1"
    last = (await quay.client.get(f"{quay.path}/links/{link}/history")).json()["items"][0]
    assert (last["action"], last["reason"]) == ("deleted", "Not needed")
    assert await quay.links() == []


async def test_a_hard_link_is_changed_and_removed_by_who_plans_both(
    chain: list[Party], service: Api, organization: UUID
) -> None:
    quay, cranes, _ = chain
    made = await quay.link("b", cranes, "a")
    one = made.headers["location"]
    assert (await quay.client.get(one, headers={"if-none-match": '"1"'})).status_code == 304
    assert (await quay.link("b", cranes, "a", lag=5)).json()["code"] == "project_link_exists"
    changed = await quay.client.patch(one, json={"lag": 960}, headers={"if-match": '"1"', **PATCH})
    assert (changed.status_code, changed.json()["state"]) == (200, "accepted")
    await cranes.starts_at("a", "01-09T08:00")
    decided = await quay.client.post(
        f"{one}/decisions", json={"decision": "refused", "reason": "no"}, headers={"if-match": '"2"'}
    )
    assert decided.json()["code"] == "project_link_decided"
    assert (await quay.client.delete(one, headers={"if-match": '"2"'})).status_code == 204
    await cranes.starts_at("a", "01-05T08:00")
    analyst = service.as_(organization, "pmo_analyst")
    assert (await analyst.get(f"{quay.path}/links")).status_code == 200
    assert (await analyst.post(f"{quay.path}/links", json={})).status_code == 403


async def test_what_a_link_cannot_be_is_told(chain: list[Party]) -> None:
    quay, cranes, _ = chain
    itself = await quay.link("a", quay, "b")
    assert (itself.status_code, itself.json()["errors"][0]["code"]) == (422, "same_project")
    nowhere = Party(quay.client, "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10", {"a": quay.tasks["a"]})
    assert (await quay.link("a", nowhere, "a")).json()["errors"][0]["pointer"] == "/successor_project_id"
    elsewhere = Party(cranes.client, cranes.project, {"a": quay.tasks["b"]})
    assert (await quay.link("a", elsewhere, "a")).json()["errors"][0]["pointer"] == "/successor_id"


async def test_a_loop_that_came_to_be_all_the_same_ends_in_a_problem(
    chain: list[Party], settings: Settings, organization: UUID
) -> None:
    quay, cranes, _ = chain
    assert (await quay.link("b", cranes, "a")).status_code == 201
    back = await cranes.link("a", quay, "b", hardness="soft", type="start_to_start")
    assert back.status_code == 409
    await cranes.task("c")
    assert (await cranes.link("c", quay, "a")).status_code == 201
    database = await Database.connect(settings.database_url, size=1)
    try:
        async with database.transaction(Context(organization, "test")) as tx:  # as an import might, which refuses none
            await tx.execute(
                "insert into dependency (organization_id, id, version, project_id, predecessor_id, successor_id, type)"
                " values ($1, gen_random_uuid(), 1, $2, $3, $4, 'finish_to_start')",
                organization,
                cranes.project,
                cranes.tasks["b"],
                cranes.tasks["c"],
            )
    finally:
        await database.close()
    await cranes.last("a", 960)

    async def told() -> bool:
        page = (await cranes.client.get(f"{cranes.path}/schedule")).json()
        return "depend on each other" in (page["problem"] or "")

    await eventually(told)
