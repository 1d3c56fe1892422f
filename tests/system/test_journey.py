"""The main job, end to end, as real processes: a plan comes in, figures come out, other systems keep them live."""

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx2
import pytest

from services.projects.domain.mspdi import read_mspdi
from shared.testing.cases import ROOT, cases
from shared.working_time import compile_calendars, minute_of
from tests.system.instance import DIRECTOR, Caller, System

EXAMPLE: Final = ROOT / "examples" / "harbour-terminal.mspdi.xml"
PUSH: Final = ROOT / "examples" / "task-progressed.cloudevent.json"
PLANS: Final = sorted(cases("schedules").glob("MSP_*.mspdi.xml"))
XML: Final = {"Content-Type": "application/xml"}
EVENT: Final = {"Content-Type": "application/cloudevents+json"}
EVERY_METRIC: Final = {
    "planned_value", "earned_value", "actual_cost", "budget_at_completion", "cost_variance", "schedule_variance",
    "cost_performance_index", "schedule_performance_index", "estimate_at_completion", "estimate_to_complete",
    "variance_at_completion", "to_complete_performance_index", "percent_complete", "percent_spent", "earned_schedule",
    "schedule_variance_time", "schedule_performance_index_time", "schedule_performance_index_discrete",
    "earned_value_coverage", "tasks_without_budget", "tasks_without_technique",
}  # fmt: skip


Value = TypeVar("Value")


def until(check: Callable[[], Value | None], seconds: float = 20.0) -> Value:
    """Ask again until there is an answer."""
    deadline = time.monotonic() + seconds
    while (answer := check()) is None:
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)
    return answer


