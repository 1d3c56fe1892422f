"""Rows 94 to 96: every role, scope and credential on every operation, by the served document and the permissions."""

import itertools
import uuid

import pytest

from services.local.demo import EXAMPLE_PLAN
from shared.permissions import GRANTS, SCOPES, Permission, Role, reach
from tests.system.contract import Operation, operations
from tests.system.instance import DIRECTOR, Caller, System, refused
from tests.system.ways import Everything
from tests.system.writes import Plan

pytestmark = pytest.mark.usefixtures("unfailing")


@pytest.fixture(scope="module")
def every(system: System) -> list[Operation]:
    """All operations."""
    return list(operations(system))


def called(caller: Caller, operation: Operation) -> int:
    """The status of an operation on things that do not exist; no further than the head, as streams do not end."""
    return caller.head(operation.method, operation.path_of_nothing())[0]


def test_every_operation_names_a_permission_that_there_is(every: list[Operation]) -> None:
    assert len(every) > 20
    unknown = [one.name for one in every if not one.public and one.permission not in set(Permission)]
    assert unknown == []
    assert [one.name for one in every if one.scope not in {None, *SCOPES}] == []


def test_row_75_every_operation_but_the_public_ones_needs_a_credential(system: System, every: list[Operation]) -> None:
    for operation in every:
        response = system.with_(None)(operation.method, operation.path_of_nothing())
        if operation.public:
            assert response.status_code not in {401, 403}, operation.name
        else:
            refused(response, 401, "unauthenticated")


@pytest.mark.parametrize("role", [*Role, "administrator", ""])
def test_row_94_a_role_may_exactly_what_the_permissions_say(system: System, every: list[Operation], role: str) -> None:
    caller = system.as_(uuid.uuid4(), *([role] if role else ["none"]))
    wrong = []
    for operation in every:
        if operation.public:
            continue
        granted = reach(frozenset({role}), frozenset(), Permission(operation.permission or ""))
        status = called(caller, operation)
        if (status in {401, 403}) is not (granted is None) or status >= 500:
            wrong.append((operation.name, granted, status))
    assert wrong == []


COMBINATIONS = [
    scopes for count in range(1, len(SCOPES) + 1) for scopes in itertools.combinations(sorted(SCOPES), count)
]


@pytest.mark.parametrize("scopes", COMBINATIONS, ids="+".join)
def test_row_94_a_key_may_exactly_what_its_scopes_say(
    system: System, every: list[Operation], scopes: tuple[str, ...]
) -> None:
    director = system.as_(uuid.uuid4(), DIRECTOR)
    made = director("POST", "/v1/api-clients", json={"name": "Key", "scopes": list(scopes)})
    assert made.status_code == 201, made.text
    caller = system.with_(made.json()["key"])
    wrong = []
    for operation in every:
        if operation.public:
            continue
        granted = reach(frozenset(), frozenset(scopes), Permission(operation.permission or ""))
        allowed = granted is not None and (operation.scope is None or operation.scope in scopes)
        status = called(caller, operation)
        if (status in {401, 403}) is allowed or status >= 500:
            wrong.append((operation.name, allowed, status))
    assert wrong == []


def test_what_the_caller_is_told_of_its_rights_is_what_it_has(system: System) -> None:
    for role in Role:
        told = system.as_(uuid.uuid4(), role)("GET", "/v1/me").json()
        assert {grant["permission"]: grant["reach"] for grant in told["permissions"]} == dict(GRANTS[role])


def test_row_95_nobody_can_give_itself_a_role(system: System) -> None:
    member = system.as_(uuid.uuid4(), Role.TEAM_MEMBER)
    refused(member("POST", "/v1/api-clients", json={"name": "Up", "scopes": ["read"]}), 403, "forbidden")
    for headers in ({"pmo-roles": "pmo_director"}, {"x-roles": "pmo_director"}):
        refused(member("POST", "/v1/projects", json={"name": "Up"}, headers=headers), 403, "forbidden")
    director = system.as_(uuid.uuid4(), DIRECTOR)
    body = {"name": "Up", "scopes": ["read"], "roles": ["pmo_director"]}
    refused(director("POST", "/v1/api-clients", json=body), 422, "validation")
    body = {"name": "Up", "scopes": ["admin"]}
    refused(director("POST", "/v1/api-clients", json=body), 422, "validation")


