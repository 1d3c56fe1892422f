"""Calendars of an organization: stated once, inherited by projects, which follow them when they change."""

import asyncio
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
from tests.service.projects.test_calendars import DAY, OFFICE
from tests.service.projects.test_dependencies import PATCH, Story
from tests.service.projects.test_life_cycle import waiters

Json = dict[str, Any]
PATH = "/v1/calendars"
CLOSED_MONDAY = [{"name": "Founding day", "first": "2026-01-05", "last": "2026-01-05"}]


@pytest.fixture
async def story(director: httpx2.AsyncClient) -> Story:
    """A project in UTC that starts on Monday, 5 January 2026, with tasks of a day each."""
    return await Story.make(director)


async def stated(client: httpx2.AsyncClient, name: str = "Company", **fields: object) -> Json:
    answer = await client.post(PATH, json={"name": name, "week": OFFICE, **fields})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def inherited(client: httpx2.AsyncClient, project: str, calendar: Json) -> Json:
    body = {"organization_calendar_id": calendar["id"]}
    answer = await client.post(f"{project}/calendars/inherited", json=body)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def changed(client: httpx2.AsyncClient, path: str, **fields: object) -> Json:
    headers = {"If-Match": (await client.get(path)).headers["etag"], **PATCH}
    answer = await client.patch(path, json=fields, headers=headers)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def codes(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_projects_follow_the_calendar_of_the_organization_through_their_own(
    story: Story, settings: Settings, organization: UUID
) -> None:
    client = story.client
    company = await stated(client)
    site = await client.post(
        f"{story.path}/calendars",
        json={
            "name": "Site",
            "base_calendar_id": company["id"],
            "week": {"saturday": DAY},
            "exceptions": [{"name": "Storm", "first": "2026-01-06", "last": "2026-01-06"}],
        },
    )
    assert site.status_code == 201, site.text
    base = (await client.get(f"{story.path}/calendars/{site.json()['base_calendar_id']}")).json()
    assert (base["name"], base["organization_calendar_id"]) == ("Company", company["id"])
    await changed(client, story.path, calendar_id=site.json()["id"])
    assert (await story.starts())["a"] == "01-05T08:00"

    await changed(client, f"{PATH}/{company['id']}", exceptions=CLOSED_MONDAY)

    async def followed() -> bool:
        return (await story.starts())["a"] == "01-07T08:00"  # Monday off by the company, Tuesday by the storm

    await eventually(followed)
    now = (await client.get(f"{story.path}/calendars/{base['id']}")).json()
    assert (now["version"], now["rules"]["exceptions"][0]["name"]) == (2, "Founding day")
    database = await Database.connect(settings.database_url, size=1)
    told = await recorded(database, organization, UUID(story.path.rsplit("/", 1)[1]))
    await database.close()
    last = [data for kind, data in told if kind == "pmo.projects.plan.changed.v1"][-1]
    assert [item["id"] for item in last["items"]] == [base["id"]]  # type: ignore[index]


async def test_a_calendar_is_inherited_with_those_that_it_works_as_and_once(story: Story) -> None:
    client = story.client
    country = await stated(client, "Country", holidays={"country": "NL"})
    company = await stated(client, "Company", base_calendar_id=country["id"], week={"friday": []})
    told = await client.get(f"{PATH}/{company['id']}/working-time", params={"from": "2026-04-24", "to": "2026-04-28"})
    first = await inherited(client, story.path, company)
    again = await inherited(client, story.path, company)
    assert again == first
    found = {each["name"]: each for each in (await client.get(f"{story.path}/calendars")).json()["items"]}
    assert set(found) == {"Country", "Company"}
    assert found["Company"]["base_calendar_id"] == found["Country"]["id"]
    path = f"{story.path}/calendars/{first['id']}/working-time"
    days = (await client.get(path, params={"from": "2026-04-24", "to": "2026-04-28"})).json()["days"]
    assert [day["minutes"] for day in days] == [0, 0, 0, 0, 480]  # Friday off, a weekend, the King's birthday
    assert told.json() == {"minutes": 480, "days": days}
    # What is in force of a base that is changed for another comes with it.
    other = await stated(client, "Other")
    await changed(client, f"{PATH}/{company['id']}", base_calendar_id=other["id"])

    async def followed() -> bool:
        days = (await client.get(path, params={"from": "2026-04-27", "to": "2026-04-27"})).json()["days"]
        return bool(days[0]["minutes"] == 480)

    await eventually(followed)


async def test_what_is_inherited_is_not_changed_in_the_project(story: Story) -> None:
    client = story.client
    mine = await inherited(client, story.path, await stated(client))
    path, headers = f"{story.path}/calendars/{mine['id']}", {"If-Match": '"1"', **PATCH}
    assert codes(await client.patch(path, json={"name": "Mine"}, headers=headers)) == (409, "calendar_inherited")
    company = f"{PATH}/{mine['organization_calendar_id']}"
    assert codes(await client.delete(company, headers={"If-Match": '"1"'})) == (409, "calendar_in_use")
    assert (await client.delete(path, headers={"If-Match": '"1"'})).status_code == 204
    assert (await client.delete(company, headers={"If-Match": '"1"'})).status_code == 204


async def test_new_projects_begin_with_the_default(director: httpx2.AsyncClient) -> None:
    before = (await director.post("/v1/projects", json={"name": "Before"})).json()
    assert before["calendar_id"] is None
    first = await stated(director, "First", is_default=True)
    second = await stated(director, "Second", is_default=True)
    assert (await director.get(f"{PATH}/{first['id']}")).json()["is_default"] is False
    made = await director.post("/v1/projects", json={"name": "After"})
    after = made.json()
    calendar = (await director.get(f"/v1/projects/{after['id']}/calendars/{after['calendar_id']}")).json()
    assert calendar["organization_calendar_id"] == second["id"]
    assert made.headers["etag"] == f'"{after["version"]}"'
    assert (await director.get(f"/v1/projects/{after['id']}")).json() == after


async def test_closed_projects_keep_what_they_have(story: Story, director: httpx2.AsyncClient) -> None:
    company = await stated(director)
    other = (await director.post("/v1/projects", json={"name": "Open", "start": "2026-01-05T08:00:00Z"})).json()
    closed = await inherited(director, story.path, company)
    open_ = await inherited(director, f"/v1/projects/{other['id']}", company)
    headers = {"If-Match": (await director.get(story.path)).headers["etag"], "PMO-Reason": "No money."}
    answer = await director.patch(story.path, json={"status": "cancelled"}, headers=headers)
    assert answer.status_code == 200, answer.text
    await changed(director, f"{PATH}/{company['id']}", name="Renamed")

    async def name_of(project: str, calendar: Json) -> str:
        return str((await director.get(f"{project}/calendars/{calendar['id']}")).json()["name"])

    async def followed() -> bool:
        return await name_of(f"/v1/projects/{other['id']}", open_) == "Renamed"

    await eventually(followed)
    assert await name_of(story.path, closed) == "Company"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"week": {}}, "calendar_without_work"),
        ({"week": {}, "holidays": {"country": "NL"}}, "calendar_without_work"),
        ({"week": {"monday": []}, "exceptions": CLOSED_MONDAY}, "calendar_without_work"),
        ({"base_calendar_id": "01981c7a-5d10-7cc3-9f5b-3c1f0f6f7f10"}, "reference_invalid"),
    ],
    ids=["nothing", "holidays", "days off", "base"],
)
async def test_a_calendar_without_work_or_base_is_refused_to_organization_and_project(
    story: Story, fields: Json, code: str
) -> None:
    for path in (PATH, f"{story.path}/calendars"):
        answer = await story.client.post(path, json={"name": "Empty", "week": OFFICE, **fields})
        assert codes(answer) == (422, code)


