"""Rows 91 to 93: what belongs to another organization is as if it were not there, by every way in."""

import concurrent.futures
import threading
import uuid
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from services.local.demo import EXAMPLE_PLAN
from tests.system.contract import Operation, operations
from tests.system.hierarchy import OF_HIERARCHY
from tests.system.instance import DIRECTOR, Caller, System, refused
from tests.system.ways import Everything, settled
from tests.system.writes import INGEST, OF_PLANS

pytestmark = pytest.mark.usefixtures("unfailing")

SECRET = "kanarienvogel"


@pytest.fixture(scope="module")
def victim(system: System) -> Everything:
    """An organization with one of everything."""
    organization = uuid.uuid4()
    approver = system.as_(organization, DIRECTOR, subject=f"{SECRET} approves")
    return Everything.make(system.as_(organization, DIRECTOR, subject=SECRET), approver, EXAMPLE_PLAN, SECRET)


@pytest.fixture(scope="module")
def attacker(system: System) -> Caller:
    """A director of another organization, which has nothing."""
    return system.as_(uuid.uuid4(), DIRECTOR, subject="attacker")


def stranger_to(ids: Mapping[str, str]) -> dict[str, str]:
    """Ids of the same form that nothing has."""
    return {name: f"projects-{uuid.uuid4()}" if name == "operation_id" else str(uuid.uuid4()) for name in ids}


BODIES = {write.name.replace("_", ""): write for write in (*OF_PLANS, *OF_HIERARCHY)}


def attack(caller: Caller, operation: Operation, ids: Mapping[str, str]) -> httpx2.Response:
    """Call an operation on things with these ids, with a body and a version that are fine."""
    path = operation.path(ids)
    headers = {"if-match": '"1"'} if "428" in operation.document["responses"] else {}
    wanted = operation.query("project_id")
    if wanted is not None and wanted.get("required"):
        path += f"?project_id={ids['project_id']}"
    if operation.method == "GET" and (operation.query("format") or {}).get("required"):
        path += "?format=mspdi"
    write = BODIES.get(operation.name.lower())
    if write is not None:
        headers["content-type"] = write.media_type
    return caller(operation.method, path, content=None if write is None else write.valid, headers=headers)


