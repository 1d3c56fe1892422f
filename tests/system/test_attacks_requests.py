"""Rows 50 to 64: heads, paths and queries that no client of ours would send."""

import base64
import json
import time
import uuid

import pytest

from shared.pagination import CURSOR_SECONDS, encode_cursor
from tests.system.instance import Caller, System, refused
from tests.system.writes import Plan

pytestmark = pytest.mark.usefixtures("unfailing")

LISTS = ("/v1/projects", "/v1/projects/{project}/tasks", "/v1/imports", "/v1/api-clients", "/v1/ingest/events")
CANARY = "kanarienvogel"


@pytest.mark.parametrize(
    "lines",
    [[f"x-long: {'a' * 70_000}"], [f"x-long: {'a' * 1_048_576}"], ["x-many: a"] * 5_000, [f"x-{'n' * 40_000}: a"]],
    ids=["row_50_header_of_70_kb", "row_50_header_of_1_mb", "row_50_5000_headers", "row_50_name_of_40_kb"],
)
def test_too_large_heads_are_refused(system: System, director: Caller, lines: list[str]) -> None:
    head = system.head_of("GET", "/v1/projects", director.token)
    data = head[:-2] + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
    refused(system.send(data), 431, "headers_too_large")


@pytest.mark.parametrize(
    "target",
    [f"/v1/projects/{'a' * 100_000}", f"/v1/projects?name={'a' * 100_000}", f"/v1/projects?name={'a' * 5_000}"],
    ids=["row_51_path_of_100_kb", "row_51_query_of_100_kb", "row_51_query_of_5_kb"],
)
def test_too_long_urls_are_refused(system: System, director: Caller, target: str) -> None:
    refused(system.send(system.head_of("GET", target, director.token)), 414, "uri_too_long", "aaaaaaaaaa")


ELSEWHERE = (
    "/v1/projects/%2e%2e%2fapi-clients",
    "/v1/projects/../api-clients",
    "/v1/projects/%2e%2e/api-clients",
    "/v1//projects",
    "//v1/projects",
    "/v1/projects;a=b",
    "/v1/projects%3Ba",
    "/v1\\projects",
    "/v1%5Cprojects",
    "/v1/projects%2Fx",
    "/v1/projects/",
    "/V1/projects",
    "/v1/projects/./",
    "/livez/../v1/projects",
)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_row_52_a_path_that_another_could_read_as_a_route_is_none(
    system: System, director: Caller, target: str
) -> None:
    refused(system.send(system.head_of("GET", target, director.token)), (400, 404), ("bad_request", "not_found"))


@pytest.mark.parametrize("part", ["%00", "a%0d%0aX-A:1", "%ff", "%c0%af", "%ed%a0%80", "%4", "%zz", "%1b[31m", "%7f"])
def test_row_53_a_path_with_bytes_that_no_path_has_is_malformed(system: System, director: Caller, part: str) -> None:
    refused(system.send(system.head_of("GET", f"/v1/projects/{part}", director.token)), 400, "bad_request")


ODD_IDS = ("not-a-uuid", "1", "0x7f", "00000000000000000000000000000000", "{}", "é", "'%20or%20'1'='1", "..a", "*", "~")


def id_routes(plan: Plan) -> tuple[str, ...]:
    """Paths with a place for an id."""
    return (
        "/v1/projects/{}",
        "/v1/projects/{}/tasks",
        "/v1/projects/{}/schedule",
        "/v1/projects/{}/kpis",
        "/v1/projects/{}/overview",
        f"/v1/projects/{plan.project}/tasks/{{}}",
        "/v1/operations/{}",
        "/v1/operations/projects-{}",
        "/v1/api-clients/{}",
        "/v1/ingest/events/{}",
        "/v1/resources/{}",
    )


@pytest.mark.parametrize("identifier", ODD_IDS)
def test_row_54_an_id_that_cannot_be_one_names_nothing(director: Caller, plan: Plan, identifier: str) -> None:
    for route in id_routes(plan):
        refused(director("GET", route.format(identifier)), 404, "not_found")


@pytest.mark.parametrize("length", [65, 81, 1500])
def test_row_54_a_very_long_id_names_nothing(director: Caller, plan: Plan, length: int) -> None:
    for route in id_routes(plan):
        refused(director("GET", route.format("a" * length)), 404, "not_found", "aaaaaaaaaa")


