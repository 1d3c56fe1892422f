"""Projects and tasks over HTTP: every convention of the API on the first resources."""

import asyncio
from uuid import UUID, uuid4

import httpx2

from shared.testing.http import Api


async def make(client: httpx2.AsyncClient, **fields: object) -> httpx2.Response:
    """Create a project."""
    response = await client.post("/v1/projects", json={"name": "Quay", **fields})
    assert response.status_code == 201, response.text
    return response


async def test_a_created_project_has_a_key_an_etag_a_location_and_a_position(director: httpx2.AsyncClient) -> None:
    response = await make(director)
    body = response.json()
    assert body["key"] == "PRJ-1"
    assert response.headers["etag"] == '"1"'
    assert response.headers["location"] == f"/v1/projects/{body['id']}"
    assert response.headers["pmo-position"] == f"projects:{body['id']}@1"


async def test_a_project_is_found_by_its_key_and_a_list_item_equals_the_single_answer(
    director: httpx2.AsyncClient,
) -> None:
    made = (await make(director)).json()
    one = await director.get(f"/v1/projects/{made['key']}")
    listed = await director.get("/v1/projects")
    assert one.status_code == 200
    assert one.content in listed.content
    assert listed.json()["items"] == [one.json()]


async def test_a_change_needs_the_present_etag(director: httpx2.AsyncClient) -> None:
    path = f"/v1/projects/{(await make(director)).json()['id']}"
    assert (await director.patch(path, json={"name": "A"})).status_code == 428
    assert (await director.patch(path, json={"name": "A"}, headers={"If-Match": '"9"'})).status_code == 412
    assert (await director.patch(path, json={"name": "A"}, headers={"If-Match": 'W/"1"'})).status_code == 412
    assert (await director.patch(path, json={"name": "A"}, headers={"If-Match": "1"})).status_code == 400
    changed = await director.patch(path, json={"name": "A"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"2"'
    assert changed.json()["name"] == "A"


async def test_an_unchanged_project_answers_304(director: httpx2.AsyncClient) -> None:
    made = await make(director)
    response = await director.get(made.headers["location"], headers={"If-None-Match": made.headers["etag"]})
    assert response.status_code == 304
    assert response.content == b""


async def test_the_same_idempotency_key_creates_one_project_and_answers_byte_equal(
    director: httpx2.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first = await director.post("/v1/projects", json={"name": "Once"}, headers=headers)
    second = await director.post("/v1/projects", json={"name": "Once"}, headers=headers)
    other = await director.post("/v1/projects", json={"name": "Twice"}, headers=headers)
    assert first.status_code == second.status_code == 201
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert len((await director.get("/v1/projects")).json()["items"]) == 1


async def test_parallel_requests_with_one_key_have_one_effect(director: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(
        *(director.post("/v1/projects", json={"name": "Once"}, headers=headers) for _ in range(8))
    )
    assert {a.status_code for a in answers} <= {201, 409}
    assert len((await director.get("/v1/projects")).json()["items"]) == 1


async def test_pages_follow_each_other_without_gap_or_double(director: httpx2.AsyncClient) -> None:
    for number in range(7):
        await make(director, name=f"P{number % 3}")
    seen: list[str] = []
    path = "/v1/projects?limit=2&sort=-name"
    while path:
        page = (await director.get(path)).json()
        seen += [item["id"] for item in page["items"]]
        path = page["links"]["next"]
    assert len(seen) == len(set(seen)) == 7


async def test_a_cursor_of_another_list_or_organization_is_refused(director: httpx2.AsyncClient, service: Api) -> None:
    for _ in range(3):
        await make(director)
    cursor = (await director.get("/v1/projects?limit=1")).json()["next_cursor"]
    other = service.as_(uuid4(), "pmo_director")
    for client, path in (
        (director, f"/v1/projects?limit=1&sort=name&cursor={cursor}"),
        (director, f"/v1/projects?limit=1&cursor={cursor[:-2]}AA"),
        (other, f"/v1/projects?limit=1&cursor={cursor}"),
    ):
        response = await client.get(path)
        assert response.status_code == 400
        assert response.json()["code"] == "cursor_invalid"


async def test_another_organization_sees_nothing(director: httpx2.AsyncClient, service: Api) -> None:
    made = (await make(director, key="ABC-1", source_id="x")).json()
    other = service.as_(uuid4(), "pmo_director")
    assert (await other.get("/v1/projects")).json()["items"] == []
    assert (await other.get("/v1/projects?include_total=true")).json()["total"] == 0
    hidden = await other.get(f"/v1/projects/{made['id']}")
    missing = await other.get(f"/v1/projects/{uuid4()}")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["detail"] == missing.json()["detail"]
    headers = {"If-Match": '"1"'}
    assert (await other.patch(f"/v1/projects/{made['id']}", json={"name": "x"}, headers=headers)).status_code == 404
    assert (await other.delete(f"/v1/projects/{made['id']}", headers=headers)).status_code == 404
    await make(other, key="ABC-1", source_id="x")


async def test_a_project_manager_sees_and_changes_only_own_projects(
    director: httpx2.AsyncClient, service: Api, organization: UUID
) -> None:
    others = (await make(director)).json()
    manager = service.as_(organization, "project_manager", subject="maria")
    own = (await make(manager)).json()
    assert own["owner"] == "maria"
    assert [p["id"] for p in (await manager.get("/v1/projects")).json()["items"]] == [own["id"]]
    assert (await manager.get(f"/v1/projects/{others['id']}")).status_code == 404


async def test_roles_without_the_permission_are_refused(service: Api, organization: UUID) -> None:
    for role in ("pmo_analyst", "executive", "team_member"):
        response = await service.as_(organization, role).post("/v1/projects", json={"name": "x"})
        assert response.status_code == 403
        assert response.json()["code"] == "forbidden"
    assert (await service.anonymous().get("/v1/projects")).status_code == 401


async def test_a_deleted_project_is_gone_but_its_past_is_known(director: httpx2.AsyncClient) -> None:
    made = (await make(director)).json()
    path = f"/v1/projects/{made['id']}"
    changed = await director.patch(path, json={"name": "Later"}, headers={"If-Match": '"1"'})
    before = await director.get(path, params={"as_of": made["updated_at"]})
    assert changed.json()["name"] == "Later"
    assert before.json() == made
    assert (await director.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await director.get(path)).status_code == 404


async def test_the_life_cycle_refuses_moves_that_it_does_not_have(director: httpx2.AsyncClient) -> None:
    made = (await make(director, status="active")).json()
    path = f"/v1/projects/{made['id']}"
    refused = await director.patch(path, json={"status": "idea"}, headers={"If-Match": '"1"'})
    assert refused.status_code == 409
    assert refused.json()["code"] == "status_move_not_allowed"


async def test_tasks_hang_below_summaries_and_get_scheduled(director: httpx2.AsyncClient) -> None:
    project = (await make(director, start="2026-03-02T08:00:00Z")).json()
    path = f"/v1/projects/{project['id']}/tasks"
    phase = (await director.post(path, json={"name": "Phase", "duration_minutes": 480})).json()
    made = await director.post(path, json={"name": "Work", "duration_minutes": 960, "parent_id": phase["id"]})
    task = made.json()
    assert made.status_code == 201, made.text
    assert task["work_breakdown_structure"] == "1.1"
    assert (await director.get(f"{path}/{phase['id']}")).json()["is_summary"] is True
    schedule = (await director.get(f"/v1/projects/{project['key']}/schedule")).json()
    assert schedule["revision"] >= 1
    item = next(i for i in schedule["items"] if i["task_id"] == task["id"])
    assert item["early_start"] == "2026-03-02T08:00:00+00:00"
    assert item["early_finish"] == "2026-03-03T17:00:00+00:00"
    assert item["is_critical"] is True


async def test_unknown_parents_and_foreign_currencies_are_refused(director: httpx2.AsyncClient) -> None:
    project = (await make(director)).json()
    path = f"/v1/projects/{project['id']}/tasks"
    strange = await director.post(path, json={"name": "x", "parent_id": str(uuid4())})
    assert strange.status_code == 422
    assert strange.json()["errors"][0]["pointer"] == "/parent_id"
    dollars = await director.post(path, json={"name": "x", "cost": {"amount": "1.00", "currency": "USD"}})
    assert dollars.status_code == 422
    assert dollars.json()["code"] == "currency_mismatch"


async def test_a_summary_without_tasks_below_it_is_a_task_again(director: httpx2.AsyncClient) -> None:
    project = (await make(director)).json()
    path = f"/v1/projects/{project['id']}/tasks"
    phase = (await director.post(path, json={"name": "Phase", "duration_minutes": 480})).json()
    child = (await director.post(path, json={"name": "Work", "parent_id": phase["id"]})).json()
    refused = await director.delete(f"{path}/{phase['id']}", headers={"If-Match": '"2"'})
    assert refused.json()["code"] == "task_has_children"
    assert (await director.delete(f"{path}/{child['id']}", headers={"If-Match": '"1"'})).status_code == 204
    assert (await director.get(f"{path}/{phase['id']}")).json()["is_summary"] is False


async def test_writers_and_readers_of_one_project_do_not_lock_each_other_out(director: httpx2.AsyncClient) -> None:
    project = (await make(director)).json()
    path = f"/v1/projects/{project['id']}"

    async def add(number: int) -> int:
        return (await director.post(f"{path}/tasks", json={"name": f"T{number}", "duration_minutes": 60})).status_code

    async def start(day: int) -> int:
        present = (await director.get(path)).headers["etag"]
        moved = {"start": f"2026-03-{day + 1:02}T08:00:00Z"}
        return (await director.patch(path, json=moved, headers={"If-Match": present})).status_code

    async def look() -> int:
        return (await director.get(f"{path}/schedule")).status_code

    calls = [call for number in range(5) for call in (add(number), start(number), look())]
    assert set(await asyncio.gather(*calls)) <= {200, 201, 412}


async def test_money_of_a_task_made_by_hand_has_the_decimals_of_its_currency(director: httpx2.AsyncClient) -> None:
    yen = (await make(director, currency="JPY")).json()
    euro = (await make(director)).json()
    one = (await director.post(f"/v1/projects/{yen['id']}/tasks", json={"name": "x"})).json()
    other = {"name": "x", "cost": {"amount": "12.5", "currency": "EUR"}}
    two = (await director.post(f"/v1/projects/{euro['id']}/tasks", json=other)).json()
    assert (one["cost"]["amount"], one["actual_cost"]["amount"]) == ("0", "0")
    assert (two["cost"]["amount"], two["actual_cost"]["amount"]) == ("12.50", "0.00")


async def test_the_planned_cost_of_a_task_is_changed_and_rolls_up(director: httpx2.AsyncClient) -> None:
    tasks = f"/v1/projects/{(await make(director, currency='EUR')).json()['id']}/tasks"
    parent = (await director.post(tasks, json={"name": "All"})).json()
    made = await director.post(tasks, json={"name": "Dig", "parent_id": parent["id"]})
    path, tag = made.headers["location"], {"If-Match": made.headers["etag"]}
    foreign = await director.patch(path, json={"cost": {"amount": "5", "currency": "USD"}}, headers=tag)
    assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (422, "/cost/currency")
    changed = await director.patch(path, json={"cost": {"amount": "12.5", "currency": "EUR"}}, headers=tag)
    assert changed.json()["cost"] == {"amount": "12.50", "currency": "EUR"}
    summary = (await director.get(f"{tasks}/{parent['id']}", params={"expand": "rollup"})).json()
    assert summary["rollup"]["cost"] == {"amount": "12.50", "currency": "EUR"}


async def test_a_change_of_nothing_changes_nothing(director: httpx2.AsyncClient) -> None:
    made = await make(director)
    same = await director.patch(made.headers["location"], json={}, headers={"If-Match": '"1"'})
    assert same.status_code == 200
    assert same.headers["etag"] == '"1"'
    assert same.headers["pmo-position"] == made.headers["pmo-position"]
    assert same.content == made.content


async def test_a_deleted_project_is_seen_as_it_was(director: httpx2.AsyncClient, service: Api) -> None:
    made = (await make(director)).json()
    path = f"/v1/projects/{made['id']}"
    await director.delete(path, headers={"If-Match": '"1"'})
    assert (await director.get(path, params={"as_of": made["created_at"]})).json() == made
    assert (await director.get(path, params={"as_of": "2200-01-01T00:00:00Z"})).status_code == 404
    stranger = service.as_(uuid4(), "pmo_director")
    assert (await stranger.get(path, params={"as_of": made["created_at"]})).status_code == 404


async def test_zones_that_only_one_machine_knows_are_refused(director: httpx2.AsyncClient) -> None:
    for zone in ("localtime", "Factory", "Mars/Olympus", ""):
        response = await director.post("/v1/projects", json={"name": "x", "time_zone": zone})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/time_zone"


async def test_local_times_around_a_change_of_the_clock_come_back_as_they_went_in(
    director: httpx2.AsyncClient,
) -> None:
    project = (await make(director, time_zone="Europe/Amsterdam", start="2026-10-01T08:00:00+02:00")).json()
    path = f"/v1/projects/{project['id']}/tasks"
    body = {"name": "x", "constraint_type": "start_no_earlier_than"}
    for offset in ("+01:00", "+02:00"):
        twice = await director.post(path, json={**body, "constraint_date": f"2026-10-25T02:30:00{offset}"})
        assert twice.status_code == 422
        assert twice.json()["errors"][0]["code"] == "ambiguous_local_time"
    before = await director.post(path, json={**body, "constraint_date": "2026-10-25T01:30:00+02:00"})
    assert before.json()["constraint_date"] == "2026-10-25T01:30:00+02:00"
    after = await director.post(path, json={**body, "constraint_date": "2026-10-25T03:30:00+01:00"})
    assert after.json()["constraint_date"] == "2026-10-25T03:30:00+01:00"
    spring = await director.post(path, json={**body, "constraint_date": "2027-03-28T01:30:00Z"})
    assert spring.json()["constraint_date"] == "2027-03-28T03:30:00+02:00"


async def test_a_constraint_cannot_lose_its_date(director: httpx2.AsyncClient) -> None:
    project = (await make(director)).json()
    path = f"/v1/projects/{project['id']}/tasks"
    body = {"name": "x", "constraint_type": "must_finish_on", "constraint_date": "2026-10-05T17:00:00Z"}
    made = await director.post(path, json=body)
    location = made.headers["location"]
    lost = await director.patch(location, json={"constraint_date": None}, headers={"If-Match": '"1"'})
    assert lost.status_code == 422
    freed = {"constraint_type": "as_soon_as_possible", "constraint_date": None}
    assert (await director.patch(location, json=freed, headers={"If-Match": '"1"'})).status_code == 200
