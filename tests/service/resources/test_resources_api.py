"""Resources over HTTP: lists, single resources, who sees what."""

from dataclasses import replace
from uuid import UUID, uuid4

import httpx2
import pytest

from services.projects.domain.plan import ResourceType
from shared.testing.http import Api
from tests.service.resources.story import Listener, Project, person, plan

CREW = [
    person("1", "Ada"),
    person("2", "Bo"),
    person("3", "Concrete", type=ResourceType.MATERIAL),
    replace(person("4", "Dredger_100%"), is_equipment=True),
]


async def told(listener: Listener, owner: str = "pm@example.org", key: str = "PRJ-1") -> Project:
    """A project whose plan has a crew."""
    project = Project(owner=owner, key=key)
    await listener.hear(*project.imported(plan([], CREW, [])))
    return project


async def names(client: httpx2.AsyncClient, **query: str | list[str]) -> list[str]:
    """The names in a list."""
    response = await client.get("/v1/resources", params=query)
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


async def test_resources_of_a_project_are_listed_by_name(listener: Listener, director: httpx2.AsyncClient) -> None:
    project = await told(listener)
    await told(listener, key="PRJ-2")
    assert await names(director, project_id=str(project.id)) == ["Ada", "Bo", "Concrete", "Dredger_100%"]
    assert await names(director, project_id="PRJ-1") == ["Ada", "Bo", "Concrete", "Dredger_100%"]
    assert await names(director, project_id="PRJ-1", sort="-name", limit="2") == ["Dredger_100%", "Concrete"]
    assert len(await names(director)) == 8
    equipment = (await director.get("/v1/resources?project_id=PRJ-1&fields=is_equipment")).json()["items"]
    assert [each["is_equipment"] for each in equipment] == [False, False, False, True]
    assert await names(director, project_id=str(uuid4())) == []


async def test_filters_take_types_and_literal_parts_of_names(listener: Listener, director: httpx2.AsyncClient) -> None:
    await told(listener)
    assert await names(director, type="material") == ["Concrete"]
    assert len(await names(director, type=["material", "work"])) == 4
    assert await names(director, name="_100%") == ["Dredger_100%"]
    assert await names(director, name="%") == ["Dredger_100%"]


async def test_pages_follow_one_another_without_gap_or_repetition(
    listener: Listener, director: httpx2.AsyncClient
) -> None:
    project = await told(listener)
    seen, query = [], {"project_id": str(project.id), "limit": "1", "sort": "-type,name"}
    while True:
        page = (await director.get("/v1/resources", params=query)).json()
        seen += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ["Ada", "Bo", "Dredger_100%", "Concrete"]


async def test_a_single_resource_has_an_etag_and_equals_the_list_item(
    listener: Listener, director: httpx2.AsyncClient
) -> None:
    project = await told(listener)
    listed = await director.get("/v1/resources", params={"project_id": str(project.id), "limit": 1})
    one = await director.get(f"/v1/resources/{project.part('resource', '1')}")
    assert one.status_code == 200
    assert one.headers["etag"] == '"1"'
    assert one.content in listed.content
    assert one.json()["standard_rate"] == {"amount": "80.00", "currency": "EUR"}
    assert (one.json()["max_units"], one.json()["is_equipment"]) == (1, False)
    again = await director.get(one.url.path, headers={"If-None-Match": '"1"'})
    assert again.status_code == 304


@pytest.mark.parametrize("role", ["pmo_analyst", "executive", "project_manager"])
async def test_rates_are_absent_for_those_who_may_not_see_them(
    service: Api, listener: Listener, organization: UUID, role: str
) -> None:
    project = await told(listener, owner="someone")
    client = service.as_(organization, role)
    one = (await client.get(f"/v1/resources/{project.part('resource', '1')}")).json()
    assert not {"standard_rate", "overtime_rate", "cost_per_use"} & set(one)
    listed = await client.get("/v1/resources", params={"project_id": str(project.id)})
    assert "rate" not in listed.text
    assert "80.00" not in listed.text
    for query in ({"fields": "standard_rate"}, {"sort": "standard_rate"}, {"standard_rate": "80"}):
        assert (await client.get("/v1/resources", params=query)).status_code == 422


async def test_rates_can_be_neither_sorted_nor_filtered_by(director: httpx2.AsyncClient) -> None:
    for query in ({"sort": "standard_rate"}, {"standard_rate": "80"}):
        assert (await director.get("/v1/resources", params=query)).status_code == 422


async def test_a_project_manager_sees_the_resources_of_own_projects_only(
    service: Api, listener: Listener, organization: UUID
) -> None:
    mine = await told(listener, owner="someone")
    other = await told(listener, owner="someone.else", key="PRJ-2")
    client = service.as_(organization, "project_manager")
    items = (await client.get("/v1/resources")).json()["items"]
    assert {item["project_id"] for item in items} == {str(mine.id)}
    hidden = other.part("resource", "1")
    for path in (
        f"/v1/resources/{hidden}",
        f"/v1/resources/{hidden}/load",
        f"/v1/over-allocations?project_id={other.id}",
        f"/v1/load-summary?project_id={other.id}",
    ):
        assert (await client.get(path)).status_code == 404
        assert (await client.get(path.replace(str(hidden), str(mine.part("resource", "1"))))).status_code in {200, 404}
    other.version += 1
    other.owner = "someone"
    await listener.hear(other.told("updated"))
    assert (await client.get(f"/v1/resources/{hidden}")).status_code == 200


async def test_a_team_member_may_not_read_resources_and_nobody_without_a_token(
    service: Api, organization: UUID
) -> None:
    assert (await service.as_(organization, "team_member").get("/v1/resources")).status_code == 403
    assert (await service.anonymous().get("/v1/resources")).status_code == 401


async def test_another_organization_sees_nothing(service: Api, listener: Listener) -> None:
    project = await told(listener)
    stranger = service.as_(uuid4(), "pmo_director")
    resource = project.part("resource", "1")
    unknown = uuid4()
    assert (await stranger.get("/v1/resources", params={"include_total": "true"})).json()["total"] == 0
    for path in ("/v1/resources/{}", "/v1/resources/{}/load"):
        answers = [await stranger.get(path.format(each)) for each in (resource, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert (await stranger.get(f"/v1/over-allocations?project_id={project.id}")).status_code == 404
    assert (await stranger.get(f"/v1/load-summary?project_id={project.key}")).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/resources?unknown=1", 422),
        ("/v1/resources?limit=0", 422),
        ("/v1/resources?limit=1&limit=2", 422),
        ("/v1/resources?sort=;drop", 422),
        ("/v1/resources?type=robot", 422),
        ("/v1/resources?cursor=abc", 400),
        ("/v1/resources/nonsense", 404),
        ("/v1/resources/nonsense/load", 404),
        ("/v1/over-allocations", 422),
        ("/v1/over-allocations?project_id=nonsense", 404),
        ("/v1/load-summary?project_id=PRJ-77", 404),
    ],
)
async def test_bad_input_is_refused_with_a_problem(director: httpx2.AsyncClient, path: str, status: int) -> None:
    response = await director.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
