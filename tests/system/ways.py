"""An organization in which every operation of the document has something to work on."""

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.hierarchy import one_of_each
from tests.system.instance import Caller
from tests.system.writes import INGEST


@dataclass(frozen=True, slots=True)
class Everything:
    """An organization with a plan, its resources and metrics, an API client and an event that came in."""

    caller: Caller
    ids: Mapping[str, str]
    """By the names of path parameters."""
    position: str

    @classmethod
    def make(cls, caller: Caller, approver: Caller, plan: Path, secret: str = "Everything") -> "Everything":
        """Import a plan and wait until all services know of it; the approver is another director."""
        headers = {"content-type": "application/xml"}
        accepted = caller("POST", "/v1/imports?format=mspdi", content=plan.read_bytes(), headers=headers)
        assert accepted.status_code == 202, accepted.text
        operation = settled(caller, accepted.headers["location"])
        assert operation["status"] == "succeeded"
        project, position = operation["result"]["project_id"], operation["result"]["position"]
        task = caller("GET", f"/v1/projects/{project}/tasks?limit=1&is_summary=false").json()["items"][0]["id"]
        link = caller("GET", f"/v1/projects/{project}/dependencies?limit=1").json()["items"][0]["id"]
        other = caller("POST", "/v1/projects", json={"name": secret}).json()["id"]
        follower = caller("POST", f"/v1/projects/{other}/tasks", json={"name": secret}).json()["id"]
        ends = {"predecessor_id": task, "successor_project_id": other, "successor_id": follower}
        across = caller("POST", f"/v1/projects/{project}/links", json={**ends, "hardness": "soft", "reason": secret})
        assert across.status_code == 201, across.text
        baseline = caller("POST", f"/v1/projects/{project}/baselines", json={"name": secret, "reason": secret})
        approved = approver(
            "POST",
            f"{baseline.headers['location']}/decisions",
            json={"decision": "approved", "reason": secret},
            headers={"if-match": '"1"'},
        )
        assert approved.status_code == 200, approved.text
        assessment = caller("POST", f"/v1/projects/{project}/schedule-assessments", json={})
        assert assessment.status_code == 201, assessment.text
        calendar = caller("GET", f"/v1/projects/{project}/calendars?limit=1").json()["items"][0]["id"]
        wait = {"pmo-wait-for": approved.headers["pmo-position"]}
        resources = settled(caller, f"/v1/resources?project_id={project}&limit=1", **wait)["items"]
        assert settled(caller, f"/v1/projects/{project}/kpis", **wait)
        client = caller("POST", "/v1/api-clients", json={"name": secret, "scopes": ["read"]})
        event = caller("POST", "/v1/ingest/events", content=INGEST.valid, headers={"content-type": INGEST.media_type})
        received = settled(caller, f"/v1/ingest/events/{event.json()['items'][0]['id']}")
        ids = {
            "project_id": project,
            "task_id": task,
            "dependency_id": link,
            "link_id": across.json()["id"],
            "calendar_id": calendar,
            "baseline_id": baseline.json()["id"],
            "assessment_id": assessment.json()["id"],
            "resource_id": resources[0]["id"],
            "client_id": client.json()["id"],
            "event_id": received["id"],
            "operation_id": operation["id"],
            "letter_id": str(uuid.uuid4()),  # no request makes a dead letter
            **one_of_each(caller, project, secret),
        }
        return cls(caller, ids, position)

    def named(self, parameters: Iterable[str]) -> dict[str, str]:
        """The ids of those path parameters that are known here."""
        return {name: self.ids[name] for name in parameters if name in self.ids}


def settled(caller: Caller, path: str, **headers: str) -> dict[str, Any]:
    """Read what comes to be in the background."""
    deadline = time.monotonic() + 20
    while True:
        response = caller("GET", path, headers=headers)
        if response.status_code == 200 and response.json().get("status") not in {"pending", "running", "accepted"}:
            found: dict[str, Any] = response.json()
            return found
        assert time.monotonic() < deadline, response.text
        time.sleep(0.05)
