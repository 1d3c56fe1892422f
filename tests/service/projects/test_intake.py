"""Requests for projects: submitted, assessed by several, ranked, decided by somebody else, and then a project."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.projects.settings import Settings
from shared.db import Database
from shared.testing.capture import recorded
from shared.testing.eventually import eventually
from shared.testing.http import Api

Json = dict[str, Any]
PATH = "/v1/intake-requests"


@pytest.fixture
def manager(service: Api, organization: UUID) -> httpx2.AsyncClient:
    """A project manager, who asks."""
    return service.as_(organization, "project_manager", subject="pm")


@pytest.fixture
def analysts(service: Api, organization: UUID) -> list[httpx2.AsyncClient]:
    """Two who assess."""
    return [service.as_(organization, "pmo_analyst", subject=f"analyst {n}") for n in range(2)]


async def asked(client: httpx2.AsyncClient, title: str = "Shore power", **fields: object) -> Json:
    response = await client.post(PATH, json={"title": title, **fields})
    assert response.status_code == 201, response.text
    body: Json = response.json()
    return body


async def present(client: httpx2.AsyncClient, request: Json) -> Json:
    response = await client.get(f"{PATH}/{request['id']}")
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


async def act(client: httpx2.AsyncClient, request: Json, what: str, reader: httpx2.AsyncClient, **body: object) -> Any:
    """Act on a request at its present version."""
    version = (await present(reader, request))["version"]
    headers = {"If-Match": f'"{version}"'}
    return await client.post(f"{PATH}/{request['id']}/{what}", headers=headers, json=body or None)


async def submitted(client: httpx2.AsyncClient, title: str = "Shore power", **fields: object) -> Json:
    request = await asked(client, title, **fields)
    answer = await act(client, request, "submission", client)
    assert answer.status_code == 200, answer.text
    return request


async def criterion(client: httpx2.AsyncClient, name: str, weight: float = 1, **fields: object) -> Json:
    response = await client.post("/v1/intake-criteria", json={"name": name, "weight": weight, **fields})
    assert response.status_code == 201, response.text
    body: Json = response.json()
    return body


async def assess(client: httpx2.AsyncClient, request: Json, *scores: tuple[Json, float]) -> httpx2.Response:
    given = [{"criterion_id": each["id"], "score": score, "note": "seen"} for each, score in scores]
    return await client.post(f"{PATH}/{request['id']}/assessments", json={"scores": given, "note": "in all"})


async def decide(client: httpx2.AsyncClient, request: Json, decision: str, **project: object) -> httpx2.Response:
    more = {"project": project} if project else {}
    answer: httpx2.Response = await act(
        client, request, "decisions", client, decision=decision, reason="as weighed up", **more
    )
    return answer


def codes(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_request_is_submitted_assessed_and_becomes_a_project(
    manager: httpx2.AsyncClient,
    director: httpx2.AsyncClient,
    analysts: list[httpx2.AsyncClient],
    settings: Settings,
    organization: UUID,
) -> None:
    customer = (await director.post("/v1/customers", json={"name": "Port"})).json()
    fit, risk = await criterion(director, "Fit", 3), await criterion(director, "Risk", 1, direction="lower_is_better")
    request = await asked(
        manager,
        customer_id=customer["id"],
        desired_start="2027-01-04",
        estimated_cost={"amount": "2400000.00", "currency": "NOK"},
        estimated_benefit={"amount": "3100000.00", "currency": "NOK"},
    )
    assert (request["key"], request["status"], request["requester"]) == ("RQ-1", "draft", "pm")
    assert request["score"] == {"value": None, "unit": "points", "reason": "not_assessed"}
    assert request["score_coverage"] == {"value": None, "unit": "ratio", "reason": "not_assessed"}
    assert codes(await assess(analysts[0], request, (fit, 8))) == (409, "intake_not_submitted")
    assert codes(await decide(director, request, "rejected")) == (409, "intake_not_submitted")
    await act(manager, request, "submission", manager)
    assert codes(await act(manager, request, "submission", manager)) == (409, "intake_submitted")

    assert (await assess(analysts[0], request, (fit, 8), (risk, 2))).status_code == 201
    assert (await assess(analysts[1], request, (fit, 6))).status_code == 201
    now = await present(director, request)
    # (3 · 0.7 + 1 · 0.8) / 4
    assert (now["score"]["value"], now["score_coverage"]["value"], now["assessments"]) == ("72.50", "1.0000", 2)

    approved = await decide(director, request, "approved", owner="pm", time_zone="Europe/Oslo")
    assert approved.status_code == 200, approved.text
    body = approved.json()
    assert (body["status"], body["decided_by"], body["decision_reason"]) == ("approved", "someone", "as weighed up")
    project = (await manager.get(f"/v1/projects/{body['project_id']}")).json()
    taken = ("name", "status", "owner", "customer_id", "currency", "start")
    assert [project[name] for name in taken] == [
        "Shore power", "approved", "pm", customer["id"], "NOK", "2027-01-04T08:00:00+01:00",
    ]  # fmt: skip
    assert (await director.get(f"{PATH}?project_id={project['id']}")).json()["items"] == [body]

    history = (await director.get(f"{PATH}/RQ-1/history")).json()["items"]
    assert [one["action"] for one in history] == ["approved", "scored", "scored", "submitted", "created"]
    assert (history[0]["actor"], history[0]["reason"]) == ("someone", "as weighed up")
    database = await Database.connect(settings.database_url, size=1)
    told = [kind for kind, _ in await recorded(database, organization, UUID(request["id"]))]
    await database.close()
    assert told == [
        "pmo.projects.intake_request.created.v1",
        "pmo.projects.intake_request.submitted.v1",
        "pmo.projects.intake_assessment.created.v1",
        "pmo.projects.intake_request.scored.v1",
        "pmo.projects.intake_assessment.created.v1",
        "pmo.projects.intake_request.scored.v1",
        "pmo.projects.intake_request.approved.v1",
    ]


async def test_who_asks_neither_assesses_nor_decides(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    another = service.as_(organization, "pmo_manager", subject="another")
    request = await submitted(director, requester="somebody else")
    # Who submitted it in another's name is no better a judge of it.
    assert codes(await decide(director, request, "approved")) == (403, "own_request")
    named = service.as_(organization, "pmo_director", subject="somebody else")
    assert codes(await decide(named, request, "approved")) == (403, "own_request")
    assert codes(await assess(named, request)) == (403, "own_request")
    assert codes(await act(another, request, "withdrawal", another, reason="no")) == (403, "not_own_request")
    assert (await decide(another, request, "approved")).status_code == 200


async def test_where_there_are_criteria_nothing_is_approved_unassessed(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, analysts: list[httpx2.AsyncClient]
) -> None:
    fit = await criterion(director, "Fit")
    request = await submitted(manager)
    assert codes(await decide(director, request, "approved")) == (409, "not_assessed")
    deferred = await decide(director, request, "deferred")
    assert (deferred.json()["status"], deferred.json()["project_id"]) == ("deferred", None)
    await assess(analysts[0], request, (fit, 5))
    assert (await decide(director, request, "approved")).json()["status"] == "approved"
    assert codes(await decide(director, request, "rejected")) == (409, "intake_decided")
    tag = f'"{(await present(director, request))["version"]}"'
    refused = await manager.patch(f"{PATH}/RQ-1", json={"title": "Other"}, headers={"If-Match": tag})
    assert codes(refused) == (409, "intake_decided")


async def test_scores_do_not_stand_by_what_nobody_has_seen(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, analysts: list[httpx2.AsyncClient]
) -> None:
    fit = await criterion(director, "Fit")
    amount = {"amount": "100.00", "currency": "EUR"}
    request = await submitted(manager, estimated_cost=amount)
    made = [await assess(analyst, request, (fit, 8)) for analyst in analysts]

    async def patched(**fields: object) -> Json:
        headers = {"If-Match": f'"{(await present(director, request))["version"]}"'}
        answer = await manager.patch(f"{PATH}/{request['id']}", json=fields, headers=headers)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    same = await patched(title=request["title"], estimated_cost=amount, custom_fields={})
    assert (same["score"]["value"], same["outdated_assessments"]) == ("80.00", 0)
    dear = await patched(estimated_cost={"amount": "900.00", "currency": "EUR"})
    assert dear["score"] == {"value": None, "unit": "points", "reason": "outdated"}
    assert dear["score_coverage"] == {"value": None, "unit": "ratio", "reason": "outdated"}
    assert (dear["assessments"], dear["outdated_assessments"]) == (2, 2)
    assert dear["content_version"] == dear["version"]
    assert codes(await decide(director, request, "approved")) == (409, "not_assessed")
    # One stands by what they said, the other says something else; each counts from then on.
    for analyst, one, score, told, left in zip(analysts, made, (8, 2), ("80.00", "50.00"), (1, 0), strict=True):
        assert one.json()["request_version"] < dear["content_version"]
        body = {"scores": [{"criterion_id": fit["id"], "score": score}]}
        again = await analyst.patch(one.headers["location"], json=body, headers={"If-Match": '"1"'})
        assert again.json()["request_version"] >= dear["content_version"], again.text
        now = await present(director, request)
        assert (now["score"]["value"], now["outdated_assessments"]) == (told, left)
    assert (await decide(director, request, "approved")).status_code == 200


async def test_requests_are_ranked_by_their_score_those_without_one_last(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, analysts: list[httpx2.AsyncClient]
) -> None:
    fit = await criterion(director, "Fit")
    for title, score in (("Low", 2), ("None", None), ("High", 9), ("Middle", 5)):
        request = await submitted(manager, title)
        if score is not None:
            await assess(analysts[0], request, (fit, score))
    titles: list[str] = []
    cursor = ""
    while True:
        page = (await director.get(f"{PATH}?sort=-score&limit=1{cursor}")).json()
        titles += [item["title"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert titles == ["High", "Middle", "Low", "None"]
    best = (await director.get(f"{PATH}?score_at_least=50&status=submitted&sort=score")).json()["items"]
    assert [item["title"] for item in best] == ["Middle", "High"]


async def test_scores_of_undecided_requests_follow_the_criteria_and_those_of_decided_ones_stay(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, analysts: list[httpx2.AsyncClient]
) -> None:
    fit, cost = await criterion(director, "Fit"), await criterion(director, "Cost")
    decided, waiting = await submitted(manager, "Decided"), await submitted(manager, "Waiting")
    for request in (decided, waiting):
        await assess(analysts[0], request, (fit, 10), (cost, 0))
    await decide(director, decided, "rejected")
    path = f"/v1/intake-criteria/{fit['id']}"
    assert (await director.patch(path, json={"weight": 3}, headers={"If-Match": '"1"'})).status_code == 200

    async def followed() -> bool:
        return bool((await present(director, waiting))["score"]["value"] == "75.00")

    await eventually(followed)
    assert (await present(director, decided))["score"]["value"] == "50.00"
    assert codes(await director.delete(path, headers={"If-Match": '"2"'})) == (409, "in_use")


async def test_an_assessor_changes_what_they_said_and_nobody_else_does(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, analysts: list[httpx2.AsyncClient]
) -> None:
    fit = await criterion(director, "Fit")
    request = await submitted(manager)
    made = await assess(analysts[0], request, (fit, 2))
    assert codes(await assess(analysts[0], request, (fit, 3))) == (409, "assessment_exists")
    path, headers = made.headers["location"], {"If-Match": '"1"'}
    body = {"scores": [{"criterion_id": fit["id"], "score": 4.5}]}
    assert codes(await analysts[1].patch(path, json=body, headers=headers)) == (403, "forbidden")
    changed = await analysts[0].patch(path, json=body, headers=headers)
    assert changed.json()["scores"] == [{"criterion_id": fit["id"], "score": 4.5, "note": ""}]
    assert changed.json()["note"] == "in all"
    assert (await present(director, request))["score"]["value"] == "45.00"
    assert (await manager.get(path)).json() == changed.json()
    before = (await director.get(path, params={"as_of": made.json()["created_at"]})).json()
    assert before == made.json()
    assert len((await director.get(f"{path}/history")).json()["items"]) == 2


async def test_scores_off_the_scale_twice_or_by_nothing_are_all_refused_at_once(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient, analysts: list[httpx2.AsyncClient]
) -> None:
    fit = await criterion(director, "Fit")
    request = await submitted(manager)
    refused = await assess(analysts[0], request, (fit, 11), (fit, 5))
    found = [(one["pointer"], one["code"]) for one in refused.json()["errors"]]
    assert found == [("/scores/0/score", "beyond_scale"), ("/scores/1/criterion_id", "repeated")]
    nothing = {"id": request["id"]}
    assert codes(await assess(analysts[0], request, (nothing, 5))) == (422, "reference_invalid")


async def test_a_manager_sees_and_changes_only_their_own(
    manager: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    request = await asked(manager, requester="not heard")
    assert request["requester"] == "pm"
    other = service.as_(organization, "team_member", subject="member")
    path, headers = f"{PATH}/{request['id']}", {"If-Match": '"1"'}
    assert (await other.get(PATH)).json()["items"] == []
    for answer in (
        await other.get(path),
        await other.patch(path, json={"title": "Mine"}, headers=headers),
        await other.post(f"{path}/submission", headers=headers),
        await other.get(f"{path}/assessments"),
    ):
        assert codes(answer) == (404, "not_found")
    assert (await asked(other))["requester"] == "member"
    withdrawn = await act(manager, request, "withdrawal", manager, reason="No longer needed.")
    assert withdrawn.json()["status"] == "withdrawn"


async def test_the_money_of_a_request_is_in_one_currency(manager: httpx2.AsyncClient) -> None:
    euro, krone = {"amount": "10.00", "currency": "EUR"}, {"amount": "10.00", "currency": "NOK"}
    refused = await manager.post(PATH, json={"title": "x", "estimated_cost": euro, "estimated_benefit": krone})
    assert codes(refused) == (422, "currency_mismatch")
    made = await asked(manager, estimated_cost=euro)
    path = f"{PATH}/{made['id']}"
    refused = await manager.patch(path, json={"estimated_benefit": krone}, headers={"If-Match": '"1"'})
    assert codes(refused) == (422, "currency_mismatch")
    both = {"estimated_cost": krone, "estimated_benefit": krone}
    assert (await manager.patch(path, json=both, headers={"If-Match": '"1"'})).json()["estimated_cost"] == krone
    late = {"desired_start": "2027-02-01", "desired_finish": "2027-01-01"}
    refused = await manager.patch(path, json=late, headers={"If-Match": '"2"'})
    assert refused.json()["errors"][0]["pointer"] == "/desired_finish"


async def test_what_is_required_of_projects_is_required_of_what_is_approved(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    field = {"entity": "project", "key": "class", "name": "Class", "type": "text", "is_required": True}
    assert (await director.post("/v1/custom-fields", json=field)).status_code == 201
    own = {"entity": "intake_request", "key": "area", "name": "Area", "type": "text"}
    assert (await director.post("/v1/custom-fields", json=own)).status_code == 201
    request = await submitted(manager, custom_fields={"area": "north"})
    assert [one["id"] for one in (await director.get(f"{PATH}?custom.area=north")).json()["items"]] == [request["id"]]
    assert codes(await decide(director, request, "approved")) == (422, "validation")
    # Nothing of it has happened: the request waits, and there is no project.
    assert (await present(director, request))["status"] == "submitted"
    assert (await director.get("/v1/projects")).json()["items"] == []
    approved = await decide(director, request, "approved", custom_fields={"class": "A"}, status="proposed")
    project = (await director.get(f"/v1/projects/{approved.json()['project_id']}")).json()
    assert (project["status"], project["custom_fields"]) == ("proposed", {"class": "A"})


async def test_the_same_decision_sent_twice_makes_one_project(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    request = await submitted(manager)
    body = {"decision": "approved", "reason": "good"}
    headers = {"If-Match": '"2"', "Idempotency-Key": "once"}
    path = f"{PATH}/{request['id']}/decisions"
    first = await director.post(path, json=body, headers=headers)
    again = await director.post(path, json=body, headers=headers)
    assert first.status_code == 200, first.text
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await director.get("/v1/projects")).json()["items"]) == 1