@pytest.mark.parametrize("method", ["TRACE", "FOO", "CONNECT", "get", "PROPFIND"])
def test_row_55_a_method_that_is_not_spoken_is_refused_with_those_that_are(
    system: System, director: Caller, method: str
) -> None:
    reply = system.send(system.head_of(method, "/v1/projects", director.token))
    if reply.status == 400 and method in {"CONNECT", "get"}:  # the one's target is a host, the other is no method
        refused(reply, 400, "bad_request")
        return
    refused(reply, 405, "method_not_allowed")
    assert "GET" in reply.headers["allow"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_row_55_a_method_that_the_path_does_not_take_is_refused(director: Caller, method: str) -> None:
    response = director(method, "/v1/projects", json={})
    refused(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("header", ["x-http-method-override", "x-method-override", "x-http-method"])
def test_row_56_a_method_in_a_header_is_ignored(director: Caller, plan: Plan, header: str) -> None:
    path = f"/v1/projects/{plan.project}"
    headers = {header: "DELETE", "if-match": '"1"'}
    assert director("GET", path, headers=headers).status_code == 200
    refused(director("POST", path, json={}, headers=headers), 405, "method_not_allowed")
    assert director("GET", path).status_code == 200


QUERIES = {
    "row_57_limit_negative": "limit=-1",
    "row_57_limit_zero": "limit=0",
    "row_57_limit_of_a_billion": "limit=1000000000",
    "row_57_limit_of_201": "limit=201",
    "row_57_limit_of_letters": "limit=abc",
    "row_57_limit_empty": "limit=",
    "row_57_limit_fraction": "limit=1.5",
    "row_57_limit_of_5000_digits": f"limit={'9' * 4000}",
    "row_57_limit_other_digits": "limit=%D9%A1",
    "row_58_limit_twice": "limit=1&limit=2",
    "row_58_sort_twice": "sort=id&sort=id",
    "row_59_limit_nan": "limit=nan",
    "row_59_limit_infinite": "limit=inf",
    "row_60_unknown": f"{CANARY}=1",
    "row_60_unknown_without_value": CANARY,
    "row_60_odd_name": "%00%ff=1",
    "row_61_offset": "offset=1000000000",
    "row_61_page": "page=2",
    "row_63_sort_by_unknown": f"sort={CANARY}",
    "row_63_sort_injection": "sort=id%3Bdrop%20table%20project",
    "row_63_sort_by_the_organization": "sort=organization_id",
    "row_63_sort_by_two_names_the_same": "sort=id,id",
    "row_63_sort_empty": "sort=",
    "row_63_fields_unknown": f"fields=id,{CANARY}",
    "row_63_fields_secret": "fields=organization_id",
    "row_63_fields_injection": "fields=id,(select%201)",
    "row_63_fields_hash": "fields=key_hash",
    "row_63_filter_by_the_organization": "organization_id=x",
    "row_63_include_total_odd": "include_total=maybe",
}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_that_the_list_does_not_know_is_refused(director: Caller, plan: Plan, path: str, query: str) -> None:
    response = director("GET", f"{path.format(project=plan.project)}?{query}")
    refused(response, 422, "validation", CANARY, "drop table", "99999")


FILTERS = {
    "row_59_percent_nan": ("/tasks?percent_complete_below=nan", "validation"),
    "row_59_percent_infinite": ("/tasks?percent_complete_below=inf", "validation"),
    "row_59_percent_huge": ("/tasks?percent_complete_below=1e1000000", "validation"),
    "row_59_flag_odd": ("/tasks?is_summary=2", "validation"),
    "row_66_instant_naive": ("/tasks?deadline_before=2026-01-01T00:00:00", "validation"),
    "row_66_instant_infinite": ("/tasks?deadline_before=infinity", "validation"),
    "row_66_as_of_year_one": ("?as_of=0001-01-01T00:00:00Z", "validation"),
    "row_66_as_of_a_number": ("?as_of=1767225600", "validation"),
    "row_54_parent_odd": ("/tasks?parent_id=1", "validation"),
    "row_66_kpis_as_of_odd": ("/kpis?as_of=2026-02-30", "validation"),
    "row_66_kpis_year_one": ("/kpis?as_of=0001-01-01", "validation"),
    "row_67_history_backwards": ("/kpis/history?from=2026-02-02&to=2026-01-01", "validation"),
    "row_57_history_interval": ("/kpis/history?interval=second", "validation"),
    "row_60_kpis_unknown": (f"/kpis?{CANARY}=1", "validation"),
    "row_60_schedule_unknown": (f"/schedule?{CANARY}=1", "validation"),
    "row_58_schedule_limit_twice": ("/schedule?limit=1&limit=1", "validation"),
    "row_62_schedule_cursor": ("/schedule?cursor=AAAA", "cursor_invalid"),
}


@pytest.mark.parametrize(("query", "code"), FILTERS.values(), ids=FILTERS.keys())
def test_a_filter_that_means_nothing_is_refused(director: Caller, plan: Plan, query: str, code: str) -> None:
    path = f"/v1/projects/{plan.project}{query}"
    refused(director("GET", path), 400 if code == "cursor_invalid" else (404, 422), (code, "not_found"), CANARY)


@pytest.mark.parametrize("path", LISTS)
def test_row_62_a_cursor_that_this_list_did_not_give_is_refused(
    system: System, director: Caller, plan: Plan, path: str
) -> None:
    stranger = system.as_(uuid.uuid4(), "pmo_director")
    for name in ("One", "Two"):
        assert stranger("POST", "/v1/projects", json={"name": name}).status_code == 201
    others = stranger("GET", "/v1/projects?limit=1").json()["next_cursor"]
    assert stranger("GET", f"/v1/projects?limit=1&cursor={others}").status_code == 200
    bent = others[:-4] + ("AAAA" if not others.endswith("AAAA") else "BBBB")
    for cursor in (others, bent, others[:10], "AAAA", "%C3%A9", "", "=", "a" * 2000, "W10", "..", "e30"):
        refused(director("GET", f"{path.format(project=plan.project)}?cursor={cursor}"), 400, "cursor_invalid")
    refused(stranger("GET", f"/v1/projects?limit=1&status=active&cursor={others}"), 400, "cursor_invalid")
    refused(stranger("GET", f"/v1/projects?limit=1&sort=name&cursor={others}"), 400, "cursor_invalid")


def test_row_62_a_cursor_of_the_day_before_yesterday_is_refused(system: System) -> None:
    caller = system.as_(uuid.uuid4(), "pmo_director")
    for name in ("One", "Two"):
        assert caller("POST", "/v1/projects", json={"name": name}).status_code == 201
    fresh = caller("GET", "/v1/projects?limit=1").json()["next_cursor"]
    _, scope, values = json.loads(base64.urlsafe_b64decode(fresh + "=" * (-len(fresh) % 4))[16:])
    secret = system.keys.cursor_secret.read_bytes()
    for age, status in ((0, 200), (CURSOR_SECONDS + 60, 400), (-3600, 400)):
        cursor = encode_cursor(secret, scope, values, time.time() - age)
        response = caller("GET", f"/v1/projects?limit=1&cursor={cursor}")
        assert response.status_code == status, (age, response.text)
        if status == 400:
            refused(response, 400, "cursor_invalid")


@pytest.mark.parametrize("text", ["(a+)+$", "%", "_", "%_", "\\", ".*", "'", '"', "$$", "\\%"])
def test_row_64_a_filters_text_is_taken_literally(system: System, text: str) -> None:
    caller = system.as_(uuid.uuid4(), "pmo_director")
    for name in ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", f"x{text}y"):
        assert caller("POST", "/v1/projects", json={"name": name}).status_code == 201
    began = time.monotonic()
    response = caller.client.get("/v1/projects", params={"name": text}, headers=caller.authorization)
    assert [item["name"] for item in response.json()["items"]] == [f"x{text}y"]
    assert time.monotonic() - began < 2


def test_row_64_a_long_filter_is_refused(director: Caller) -> None:
    refused(director("GET", f"/v1/projects?name={'a' * 101}"), 422, "validation", "aaaaaaaaaa")


@pytest.mark.parametrize(
    "query", ["limit=1", f"{CANARY}=1", "types=%00", "project_id=" + "a" * 3000, "last_event_id=x"]
)
def test_row_60_a_stream_takes_no_query_that_it_does_not_know(director: Caller, query: str) -> None:
    assert director.head("GET", f"/v1/stream?{query}")[0] == 422


@pytest.mark.parametrize("place", [CANARY, "a" * 5000, "W10", '{"a":1}', "-1", "%00"])
def test_row_62_a_stream_from_a_place_that_it_did_not_give_is_refused_or_begun_anew(
    director: Caller, place: str
) -> None:
    status, headers = director.head("GET", "/v1/stream", **{"last-event-id": place})
    assert (status, headers["content-type"].partition(";")[0]) in {
        (400, "application/problem+json"),
        (422, "application/problem+json"),
        (200, "text/event-stream"),
    }


@pytest.mark.parametrize("parameter", ["name", "owner", "key", "source_id"])
@pytest.mark.parametrize("text", ["%00", "a%00b", "%ff", "%ed%a0%80", "%C2%85", "%E2%80%AE"])
def test_row_15_a_filter_with_characters_that_no_text_has_finds_nothing_or_is_refused(
    director: Caller, parameter: str, text: str
) -> None:
    response = director("GET", f"/v1/projects?{parameter}={text}")
    if response.status_code == 200:
        assert response.json()["items"] == []
    else:
        refused(response, 422, "validation")
