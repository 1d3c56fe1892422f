"""Rows 101 to 106 and 115: writes out of turn, written twice, or left half-way."""

import concurrent.futures
import socket
import time
import uuid
from collections.abc import Iterator

import httpx2
import pytest

from tests.system.instance import DIRECTOR, JSON, Caller, System, dumps, refused
from tests.system.writes import INGEST, Plan

pytestmark = pytest.mark.usefixtures("unfailing")


@pytest.fixture(scope="module")
def clients(director: Caller) -> Iterator[str]:
    """An API client that nobody may revoke here."""
    made = director("POST", "/v1/api-clients", json={"name": "Kept", "scopes": ["read"]})
    assert made.status_code == 201
    path = f"/v1/api-clients/{made.json()['id']}"
    yield path
    assert director("DELETE", path, headers={"if-match": '"1"'}).status_code == 204


@pytest.fixture
def guarded(plan: Plan, clients: str) -> list[tuple[str, str]]:
    """The operations that need a version."""
    project = f"/v1/projects/{plan.project}"
    task = f"{project}/tasks/{plan.task}"
    return [("PATCH", project), ("DELETE", project), ("PATCH", task), ("DELETE", task), ("DELETE", clients)]


def attempt(caller: Caller, method: str, path: str, if_match: str | None) -> httpx2.Response:
    """A change that would be fine but for its If-Match."""
    headers = {} if if_match is None else {"if-match": if_match}
    return caller(method, path, json={"name": "Changed"} if method == "PATCH" else None, headers=headers)


def test_row_101_a_change_without_if_match_is_refused(director: Caller, guarded: list[tuple[str, str]]) -> None:
    for method, path in guarded:
        for names_no_version in (None, "*"):
            refused(attempt(director, method, path, names_no_version), 428, "precondition_required")


@pytest.mark.parametrize("tag", ['"999"', 'W/"1"', '"01"', '"-1"', '"abc"', '"1 "x', '"99999999999999999999"', '""'])
def test_row_102_a_stale_or_weak_etag_is_refused(director: Caller, guarded: list[tuple[str, str]], tag: str) -> None:
    for method, path in guarded:
        if tag == '"1 "x':
            refused(attempt(director, method, path, tag), 400, "bad_request")
        else:
            refused(attempt(director, method, path, tag), 412, "precondition_failed")


@pytest.mark.parametrize("tag", ["1", '"1', '"1", "2"', "'1'", "kanarienvogel", "W/1", ""])
def test_row_102_a_malformed_etag_is_refused(director: Caller, guarded: list[tuple[str, str]], tag: str) -> None:
    for method, path in guarded:
        refused(attempt(director, method, path, tag), 400, "bad_request", "kanarienvogel")


def test_a_change_of_nothing_that_exists_is_not_found_before_its_version_matters(director: Caller) -> None:
    for method in ("PATCH", "DELETE"):
        refused(attempt(director, method, f"/v1/projects/{uuid.uuid4()}", '"1"'), 404, "not_found")


WRITES = ("/v1/projects", "/v1/api-clients")


def body_of(path: str, name: str) -> dict[str, object]:
    """A body for either of the writes."""
    return {"name": name} if path == "/v1/projects" else {"name": name, "scopes": ["read"]}


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "key",
    [b"", b"a" * 256, b"a b", b"\xc3\xa9", b"a\tb", b"k" * 10_240],
    ids=[
        "row_103_empty",
        "row_103_256_characters",
        "row_103_space",
        "row_103_not_ascii",
        "row_106_tab",
        "row_106_10_kb",
    ],
)
def test_a_malformed_idempotency_key_is_refused(director: Caller, plan: Plan, path: str, key: bytes) -> None:
    assert plan
    headers = [(b"idempotency-key", key), (b"content-type", JSON.encode())]
    headers += [(k.encode(), v.encode()) for k, v in director.authorization.items()]
    response = director.client.post(path, content=dumps(body_of(path, "New")), headers=headers)
    refused(response, 400, "idempotency_key_invalid", "kkkkkkkk", "aaaaaaaa")


@pytest.mark.parametrize("path", WRITES)
def test_row_104_a_key_with_another_body_is_refused(system: System, path: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    headers = {"idempotency-key": str(uuid.uuid4())}
    first = caller("POST", path, json=body_of(path, "First"), headers=headers)
    again = caller("POST", path, json=body_of(path, "First"), headers=headers)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    refused(caller("POST", path, json=body_of(path, "Other"), headers=headers), 422, "idempotency_key_reused")
    assert [item["name"] for item in caller("GET", path).json()["items"]] == ["First"]


@pytest.mark.parametrize("path", WRITES)
def test_row_105_a_key_ten_times_at_once_makes_one(system: System, path: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    headers = {"idempotency-key": str(uuid.uuid4())}
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        pending = [pool.submit(caller, "POST", path, json=body_of(path, "One"), headers=headers) for _ in range(10)]
        answers = [future.result() for future in pending]
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 409, "idempotency_in_progress")
            assert int(answer.headers["retry-after"]) >= 1
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert len(caller("GET", path).json()["items"]) == 1


def test_row_106_a_key_of_another_organization_is_another_key(system: System) -> None:
    key = {"idempotency-key": str(uuid.uuid4())}
    names = [("One", system.as_(uuid.uuid4(), DIRECTOR)), ("Two", system.as_(uuid.uuid4(), DIRECTOR))]
    for name, caller in names:
        response = caller("POST", "/v1/projects", json={"name": name}, headers=key)
        assert (response.status_code, response.json()["name"]) == (201, name)


LEFT = {
    "/v1/projects": (JSON, dumps({"name": "Left"})),
    "/v1/api-clients": (JSON, dumps({"name": "Left", "scopes": ["read"]})),
    "/v1/ingest/events": (INGEST.media_type, INGEST.valid),
    "/v1/imports?format=mspdi": ("application/xml", b"<Project/>" + b" " * 100_000),
}


@pytest.mark.parametrize("path", LEFT)
def test_row_115_a_client_that_leaves_half_way_leaves_nothing_half_done(system: System, path: str) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    media_type, body = LEFT[path]
    for sent in (b"", body[:5], body):
        for wait in (0.0, 0.002, 0.01):
            head = system.head_of("POST", path, caller.token, content_type=media_type, content_length=str(len(body)))
            with socket.create_connection(system.address, timeout=5) as connection:
                connection.sendall(head + sent)
                time.sleep(wait)
    time.sleep(0.2)
    listed = caller("GET", path.partition("?")[0] + "?include_total=true").json()
    assert listed["total"] <= 3
    assert caller("POST", "/v1/projects", json={"name": "Next"}).status_code == 201
