"""KPIs of the past through the gateway: what is deleted, baselined anew or earned otherwise leaves them alone."""

import uuid
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.system.instance import DIRECTOR, Caller, System
from tests.system.test_journey import EXAMPLE, imported, kpis


def written(response: httpx2.Response) -> str:
    """Return the position of a write that succeeded."""
    assert response.is_success, response.text
    return response.headers["pmo-position"]


def test_what_happens_to_a_plan_leaves_its_past(system: System) -> None:
    organization = uuid.uuid4()
    director, executive = (
        system.as_(organization, role, subject=subject) for role, subject in ((DIRECTOR, "one"), ("executive", "other"))
    )
    result = imported(director, EXAMPLE)
    project, position = result["project_id"], result["position"]
    deeds = (_delete_a_task, _change_the_default_technique, _replace_the_baseline)
    told = []
    for deed in deeds:
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        told.append((at, kpis(director, project, position, f"?as_of={at}")["metrics"]))
        position = deed(director, executive, project)
        assert kpis(director, project, position)["metrics"] != told[-1][1], deed.__name__
    for at, before in told:
        assert kpis(director, project, as_of=f"?as_of={at}")["metrics"] == before


def _delete_a_task(director: Caller, _executive: Caller, project: str) -> str:
    tasks = director("GET", f"/v1/projects/{project}/tasks?is_summary=false&limit=200").json()["items"]
    costly: dict[str, Any] = max(tasks, key=lambda task: float((task["baseline_cost"] or {"amount": 0})["amount"]))
    path = f"/v1/projects/{project}/tasks/{costly['id']}"
    return written(director("DELETE", path, headers={"if-match": director("GET", path).headers["etag"]}))


def _change_the_default_technique(director: Caller, _executive: Caller, project: str) -> str:
    path = f"/v1/projects/{project}"
    headers = {"if-match": director("GET", path).headers["etag"]}
    return written(director("PATCH", path, json={"default_ev_technique": "zero_hundred"}, headers=headers))


def _replace_the_baseline(director: Caller, executive: Caller, project: str) -> str:
    asked = {"name": "As it stands", "reason": "The plan has changed."}
    made = director("POST", f"/v1/projects/{project}/baselines", json=asked)
    written(made)
    decided = {"decision": "approved", "reason": "Agreed."}
    path, headers = f"{made.headers['location']}/decisions", {"if-match": made.headers["etag"]}
    return written(executive("POST", path, json=decided, headers=headers))