def imported(caller: Caller, plan: Path, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Import a plan and return the operation's result."""
    sent = {**XML, **(headers or {})}
    response = caller("POST", "/v1/imports?format=mspdi", content=plan.read_bytes(), headers=sent)
    assert response.status_code == 202, response.text
    operation = until(lambda: _ended(caller, response.headers["location"]))
    assert operation["status"] == "succeeded", operation["problem"]
    result: dict[str, Any] = operation["result"]
    return result


def _ended(caller: Caller, location: str) -> dict[str, Any] | None:
    operation: dict[str, Any] = caller("GET", location).json()
    return None if operation["status"] in {"pending", "running"} else operation


def schedule_of(caller: Caller, project_id: str) -> dict[str, dict[str, Any]]:
    """Return the whole schedule by the file's identifiers."""
    items: dict[str, dict[str, Any]] = {}
    cursor = ""
    while True:
        page = caller("GET", f"/v1/projects/{project_id}/schedule?limit=200{cursor}").json()
        items |= {item["source_id"]: item for item in page["items"]}
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


def kpis(caller: Caller, project_id: str, position: str | None = None, as_of: str = "") -> dict[str, Any]:
    """Return the metrics of a project, waiting for a position if one is given."""
    headers = {} if position is None else {"PMO-Wait-For": position}
    response = caller("GET", f"/v1/projects/{project_id}/kpis{as_of}", headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture(scope="module")
def harbour(director: Caller) -> dict[str, Any]:
    """The product's own plan, imported."""
    return imported(director, EXAMPLE)


@pytest.mark.skipif(not PLANS, reason="the folder of real cases is absent")
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_a_real_plan_gets_the_dates_and_floats_of_microsoft_project(director: Caller, plan: Path) -> None:
    """Dates are compared in working minutes of the task's calendar: Friday 17:00 is Monday 08:00."""
    result = imported(director, plan)
    items = schedule_of(director, result["project_id"])
    expected = json.loads(plan.with_name(plan.name.replace(".mspdi.xml", ".expected.json")).read_text())
    source = read_mspdi([plan.read_bytes()])
    calendars = compile_calendars(source.calendars)
    left_out = {str(each) for each in expected["tasks_our_cpm_differs_on"]}
    leaves = [task for task in source.tasks if not task.is_summary and task.source_id not in left_out]
    assert leaves
    wrong = []
    for task in leaves:
        wanted, got = expected["tasks"][task.source_id], items[task.source_id]
        calendar = calendars[task.calendar_source_id or source.calendar_source_id]
        for name in ("early_start", "early_finish", "late_start", "late_finish"):
            ours = calendar.index(minute_of(moment(got[name])))
            theirs = calendar.index(minute_of(moment(wanted[name])))
            if ours != theirs:
                wrong.append((task.source_id, name, got[name], wanted[name]))
        if got["total_float_minutes"] != round(wanted.get("total_slack", 0)):
            wrong.append((task.source_id, "total_float", got["total_float_minutes"], wanted.get("total_slack", 0)))
    assert wrong == []


def moment(text: str) -> datetime:
    """Return local wall time without its offset."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


@pytest.mark.skipif(not PLANS, reason="the folder of real cases is absent")
def test_the_tracked_plan_has_the_earned_value_that_is_known_of_it(director: Caller) -> None:
    plan = next(plan for plan in PLANS if "tracked" in plan.name)
    result = imported(director, plan)
    metrics = kpis(director, result["project_id"], result["position"])["metrics"]
    assert set(metrics) == EVERY_METRIC
    assert metrics["budget_at_completion"]["value"] == "139600.00"
    assert metrics["earned_value"]["value"] == "41880.00"
    assert metrics["actual_cost"]["value"] == "44700.00"
    assert round(Decimal(metrics["cost_performance_index"]["value"]), 4) == Decimal("0.9369")


def test_the_example_tells_its_story(director: Caller, harbour: dict[str, Any]) -> None:
    project = director("GET", f"/v1/projects/{harbour['project_id']}").json()
    answer = kpis(director, project["id"], harbour["position"], "?as_of=2026-10-30")
    metrics = answer["metrics"]
    assert metrics["budget_at_completion"] == {"value": "7336810.00", "unit": "EUR", "reason": None}
    assert Decimal(metrics["cost_performance_index"]["value"]) < 1
    assert Decimal(metrics["schedule_performance_index"]["value"]) < 1
    headers = {"PMO-Wait-For": harbour["position"]}
    over = director("GET", f"/v1/over-allocations?project_id={project['id']}", headers=headers).json()["items"]
    assert [item["resource_name"].split(",")[0] for item in over] == ["Priya Nair"]
    assert over[0]["over_allocated_minutes"] > 0
    assert len(over[0]["tasks"]) == 3


def test_the_load_of_a_resource_adds_up_to_its_assignments(director: Caller, harbour: dict[str, Any]) -> None:
    headers = {"PMO-Wait-For": harbour["position"]}
    resources = director("GET", f"/v1/resources?project_id={harbour['project_id']}&limit=200", headers=headers).json()
    workers = {r["source_id"]: r["id"] for r in resources["items"] if r["type"] == "work"}
    source = read_mspdi([EXAMPLE.read_bytes()])
    for source_id, resource_id in workers.items():
        work = sum(a.work_minutes for a in source.assignments if a.resource_source_id == source_id)
        booked = 0
        first = date(2026, 1, 1)
        while first.year < 2028:
            last = first + timedelta(days=300)
            path = f"/v1/resources/{resource_id}/load?from={first}&to={last}"
            booked += sum(day["booked_minutes"] for day in director("GET", path).json()["days"])
            first = last + timedelta(days=1)
        assert booked == work


class Watcher:
    """A client of the live stream in a thread of its own."""

    def __init__(self, system: System, token: str, last_event_id: str | None = None) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._ended = threading.Event()
        self._connected = threading.Event()
        headers = {"Authorization": f"Bearer {token}"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._thread = threading.Thread(target=self._run, args=(system.base_url, headers), daemon=True)
        self._thread.start()
        assert self._connected.wait(10)

    def _run(self, base_url: str, headers: dict[str, str]) -> None:
        with (
            httpx2.Client(base_url=base_url, timeout=30, trust_env=False) as client,
            client.stream("GET", "/v1/stream", headers=headers) as response,
        ):
            assert response.status_code == 200
            self._connected.set()
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                if self._ended.is_set():
                    return
                name, _, value = line.partition(":")
                if line:
                    fields[name] = value.strip()
                elif "data" in fields:
                    self.events.append((fields["id"], json.loads(fields["data"])))
                    fields = {}

    def types(self) -> set[str]:
        """Return the types that have come."""
        return {str(event.get("type")) for _, event in list(self.events)}

    def end(self) -> None:
        """Stop listening."""
        self._ended.set()


def test_a_pushed_event_changes_the_figures_once_and_everybody_who_watches_sees_it(
    system: System, director: Caller, harbour: dict[str, Any]
) -> None:
    assert director.token is not None
    project_id = harbour["project_id"]
    before = kpis(director, project_id, harbour["position"], "?as_of=2026-11-06")["metrics"]["earned_value"]["value"]
    watcher = Watcher(system, director.token)
    event = json.loads(PUSH.read_text()) | {"id": str(uuid.uuid4())}
    event["data"] |= {"percent_complete": 85, "at": "2026-11-06T17:00:00Z"}  # other than what other tests push
    accepted = director("POST", "/v1/ingest/events", content=json.dumps(event).encode(), headers=EVENT)
    assert accepted.status_code == 202
    item = accepted.json()["items"][0]
    assert item["status"] == "accepted"
    applied = until(lambda: _settled(director, item["id"]))
    assert applied["status"] == "applied", applied
    after = kpis(director, project_id, applied["position"], "?as_of=2026-11-06")["metrics"]
    assert Decimal(after["earned_value"]["value"]) > Decimal(before)
    again = director("POST", "/v1/ingest/events", content=json.dumps(event).encode(), headers=EVENT).json()
    assert again["items"][0]["status"] == "duplicate"
    assert again["items"][0]["id"] == item["id"]
    wanted = {"pmo.projects.task.progressed.v1", "pmo.kpi.metrics.changed.v1", "pmo.projects.inbound.applied.v1"}
    until(lambda: wanted <= watcher.types() or None)
    watcher.end()
    first_position = watcher.events[0][0]
    seen = [event["id"] for _, event in watcher.events[1:]]
    resumed = Watcher(system, director.token, first_position)
    until(lambda: set(seen) <= {event["id"] for _, event in list(resumed.events)} or None)
    resumed.end()
    assert watcher.events[0][1]["id"] not in {event["id"] for _, event in resumed.events}


def _settled(caller: Caller, inbound_id: str) -> dict[str, Any] | None:
    event: dict[str, Any] = caller("GET", f"/v1/ingest/events/{inbound_id}").json()
    return None if event["status"] == "accepted" else event


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"actual_cost": {"amount": "1.00", "currency": "USD"}}, "currency_mismatch"),
        ({"task": {"source_id": "nothing"}}, "unknown_task"),
        ({"project": {"key": "NONE-1"}}, "unknown_project"),
        ({"task": {"source_id": "1"}}, "task_is_summary"),
    ],
)
def test_what_cannot_take_effect_is_rejected_with_its_reason(
    director: Caller, harbour: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    event = json.loads(PUSH.read_text())
    event["id"] = str(uuid.uuid4())
    event["data"] |= change
    accepted = director("POST", "/v1/ingest/events", content=json.dumps(event).encode(), headers=EVENT)
    assert accepted.status_code == 202, accepted.text
    settled = until(lambda: _settled(director, accepted.json()["items"][0]["id"]))
    assert settled["status"] == "rejected"
    assert settled["reason"]["code"] == code
    assert harbour["project_id"]


def test_an_older_fact_does_not_overwrite_a_newer_one_but_counts_for_its_time(director: Caller) -> None:
    result = imported(director, EXAMPLE)
    project_id = result["project_id"]
    facts = {"2026-11-20T12:00:00Z": 90, "2026-11-13T12:00:00Z": 80}
    positions = []
    for at, percent in facts.items():
        event = json.loads(PUSH.read_text())
        event["id"] = str(uuid.uuid4())
        event["data"] = {
            "project": {"id": project_id}, "task": {"source_id": "26"}, "percent_complete": percent, "at": at
        }  # fmt: skip
        answer = director("POST", "/v1/ingest/events", content=json.dumps(event).encode(), headers=EVENT)
        assert answer.status_code == 202, answer.text
        settled = until(lambda answer=answer: _settled(director, answer.json()["items"][0]["id"]))  # type: ignore[misc]
        assert settled["status"] == "applied", settled
        positions.append(settled["position"])
    earned = {
        day: Decimal(kpis(director, project_id, positions[-1], f"?as_of={day}")["metrics"]["earned_value"]["value"])
        for day in ("2026-11-12", "2026-11-15", "2026-11-21")
    }
    assert earned["2026-11-12"] < earned["2026-11-15"] < earned["2026-11-21"]
    tasks = director("GET", f"/v1/projects/{project_id}/tasks?source_id=26").json()["items"]
    assert tasks[0]["percent_complete"] == 90


def test_an_integrators_key_may_push_and_nothing_else_until_it_is_revoked(system: System, director: Caller) -> None:
    made = director("POST", "/v1/api-clients", json={"name": "site reports", "scopes": ["ingest"]})
    assert made.status_code == 201
    key = system.with_(made.json()["key"])
    event = json.loads(PUSH.read_text()) | {"id": str(uuid.uuid4())}
    assert key("POST", "/v1/ingest/events", content=json.dumps(event).encode(), headers=EVENT).status_code == 202
    assert key("GET", "/v1/projects").status_code == 403
    path = f"/v1/api-clients/{made.json()['id']}"
    present = director("GET", path)
    assert "key" not in present.json()
    assert director("DELETE", path, headers={"If-Match": present.headers["etag"]}).status_code in {200, 204}
    until(lambda: key("GET", "/v1/me").status_code == 401 or None)


@pytest.fixture
def kpi_silent(system: System) -> Iterator[None]:
    """The kpi service holds its breath."""
    pid = json.loads((system.data / "run/children.json").read_text())["kpi"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_the_overview_composes_all_services(director: Caller, harbour: dict[str, Any]) -> None:
    headers = {"PMO-Wait-For": harbour["position"]}
    answer = director("GET", f"/v1/projects/{harbour['project_id']}/overview", headers=headers).json()
    assert answer["degraded"] == []
    assert answer["project"]["id"] == harbour["project_id"]
    assert answer["schedule"]["project_finish"] is not None
    assert answer["load"] is not None
    assert set(answer["kpis"]["metrics"]) == EVERY_METRIC


def test_with_one_service_silent_the_overview_brings_the_rest(
    director: Caller, harbour: dict[str, Any], kpi_silent: None
) -> None:
    headers = {"PMO-Wait-For": harbour["position"]}
    response = director("GET", f"/v1/projects/{harbour['project_id']}/overview", headers=headers)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["degraded"] == ["kpi"]
    assert answer["kpis"] is None
    assert answer["project"]["id"] == harbour["project_id"]
    assert answer["load"] is not None


def test_another_organization_sees_nothing_of_the_journey(system: System, harbour: dict[str, Any]) -> None:
    stranger = system.as_(uuid.uuid4(), DIRECTOR)
    project_id = harbour["project_id"]
    for path in ("", "/tasks", "/schedule", "/kpis", "/kpis/history", "/overview"):
        hidden = stranger("GET", f"/v1/projects/{project_id}{path}")
        missing = stranger("GET", f"/v1/projects/{uuid.uuid4()}{path}")
        assert hidden.status_code == missing.status_code == 404, path
    for path in (
        "/v1/projects",
        "/v1/resources",
        "/v1/imports",
        "/v1/ingest/events",
    ):
        assert stranger("GET", path).json()["items"] == []
    assert stranger("GET", f"/v1/over-allocations?project_id={project_id}").status_code == 404