async def test_work_by_a_base_or_on_single_days_is_work(story: Story) -> None:
    company = await stated(story.client)
    await stated(story.client, "Based", week={}, base_calendar_id=company["id"], holidays={"country": "NL"})
    single = [{"name": "Fair", "first": "2026-01-05", "last": "2026-01-06", "shifts": DAY}]
    await stated(story.client, "Fair", week={}, exceptions=single)


async def test_calendars_of_the_organization_lead_to_no_loop_and_have_a_past(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    first = await stated(director, "First")
    second = await stated(director, "Second", base_calendar_id=first["id"])
    path, headers = f"{PATH}/{first['id']}", {"If-Match": '"1"', **PATCH}
    loop = await director.patch(path, json={"base_calendar_id": second["id"]}, headers=headers)
    assert codes(loop) == (409, "calendar_cycle")
    assert loop.json()["errors"][0]["detail"] == "the calendars are each other's base: Second > First"
    taken = await director.post(PATH, json={"name": "First", "week": OFFICE})
    assert codes(taken) == (409, "key_taken")
    assert codes(await director.delete(path, headers={"If-Match": '"1"'})) == (409, "calendar_in_use")
    now = await changed(director, path, week={"monday": DAY}, holidays={"country": "DE", "region": "BY"})
    assert (now["rules"]["week"]["tuesday"], now["rules"]["holidays"]["region"]) == (None, "BY")
    assert (await director.get(path, params={"as_of": first["created_at"]})).json() == first
    assert [one["action"] for one in (await director.get(f"{path}/history")).json()["items"]] == ["updated", "created"]
    manager = service.as_(organization, "project_manager", subject="pm")
    assert [each["name"] for each in (await manager.get(PATH)).json()["items"]] == ["First", "Second"]
    assert codes(await manager.post(PATH, json={"name": "Mine", "week": OFFICE})) == (403, "forbidden")


async def test_what_is_inherited_while_a_calendar_changes_is_as_it_becomes(
    story: Story, settings: Settings, organization: UUID
) -> None:
    company = await stated(story.client)
    database = await Database.connect(settings.database_url, size=2)
    async with database.transaction(Context(organization, "test")) as tx:
        await tx.execute("update organization_calendar set name = 'Later' where organization_id = $1", organization)
        waiting = asyncio.create_task(inherited(story.client, story.path, company))
        await eventually(partial(waiters, database))
    assert (await waiting)["name"] == "Later"
    await database.close()


async def test_a_copied_plan_inherits_as_its_template_does(story: Story) -> None:
    client = story.client
    company = await stated(client)
    await client.post(
        f"{story.path}/calendars", json={"name": "Site", "base_calendar_id": company["id"], "week": {"sunday": DAY}}
    )
    await changed(client, story.path, is_template=True)
    made = (
        await client.post("/v1/projects", json={"name": "Copy", "template_id": story.path.rsplit("/", 1)[1]})
    ).json()
    items = (await client.get(f"/v1/projects/{made['id']}/calendars")).json()["items"]
    found = {each["name"]: each for each in items}
    assert found["Company"]["organization_calendar_id"] == company["id"]
    assert found["Site"]["base_calendar_id"] == found["Company"]["id"]