@pytest.mark.parametrize("role", [Role.PROJECT_MANAGER, Role.TEAM_MEMBER])
def test_row_94_another_managers_project_is_not_there(system: System, role: Role) -> None:
    organization = uuid.uuid4()
    owner = system.as_(organization, Role.PROJECT_MANAGER, subject="owner")
    other = system.as_(organization, role, subject="other")
    plan = Plan.make(owner)
    assert owner("GET", f"/v1/projects/{plan.project}").status_code == 200
    assert other("GET", "/v1/projects?include_total=true").json()["total"] == 0
    project, task = f"/v1/projects/{plan.project}", f"/v1/projects/{plan.project}/tasks/{plan.task}"
    for path in (project, "/v1/projects/PRJ-1", f"{project}/tasks", f"{project}/schedule", task):
        refused(other("GET", path), 404, "not_found")
    if role is Role.PROJECT_MANAGER:
        headers = {"if-match": '"1"'}
        for method, path in (("PATCH", project), ("DELETE", project), ("PATCH", task), ("DELETE", task)):
            body = {"name": "Taken"} if method == "PATCH" else None
            refused(other(method, path, json=body, headers=headers), 404, "not_found")
        refused(other("POST", f"{project}/tasks", json={"name": "Taken"}), 404, "not_found")
        refused(other("GET", f"{project}/kpis"), 404, "not_found")
        refused(other("GET", f"/v1/load-summary?project_id={plan.project}"), 404, "not_found")
        refused(other("GET", f"/v1/imports?project_id={plan.project}"), 404, "not_found")
    assert owner("GET", project).json()["name"] == "Attacked"


@pytest.mark.parametrize("role", [Role.PMO_ANALYST, Role.EXECUTIVE])
def test_row_96_rates_are_hidden_from_who_may_not_see_them(system: System, role: Role) -> None:
    assert Permission.RATE_READ not in GRANTS[role]
    reader = system.as_(uuid.uuid4(), role)
    for name in ("standard_rate", "cost_per_use", "overtime_rate"):
        refused(reader("GET", f"/v1/resources?sort={name}"), 422, "validation")
        refused(reader("GET", f"/v1/resources?fields={name}"), 422, "validation")
        refused(reader("GET", f"/v1/resources?{name}=1"), 422, "validation")


RATES = {"standard_rate", "overtime_rate", "cost_per_use"}
RATE_ELEMENTS = ("<StandardRate>", "<OvertimeRate>")


def names_in(value: object) -> set[str]:
    """The names of all fields, however deep."""
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in names_in(inner)}
    return {name for inner in value for name in names_in(inner)} if isinstance(value, list) else set()


def test_row_96_no_read_shows_a_rate_to_who_may_not_see_them(system: System, every: list[Operation]) -> None:
    organization = uuid.uuid4()
    director, another = (system.as_(organization, DIRECTOR, subject=subject) for subject in ("someone", "another"))
    everything = Everything.make(director, another, EXAMPLE_PLAN)
    resource = f"/v1/resources/{everything.ids['resource_id']}"
    assert names_in(everything.caller("GET", resource).json()) >= RATES
    export = f"/v1/projects/{everything.ids['project_id']}/export?format=mspdi"
    assert all(element in everything.caller("GET", export).text for element in RATE_ELEMENTS)
    readers = [system.as_(organization, role) for role in Role if Permission.RATE_READ not in GRANTS[role]]
    key = everything.caller("POST", "/v1/api-clients", json={"name": "Reader", "scopes": ["read"]}).json()["key"]
    for reader in (*readers, system.with_(key)):
        for operation in every:
            if operation.method != "GET" or operation.public:
                continue
            path = operation.path(everything.ids)
            if (operation.query("project_id") or {}).get("required"):
                path += f"?project_id={everything.ids['project_id']}"
            if (operation.query("format") or {}).get("required"):
                path += "?format=mspdi"
            if "event-stream" in str(operation.document["responses"]["200"]):
                continue
            response = reader("GET", path)
            assert response.status_code in {200, 403, 404}, (operation.name, response.text)
            assert not any(element in response.text for element in RATE_ELEMENTS), operation.name
            if response.headers.get("content-type", "").startswith("application/json"):
                assert not names_in(response.json()) & RATES, operation.name
    refused(system.as_(organization, Role.TEAM_MEMBER)("GET", resource), 403, "forbidden")
