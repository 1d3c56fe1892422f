"""Schedule quality over HTTP: assessed, kept, and each offender to be found."""

import httpx2

from tests.service.projects.test_baselines import change, decided, manager, planned, taken, tasks

__all__ = ["manager"]


async def test_an_assessment_is_kept_with_its_ruleset_and_its_offenders(director: httpx2.AsyncClient) -> None:
    path = await planned(director)
    made = await director.post(f"{path}/schedule-assessments", json={})
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["ruleset"] == "dcma-14/pam-200.1-2012"
    assert body["schedule_revision"] > 0
    found = {check["code"]: check for check in body["checks"]}
    assert len(found) == len(body["checks"]) == 16
    assert (found["logic"]["count"], found["logic"]["population"], found["logic"]["is_passed"]) == (2, 2, False)
    assert (found["leads"]["value"], found["leads"]["reason"]) == (None, "population_empty")
    assert found["baseline_execution_index"]["reason"] == "no_status_date"
    assert body["failed"] == sum(check["is_passed"] is False for check in body["checks"])

    again = await director.get(made.headers["location"])
    assert again.content == made.content
    listed = (await director.get(f"{path}/schedule-assessments")).json()["items"]
    assert listed == [body]
    offenders = (await director.get(f"{made.headers['location']}/offenders?check=logic")).json()["items"]
    assert [each["task_name"] for each in offenders] == ["Dig", "Pour"]
    pages = (await director.get(f"{made.headers['location']}/offenders?limit=1")).json()
    assert pages["next_cursor"] is not None


async def test_an_assessment_measures_against_the_baseline_in_force(
    manager: httpx2.AsyncClient, director: httpx2.AsyncClient
) -> None:
    path = await planned(manager)
    await decided(director, await taken(manager, path))
    body = {"status_date": "2026-03-04T08:00:00Z"}
    checks = (await manager.post(f"{path}/schedule-assessments", json=body)).json()["checks"]
    found = {check["code"]: check for check in checks}
    assert (found["missed_tasks"]["count"], found["missed_tasks"]["value"]) == (2, "100.0000")
    assert found["baseline_execution_index"]["value"] == "0.0000"
    await change(manager, path, (await tasks(manager, path))["Dig"], percent_complete=100)
    checks = (await manager.post(f"{path}/schedule-assessments", json=body)).json()["checks"]
    found = {check["code"]: check for check in checks}
    assert (found["missed_tasks"]["count"], found["baseline_execution_index"]["value"]) == (1, "0.5000")


async def test_thresholds_may_be_others(director: httpx2.AsyncClient) -> None:
    path = await planned(director)
    body = {"thresholds": {"missing_logic_percent": 100, "critical_path_length_index": 0.9}}
    made = (await director.post(f"{path}/schedule-assessments", json=body)).json()
    assert made["thresholds"]["missing_logic_percent"] == "100"
    assert made["thresholds"]["critical_path_length_index"] == "0.9"
    assert made["checks"][0]["is_passed"] is True
    refused = await director.post(f"{path}/schedule-assessments", json={"thresholds": {"nonsense": 1}})
    assert refused.status_code == 422


async def test_nothing_scheduled_cannot_be_assessed(director: httpx2.AsyncClient) -> None:
    project = (await director.post("/v1/projects", json={"name": "Empty"})).json()
    refused = await director.post(f"/v1/projects/{project['id']}/schedule-assessments", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_scheduled")