def bare(response: httpx2.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An answer without what is different in every one."""
    problem = response.json()
    assert SECRET not in response.text
    ids = {"request_id", "trace_id", "instance"}
    volatile = {"x-request-id", "date", "content-length"}
    return (
        response.status_code,
        {key: value for key, value in problem.items() if key not in ids},
        {key: value for key, value in response.headers.items() if key not in volatile},
    )


def test_the_victim_can_do_what_the_attacker_is_refused(system: System, victim: Everything) -> None:
    for operation in operations(system):
        assert set(operation.parameters()) <= victim.ids.keys(), f"{operation.name}: give the victim one of these"
        if operation.method == "GET" and operation.parameters():
            assert attack(victim.caller, operation, victim.ids).status_code == 200, operation.name


def test_row_91_an_object_of_another_organization_is_as_one_that_does_not_exist(
    system: System, victim: Everything, attacker: Caller, subtests: pytest.Subtests
) -> None:
    before = [attack(victim.caller, one, victim.ids).content for one in operations(system) if one.is_list]
    for operation in operations(system):
        if not operation.parameters() and (operation.query("project_id") or {}).get("required") is not True:
            continue
        with subtests.test(operation.name):
            theirs = bare(attack(attacker, operation, victim.ids))
            nobodys = bare(attack(attacker, operation, stranger_to(victim.ids)))
            assert theirs[0] == 404
            assert theirs == nobodys
    assert before == [attack(victim.caller, one, victim.ids).content for one in operations(system) if one.is_list]


def test_row_91_a_human_key_of_another_organization_names_nothing(victim: Everything, attacker: Caller) -> None:
    key = victim.caller("GET", f"/v1/projects/{victim.ids['project_id']}").json()["key"]
    for path in ("/v1/projects/{}", "/v1/projects/{}/tasks", "/v1/projects/{}/schedule", "/v1/projects/{}/kpis"):
        refused(attacker("GET", path.format(key)), 404, "not_found")
    refused(attacker("GET", f"/v1/load-summary?project_id={key}"), 404, "not_found")
    assert attacker("GET", f"/v1/resources?project_id={key}").json()["items"] == []


def test_row_91_lists_and_totals_show_nothing_of_another_organization(
    system: System, victim: Everything, attacker: Caller
) -> None:
    lists = [one for one in operations(system) if one.is_list]
    assert len(lists) >= 5
    for operation in lists:
        required = operation.query("project_id")
        if required is not None and required.get("required"):
            continue
        query = "?include_total=true" if operation.query("include_total") else ""
        page = attacker("GET", operation.template + query).json()
        assert page["items"] == [], operation.name
        assert page.get("total", 0) in {0, None}, operation.name
        theirs = victim.caller("GET", operation.template + query).json()
        assert theirs["items"] or operation.name.endswith("DeadLetters"), operation.name


FILTERED = ("/v1/resources", "/v1/imports")


def test_row_91_a_filter_by_an_id_of_another_organization_is_as_one_by_no_id(
    victim: Everything, attacker: Caller
) -> None:
    for path in FILTERED:
        answers = [
            attacker("GET", f"{path}?project_id={identifier}")
            for identifier in (victim.ids["project_id"], str(uuid.uuid4()))
        ]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].json().get("items", []) == answers[1].json().get("items", []) == []


def test_row_91_an_import_into_a_project_of_another_organization_is_refused(
    victim: Everything, attacker: Caller
) -> None:
    for identifier in (victim.ids["project_id"], str(uuid.uuid4())):
        path = f"/v1/imports?format=mspdi&project_id={identifier}"
        response = attacker("POST", path, content=b"<Project/>", headers={"content-type": "application/xml"})
        refused(response, 404, "not_found")


def test_row_92_a_reference_to_an_object_of_another_organization_is_as_one_to_nothing(
    system: System, victim: Everything
) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    project = caller("POST", "/v1/projects", json={"name": "Mine"}).json()["id"]
    answers = []
    for parent in (victim.ids["task_id"], str(uuid.uuid4())):
        response = caller("POST", f"/v1/projects/{project}/tasks", json={"name": "Child", "parent_id": parent})
        refused(response, 422, "reference_invalid", parent)
        answers.append(bare(response))
    assert answers[0] == answers[1]
    listed = caller("GET", f"/v1/projects/{project}/tasks?parent_id={victim.ids['task_id']}").json()
    assert listed["items"] == []


def test_row_92_an_event_about_a_project_of_another_organization_has_no_effect(
    system: System, victim: Everything
) -> None:
    attacker = system.as_(uuid.uuid4(), DIRECTOR)
    task = f"/v1/projects/{victim.ids['project_id']}/tasks/{victim.ids['task_id']}"
    before = victim.caller("GET", task).content
    reasons = []
    for identifier in (victim.ids["project_id"], str(uuid.uuid4())):
        event = dict(INGEST.body) | {
            "id": str(uuid.uuid4()),
            "data": {
                "project": {"id": identifier},
                "task": {"id": victim.ids["task_id"]},
                "percent_complete": 99,
                "at": "2026-03-31T17:00:00Z",
            },
        }
        headers = {"content-type": "application/json"}
        accepted = attacker("POST", "/v1/ingest/events", json=event, headers=headers)
        assert accepted.status_code == 202, accepted.text
        told = settled(attacker, f"/v1/ingest/events/{accepted.json()['items'][0]['id']}")
        assert told["status"] == "rejected"
        reasons.append(told["reason"])
    assert reasons[0] == reasons[1]
    assert victim.caller("GET", task).content == before
    named = dict(INGEST.body) | {"organization": victim.caller("GET", "/v1/me").json()["organization_id"]}
    headers = {"content-type": "application/json"}
    refused(attacker("POST", "/v1/ingest/events", json=named, headers=headers), 403, "forbidden")


def test_row_93_what_is_unique_is_unique_in_an_organization(system: System) -> None:
    for number in range(2):
        caller = system.as_(uuid.uuid4(), DIRECTOR)
        body = {"name": "Same", "key": "SAME-1", "source_id": "same"}
        made = caller("POST", "/v1/projects", json=body)
        assert made.status_code == 201, (number, made.text)
        body = {"name": "Same", "source_id": "same"}
        assert caller("POST", f"/v1/projects/{made.json()['id']}/tasks", json=body).status_code == 201
        accepted = caller("POST", "/v1/ingest/events", json=dict(INGEST.body))
        assert accepted.json()["items"][0]["status"] == "accepted"


def test_a_position_of_another_organization_tells_as_much_as_one_of_nothing(
    victim: Everything, attacker: Caller
) -> None:
    service, _, rest = victim.position.partition(":")
    version = rest.partition("@")[2].partition(",")[0]
    positions = (victim.position.partition(",")[0], f"{service}:{uuid.uuid4()}@{version}")
    with concurrent.futures.ThreadPoolExecutor(len(positions)) as pool:  # each waits for its five seconds
        pending = [pool.submit(attacker, "GET", "/v1/resources", headers={"pmo-wait-for": one}) for one in positions]
        for answer in pending:
            refused(answer.result(), 409, "projection_behind")


def test_a_stream_shows_nothing_of_another_organization(system: System, victim: Everything) -> None:
    attacker = system.as_(uuid.uuid4(), DIRECTOR)
    received: list[bytes] = []
    begun = threading.Event()

    def listen(caller: Caller) -> None:
        with (
            httpx2.Client(base_url=system.base_url, timeout=httpx2.Timeout(10, read=2), trust_env=False) as client,
            client.stream("GET", "/v1/stream", headers=caller.authorization) as response,
        ):
            assert response.status_code == 200
            begun.set()
            try:
                received.extend(response.iter_raw())
            except httpx2.ReadTimeout:
                return

    thread = threading.Thread(target=listen, args=(attacker,))
    thread.start()
    assert begun.wait(5)
    own = attacker("POST", "/v1/projects", json={"name": "Own"}).json()["id"]
    theirs = victim.caller("POST", "/v1/projects", json={"name": SECRET}).json()["id"]
    thread.join()
    text = b"".join(received).decode()
    assert own in text
    assert theirs not in text
    assert SECRET not in text
