"""Rows 139 to 144: what goes into logs, traces and browsers, and what nobody outside shall find."""

import json
import re
import uuid

import pytest

from services import topology
from tests.system.instance import DIRECTOR, Caller, System, entries, refused
from tests.system.writes import Plan

pytestmark = pytest.mark.usefixtures("unfailing")

FOREIGN = ("https://evil.example", "null", "http://127.0.0.1.evil.example", "https://localhost.evil.example", "file://")


def test_row_139_what_looks_like_a_log_line_stays_inside_one(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR, subject='{"level":"error"}')
    mark = f"mark-{uuid.uuid4()}"
    line = f'{mark}"}}\\n{{"level":"error","event":"forged'
    body = {"name": line.replace("\\n", " "), "description": f'{mark}\r\n{{"level":"error","event":"forged"}}'}
    assert caller("POST", "/v1/projects", json=body).status_code == 201
    head = system.head_of("GET", f"/v1/projects/{mark}%22%7D", caller.token, user_agent=line, pmo_reason=line)
    refused(system.send(head), 404, "not_found")
    for service in topology.SERVICES:
        for entry in entries(system.data / "logs" / f"{service}.log"):
            assert entry.get("event") != "forged", service


@pytest.mark.parametrize("given", ["a" * 1024, "a b", "a\tb", '{"a":1}', "<x>", "é", "../..", ""])
def test_row_140_a_strange_request_id_is_replaced(director: Caller, given: str) -> None:
    headers = [(b"x-request-id", given.encode())]
    headers += [(k.encode(), v.encode()) for k, v in director.authorization.items()]
    for path, status in (("/v1/projects", 200), ("/v1/me", 200), ("/v1/projects/none", 404)):
        response = director.client.get(path, headers=headers)
        assert response.status_code == status
        if given != "../..":
            assert response.headers["x-request-id"] != given
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response.headers["x-request-id"]) or given == "../.."


def test_row_140_a_sane_request_id_is_kept_all_the_way(director: Caller) -> None:
    response = director("GET", "/v1/projects/none", headers={"x-request-id": "mine-1"})
    assert refused(response, 404, "not_found")["request_id"] == "mine-1"


@pytest.mark.parametrize(
    "given", ["kanarienvogel", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "a" * 10_000, "ff-x", ""]
)
def test_row_140_a_garbled_trace_is_replaced(director: Caller, given: str) -> None:
    problem = refused(director("GET", "/v1/projects/none", headers={"traceparent": given}), 404, "not_found")
    assert re.fullmatch("(?!0{32})[0-9a-f]{32}", str(problem["trace_id"]))


@pytest.mark.parametrize("origin", FOREIGN)
def test_row_141_a_foreign_origin_is_told_nothing(director: Caller, origin: str) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    for method, path in (("OPTIONS", "/v1/projects"), ("GET", "/v1/projects"), ("GET", "/v1/projects/none")):
        response = director(method, path, headers=asked)
        assert not [name for name in response.headers if name.startswith("access-control-")]


def test_row_142_ten_thousand_ranges_are_ignored(director: Caller, plan: Plan) -> None:
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(4_000))
    for path in ("/v1/projects", f"/v1/projects/{plan.project}", "/openapi.json", "/docs/swagger-ui-bundle.js"):
        response = director("GET", path, headers={"range": ranges[:30_000]})
        assert response.status_code == 200
        assert "content-range" not in response.headers


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "*/*;q=0", "kanarienvogel", ",,,", "a" * 5000])
def test_row_143_whatever_is_accepted_the_answer_is_json_or_a_406(director: Caller, plan: Plan, accept: str) -> None:
    for path in ("/v1/projects", f"/v1/projects/{plan.project}", "/v1/me"):
        response = director("GET", path, headers={"accept": accept})
        if response.status_code == 406:
            refused(response, 406, "not_acceptable", "kanarienvogel")
        else:
            assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    refused(director("GET", "/v1/projects/none", headers={"accept": accept}), 404, "not_found")


HIDDEN = (
    "/debug",
    "/admin",
    "/v1/admin",
    "/v1",
    "/v1/",
    "/redoc",
    "/docs/oauth2-redirect",
    "/docs/..%2f..%2fopenapi.json",
    "/schemas/..%2fopenapi.json",
    "/problems/..%2f..%2fopenapi.json",
    "/.env",
    "/.git/config",
    "/server-status",
    "/actuator/health",
    "/internal/metrics",
    "/static/../main.py",
    "/favicon.ico",
    "/v1/projects/none/none/none",
    "/v2/projects",
)


@pytest.mark.parametrize("path", HIDDEN)
def test_row_144_what_is_not_documented_is_not_there(system: System, director: Caller, path: str) -> None:
    for token in (None, director.token):
        refused(system.send(system.head_of("GET", path, token)), (404, 400), ("not_found", "bad_request"))


def test_row_144_what_is_public_shows_nothing_of_an_organization(system: System, director: Caller, plan: Plan) -> None:
    organization = director("GET", "/v1/me").json()["organization_id"]
    for path in ("/openapi.json", "/asyncapi.yaml", "/docs", "/livez", "/readyz", "/problems", "/metrics"):
        response = system.client.get(path)
        assert response.status_code == 200
        for secret in (organization, plan.project, "Attacked"):
            assert secret not in response.text, path


def test_every_answer_has_the_headers_that_keep_browsers_safe(system: System, director: Caller) -> None:
    for response in (
        director("GET", "/v1/projects"),
        director("GET", "/v1/me"),
        director("GET", "/v1/projects/none"),
        system.client.get("/v1/projects"),
        system.client.get("/docs"),
        system.client.get("/none"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-request-id"]
        assert "server" not in response.headers


def secrets_of(system: System) -> dict[str, str]:
    """What nobody may ever be shown, by where it is kept."""
    found = {"the cursors' secret": system.keys.cursor_secret.read_text().strip()}
    for server in ("postgres", "nats"):
        passwords = json.loads((system.data / server / "passwords.json").read_text())
        found |= {f"{server} password of {name}": str(password) for name, password in passwords.items()}
    for key in (system.data / "keys").glob("*.pem"):
        if "PRIVATE" in key.read_text():
            found[key.name] = key.read_text().splitlines()[1]
    assert len(found) > 10
    return found


def test_no_secret_is_in_a_log_or_an_answer(system: System) -> None:
    caller = system.as_(uuid.uuid4(), DIRECTOR)
    made = caller("POST", "/v1/api-clients", json={"name": "Secret", "scopes": ["read"]})
    key = made.json()["key"]
    assert system.with_(key)("GET", "/v1/projects").status_code == 200
    refused(system.with_(key[:-1] + "x")("GET", "/v1/projects"), 401, ("unauthenticated", "token_invalid"), key[:-1])
    assert system.with_(key)("GET", f"/v1/projects?name={key}").status_code == 200
    assert caller.token is not None
    secrets = secrets_of(system) | {"an API key": key, "its secret": key.split("_")[2], "a token": caller.token}
    pages = ("/v1/me", "/v1/api-clients", "/metrics", "/readyz", "/openapi.json", made.headers["location"])
    shown = {page: caller("GET", page).text for page in pages}
    shown |= {log.name: log.read_text() for log in (system.data / "logs").glob("*.log")}
    for place, text in shown.items():
        assert [name for name, secret in secrets.items() if secret in text] == [], place
